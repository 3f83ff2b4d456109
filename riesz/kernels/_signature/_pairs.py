"""Kernels of paths, evaluated pair by pair."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from riesz._core.blocks import blocked, length
from riesz._core.tracing import traced
from riesz.errors import DataError

# Numbers that are worked on at once: 2 MiB in single precision, which fit the cache of a core.
_NUMBERS = 2**19


def block(numbers: int) -> int:
    """How many samples to work on at once, if each holds so many numbers."""
    return max(1, _NUMBERS // numbers)


def all_pairs(
    f: Callable[[Any, Any], Float[Array, ""]], x: PyTree, y: PyTree | None, numbers: int
) -> Float[Array, "n m"]:
    """F at all pairs of samples of x and y, `numbers` being what one pair holds.

    Without y, f is symmetric, and computed on and above the diagonal.
    """
    n = length(x)
    m = n if y is None else length(y)
    i, j = np.triu_indices(n) if y is None else (k.ravel() for k in np.indices((n, m)))
    other = x if y is None else y

    def some(pairs):
        first = jax.tree.map(lambda leaf: leaf[pairs[0]], x)
        second = jax.tree.map(lambda leaf: leaf[pairs[1]], other)
        return jax.vmap(f)(first, second)

    pairs = jnp.asarray(i), jnp.asarray(j)
    values = blocked(some, pairs, block(numbers))
    # k_ij = values of the pair (i, j), and k_ji without y
    k = jnp.zeros((n, m), values.dtype).at[i, j].set(values)
    return k.at[j, i].set(values) if y is None else k


def each(f: Callable[[Any, Any], Float[Array, ""]], x: PyTree, numbers: int) -> Float[Array, " n"]:
    """F of each sample with itself."""
    return blocked(jax.vmap(lambda a: f(a, a)), x, block(numbers))


def require_paths(x: Array, y: Array | None, where: object, *, alike: bool = False) -> None:
    """Raise for what is no set of paths, or two sets that do not compare."""
    other = x if y is None else y
    fits = x.ndim == other.ndim == 3 and x.shape[2] == other.shape[2]
    if (
        not fits
        or min(x.shape[1], other.shape[1]) < 2
        or (alike and x.shape[1:] != other.shape[1:])
    ):
        raise DataError(
            "a kernel of paths compares paths of states of equal size",
            where=type(where).__name__,
            expected="shape (n, length, channels), length at least 2, equal channels"
            + (" and lengths" if alike else ""),
            found=" and ".join(str(z.shape) for z in (x, y) if z is not None),
            repair="x[None] makes one path a set, x[..., None] numbers states; paths of "
            "several lengths may be filled with their last state",
        )


def finite(k: Array, where: object) -> Array:
    """Raise for values that overflowed, where they are known."""
    if not traced(k) and not jnp.isfinite(k).all():
        raise DataError(
            "the kernel of these paths is too large for its type",
            where=type(where).__name__,
            expected="paths whose length, the sum of their increments, is not far above 1",
            found=f"values that overflow {k.dtype}",
            repair="divide the paths by their greatest length; a path that is rough at every "
            "scale has to be smoothed, or lifted by a bounded path kernel",
        )
    return k
