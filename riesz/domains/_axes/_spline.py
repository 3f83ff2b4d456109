"""Uneven nodes of an axis with ends: cubic splines."""

from functools import lru_cache
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from riesz.domains._axes._axis import AbstractAxis, contract

# A value moves the spline at a distance of k nodes by at most 2^-k of itself (Kershaw 1971), so
# that stencils of this many nodes on each side are the spline to 12 digits.
_REACH = 40
_BLOCK = 128  # cells whose stencils are found at once


class SplineAxis(AbstractAxis):
    """Strictly increasing nodes at any distances: the not-a-knot cubic spline (order 4).

    `nodes` are measured from `lower`. First derivatives are of order 3, second ones of order 2.
    Between an end of the axis and the node next to it the outermost cubic goes on for the
    length of its cell, and is constant beyond. Two nodes make a straight line, three a parabola.
    """

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    size: int = eqx.field(static=True)
    nodes: tuple[float, ...] = eqx.field(static=True)

    def coordinates(self) -> np.ndarray:
        return self.lower + np.asarray(self.nodes)

    def weights(self) -> np.ndarray:
        """Integrals of the spline, where they are positive.

        Steps that grow by more than a factor of about 2.4 make some of them negative. Then the
        weights are the mean of the spline's and the trapezoidal rule's that is nearest to the
        former with every weight at least a tenth of its cell.
        """
        return _positive_quadrature(self.nodes, self.upper - self.lower)

    def cells(self) -> np.ndarray:
        return _cells(np.asarray(self.nodes), self.upper - self.lower)

    def basis(self, x: Float[Array, " p"]) -> tuple[Int[Array, "p s"], Float[Array, "p s"]]:
        pieces = _pieces(self.nodes)
        knots = jnp.asarray(self.nodes, x.dtype)
        y = x - jnp.asarray(self.lower, x.dtype)
        # x_i <= y < x_{i+1}, the first and the last cell beyond the ends
        cell = jnp.clip(jnp.searchsorted(knots, y, side="right") - 1, 0, self.size - 2)
        steps = jnp.asarray(np.diff(self.nodes), x.dtype)
        # t = (y - x_i) / h_i, at most one cell beyond the ends
        t = jnp.clip((y - knots[cell]) / steps[cell], -1, 2)[:, None]
        c3, c2, c1, c0 = (jnp.asarray(c, x.dtype)[cell] for c in pieces.coefficients)
        # Horner: c_3 t^3 + c_2 t^2 + c_1 t + c_0, (p, s)
        weight = ((c3 * t + c2) * t + c1) * t + c0
        first = jnp.asarray(pieces.first)[cell]
        return first[:, None] + jnp.arange(weight.shape[1]), weight

    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        index, weight = _slopes(self.nodes, order)
        return contract(jnp.asarray(index), jnp.asarray(weight, values.dtype), values)


class _Pieces(NamedTuple):
    """Powers of t = (x - x_i) / h_i in cell i, as sums over the values from node `first[i]` on."""

    first: np.ndarray  # (n - 1,)
    coefficients: np.ndarray  # (4, n - 1, s), highest power first


@lru_cache(maxsize=64)
def _pieces(nodes: tuple[float, ...]) -> _Pieces:
    from scipy.interpolate import CubicSpline  # a third of the time to import riesz

    x = np.asarray(nodes)
    cells, width = len(x) - 1, min(len(x), 2 * _REACH + 2)
    # the two nodes of the cell and _REACH on both sides
    first = np.clip(np.arange(cells) - _REACH, 0, len(x) - width)
    out = np.empty((4, cells, width))
    for start in range(0, cells, _BLOCK):
        stop = min(start + _BLOCK, cells)
        low, high = int(first[start]), int(first[stop - 1]) + width
        # cardinal splines of some nodes: (4, cells, nodes), powers of x - x_i
        window = CubicSpline(x[low:high], np.eye(high - low), bc_type="not-a-knot").c
        for cell in range(start, stop):
            offset = first[cell] - low
            out[:, cell] = window[:, cell - low, offset : offset + width]
    # c_k (x - x_i)^k = c_k h_i^k t^k, k = 3, 2, 1, 0
    scale = np.diff(x)[None, :] ** np.arange(3, -1, -1)[:, None]
    return _Pieces(first, out * scale[:, :, None])


