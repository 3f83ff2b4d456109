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
    """f(x, y), arrays of shape `(n, m, ...)`, in tiles of at most `side` x `side` pairs.

    Without `y`, f(x, x) is taken to be symmetric under exchange of the inputs and, if there are
    any, of the two halves of the axes after them; only tiles on and above the diagonal are
    computed, and below it is mirrored.
    """
    rows, columns = x, x if y is None else y
    n, m = len(rows), len(columns)
    if n <= side and m <= side:
        whole = f(rows, columns)
        return whole if y is not None else jax.tree.map(_mirrored, whole)
    down, across = _count(n, side), _count(m, side)
    # tiles of a x b pairs
    a, b = -(-n // down), -(-m // across)
    rows, columns = _filled(rows, down * a), _filled(columns, across * b)
    starts = np.triu_indices(down) if y is None else np.indices((down, across)).reshape(2, -1)
    # corners (i, j)
    starts = jnp.asarray(starts[0] * a), jnp.asarray(starts[1] * b)

    def tile(i: Array, j: Array) -> Any:
        first = lax.dynamic_slice_in_dim(rows, i, a)
        return f(first, lax.dynamic_slice_in_dim(columns, j, b))

    def put(whole: Array, block: Array, i: Array, j: Array) -> Array:
        if y is None:
            mirrored = jnp.where(i == j, _mirrored(block), block)
            whole = _written(whole, _exchanged(mirrored), j, i)
            block = mirrored
        return _written(whole, block, i, j)

    # Each tile is written one turn after it was computed: were it written at once, the compiler
    # would fuse computing and writing, and use one core only.
    def turn(count: Array, state: tuple[Any, Any]) -> tuple[Any, Any]:
        before = jnp.maximum(count - 1, 0)
        i, j = (s[before] for s in starts)
        whole = jax.tree.map(lambda w, b: put(w, b, i, j), *state)
        return whole, tile(*(s[count] for s in starts))

    shapes = jax.eval_shape(tile, *(s[0] for s in starts))
    block = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    whole = jax.tree.map(lambda s: jnp.zeros((down * a, across * b, *s.shape[2:]), s.dtype), shapes)
    whole, block = lax.fori_loop(0, len(starts[0]), turn, (whole, block))
    i, j = (s[-1] for s in starts)
    return jax.tree.map(lambda w, b: put(w, b, i, j)[:n, :m], whole, block)


def with_diagonal(k: Float[Array, "n n ..."], diagonal: Float[Array, " n ..."]) -> Array:
    """Set the diagonal of k."""
    i = np.arange(len(k))
    return k.at[i, i].set(diagonal)


def _count(length: int, side: int) -> int:
    """How many tiles: as few as possible or up to a half more, so that none needs filling."""
    least = -(-length // side)
    return next((c for c in range(least, least * 3 // 2 + 1) if length % c == 0), least)


def _filled(x: Array, length: int) -> Array:
    """Repeat the last entry of x up to this length."""
    missing = length - len(x)
    return jnp.concatenate([x, jnp.repeat(x[-1:], missing, axis=0)]) if missing else x


def _written(whole: Array, block: Array, i: Array, j: Array) -> Array:
    zero = jnp.zeros((), i.dtype)
    return lax.dynamic_update_slice(whole, block, (i, j, *[zero] * (whole.ndim - 2)))


def _mirrored(k: Float[Array, "n n ..."]) -> Array:
    """The upper triangle of k and its mirror image."""
    n = len(k)
    above = np.less_equal.outer(np.arange(n), np.arange(n))
    return jnp.where(above.reshape(n, n, *[1] * (k.ndim - 2)), k, _exchanged(k))


def _exchanged(k: Array) -> Array:
    """Exchange the first two axes of k, and the halves of the axes after them."""
    half = (k.ndim - 2) // 2
    return jnp.transpose(k, [1, 0, *range(2 + half, k.ndim), *range(2, 2 + half)])
