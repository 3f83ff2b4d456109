"""Long batches worked on in blocks, so that memory stays bounded."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

# Floats that one block may hold: 64 MiB in single precision.
LIMIT = 2**24


def length(xs: PyTree) -> int:
    """The leading axis of a batch: a pytree whose arrays all begin with it."""
    return jax.tree.leaves(xs)[0].shape[0]


def largest(most: int, floats: Callable[[int], int]) -> int:
    """The largest block of at most `most` members that holds no more than `LIMIT` floats.

    It has one member at least.
    """
    return max(1, bisect_right(range(1, most + 1), LIMIT, key=floats))


def blocks(xs: PyTree, size: int) -> PyTree:
    """The batch as equal blocks of at most `size`: shape (blocks, members, ...).

    Where the length is no multiple, the first members fill the last block.
    """
    n = length(xs)
    count = -(-n // size)
    size = -(-n // count)

    def cut(leaf):
        filled = jnp.concatenate([leaf, leaf[: count * size - n]])
        return filled.reshape(count, size, *leaf.shape[1:])

    return jax.tree.map(cut, xs)


def blocked(f: Callable[[Any], Any], xs: PyTree, size: int) -> PyTree:
    """`f(xs)`, by blocks of at most `size` members; f keeps the leading axis."""
    n = length(xs)
    if n <= size:
        return f(xs)
    parts = jax.lax.map(f, blocks(xs, size))
    return jax.tree.map(lambda part: part.reshape(-1, *part.shape[2:])[:n], parts)
