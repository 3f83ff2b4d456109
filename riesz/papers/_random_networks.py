"""Draws of random networks, which papers compare limits with."""

import jax
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.networks import AbstractNetwork


def outputs(
    network: AbstractNetwork, x: Float[Array, "inputs features"], count: int, *, key: PRNGKeyArray
) -> Float[Array, "count inputs outputs"]:
    """What `count` independent networks make of the inputs."""

    @jax.jit
    def draw(keys: Array) -> Array:
        def one(key: PRNGKeyArray) -> Array:
            return jax.vmap(network.init(x.shape[1:], key=key))(x)

        return jax.lax.map(one, keys)

    return draw(jax.random.split(key, count))
