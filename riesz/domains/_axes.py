"""One axis of a tensor grid: its nodes, quadrature weights, interpolation and derivatives.

Everything here that does not depend on data is computed once in float64 NumPy, so that it
enters compiled programs as a constant.
"""

from abc import abstractmethod
from functools import lru_cache
from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

Nodes = Literal["vertex", "left", "right", "centre", "chebyshev", "uniform"]


class AbstractAxis(eqx.Module):
    """`size` nodes on [lower, upper], in ascending order."""

    lower: eqx.AbstractVar[float]
    upper: eqx.AbstractVar[float]
    size: eqx.AbstractVar[int]
    nodes: eqx.AbstractClassVar[Nodes]
    minimum: eqx.AbstractClassVar[int]

    @abstractmethod
    def coordinates(self) -> np.ndarray:
        """The nodes, shape (size,), float64."""

    @abstractmethod
    def weights(self) -> np.ndarray:
        """Quadrature weights, shape (size,), float64, positive, summing to upper - lower."""

    @abstractmethod
    def basis(self, x: Float[Array, " p"]) -> tuple[Int[Array, "p s"], Float[Array, "p s"]]:
        """Indices and weights such that f(x) = sum_s weight[:, s] f[index[:, s]]."""

    @abstractmethod
    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        """The `order`-th derivative (1 or 2) along the leading axis, at the nodes."""


def lagrange(t: Any, points: int, xp: Any = np) -> Any:
    """Lagrange basis on the nodes 0, 1, ..., points-1 at `t`; the basis is the last axis."""
    columns = []
    for k in range(points):
        column = xp.ones_like(t)
        for m in range(points):
            if m != k:
                column = column * ((t - m) / (k - m))
        columns.append(column)
    return xp.stack(columns, axis=-1)


