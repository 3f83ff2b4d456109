"""Whether values are known."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


def traced(*trees: Any) -> bool:
    """Whether any leaf is abstract, inside jit, vmap or grad, so that values are unknown."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(trees))


def numpy_of(*trees: Any) -> Any:
    """NumPy for known values, so that nothing is compiled for their shape; else `jax.numpy`."""
    return jnp if traced(*trees) else np


def stacked(*leaves: Any) -> jax.Array:
    """Arrays of one shape along a new leading axis."""
    keys = jnp.issubdtype(leaves[0].dtype, jax.dtypes.prng_key)
    return jnp.asarray((jnp if keys else numpy_of(leaves)).stack(leaves))


def padded(x: Any, widths: Any, mode: str = "constant") -> jax.Array:
    """An array with more entries before and behind along each axis, as in `numpy.pad`."""
    return jnp.asarray(numpy_of(x).pad(x, widths, mode=mode))
