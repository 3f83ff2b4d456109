"""Hyperparameters of processes and observations: which numbers are free, and of which sign."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz._core.parameters import FROZEN, POSITIVE, REAL, kinds
from riesz.errors import DataError


@dataclasses.dataclass(frozen=True)
class Position:
    """Stands for a leaf of a tree: its number."""

    index: int


class Hyperparameters(eqx.Module):
    """The free numbers of a tree as one vector.

    Positive numbers are held by their logarithms, others as they are. `get()` is the vector;
    `put(vector)` is the tree with other numbers, in arrays of the vector's type. Entries of a
    positive leaf that are zero or infinite have a place in the vector without effect; they and
    all other leaves stay as they are.
    """

    tree: Any
    kinds: tuple[str, ...] = eqx.field(static=True)

    def get(self) -> Float[np.ndarray, " p"]:
        """The vector."""
        parts = [np.zeros(0)]
        for leaf, kind in zip(jax.tree.leaves(self.tree), self.kinds, strict=True):
            if kind == POSITIVE:
                numbers = np.asarray(leaf, float).ravel()
                parts.append(np.log(np.where(_is_positive(numbers), numbers, 1.0)))
            elif kind == REAL:
                parts.append(np.asarray(leaf, float).ravel())
        return np.concatenate(parts)

    def put(self, vector: Float[Array, " p"]) -> Any:
        """The tree with these numbers."""
        leaves, tree = jax.tree.flatten(self.tree)
        out, start = [], 0
        for leaf, kind in zip(leaves, self.kinds, strict=True):
            if kind != FROZEN:
                leaf = jnp.asarray(leaf, vector.dtype)
                part = vector[start : start + leaf.size].reshape(leaf.shape)
                start += leaf.size
                known = _is_positive(leaf)
                leaf = part if kind == REAL else jnp.where(known, jnp.exp(part), leaf)
            out.append(leaf)
        return jax.tree.unflatten(tree, out)

    def slices(self) -> dict[int, slice]:
        """The part of the vector that each free leaf has, by the number of the leaf."""
        out, start = {}, 0
        for i, (leaf, kind) in enumerate(zip(jax.tree.leaves(self.tree), self.kinds, strict=True)):
            if kind != FROZEN:
                out[i] = slice(start, start + np.size(leaf))
                start += np.size(leaf)
        return out


def hyperparameters(
    process: Any, observations: tuple[Any, ...], fixed: Callable[..., Any] | None, single: bool
) -> Hyperparameters:
    """The free numbers of a process and its observations.

    These are the parameters of the process (`riesz.kernels.AbstractKernel` says which its are; a
    mean of zero is none), and noise given as one positive number.
    `fixed` names some that are not, of `(process, observations)`, or of the process and the one
    observation if it is a `single` one.
    """
    tree = (process, observations)
    leaves, structure = jax.tree.flatten(tree)
    positions = jax.tree.unflatten(structure, [Position(i) for i in range(len(leaves))])
    stays = set() if fixed is None else _named(fixed, positions, single)
    for observation, position in zip(observations, positions[1], strict=True):
        if np.ndim(getattr(observation, "noise", 0)):  # given point by point
            stays.add(position.noise.index)
    marked = zip(kinds(tree), leaves, strict=True)
    free = [FROZEN if i in stays else _switched(*one) for i, one in enumerate(marked)]
    return Hyperparameters(tree, tuple(free))


def _switched(kind: str, leaf: Any) -> str:
    """Positive numbers that are all zero or infinite stay so."""
    off = kind == POSITIVE and not _is_positive(np.asarray(leaf)).any()
    return FROZEN if off else kind


def _named(fixed: Callable[..., Any], positions: Any, single: bool) -> set[int]:
    process, observations = positions
    found = fixed(process, observations[0] if single else observations)
    leaves = jax.tree.leaves(found, is_leaf=lambda x: isinstance(x, Position))
    if not leaves or not all(isinstance(leaf, Position) for leaf in leaves):
        raise DataError(
            "`fixed` names numbers of the process and the observations",
            where="tune(process, observations, fixed=...)",
            expected="a function of (process, observations) that returns fields of them",
            found=f"one that returns {found!r}"[:200],
            repair="fixed=lambda process, values: (process.kernel.length_scale, values.noise)",
        )
    return {leaf.index for leaf in leaves}


def _is_positive(values: Any) -> Any:
    return (values > 0) & (values < np.inf)