class UniformStencil(eqx.Module):
    """Piecewise polynomials on equispaced nodes x_0 + i h, one-sided next to the ends.

    Interpolation takes the 6 nearest nodes (order 6), derivatives 7 (order 6; order 5 for
    second derivatives next to the ends). Fewer nodes lower the order.
    """

    start: float = eqx.field(static=True)
    step: float = eqx.field(static=True)
    size: int = eqx.field(static=True)

    def basis(self, x: Float[Array, " p"]) -> tuple[Int[Array, "p s"], Float[Array, "p s"]]:
        points = min(6, self.size)
        t = (x - self.start) / self.step
        first = jnp.clip(jnp.floor(t).astype(int) - (points // 2 - 1), 0, self.size - points)
        weight = lagrange(t - first.astype(t.dtype), points, jnp)
        return first[:, None] + jnp.arange(points), weight

    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        index, weight = _derivative_stencil(self.size, order)
        weight = jnp.asarray(weight / self.step**order, values.dtype)
        return jnp.einsum("ns,ns...->n...", weight, values[index])

    def quadrature(self, lower: float, upper: float) -> np.ndarray:
        """Integrals over [lower, upper] of the interpolant.

        Its degree is the highest that keeps every weight positive, so that norms are norms:
        5 when both ends are nodes.
        """
        a, b = (lower - self.start) / self.step, (upper - self.start) / self.step
        for points in range(min(6, self.size), 0, -1):
            weights = _integrate_interpolant(self.size, points, a, b) * self.step
            if np.all(weights > 0):
                return weights
        raise AssertionError("piecewise constants have positive weights")


def _integrate_interpolant(size: int, points: int, a: float, b: float) -> np.ndarray:
    gauss, gauss_weight = np.polynomial.legendre.leggauss(4)
    breaks = np.unique(np.concatenate([[a], np.arange(size), [b]]))
    centre, half = (breaks[1:] + breaks[:-1]) / 2, (breaks[1:] - breaks[:-1]) / 2
    t = (centre[:, None] + half[:, None] * gauss).ravel()
    w = (half[:, None] * gauss_weight).ravel()
    cell = np.floor(t + (0.5 if points == 1 else 0.0)).astype(int)
    first = np.clip(cell - max(points // 2 - 1, 0), 0, size - points)
    out = np.zeros(size)
    np.add.at(out, first[:, None] + np.arange(points), w[:, None] * lagrange(t - first, points))
    return out


@lru_cache(maxsize=256)
def _derivative_stencil(size: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    points = min(7, size)
    first = np.clip(np.arange(size) - points // 2, 0, size - points)
    index = first[:, None] + np.arange(points)
    offset = (index - np.arange(size)[:, None]) / points
    vandermonde = offset[:, None, :] ** np.arange(points)[:, None]
    target = np.zeros(points)
    if order < points:
        target[order] = 1.0 if order == 1 else 2.0
    rhs = np.broadcast_to(target[:, None], (size, points, 1))
    return index, np.linalg.solve(vandermonde, rhs)[..., 0] / points**order


class _Equispaced(AbstractAxis):
    """Shared by the four equispaced box axes: they differ in where the first node lies."""

    lower: eqx.AbstractVar[float]
    upper: eqx.AbstractVar[float]
    size: eqx.AbstractVar[int]

    @property
    @abstractmethod
    def stencil(self) -> UniformStencil:
        """First node, spacing and number of nodes."""

    def coordinates(self) -> np.ndarray:
        return self.stencil.start + self.stencil.step * np.arange(self.size)

    def weights(self) -> np.ndarray:
        return self.stencil.quadrature(self.lower, self.upper)

    def basis(self, x: Float[Array, " p"]) -> tuple[Int[Array, "p s"], Float[Array, "p s"]]:
        return self.stencil.basis(x)

    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        return self.stencil.differentiate(values, order)


class VertexAxis(_Equispaced):
    """Both ends are nodes: x_i = a + i (b - a) / (n - 1). Quadrature of order 6."""

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    size: int = eqx.field(static=True)
    nodes = "vertex"
    minimum = 2

    @property
    def stencil(self) -> UniformStencil:
        return UniformStencil(self.lower, (self.upper - self.lower) / (self.size - 1), self.size)


class LeftAxis(_Equispaced):
    """The far end is not stored: x_i = a + i (b - a) / n. Quadrature of order 2."""

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    size: int = eqx.field(static=True)
    nodes = "left"
    minimum = 2

    @property
    def stencil(self) -> UniformStencil:
        return UniformStencil(self.lower, (self.upper - self.lower) / self.size, self.size)


class RightAxis(_Equispaced):
    """The near end is not stored: the mirror image of `left`. Quadrature of order 2."""

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    size: int = eqx.field(static=True)
    nodes = "right"
    minimum = 2

    @property
    def stencil(self) -> UniformStencil:
        step = (self.upper - self.lower) / self.size
        return UniformStencil(self.lower + step, step, self.size)


class CentreAxis(_Equispaced):
    """Cell centres: x_i = a + (i + 1/2) (b - a) / n."""

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    size: int = eqx.field(static=True)
    nodes = "centre"
    minimum = 1

    @property
    def stencil(self) -> UniformStencil:
        step = (self.upper - self.lower) / self.size
        return UniformStencil(self.lower + step / 2, step, self.size)


class ChebyshevAxis(AbstractAxis):
    """Chebyshev points of the second kind: spectral for analytic functions.

    Barycentric interpolation (Berrut and Trefethen 2004), Clenshaw-Curtis quadrature.
    """

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    size: int = eqx.field(static=True)
    nodes = "chebyshev"
    minimum = 2

    def _reference(self) -> np.ndarray:
        n = self.size - 1
        return np.sin(np.pi * (2 * np.arange(self.size) - n) / (2 * n))

    def coordinates(self) -> np.ndarray:
        half = (self.upper - self.lower) / 2
        return self.lower + half * (1 + self._reference())

    def weights(self) -> np.ndarray:
        n = self.size - 1
        k = np.arange(0, n + 1, 2)
        moments = 2.0 / (1.0 - k**2)
        theta = np.pi * np.arange(self.size) / n
        cosines = np.cos(np.outer(theta, k)) * moments
        cosines[:, 0] /= 2
        if n % 2 == 0:
            cosines[:, -1] /= 2
        weights = 2.0 / n * cosines.sum(1)
        weights[[0, -1]] /= 2
        return weights * (self.upper - self.lower) / 2

    def _barycentric(self) -> np.ndarray:
        weights = (-1.0) ** np.arange(self.size)
        weights[[0, -1]] /= 2
        return weights

    def basis(self, x: Float[Array, " p"]) -> tuple[Int[Array, "p s"], Float[Array, "p s"]]:
        gap = x[:, None] - jnp.asarray(self.coordinates(), x.dtype)
        hit = gap == 0
        ratio = jnp.asarray(self._barycentric(), x.dtype) / jnp.where(hit, 1, gap)
        ratio = jnp.where(hit.any(1, keepdims=True), hit.astype(x.dtype), ratio)
        weight = ratio / ratio.sum(1, keepdims=True)
        return jnp.broadcast_to(jnp.arange(self.size), weight.shape), weight

    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        matrix = np.linalg.matrix_power(self._differentiation_matrix(), order)
        matrix = jnp.asarray(matrix, values.dtype)
        return jnp.einsum("nm,m...->n...", matrix, values)

    def _differentiation_matrix(self) -> np.ndarray:
        n = self.size - 1
        j = np.arange(self.size)
        # differences by products of sines keep every digit where nodes cluster
        plus = np.sin(np.pi * (j[:, None] + j[None]) / (2 * n))
        minus = np.sin(np.pi * (j[:, None] - j[None]) / (2 * n))
        gap = 2 * plus * minus
        np.fill_diagonal(gap, 1.0)
        weights = self._barycentric()
        matrix = weights[None] / weights[:, None] / gap
        np.fill_diagonal(matrix, 0.0)
        np.fill_diagonal(matrix, -matrix.sum(1))
        return matrix * 2 / (self.upper - self.lower)


class UniformAxis(AbstractAxis):
    """Equispaced nodes on a circle, x_i = a + i (b - a) / n: Fourier, spectral throughout."""

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    size: int = eqx.field(static=True)
    nodes = "uniform"
    minimum = 1

    def coordinates(self) -> np.ndarray:
        return self.lower + (self.upper - self.lower) * np.arange(self.size) / self.size

    def weights(self) -> np.ndarray:
        return np.full(self.size, (self.upper - self.lower) / self.size)

    def basis(self, x: Float[Array, " p"]) -> tuple[Int[Array, "p s"], Float[Array, "p s"]]:
        n = self.size
        turns = (x[:, None] - jnp.asarray(self.coordinates(), x.dtype)) / (self.upper - self.lower)
        half = jnp.pi * (turns - jnp.round(turns))
        near = jnp.abs(half) < 1e-30
        safe = jnp.where(near, 1, half)
        below = jnp.tan(safe) if n % 2 == 0 else jnp.sin(safe)
        weight = jnp.where(near, 1, jnp.sin(n * safe) / (n * below))
        return jnp.broadcast_to(jnp.arange(n), weight.shape), weight

    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        n = self.size
        wave = 2 * np.pi / (self.upper - self.lower) * np.arange(n // 2 + 1)
        factor = (1j * wave) ** order
        if n % 2 == 0 and order % 2 == 1:
            factor[-1] = 0  # the Nyquist cosine has no odd derivative on the grid
        spectrum = jnp.fft.rfft(values, axis=0)
        factor = jnp.asarray(factor, spectrum.dtype).reshape(-1, *(1,) * (values.ndim - 1))
        return jnp.fft.irfft(spectrum * factor, n=n, axis=0)


AXES: dict[str, type[AbstractAxis]] = {
    kind.nodes: kind
    for kind in (VertexAxis, LeftAxis, RightAxis, CentreAxis, ChebyshevAxis, UniformAxis)
}
