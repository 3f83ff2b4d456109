"""Functions of one number, applied to each entry of an array, and their derivatives."""

from collections.abc import Callable
from functools import lru_cache

import jax
import jax.numpy as jnp
from jaxtyping import Array

Function = Callable[[Array], Array]

# Each gives one object per function, so that what was compiled for it is found again.


@lru_cache(maxsize=256)
def entrywise(function: Callable) -> Function:
    """The function applied to each entry."""
    return jnp.vectorize(function)


@lru_cache(maxsize=256)
def derivative(function: Function) -> Function:
    """The derivative, by automatic differentiation, of a function that acts on each entry."""

    def slope(x: Array) -> Array:
        value, pull = jax.vjp(function, x)
        return pull(jnp.ones_like(value))[0]

    return slope
