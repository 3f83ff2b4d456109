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
        # x_j = -cos(pi j / n) as a sine, which is odd about the middle to the last digit
        return np.sin(np.pi * (2 * np.arange(self.size) - n) / (2 * n))

    def coordinates(self) -> np.ndarray:
        half = (self.upper - self.lower) / 2
        # [-1, 1] -> [a, b]: a + (b - a) / 2 (1 + x_j)
        return self.lower + half * (1 + self._reference())

    def weights(self) -> np.ndarray:
        return _clenshaw_curtis(self.size) * (self.upper - self.lower) / 2

    def cardinal(self, x: Float[Array, " p"]) -> Float[Array, "p n"]:
        # x - x_j, (p, n)
        gap = x[:, None] - jnp.asarray(self.coordinates(), x.dtype)
        return barycentric(jnp.asarray(_chebyshev_weights(self.size), x.dtype), gap, lambda g: g)

    def cardinal_derivative(self, weight: Float[Array, "p n"]) -> Float[Array, "p n"]:
        # l_k'(x) = sum_j l_j(x) D_jk, D_jk = l_k'(x_j); d / dx = 2 / (b - a) d / dxi
        matrix = _chebyshev_derivative(self.size, 1) * 2 / (self.upper - self.lower)
        return weight @ jnp.asarray(matrix, weight.dtype)

    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        # D^(order) on [-1, 1] times (2 / (b - a))^order
        matrix = _chebyshev_derivative(self.size, order) * (2 / (self.upper - self.lower)) ** order
        return jnp.einsum("nm,m...->n...", jnp.asarray(matrix, values.dtype), values)


def _chebyshev_weights(size: int) -> np.ndarray:
    # w_j = (-1)^j, halved at both ends
    weights = (-1.0) ** np.arange(size)
    weights[[0, -1]] /= 2
    return weights


@lru_cache(maxsize=64)
def _clenshaw_curtis(size: int) -> np.ndarray:
    """Quadrature weights on [-1, 1]."""
    n = size - 1
    k = np.arange(0, n + 1, 2)
    # integral of T_k over [-1, 1] = 2 / (1 - k^2) for even k, 0 for odd ones
    moments = 2.0 / (1.0 - k**2)
    theta = np.pi * np.arange(size) / n
    # w_j = (2 / n) sum_k cos(k theta_j) moment_k, the terms k = 0 and k = n halved: (size, k)
    cosines = np.cos(np.outer(theta, k)) * moments
    cosines[:, 0] /= 2
    if n % 2 == 0:
        cosines[:, -1] /= 2
    weights = 2.0 / n * cosines.sum(1)
    # the interpolant's coefficients halve the values at both ends, too
    weights[[0, -1]] /= 2
    return weights


@lru_cache(maxsize=32)
def _chebyshev_derivative(size: int, order: int) -> np.ndarray:
    """Differentiation matrix on [-1, 1] (Baltensperger and Trummer 2003)."""
    n, j = size - 1, np.arange(size)
    # differences by products of sines keep every digit where nodes cluster
    plus = np.sin(np.pi * (j[:, None] + j[None]) / (2 * n))
    minus = np.sin(np.pi * (j[:, None] - j[None]) / (2 * n))
    # x_i - x_j = 2 sin(pi (i + j) / (2 n)) sin(pi (i - j) / (2 n))
    gap = 2 * plus * minus
    np.fill_diagonal(gap, 1.0)
    weights = _chebyshev_weights(size)
    # D_ij = (w_j / w_i) / (x_i - x_j)
    ratio = weights[None] / weights[:, None]
    matrix = ratio / gap
    np.fill_diagonal(matrix, 0.0)
    # D_ii = -sum_{j != i} D_ij: constants have derivative 0
    np.fill_diagonal(matrix, -matrix.sum(1))
    if order == 1:
        return matrix
    # D2_ij = 2 / (x_i - x_j) ((w_j / w_i) D_ii - D_ij) (Welfert 1997)
    second = 2 / gap * (ratio * matrix.diagonal()[:, None] - matrix)
    np.fill_diagonal(second, 0.0)
    np.fill_diagonal(second, -second.sum(1))
    return second
