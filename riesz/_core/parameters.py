"""Parameters: which numbers of a model are trained, and where they may lie.

A leaf of a model is

- `FROZEN`: data, which no fit changes;
- `POSITIVE`: a number above zero, fitted by its logarithm; one that is zero or infinite switches
  its part off and stays so;
- `REAL`: any other number, the kind of all arrays of which nothing else is said.

A class says so of all its leaves by the class attribute `parameter_kind`, a field of all leaves
below it by `eqx.field(metadata={KIND: POSITIVE})`. What stands nearest to a leaf holds.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import GetAttrKey
from jaxtyping import PyTree

FROZEN, POSITIVE, REAL = "frozen", "positive", "real"
KIND = "parameter_kind"


class Frozen(eqx.Module):
    """A pytree that belongs to a model and is not trained, such as sensor positions.

    Gradients with respect to it are zero. What is no array in it is part of the structure.
    """

    parameter_kind: ClassVar[str] = FROZEN
    arrays: PyTree
    rest: Any = eqx.field(static=True)

    def __init__(self, tree: PyTree):
        arrays, rest = eqx.partition(tree, lambda x: isinstance(x, jax.Array | np.ndarray))
        self.arrays = jax.tree.map(jnp.asarray, arrays)
        leaves, structure = jax.tree.flatten(rest)
        self.rest = tuple(leaves), structure

    def saved_arguments(self) -> dict[str, PyTree]:
        """The constructor's arguments, by which a model file holds it."""
        leaves, structure = self.rest
        return {"tree": eqx.combine(self.arrays, jax.tree.unflatten(structure, leaves))}

    @property
    def value(self) -> PyTree:
        """The tree."""
        leaves, structure = self.rest
        rest = jax.tree.unflatten(structure, leaves)
        constant = lambda x: jax.lax.stop_gradient(x) if isinstance(x, jax.Array) else x  # noqa: E731
        return eqx.combine(jax.tree.map(constant, self.arrays), rest)

    def astype(self, dtype: Any) -> PyTree:
        """The tree with its floating point arrays in this type."""
        return cast(self.value, dtype)


def kinds(tree: PyTree) -> list[str]:
    """`FROZEN`, `POSITIVE` or `REAL` for each leaf of a model, in the order of `jax.tree.leaves`.

    Python numbers are parameters only where they are said to be positive.
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [_kind(tree, path, leaf) for path, leaf in leaves]


def trainable(model: PyTree) -> PyTree:
    """A tree for `eqx.partition`: True for arrays that are parameters, False for other leaves.

    ```python
    parameters, rest = eqx.partition(operator, trainable(operator))
    ```
    """
    leaves, structure = jax.tree.flatten(model)
    free = zip(leaves, kinds(model), strict=True)
    return jax.tree.unflatten(structure, [k != FROZEN and eqx.is_array(x) for x, k in free])


def cast(tree: PyTree, dtype: Any) -> PyTree:
    """The same tree with its inexact arrays in one type, frozen ones excepted."""

    def convert(leaf: Any) -> Any:
        return leaf.astype(dtype) if eqx.is_inexact_array(leaf) and leaf.dtype != dtype else leaf

    return jax.tree.map(convert, tree, is_leaf=lambda x: isinstance(x, Frozen))


def as_traced(tree: Any, dtype: Any) -> Any:
    """The same tree with Python floats as arrays, so that one program serves all values.

    Zeros and infinities, which switch parts off, stay.
    """

    def convert(leaf: Any) -> Any:
        switch = not isinstance(leaf, float) or leaf == 0 or np.isinf(leaf)
        return leaf if switch else jnp.asarray(leaf, dtype)

    return jax.tree.map(convert, tree)


def _kind(node: Any, path: tuple[Any, ...], leaf: Any) -> str:
    if not eqx.is_inexact_array(leaf) and not isinstance(leaf, float):
        return FROZEN
    kind = REAL
    for key in path:
        kind = getattr(type(node), KIND, kind)
        if isinstance(key, GetAttrKey):
            fields = getattr(type(node), "__dataclass_fields__", {})
            if key.name in fields:
                kind = fields[key.name].metadata.get(KIND, kind)
            node = getattr(node, key.name)
        else:
            at: Any = getattr(key, "idx", getattr(key, "key", None))
            node = node[at] if isinstance(node, list | tuple | dict) else None
    return FROZEN if kind == REAL and not eqx.is_array(leaf) else kind
