"""The exponential function."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.networks._activations._exact import AbstractExactActivation


class Exp(AbstractExactActivation):
    """exp(u): both expectations are exp((q11 + q22) / 2 + q12), that of a log-normal variable."""

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.exp(x)

    def duals(
        self, q11: Float[Array, "..."], q12: Float[Array, "..."], q22: Float[Array, "..."]
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        expectation = jnp.exp((q11 + q22) / 2 + q12)
        return expectation, expectation
