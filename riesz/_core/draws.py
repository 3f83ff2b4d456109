"""Random numbers without a compiled program for every shape.

Outside compiled functions each shape of `jax.random.normal` is a program that takes a third of a
second to compile, so that a network of ten shapes takes seconds to make. The first numbers of a
Threefry key do not depend on how many are drawn, so that they can be cut from draws of few
lengths.
"""

from collections.abc import Sequence
from functools import partial
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.tracing import traced

_KEYS = 16  # that are split at once
_LENGTHS = (2**14, 2**20)  # of draws; longer ones are programs of their own


def normal(key: PRNGKeyArray, shape: Sequence[int]) -> Float[Array | np.ndarray, "..."]:
    """The numbers of `jax.random.normal(key, shape)`, in NumPy where the key is known.

    Products with NumPy arrays are rounded as those of JAX, and are not compiled.
    """
    count = prod(shape)
    length = next((n for n in _LENGTHS if count <= n), None)
    if length is not None and _cuttable(key):
        numbers = _normal(key, length)
        if not traced(numbers):  # as all is inside a compiled function
            return np.asarray(numbers)[:count].reshape(shape)
    return jax.random.normal(key, tuple(shape))


def split(key: PRNGKeyArray, count: int) -> list[PRNGKeyArray]:
    """The keys of `jax.random.split(key, count)`."""
    if count <= _KEYS and _cuttable(key):
        data = _split(key)
        if not traced(data):
            rows = np.asarray(data)[:count]
            return [jax.random.wrap_key_data(row, impl="threefry2x32") for row in rows]
    return list(jax.random.split(key, count))


def _cuttable(key: PRNGKeyArray) -> bool:
    """Whether the first numbers of a key are the same in draws of every length."""
    typed = not traced(key) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    threefry = typed and str(jax.random.key_impl(key)) == "threefry2x32"
    return threefry and bool(jax.config.jax_threefry_partitionable)  # pyright: ignore[reportAttributeAccessIssue]


@partial(jax.jit, static_argnums=1)
def _normal(key: PRNGKeyArray, length: int) -> Array:
    return jax.random.normal(key, (length,))


@jax.jit
def _split(key: PRNGKeyArray) -> Array:
    return jax.random.key_data(jax.random.split(key, _KEYS))
