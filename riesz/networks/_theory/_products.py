"""Covariances of products of activations."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.networks._activations import AbstractActivation
from riesz.networks._theory._gaussian_rule import gaussian_rules


@eqx.filter_jit
def product_covariance(
    activation: AbstractActivation, covariance: Float[Array, "k k"]
) -> Float[Array, "rules k k k k"]:
    """Cov(phi_a phi_b, phi_c phi_d) for phi_a = phi(u_a), u ~ N(0, covariance).

    One estimate from each rule of `gaussian_rules`; each is positive semidefinite as a matrix
    over pairs.
    """
    k = len(covariance)
    dtype = covariance.dtype
    directions, radial = (jnp.asarray(part, dtype) for part in gaussian_rules(k))
    values, vectors = jnp.linalg.eigh(covariance)
    root = vectors * jnp.sqrt(jnp.maximum(values, 0))

    def estimate(rule: tuple[Array, Array]) -> Array:
        directions, (radii, weights) = rule
        u = (directions @ root.T)[:, None, :] * radii[:, None]
        phi = activation(u.reshape(-1, k))
        weights = jnp.tile(weights, len(directions)) / len(directions)
        products = (phi[:, :, None] * phi[:, None, :]).reshape(-1, k * k)
        deviations = products - weights @ products
        return ((deviations * weights[:, None]).T @ deviations).reshape(k, k, k, k)

    return jax.lax.map(estimate, (directions, radial))
