"""Hyperparameters: the positive inexact leaves of kernels."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class Logarithms(eqx.Module):
    """The inexact leaves of a tree that have positive finite entries, by their logarithms.

    `get()` is the vector of the logarithms; `put(vector)` is the tree with other ones, in arrays
    of the vector's type. Entries that are not positive and finite have a place in the vector
    without effect; they and all other leaves stay as they are.
    """

    tree: Any
    chosen: tuple[bool, ...] = eqx.field(static=True)

    def __init__(self, tree: Any):
        self.tree = tree
        inexact = map(eqx.is_inexact_array_like, jax.tree.leaves(tree))
        self.chosen = tuple(
            good and bool(_positive(np.asarray(leaf)).any())
            for good, leaf in zip(inexact, jax.tree.leaves(tree), strict=True)
        )

    def get(self) -> Float[np.ndarray, " p"]:
        """The vector."""
        pairs = zip(jax.tree.leaves(self.tree), self.chosen, strict=True)
        values = [np.asarray(leaf, float).ravel() for leaf, good in pairs if good]
        joined = np.concatenate([np.zeros(0), *values])
        return np.log(np.where(_positive(joined), joined, 1.0))

    def put(self, vector: Float[Array, " p"]) -> Any:
        """The tree with these logarithms."""
        leaves, tree = jax.tree.flatten(self.tree)
        out, start = [], 0
        for leaf, good in zip(leaves, self.chosen, strict=True):
            if good:
                leaf = jnp.asarray(leaf, vector.dtype)
                part = vector[start : start + leaf.size].reshape(leaf.shape)
                start += leaf.size
                leaf = jnp.where(_positive(leaf), jnp.exp(part), leaf)
            out.append(leaf)
        return jax.tree.unflatten(tree, out)


def _positive(values: Any) -> Any:
    return (values > 0) & (values < np.inf)
