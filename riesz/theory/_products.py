"""Covariances of products of activations, by quadrature for several Gaussian variables at once."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz._core.sobol import normal_points
from riesz.networks import AbstractActivation

# Independent rules, whose spread shows the error, and the directions in each: angles, or points on
# a sphere of more dimensions.
RULES = 8
_ANGLES, _POINTS = 64, 512
_PANELS, _ORDER, _RADIUS = 10, 6, 13.0


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
    # root root^T = covariance
    root = vectors * jnp.sqrt(jnp.maximum(values, 0))

    def estimate(rule: tuple[Array, Array]) -> Array:
        directions, (radii, weights) = rule
        # radius root direction, (directions, radii, k)
        u = (directions @ root.T)[:, None, :] * radii[:, None]
        phi = activation(u.reshape(-1, k))
        # 1 / directions times the weights of the radii, in the order of the nodes
        weights = jnp.tile(weights, len(directions)) / len(directions)
        products = (phi[:, :, None] * phi[:, None, :]).reshape(-1, k * k)
        # phi_a phi_b - E[phi_a phi_b], (nodes, k k)
        deviations = products - weights @ products
        # sum_n w_n d_n,ab d_n,cd
        return ((deviations * weights[:, None]).T @ deviations).reshape(k, k, k, k)

    return jax.lax.map(estimate, (directions, radial))


@cache
def gaussian_rules(dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of `RULES` quadratures for the standard normal distribution on R^dimension.

    In polar coordinates: composite Gauss-Legendre along the radius, whose panels start elsewhere
    in each rule, times pairs of opposite directions. In one dimension there are only two
    directions; in two they are equispaced; in more they are the normalised normal quantiles of
    Sobol points, of which each rule takes another piece. A function that is homogeneous
    is integrated without error along the radius, wherever it has kinks through the origin.

    **Returns:** directions `(RULES, directions, dimension)`, and along the radius nodes and
    weights `(RULES, 2, radii)`, all float64. Weights of all nodes of a rule sum to 1.
    """
    radial = np.stack([_radial(dimension, (i + 1) / RULES) for i in range(RULES)])
    return _directions(dimension), radial


def _radial(dimension: int, shift: float) -> np.ndarray:
    """Nodes and weights for the distribution of the length of a Gaussian vector."""
    width = _RADIUS / _PANELS
    # panels [0, shift width], [shift width, (1 + shift) width], ...
    edges = np.concatenate([[0.0], (np.arange(_PANELS + 1) + shift) * width])
    nodes, weights = np.polynomial.legendre.leggauss(_ORDER)
    half = np.diff(edges)[:, None] / 2
    # Gauss-Legendre on each panel: middle + half node
    r = ((edges[:-1] + edges[1:])[:, None] / 2 + half * nodes).ravel()
    # r^(dimension - 1) exp(-r^2 / 2) half w_n
    density = (half * weights).ravel() * np.exp((dimension - 1) * np.log(r) - r**2 / 2)
    return np.stack([r, density / density.sum()])


def _directions(dimension: int) -> np.ndarray:
    if dimension == 1:
        half = np.ones((RULES, 1, 1))
    elif dimension == 2:
        # Rule i takes every RULES-th of equispaced angles of a half circle.
        count = RULES * _ANGLES
        angle = np.pi * (np.arange(count).reshape(_ANGLES, RULES).T + 0.5) / count
        half = np.stack([np.cos(angle), np.sin(angle)], -1)
    else:
        normal = normal_points(RULES * _POINTS, dimension).reshape(RULES, _POINTS, dimension)
        half = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.concatenate([half, -half], axis=1)
