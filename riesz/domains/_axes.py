"""One axis of a tensor grid: its nodes, quadrature weights, interpolation and derivatives.

Everything here that does not depend on data is computed once in float64 NumPy, so that it
enters compiled programs as a constant.
"""

from abc import abstractmethod
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Literal

import equinox as eqx
import jax
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

    def cells(self) -> np.ndarray:
        """The length that each node stands for, shape (size,): even weights for rough functions.

        High-order weights vary from node to node next to the ends, which aliases what
        oscillates at the scale of the grid.
        """
        return self.weights()

    @abstractmethod
    def basis(self, x: Float[Array, " p"]) -> tuple[Int[Array, "p s"], Float[Array, "p s"]]:
        """Indices and weights such that f(x) = sum_s weight[:, s] f[index[:, s]]."""

    @abstractmethod
    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        """The `order`-th derivative (1 or 2) along the leading axis, at the nodes."""

    @abstractmethod
    def resample(
        self,
        values: Float[Array, "n *rest"],
        onto: "AbstractAxis",
        sign: Float[Array, ""],
        offset: Float[Array, ""],
    ) -> Float[Array, "m *rest"]:
        """Values, along the leading axis, at the points sign * onto.coordinates() + offset."""


def _evaluate(
    axis: AbstractAxis, values: Float[Array, "n *rest"], x: Float[Array, " m"]
) -> Float[Array, "m *rest"]:
    """Values along the leading axis at `x`, by the axis's basis."""
    index, weight = axis.basis(x)
    weight = weight.astype(values.dtype)
    if index.shape[1] == axis.size:
        return jnp.einsum("ms,s...->m...", weight, values)
    column = (slice(None), *(None,) * (values.ndim - 1))
    parts = [weight[:, s][column] * values[index[:, s]] for s in range(index.shape[1])]
    return sum(parts[1:], parts[0])


def _moved(
    onto: AbstractAxis, sign: Float[Array, ""], offset: Float[Array, ""]
) -> Float[Array, " m"]:
    return sign * jnp.asarray(onto.coordinates(), sign.dtype) + offset


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
        weight = jnp.asarray(_derivative_stencil(self.size, order) / self.step**order, values.dtype)
        points = weight.shape[1]
        half = points // 2
        inner = self.size - points + 1  # nodes whose stencil is not moved by the ends
        first = jnp.einsum("ns,s...->n...", weight[:half], values[:points])
        middle = [weight[half, s] * values[s : s + inner] for s in range(points)]
        last = jnp.einsum("ns,s...->n...", weight[half + 1 :], values[self.size - points :])
        return jnp.concatenate([first, sum(middle[1:], middle[0]), last])

    def quadrature(self, lower: float, upper: float) -> np.ndarray:
        """Integrals over [lower, upper] of the interpolant.

        Its degree is the highest that keeps every weight positive, so that norms are norms:
        5 when both ends are nodes.
        """
        a, b = (lower - self.start) / self.step, (upper - self.start) / self.step
        # the offsets are 0, 1/2 or 1 cells; without their rounding errors the result is shared
        return _positive_quadrature(self.size, round(2 * a) / 2, round(2 * b) / 2) * self.step


@lru_cache(maxsize=256)
def _positive_quadrature(size: int, a: float, b: float) -> np.ndarray:
    for points in range(min(6, size), 0, -1):
        weights = _integrate_interpolant(size, points, a, b)
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
def _derivative_stencil(size: int, order: int) -> np.ndarray:
    """Weights of the derivative at each of the `points` nodes of one stencil, as rows.

    The row in the middle serves all nodes far from the ends.
    """
    points = min(7, size)
    offset = (np.arange(points) - np.arange(points)[:, None]) / points
    vandermonde = offset[:, None, :] ** np.arange(points)[:, None]
    target = np.zeros(points)
    if order < points:
        target[order] = 1.0 if order == 1 else 2.0
    rhs = np.broadcast_to(target[:, None], (points, points, 1))
    weight = np.linalg.solve(vandermonde, rhs)[..., 0]
    np.fill_diagonal(weight, weight.diagonal() - weight.sum(1))  # constants have derivative 0
    return weight / points**order


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
        x = self.stencil.start + self.stencil.step * np.arange(self.size)
        return np.where(np.abs(x - self.upper) < 1e-9 * self.stencil.step, self.upper, x)

    def weights(self) -> np.ndarray:
        return self.stencil.quadrature(self.lower, self.upper)

    def cells(self) -> np.ndarray:
        return np.full(self.size, (self.upper - self.lower) / self.size)

    def basis(self, x: Float[Array, " p"]) -> tuple[Int[Array, "p s"], Float[Array, "p s"]]:
        return self.stencil.basis(x)

    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        return self.stencil.differentiate(values, order)

    def resample(
        self,
        values: Float[Array, "n *rest"],
        onto: AbstractAxis,
        sign: Float[Array, ""],
        offset: Float[Array, ""],
    ) -> Float[Array, "m *rest"]:
        return _evaluate(self, values, _moved(onto, sign, offset))


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

    def cells(self) -> np.ndarray:
        lengths = np.full(self.size, self.stencil.step)
        lengths[[0, -1]] /= 2
        return lengths


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
        return _clenshaw_curtis(self.size) * (self.upper - self.lower) / 2

    def basis(self, x: Float[Array, " p"]) -> tuple[Int[Array, "p s"], Float[Array, "p s"]]:
        weight = _cardinal(self, x)
        return jnp.broadcast_to(jnp.arange(self.size), weight.shape), weight

    def cardinal(self, x: Float[Array, " p"]) -> Float[Array, "p n"]:
        """The polynomials that are 1 at one node and 0 at the others."""
        gap = x[:, None] - jnp.asarray(self.coordinates(), x.dtype)
        return _barycentric(jnp.asarray(_chebyshev_weights(self.size), x.dtype), gap, lambda g: g)

    def cardinal_derivative(self, weight: Float[Array, "p n"]) -> Float[Array, "p n"]:
        """Derivatives of the cardinal functions where they have the values `weight`."""
        matrix = _chebyshev_derivative(self.size, 1) * 2 / (self.upper - self.lower)
        return weight @ jnp.asarray(matrix, weight.dtype)

    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        matrix = _chebyshev_derivative(self.size, order) * (2 / (self.upper - self.lower)) ** order
        return jnp.einsum("nm,m...->n...", jnp.asarray(matrix, values.dtype), values)

    def resample(
        self,
        values: Float[Array, "n *rest"],
        onto: AbstractAxis,
        sign: Float[Array, ""],
        offset: Float[Array, ""],
    ) -> Float[Array, "m *rest"]:
        return _evaluate(self, values, _moved(onto, sign, offset))


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


