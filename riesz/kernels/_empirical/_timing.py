"""Which order of contraction is fastest, measured."""

import math
import time
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from riesz.kernels._empirical._contractions import METHODS, Method, contraction
from riesz.kernels._empirical._gram import gram, output_shape
from riesz.kernels._empirical._model import Parametrised

MEMBERS = 64  # inputs that are timed, at most
ROWS = 1024  # and of all their outputs
REPEATS = 3


def fastest(model: Parametrised, x: PyTree, y: PyTree) -> Method:
    """The fastest order at inputs of these shapes: timed once, then remembered.

    Only shapes enter, so that it is the same inside compiled code.
    """
    arrays, rest = eqx.partition((model, x, y), eqx.is_array)
    leaves, structure = jax.tree.flatten((arrays[0], *(jax.tree.map(_few, z) for z in arrays[1:])))
    shapes = tuple(jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves)
    others = jax.tree.flatten(rest)
    return _timed(shapes, structure, tuple(others[0]), others[1], jax.default_backend())


def _few(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((min(MEMBERS, leaf.shape[0]), *leaf.shape[1:]), leaf.dtype)


@lru_cache(maxsize=256)
def _timed(shapes, structure, others, other_structure, backend) -> Method:
    random = np.random.default_rng(0)

    def filled(shape):
        if np.issubdtype(shape.dtype, np.floating):
            return random.normal(size=shape.shape).astype(shape.dtype)
        return np.zeros(shape.shape, shape.dtype)

    with jax.ensure_compile_time_eval():  # also while a caller is being traced
        arrays = jax.tree.unflatten(structure, [jax.numpy.asarray(filled(s)) for s in shapes])
        rest = jax.tree.unflatten(other_structure, others)
        model, x, y = eqx.combine(arrays, rest)
        most = max(2, ROWS // math.prod(output_shape(model.values, model.leaves, x)))
        x, y = jax.tree.map(lambda v: v[:most] if eqx.is_array(v) else v, (x, y))
        best, least = METHODS[0], math.inf
        for method in METHODS:
            seconds = _seconds(method, model, x, y, 2 * least)
            if seconds < least:
                best, least = method, seconds
        return best


def _seconds(method: Method, model: Parametrised, x: PyTree, y: PyTree, enough: float) -> float:
    """The least of three times, or the first above `enough`; compilation left out."""
    parts = contraction(method, model.averaged, model.leaves)
    gram(parts, x, y).block_until_ready()
    least = math.inf
    for _ in range(REPEATS):
        start = time.perf_counter()
        gram(parts, x, y).block_until_ready()
        least = min(least, time.perf_counter() - start)
        if least > enough:
            break
    return least
