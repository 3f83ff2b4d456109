"""Long batches worked on in blocks, so that memory stays bounded."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

LIMIT = 2**24  # floats that one block may hold, 64 MiB in single precision
_FLOATS = 2**22  # floats that items worked on at once may hold, 16 MiB


def length(xs: PyTree) -> int:
    """The leading axis of a batch: a pytree whose arrays all begin with it."""
    return jax.tree.leaves(xs)[0].shape[0]


def largest(most: int, floats: Callable[[int], int]) -> int:
    """The largest block of at most `most` items that holds no more than `LIMIT` floats.

    It has one item at least.
    """
    return max(1, bisect_right(range(1, most + 1), LIMIT, key=floats))


def blocks(xs: PyTree, size: int) -> PyTree:
    """The batch as equal blocks of at most `size`: shape (blocks, size, ...).

    Where the length is no multiple, the first items fill the last block.
    """
    n = length(xs)
    count = -(-n // size)
    size = -(-n // count)

    def cut(leaf):
        filled = jnp.concatenate([leaf, leaf[: count * size - n]])
        return filled.reshape(count, size, *leaf.shape[1:])

    return jax.tree.map(cut, xs)


def blocked(f: Callable[[Any], Any], xs: PyTree, size: int) -> PyTree:
    """`f(xs)`, by blocks of at most `size` items; f keeps the leading axis."""
    n = length(xs)
    if n <= size:
        return f(xs)
    parts = jax.lax.map(f, blocks(xs, size))
    return jax.tree.map(lambda part: part.reshape(-1, *part.shape[2:])[:n], parts)


def fitting(floats: int, most: int | None = None) -> int:
    """How many items of so many floats each hold at most `most` together, by default 16 MiB."""
    return max(1, (most or _FLOATS) // max(1, floats))


def mapped(one: Callable[[Any], Any], items: PyTree, size: int) -> PyTree:
    """`jax.vmap(one)(items)`, for at most `size` items at once."""
    if length(items) <= size:
        return jax.vmap(one)(items)
    return jax.lax.map(one, items, batch_size=None if size == 1 else size)
