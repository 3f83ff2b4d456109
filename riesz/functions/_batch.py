"""Batches of functions: a leading axis on every leaf."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Shaped

from riesz._core.tracing import stacked, traced
from riesz.domains import AbstractDiscretization, Space
from riesz.domains.internal import padded_alike
from riesz.errors import DomainError
from riesz.functions._agreement import require_finite, require_same_domain
from riesz.functions._function import Function


def batch(
    values: Shaped[Any, "n ..."], discretization: AbstractDiscretization, space: Space | None = None
) -> Function:
    """A batch of functions, from values `(n, *shape, channels)`.

    On one discretization, or on several that are stacked along a leading axis.
    """
    if np.ndim(values) < 1 or np.shape(values)[0] == 0:
        raise DomainError(
            "a batch needs at least one function",
            where="batch(values, discretization)",
            expected=f"shape (n, {', '.join(map(str, discretization.shape))}, channels), n >= 1",
            found=f"shape {np.shape(values)}",
            repair="leave out empty batches",
        )
    values = jnp.asarray(values)
    if discretization.stacked:
        made = jax.vmap(lambda v, on: Function(v, on, space))(values, discretization)
    else:
        made = jax.vmap(lambda v: Function(v, discretization, space))(values)
    require_finite(made.values, made.discretization)
    return made


def take(functions: Function, index: Any) -> Function:
    """Sample `index` (or samples, for a slice or an array of numbers) of a batch.

    **Raises:** `DomainError` for a number beyond the batch, where the number is known.
    """
    size = functions.values.shape[0]
    if not isinstance(index, slice) and not traced(index):
        numbers = np.asarray(index)
        inside = (
            numbers.shape == (size,)
            if numbers.dtype == bool
            else np.issubdtype(numbers.dtype, np.integer)
            and ((numbers >= -size) & (numbers < size)).all()
        )
        if not inside or functions.values.ndim == functions.discretization.dimensions + 1:
            raise DomainError(
                "a sample is taken from a batch by its number",
                where="take(functions, index)",
                expected=f"a batch, and numbers from {-size} to {size - 1} or {size} booleans",
                found=f"index {_short(numbers)} of values of shape {functions.values.shape}",
                repair="count the samples from 0; a slice may reach beyond the end",
            )
    return jax.tree.map(lambda leaf: leaf[index], functions)


def _short(numbers: np.ndarray) -> str:
    text = str(numbers.tolist())
    return text if len(text) <= 40 else f"{text[:37]}..."


def stack(functions: Sequence[Function]) -> Function:
    """A batch from functions of one space, padding points and meshes to the largest of them.

    Functions on one grid share it; functions on different `Points` or `Mesh`es keep each their
    own.
    """
    if not functions:
        raise DomainError(
            "a batch needs at least one function",
            where="stack(functions)",
            expected="a sequence of functions",
            found="an empty one",
            repair="leave out empty batches",
        )
    for f in functions:
        require_same_domain("stack(functions)", functions[0].domain, f.domain)
    samples = []
    for f, on in zip(functions, padded_alike([f.discretization for f in functions]), strict=True):
        samples.append(Function(f.discretization.extended(f.values, on), on, f.space))
    first = samples[0]
    for f in samples:
        if (
            jax.tree.structure(f) != jax.tree.structure(first)
            or f.values.shape != first.values.shape
        ):
            raise DomainError(
                "functions of a batch are sampled alike and have the same channels",
                where="stack(functions)",
                expected=f"{first.discretization.describe()}, {first.space.names}",
                found=f"{f.discretization.describe()}, {f.space.names}",
                repair="resample them onto one grid: f.resample(grid)",
            )
    return jax.tree.map(stacked, *samples)


_TOGETHER = 16


def by_parts(program: Callable[[Any], Any], samples: Any, count: int) -> Any:
    """`program` on parts of a batch of `count` samples, joined.

    All parts have one size, the last filled up with copies of its last sample, so that one
    compiled program serves batches of any size; a single sample is a part of its own.
    """
    size = 1 if count == 1 else _TOGETHER
    # rows (parts, size), the last number repeated
    rows = np.minimum(np.arange(0, count, size)[:, None] + np.arange(size), count - 1)
    parts = [program(jax.tree.map(lambda x, row=row: x[row], samples)) for row in rows]
    return jax.tree.map(lambda *x: jnp.concatenate(x)[:count], *parts)
