"""Draws of normal vectors with a given covariance."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.processes._compiled import compiled

_ROUNDING = 4  # of the largest eigenvalue: of kernels and their eigenvalues, with or without FMA


@compiled
def draw_normal(
    mean: Float[Array, "n c"], root: Float[Array, "n n"], count: int, key: PRNGKeyArray
) -> Float[Array, "count n c"]:
    """Independent draws of covariance root root^T; channels are independent and share it."""
    normal = jax.random.normal(key, (count, *mean.shape), mean.dtype)
    # (n, n) x (count, n, c) -> (count, n, c)
    return mean + jnp.einsum("ij,njc->nic", root, normal)


def square_root(covariance: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """A root of a covariance matrix, by eigenvalues.

    Covariances of smooth functions on fine grids are singular up to rounding and have no
    Cholesky factor. Eigenvalues below rounding errors count as zero, so that draws of smooth
    functions are not roughened.
    """
    eigenvalues, vectors = jnp.linalg.eigh(covariance)
    floor = _ROUNDING * jnp.finfo(covariance.dtype).eps * eigenvalues[-1]
    # V diag(sqrt(w)), K = V diag(w) V^T
    return vectors * jnp.sqrt(jnp.where(eigenvalues > floor, eigenvalues, 0))


root_of = compiled(square_root)
