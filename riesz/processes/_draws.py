"""Draws of normal vectors with a given covariance."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


def draw_normal(
    mean: Float[Array, "n c"], covariance: Float[Array, "n n"], count: int, key: PRNGKeyArray
) -> Float[Array, "count n c"]:
    """Independent draws; channels are independent and share the covariance.

    A square root is taken by eigenvalues, since covariances of smooth functions on fine grids
    are singular up to rounding. Eigenvalues below rounding errors count as zero, so that draws
    of smooth functions are not roughened.
    """
    eigenvalues, vectors = jnp.linalg.eigh(covariance)
    floor = jnp.finfo(covariance.dtype).eps * eigenvalues[-1]
    root = vectors * jnp.sqrt(jnp.where(eigenvalues > floor, eigenvalues, 0))
    normal = jax.random.normal(key, (count, *mean.shape), mean.dtype)
    return mean + jnp.einsum("ij,njc->nic", root, normal)