@lru_cache(maxsize=64)
def _slopes(nodes: tuple[float, ...], order: int) -> tuple[np.ndarray, np.ndarray]:
    """Stencils of the derivative at every node, the last one at the end of the last cell."""
    first, (c3, c2, c1, _) = _pieces(nodes)
    step = np.diff(nodes)[:, None] ** order
    # t = 0: s' = c_1 / h, s'' = 2 c_2 / h^2
    left = (c1 if order == 1 else 2 * c2) / step
    # t = 1: s' = (3 c_3 + 2 c_2 + c_1) / h, s'' = (6 c_3 + 2 c_2) / h^2
    end = (3 * c3 + 2 * c2 + c1 if order == 1 else 6 * c3 + 2 * c2) / step
    weight = np.concatenate([left, end[-1:]])
    index = np.append(first, first[-1])[:, None] + np.arange(weight.shape[1])
    # constants have derivative 0, whatever was rounded
    here = np.arange(len(nodes)) - index[:, 0]
    weight[np.arange(len(nodes)), here] -= weight.sum(1)
    return index, weight


def _cells(x: np.ndarray, length: float) -> np.ndarray:
    """Lengths of the parts of the axis that are nearest to each node."""
    # bounds half way between nodes
    return np.diff(np.concatenate([[0.0], (x[1:] + x[:-1]) / 2, [length]]))


@lru_cache(maxsize=64)
def _positive_quadrature(nodes: tuple[float, ...], length: float) -> np.ndarray:
    x = np.asarray(nodes)
    cells = _cells(x, length)
    # the straight pieces at the ends go on to the ends of the axis, if that stays positive
    linear = np.diff(np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]]))
    for end, beside, gap in ((0, 1, x[0]), (-1, -2, length - x[-1])):
        # integral of f_end + (f_end - f_beside) y / h over 0 < y < gap: tilt = gap^2 / (2 h)
        tilt = gap**2 / (2 * abs(x[end] - x[beside]))
        linear[end] += gap + tilt
        linear[beside] -= tilt
    floor = 0.1 * cells
    if (linear < floor).any():
        linear = cells
    spline = _integrals(nodes, length)
    below = spline < floor
    if not below.any():
        return spline
    # the largest share in [0, 1] with linear + share (spline - linear) >= floor
    share = np.min((linear - floor)[below] / (linear - spline)[below])
    return linear + share * (spline - linear)


def _integrals(nodes: tuple[float, ...], length: float) -> np.ndarray:
    """Integrals over the axis of the spline, as weights of the values."""
    x = np.asarray(nodes)
    first, coefficients = _pieces(nodes)
    step = np.diff(x)
    # integral of t^k over a cell: h (t_high^(k+1) - t_low^(k+1)) / (k + 1), k = 3, 2, 1, 0
    powers = np.arange(4, 0, -1)[:, None]
    low, high = np.zeros(len(step)), np.ones(len(step))
    # t from -1 at least in the first cell, to 2 at most in the last
    low[0] = -min(x[0] / step[0], 1)
    high[-1] = 1 + min((length - x[-1]) / step[-1], 1)
    moments = (high**powers - low**powers) / powers * step
    # beyond the length of the end cell the spline is constant
    rest_low, rest_high = max(x[0] - step[0], 0), max(length - x[-1] - step[-1], 0)
    exponents = np.arange(3, -1, -1)
    # values there: sum_k c_k (-1)^k and sum_k c_k 2^k
    moments[:, 0] += rest_low * (-1.0) ** exponents
    moments[:, -1] += rest_high * 2.0**exponents
    out = np.zeros(len(x))
    # w_j = sum over cells n and powers k of moment_kn c_kn,j
    index = first[:, None] + np.arange(coefficients.shape[2])
    np.add.at(out, index, np.einsum("kn,kns->ns", moments, coefficients))
    return out