def _barycentric(weight: Array, gap: Array, shape: Callable[[Array], Array]) -> Array:
    """Normalised weight / shape(gap); a point within rounding of a node takes its value."""
    hit = jnp.abs(gap) < 1e-30
    ratio = weight / shape(jnp.where(hit, 1, gap))
    ratio = jnp.where(hit.any(1, keepdims=True), hit.astype(gap.dtype), ratio)
    return ratio / ratio.sum(1, keepdims=True)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _cardinal(axis: "ChebyshevAxis | UniformAxis", x: Array) -> Array:
    return axis.cardinal(x)


@_cardinal.defjvp
def _cardinal_jvp(axis, primals, tangents):
    # at a node the barycentric quotient has no derivative; the differentiated interpolant has
    weight = _cardinal(axis, primals[0])
    return weight, axis.cardinal_derivative(weight) * tangents[0][:, None]


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
        weight = _cardinal(self, x)
        return jnp.broadcast_to(jnp.arange(self.size), weight.shape), weight

    def cardinal(self, x: Float[Array, " p"]) -> Float[Array, "p n"]:
        """The trigonometric polynomials that are 1 at one node and 0 at the others."""
        length = self.upper - self.lower
        turns = (x[:, None] - jnp.asarray(self.coordinates(), x.dtype)) / length
        gap = jnp.pi * (turns - jnp.round(turns))
        weight = jnp.asarray((-1.0) ** np.arange(self.size), x.dtype)
        if self.size % 2 == 0:
            return _barycentric(weight, gap, jnp.tan)
        # crossing a period changes the sign of the sine; the sign of the weight follows it
        flip = 1 - 2 * (jnp.abs(jnp.round(turns)) % 2)
        return _barycentric(weight * flip, gap, jnp.sin)

    def cardinal_derivative(self, weight: Float[Array, "p n"]) -> Float[Array, "p n"]:
        """Derivatives of the cardinal functions where they have the values `weight`."""
        return -self.differentiate(weight.T, 1).T  # the differentiation matrix is antisymmetric

    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        n = self.size
        wave = 2 * np.pi / (self.upper - self.lower) * np.arange(n // 2 + 1)
        factor = (1j * wave) ** order
        if n % 2 == 0 and order % 2 == 1:
            factor[-1] = 0  # the Nyquist cosine has no odd derivative on the grid
        spectrum = jnp.fft.rfft(values, axis=0)
        factor = jnp.asarray(factor, spectrum.dtype).reshape(-1, *(1,) * (values.ndim - 1))
        return jnp.fft.irfft(spectrum * factor, n=n, axis=0)

    def resample(
        self,
        values: Float[Array, "n *rest"],
        onto: AbstractAxis,
        sign: Float[Array, ""],
        offset: Float[Array, ""],
    ) -> Float[Array, "m *rest"]:
        if not isinstance(onto, UniformAxis):
            return _evaluate(self, values, _moved(onto, sign, offset))
        # f(sign * x + offset) by a phase; then zero padding, and every `stride`-th sample
        n, m = self.size, onto.size
        stride = -(-n // m)
        fine = stride * m
        spectrum = jnp.fft.rfft(values, axis=0)
        spread = (-1, *(1,) * (values.ndim - 1))
        turns = (offset + (sign - 1) * self.lower) / (self.upper - self.lower)
        turns = (turns - jnp.round(turns)).astype(values.dtype)
        angle = 2 * jnp.pi * jnp.arange(n // 2 + 1).astype(values.dtype) * turns
        phase = jax.lax.complex(jnp.cos(angle), jnp.sin(angle)).reshape(spread)
        spectrum = spectrum * phase
        if n % 2 == 0:
            # the highest mode is a cosine: shared by two frequencies on a finer grid
            top = spectrum[-1:] if fine > n else spectrum[-1:].real.astype(spectrum.dtype)
            spectrum = jnp.concatenate([spectrum[:-1], top / 2 if fine > n else top])
        spectrum = jnp.where(sign < 0, spectrum.conj(), spectrum)
        return jnp.fft.irfft(spectrum, n=fine, axis=0)[::stride] * (fine / n)


AXES: dict[str, type[AbstractAxis]] = {
    kind.nodes: kind
    for kind in (VertexAxis, LeftAxis, RightAxis, CentreAxis, ChebyshevAxis, UniformAxis)
}
