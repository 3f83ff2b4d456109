"""Hyperparameters of processes and observations: which numbers are free, and of which sign."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import GetAttrKey
from jaxtyping import Array, Float

from riesz.errors import DataError
from riesz.kernels import AbstractKernel
from riesz.kernels._inputs import FREE

FIXED, POSITIVE, REAL = "fixed", "positive", "real"


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
            if kind != FIXED:
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
            if kind != FIXED:
                out[i] = slice(start, start + np.size(leaf))
                start += np.size(leaf)
        return out


def hyperparameters(
    process: Any, observations: tuple[Any, ...], fixed: Callable[..., Any] | None, single: bool
) -> Hyperparameters:
    """The free numbers of a process and its observations.

    These are the inexact leaves of kernels, and of functions they hold; a mean that is a number
    other than zero, and the arrays of one that is a module; noise given as one positive number.
    `fixed` names some that are not, of `(process, observations)`, or of the process and the one
    observation if it is a `single` one.
    """
    tree = (process, observations)
    leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
    positions = jax.tree.unflatten(structure, [Position(i) for i in range(len(leaves))])
    named = set() if fixed is None else _named(fixed, positions, single)
    kinds = [FIXED if i in named else _kind(tree, *leaf) for i, leaf in enumerate(leaves)]
    return Hyperparameters(tree, tuple(kinds))


def _kind(tree: Any, path: tuple[Any, ...], leaf: Any) -> str:
    if not eqx.is_inexact_array_like(leaf):
        return FIXED
    node, of_kernel, name = tree, False, ""
    for key in path:
        name = key.name if isinstance(key, GetAttrKey) else ""
        of_kernel = of_kernel or isinstance(node, AbstractKernel)
        if name and _role(node, name) == FREE["role"]:
            zero = np.ndim(leaf) == 0 and key is path[-1] and float(leaf) == 0
            return REAL if eqx.is_array(leaf) and not zero else FIXED
        node = _child(node, key)
    noise = path[0].idx == 1 and name == "noise" and np.ndim(leaf) == 0
    return POSITIVE if (of_kernel or noise) and _is_positive(np.asarray(leaf)).any() else FIXED


def _role(node: Any, name: str) -> str:
    fields = getattr(type(node), "__dataclass_fields__", {})
    return fields[name].metadata.get("role", "") if name in fields else ""


def _child(node: Any, key: Any) -> Any:
    if isinstance(key, GetAttrKey):
        return getattr(node, key.name)
    at: Any = getattr(key, "idx", getattr(key, "key", None))
    return node[at] if isinstance(node, list | tuple | dict) else None


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
