"""Chebyshev nodes of an axis with ends: spectral."""

from functools import lru_cache

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.domains._axes._axis import AbstractGlobalAxis, Nodes, barycentric


class ChebyshevAxis(AbstractGlobalAxis):
    """Chebyshev points of the second kind: spectral for analytic functions.

    Barycentric interpolation (Berrut and Trefethen 2004), Clenshaw-Curtis quadrature.
    """

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    size: int = eqx.field(static=True)
    nodes: Nodes = eqx.field(static=True, default="chebyshev")

    def _reference(self) -> np.ndarray:
        n = self.size - 1
        return np.sin(np.pi * (2 * np.arange(self.size) - n) / (2 * n))

    def coordinates(self) -> np.ndarray:
        half = (self.upper - self.lower) / 2
        return self.lower + half * (1 + self._reference())

    def weights(self) -> np.ndarray:
        return _clenshaw_curtis(self.size) * (self.upper - self.lower) / 2

    def cardinal(self, x: Float[Array, " p"]) -> Float[Array, "p n"]:
        gap = x[:, None] - jnp.asarray(self.coordinates(), x.dtype)
        return barycentric(jnp.asarray(_chebyshev_weights(self.size), x.dtype), gap, lambda g: g)

    def cardinal_derivative(self, weight: Float[Array, "p n"]) -> Float[Array, "p n"]:
        matrix = _chebyshev_derivative(self.size, 1) * 2 / (self.upper - self.lower)
        return weight @ jnp.asarray(matrix, weight.dtype)

    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        matrix = _chebyshev_derivative(self.size, order) * (2 / (self.upper - self.lower)) ** order
        return jnp.einsum("nm,m...->n...", jnp.asarray(matrix, values.dtype), values)


def _chebyshev_weights(size: int) -> np.ndarray:
    weights = (-1.0) ** np.arange(size)
    weights[[0, -1]] /= 2
    return weights


@lru_cache(maxsize=64)
def _clenshaw_curtis(size: int) -> np.ndarray:
    """Quadrature weights on [-1, 1]."""
    n = size - 1
    k = np.arange(0, n + 1, 2)
    moments = 2.0 / (1.0 - k**2)
    theta = np.pi * np.arange(size) / n
    cosines = np.cos(np.outer(theta, k)) * moments
    cosines[:, 0] /= 2
    if n % 2 == 0:
        cosines[:, -1] /= 2
    weights = 2.0 / n * cosines.sum(1)
    weights[[0, -1]] /= 2
    return weights


@lru_cache(maxsize=32)
def _chebyshev_derivative(size: int, order: int) -> np.ndarray:
    """Differentiation matrix on [-1, 1] (Baltensperger and Trummer 2003)."""
    n, j = size - 1, np.arange(size)
    # differences by products of sines keep every digit where nodes cluster
    plus = np.sin(np.pi * (j[:, None] + j[None]) / (2 * n))
    minus = np.sin(np.pi * (j[:, None] - j[None]) / (2 * n))
    gap = 2 * plus * minus
    np.fill_diagonal(gap, 1.0)
    weights = _chebyshev_weights(size)
    ratio = weights[None] / weights[:, None]
    matrix = ratio / gap
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(1))
    if order == 1:
        return matrix
    second = 2 / gap * (ratio * matrix.diagonal()[:, None] - matrix)
    np.fill_diagonal(second, 0.0)
    np.fill_diagonal(second, -second.sum(1))
    return second
