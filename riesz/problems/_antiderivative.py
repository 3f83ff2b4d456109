"""The antiderivative, the simplest operator between functions."""

from functools import lru_cache
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.domains import AbstractAxis, Grid, Interval, Space
from riesz.domains.internal import lagrange
from riesz.functions import Function
from riesz.functions.internal import unchecked
from riesz.kernels import SquaredExponential
from riesz.problems._equation import AbstractEquation, Places, at
from riesz.problems._problem import AbstractProblem, register
from riesz.problems._solver import AbstractReferenceSolver, Solution, require_grid
from riesz.processes import AbstractProcess, random_field


class Integration(AbstractEquation):
    """u' = a on [0, 1] with u(0) = 0."""

    @property
    def input_space(self) -> Space:
        return Space(Interval(0, 1), names=("a",))

    @property
    def output_space(self) -> Space:
        return Space(Interval(0, 1), names=("u",))

    def residual(self, a: Function, u: Any, x: Places = None) -> Float[Array, "..."]:
        """The difference u' - a. The value at 0 is not checked."""
        return at(u.derivative(0), x) - at(a, x)


class CellIntegrals(AbstractReferenceSolver):
    """Integrals of the local polynomials of degree 5 through equispaced nodes, order 6.

    Through Chebyshev nodes those of the interpolating polynomial, with spectral accuracy. Exact up
    to rounding for such polynomials.

    **Arguments:**

    - `nodes`: `"vertex"`, `"left"`, `"right"`, `"centre"` or `"chebyshev"`.
    """

    order = 6.0
    nodes: str = eqx.field(static=True, default="vertex")

    def discretization(self, equation: Integration, resolution: int) -> Grid:
        """`resolution` cells; one node more where both ends are nodes."""
        ends = self.nodes in ("vertex", "chebyshev")
        return Grid(equation.input_space.domain, resolution + ends, self.nodes)

    def solution(self, equation: Integration, a: Function) -> Solution:
        """Integrate from 0 to every node."""
        grid = require_grid(self, equation, a)
        first, weights = _cell_integrals(grid.axes[0])
        # (n, s): s nodes about each cell
        index = first[:, None] + np.arange(weights.shape[1])
        weights = jnp.asarray(weights, a.values.dtype)
        # int a over cell n = sum_s w_ns a(x_{first_n + s})
        increments = jnp.einsum("ns,nsc->nc", weights, a.values[index])
        # u(x_n) = int a over the cells 0, ..., n
        values = jnp.cumsum(increments, axis=0)
        u = unchecked(values, grid, equation.output_space)
        return Solution(u, jnp.isfinite(values).all(), jnp.asarray(grid.shape[0]))


@register(name="antiderivative")
class Antiderivative(AbstractProblem):
    """u' = a on [0, 1] with u(0) = 0 (Lu et al. 2021, section 4.1).

    **Arguments:**

    - `inputs`: a process; when absent Gaussian with covariance exp(-r^2 / (2 0.2^2)).
    - `solver`: `CellIntegrals()` when absent.
    """

    equation: Integration
    inputs: AbstractProcess
    solver: AbstractReferenceSolver

    def __init__(
        self,
        *,
        inputs: AbstractProcess | None = None,
        solver: AbstractReferenceSolver | None = None,
    ):
        self.equation = Integration()
        space = self.equation.input_space
        self.inputs = inputs or random_field(space, SquaredExponential(0.2))
        self.solver = solver or CellIntegrals()


@lru_cache(maxsize=64)
def _cell_integrals(axis: AbstractAxis) -> tuple[np.ndarray, np.ndarray]:
    """First node and weights of the integrals between nodes, starting at `axis.lower`."""
    nodes, size = axis.coordinates(), axis.size
    if axis.nodes == "chebyshev":
        # [lower, upper] -> [-1, 1]
        t = 2 * (nodes - axis.lower) / (axis.upper - axis.lower) - 1
        chebyshev = np.polynomial.chebyshev
        # column j: coefficients of int_{-1}^t T_j
        integrals = chebyshev.chebint(np.eye(size), lbnd=-1, axis=0)
        # int_{-1}^{t_i} T_j
        to_nodes = chebyshev.chebvander(t, size) @ integrals
        # times V^-1, V_ij = T_j(t_i), which maps values at the nodes to coefficients
        whole = np.linalg.solve(chebyshev.chebvander(t, size - 1).T, to_nodes.T).T
        # from each node to the next, dx = (upper - lower) / 2 dt
        weights = np.diff(whole, axis=0, prepend=0) * (axis.upper - axis.lower) / 2
        return np.zeros(size, int), weights
    points = min(6, size)
    # 4 points integrate degree 7 exactly
    gauss, gauss_weights = np.polynomial.legendre.leggauss(4)
    step = nodes[1] - nodes[0]
    # ends of the cells in steps from the first node
    breaks = (np.concatenate([[axis.lower], nodes]) - nodes[0]) / step
    centre, half = (breaks[1:] + breaks[:-1]) / 2, np.diff(breaks) / 2
    # (n, 4): the Gauss points of each cell
    t = centre[:, None] + half[:, None] * gauss
    cells = np.floor(centre).astype(int)
    # 6 nodes with the cell in their middle, moved inwards next to the ends
    first = np.clip(cells - (points // 2 - 1), 0, size - points)
    basis = lagrange(t - first[:, None], points)
    # w_ns = h sum_g half_n w_g l_s(t_ng)
    return first, step * np.einsum("n,g,ngs->ns", half, gauss_weights, basis)
