"""Gram matrices in tiles that stay in the cache, inside one compiled program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float


def tiled(
    f: Callable[[Array, Array], Any],
    x: Float[Array, "n ..."],
    y: Float[Array, "m ..."] | None,
    side: int,
) -> Any:
    """f(x, y), arrays of shape `(n, m, ...)`, in tiles of `side` x `side` pairs.

    Without `y`, f(x, x) is taken to be symmetric under exchange of the inputs and, if there are
    any, of the two halves of the axes after them; only tiles on and above the diagonal are
    computed.
    """
    rows, columns = x, x if y is None else y
    n, m = len(rows), len(columns)
    if n <= side and m <= side:
        return f(rows, columns)
    a, b = (min(n, side), min(m, side)) if y is not None else (side, side)
    down, across = -(-n // a), -(-m // b)
    rows, columns = _filled(rows, down * a), _filled(columns, across * b)
    if y is None:
        i, j = np.triu_indices(down)
    else:
        i, j = (k.ravel() for k in np.indices((down, across)))

    def tile(at: tuple[Array, Array]) -> Any:
        first = lax.dynamic_slice_in_dim(rows, at[0] * a, a)
        second = lax.dynamic_slice_in_dim(columns, at[1] * b, b)
        return f(first, second)

    blocks = lax.map(tile, (jnp.asarray(i), jnp.asarray(j)))

    def assemble(block: Array) -> Array:
        whole = jnp.zeros((down, across, *block.shape[1:]), block.dtype).at[i, j].set(block)
        if y is None:
            off = i != j
            whole = whole.at[j[off], i[off]].set(_exchanged(block[off], 1))
        whole = jnp.swapaxes(whole, 1, 2)
        return whole.reshape(down * a, across * b, *block.shape[3:])[:n, :m]

    return jax.tree.map(assemble, blocks)


def symmetric(k: Float[Array, "n n ..."], diagonal: Float[Array, " n ..."]) -> Array:
    """Mirror the upper triangle of k and set its diagonal."""
    n = len(k)
    above = np.less.outer(np.arange(n), np.arange(n))
    above = above.reshape(n, n, *[1] * (k.ndim - 2))
    i = np.arange(n)
    return jnp.where(above, k, _exchanged(k, 0)).at[i, i].set(diagonal)


def _filled(x: Array, length: int) -> Array:
    """Repeat the last entry of x up to this length."""
    missing = length - len(x)
    return jnp.concatenate([x, jnp.repeat(x[-1:], missing, axis=0)]) if missing else x


def _exchanged(k: Array, start: int) -> Array:
    """Exchange two axes of k from `start` on, and the halves of the axes after them."""
    half = (k.ndim - start - 2) // 2
    first = list(range(start + 2, start + 2 + half))
    second = list(range(start + 2 + half, k.ndim))
    return jnp.transpose(k, [*range(start), start + 1, start, *second, *first])
