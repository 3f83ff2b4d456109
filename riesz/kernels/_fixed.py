"""Arrays of a kernel that are no hyperparameters."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

_INTEGERS = {2: jnp.uint16, 4: jnp.uint32, 8: jnp.uint64}


class Fixed(eqx.Module):
    """A pytree whose arrays belong to a kernel and are not trained, such as landmarks.

    Hyperparameters are the inexact leaves of a kernel. Floats here are therefore kept as the
    integers with the same bits, and everything that is no array as a static field.
    """

    arrays: list[Array]
    structure: Any = eqx.field(static=True)

    def __init__(self, tree: PyTree):
        arrays, rest = eqx.partition(tree, lambda x: isinstance(x, jax.Array | np.ndarray))
        arrays, where = jax.tree.flatten(jax.tree.map(jnp.asarray, arrays))
        leaves, others = jax.tree.flatten(rest)
        self.arrays = [_bits(array) for array in arrays]
        floats = tuple(jnp.issubdtype(array.dtype, jnp.floating) for array in arrays)
        dtypes = tuple(array.dtype for array in arrays)
        self.structure = where, floats, dtypes, tuple(leaves), others

    def value(self, dtype: Any = None) -> PyTree:
        """The tree, its floats in the type `dtype` where that is given."""
        where, floats, dtypes, leaves, others = self.structure
        arrays = list(self.arrays)
        for i, (floating, own) in enumerate(zip(floats, dtypes, strict=True)):
            if floating:
                array = jax.lax.bitcast_convert_type(arrays[i], own)
                arrays[i] = array if dtype is None else array.astype(dtype)
        return eqx.combine(jax.tree.unflatten(where, arrays), jax.tree.unflatten(others, leaves))


def _bits(array: Array) -> Array:
    if not jnp.issubdtype(array.dtype, jnp.floating):
        return array
    return jax.lax.bitcast_convert_type(array, _INTEGERS[array.dtype.itemsize])
