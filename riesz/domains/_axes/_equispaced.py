"""Equispaced nodes of an axis with ends: piecewise polynomials."""

from functools import lru_cache
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from riesz.domains._axes._axis import AbstractAxis, Nodes

# Where the first node lies, in steps from the lower end, and the steps there are beyond size - 1.
_PLACES: dict[Nodes, tuple[float, int]] = {
    "vertex": (0.0, 0),
    "left": (0.0, 1),
    "right": (1.0, 1),
    "centre": (0.5, 1),
}


class EquispacedAxis(AbstractAxis):
    """Equispaced nodes, one-sided stencils next to the ends.

    - `vertex`: both ends are nodes, x_i = a + i (b - a) / (n - 1). Quadrature of order 6.
    - `left`: the far end is not stored, x_i = a + i (b - a) / n. Quadrature of order 2.
    - `right`: the near end is not stored, the mirror image of `left`.
    - `centre`: cell centres, x_i = a + (i + 1/2) (b - a) / n. Quadrature of order at least 4.

    Interpolation takes the 6 nearest nodes (order 6), derivatives 7 (order 6; order 5 for
    second derivatives next to the ends). Fewer nodes lower the order.
    """

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    size: int = eqx.field(static=True)
    nodes: Nodes = eqx.field(static=True)

    @property
    def step(self) -> float:
        """The distance of neighbours."""
        # h = (b - a) / (n - 1) with both ends, (b - a) / n else
        return (self.upper - self.lower) / (self.size - 1 + _PLACES[self.nodes][1])

    @property
    def start(self) -> float:
        """The first node."""
        return self.lower + _PLACES[self.nodes][0] * self.step

    def coordinates(self) -> np.ndarray:
        # a node within rounding of b is b
        x = self.start + self.step * np.arange(self.size)
        return np.where(np.abs(x - self.upper) < 1e-9 * self.step, self.upper, x)

    def weights(self) -> np.ndarray:
        """Integrals over [lower, upper] of the interpolant.

        Its degree is the highest that keeps every weight positive, so that norms are norms:
        5 when both ends are nodes.
        """
        before, extra = _PLACES[self.nodes]
        # in steps h from the first node the axis is [-before, n - 1 + extra - before]
        return _positive_quadrature(self.size, -before, self.size - 1 + extra - before) * self.step

    def cells(self) -> np.ndarray:
        lengths = np.full(self.size, self.step)
        # h inside, h / 2 at the ends
        if self.nodes == "vertex":
            lengths[[0, -1]] /= 2
        return lengths

    def basis(self, x: Float[Array, " p"]) -> tuple[Int[Array, "p s"], Float[Array, "p s"]]:
        points = min(6, self.size)
        # t = (x - x_0) / h; nodes floor(t) - 2, ..., floor(t) + 3, or the outermost ones at an end
        t = (x - self.start) / self.step
        first = jnp.clip(jnp.floor(t).astype(int) - (points // 2 - 1), 0, self.size - points)
        # l_s(t - first), (p, points)
        weight = lagrange(t - first.astype(t.dtype), points, jnp)
        return first[:, None] + jnp.arange(points), weight

    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        # row r: the derivative D f at node r of a stencil, times h^-order; (points, points)
        weight = jnp.asarray(derivative_stencil(self.size, order) / self.step**order, values.dtype)
        points = weight.shape[1]
        half = points // 2
        inner = self.size - points + 1  # nodes whose stencil is not moved by the ends
        # nodes 0, ..., half - 1, one-sided: (D f)_i = sum_s w_is f_s
        first = jnp.einsum("ns,s...->n...", weight[:half], values[:points])
        # centred: (D f)_{half + i} = sum_s w_{half, s} f_{i + s}
        middle = [weight[half, s] * values[s : s + inner] for s in range(points)]
        # the nodes after these, one-sided
        last = jnp.einsum("ns,s...->n...", weight[half + 1 :], values[self.size - points :])
        return jnp.concatenate([first, sum(middle[1:], middle[0]), last])


def lagrange(t: Any, points: int, xp: Any = np) -> Any:
    """Lagrange basis on the nodes 0, 1, ..., points-1 at `t`; the basis is the last axis."""
    # l_k(t) = prod_{m != k} (t - m) / (k - m)
    columns = []
    for k in range(points):
        column = xp.ones_like(t)
        for m in range(points):
            if m != k:
                column = column * ((t - m) / (k - m))
        columns.append(column)
    return xp.stack(columns, axis=-1)


@lru_cache(maxsize=256)
def _positive_quadrature(size: int, a: float, b: float) -> np.ndarray:
    # degree points - 1
    for points in range(min(6, size), 0, -1):
        weights = _integrate_interpolant(size, points, a, b)
        if np.all(weights > 0):
            return weights
    raise AssertionError("piecewise constants have positive weights")


def _integrate_interpolant(size: int, points: int, a: float, b: float) -> np.ndarray:
    # 4 Gauss nodes between breaks: exact to degree 7, and the interpolant has 5 at most
    gauss, gauss_weight = np.polynomial.legendre.leggauss(4)
    breaks = np.unique(np.concatenate([[a], np.arange(size), [b]]))
    centre, half = (breaks[1:] + breaks[:-1]) / 2, (breaks[1:] - breaks[:-1]) / 2
    # t = centre + half g, w = half w_g, all intervals in one array
    t = (centre[:, None] + half[:, None] * gauss).ravel()
    w = (half[:, None] * gauss_weight).ravel()
    # the nearest node for constants, else the node before t
    cell = np.floor(t + (0.5 if points == 1 else 0.0)).astype(int)
    first = np.clip(cell - max(points // 2 - 1, 0), 0, size - points)
    # w_i = integral of l_i = sum_q w_q l_i(t_q)
    out = np.zeros(size)
    np.add.at(out, first[:, None] + np.arange(points), w[:, None] * lagrange(t - first, points))
    return out


@lru_cache(maxsize=256)
def derivative_stencil(size: int, order: int) -> np.ndarray:
    """Weights of the derivative at each of the `points` nodes of one stencil, as rows.

    The row in the middle serves all nodes far from the ends.
    """
    points = min(7, size)
    # z_rs = (s - r) / points; rows p of V_r are z_rs^p: (r, p, s)
    offset = (np.arange(points) - np.arange(points)[:, None]) / points
    vandermonde = offset[:, None, :] ** np.arange(points)[:, None]
    # sum_s w_rs z_rs^p = (d / dz)^order z^p at 0 = order! for p = order, else 0
    target = np.zeros(points)
    if order < points:
        target[order] = 1.0 if order == 1 else 2.0
    rhs = np.broadcast_to(target[:, None], (points, points, 1))
    weight = np.linalg.solve(vandermonde, rhs)[..., 0]
    np.fill_diagonal(weight, weight.diagonal() - weight.sum(1))  # constants have derivative 0
    # d / dt = (1 / points) d / dz
    return weight / points**order
