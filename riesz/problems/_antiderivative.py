"""The antiderivative, the simplest operator between functions."""

from functools import lru_cache

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from riesz.domains import AbstractAxis, Grid, Interval, Space
from riesz.domains.internal import lagrange
from riesz.functions import AbstractSymmetry, Function
from riesz.functions.internal import unchecked
from riesz.kernels import SquaredExponential
from riesz.problems._problem import AbstractProblem, Solution, register, require_grid
from riesz.processes import random_field


@register(name="antiderivative")
class Antiderivative(AbstractProblem):
    """u' = a on [0, 1] with u(0) = 0 (Lu et al. 2021, section 4.1).

    Inputs are Gaussian with covariance exp(-r^2 / (2 length_scale^2)). The solver integrates
    the local polynomials of degree 5 through equispaced nodes, order 6, or the polynomial
    through Chebyshev nodes, spectral. Exact up to rounding for such polynomials.

    **Arguments:**

    - `length_scale`: of the inputs.
    - `nodes`: `"vertex"`, `"left"`, `"right"`, `"centre"` or `"chebyshev"`.
    """

    order = 6.0
    length_scale: float = eqx.field(static=True, default=0.2)
    nodes: str = eqx.field(static=True, default="vertex")

    @property
    def input_space(self) -> Space:
        return Space(Interval(0, 1), names=("a",))

    @property
    def output_space(self) -> Space:
        return Space(Interval(0, 1), names=("u",))

    @property
    def symmetries(self) -> tuple[AbstractSymmetry, ...]:
        return ()

    def grid(self, resolution: int) -> Grid:
        """`resolution` cells; one node more where both ends are nodes."""
        ends = self.nodes in ("vertex", "chebyshev")
        return Grid(Interval(0, 1), resolution + ends, self.nodes)

    def sample_input(self, grid: Grid, *, key: PRNGKeyArray) -> Function:
        """A draw of the stationary Gaussian field."""
        field = random_field(self.input_space, SquaredExponential(self.length_scale))
        return field.draw(grid, key=key)

    def solution(self, a: Function) -> Solution:
        """Integrate from 0 to every node."""
        grid = require_grid(self, a)
        first, weights = _cell_integrals(grid.axes[0])
        index = first[:, None] + np.arange(weights.shape[1])
        weights = jnp.asarray(weights, a.values.dtype)
        increments = jnp.einsum("ns,nsc->nc", weights, a.values[index])
        values = jnp.cumsum(increments, axis=0)
        u = unchecked(values, grid, self.output_space)
        return Solution(u, jnp.isfinite(values).all(), jnp.asarray(grid.shape[0]))

    def residual(self, a: Function, u: Function) -> Function:
        """U' - a, with the derivative of the discretization. The value at 0 is not checked."""
        slope = u.derivative(0)
        return Function(slope.values - a.values, u.discretization)


@lru_cache(maxsize=64)
def _cell_integrals(axis: AbstractAxis) -> tuple[np.ndarray, np.ndarray]:
    """First node and weights of the integrals between nodes, starting at `axis.lower`."""
    nodes, size = axis.coordinates(), axis.size
    if axis.nodes == "chebyshev":
        t = 2 * (nodes - axis.lower) / (axis.upper - axis.lower) - 1
        chebyshev = np.polynomial.chebyshev
        integrals = chebyshev.chebint(np.eye(size), lbnd=-1, axis=0)
        to_nodes = chebyshev.chebvander(t, size) @ integrals
        whole = np.linalg.solve(chebyshev.chebvander(t, size - 1).T, to_nodes.T).T
        weights = np.diff(whole, axis=0, prepend=0) * (axis.upper - axis.lower) / 2
        return np.zeros(size, int), weights
    points = min(6, size)
    gauss, gauss_weights = np.polynomial.legendre.leggauss(4)
    step = nodes[1] - nodes[0]
    breaks = (np.concatenate([[axis.lower], nodes]) - nodes[0]) / step
    centre, half = (breaks[1:] + breaks[:-1]) / 2, np.diff(breaks) / 2
    t = centre[:, None] + half[:, None] * gauss
    cells = np.floor(centre).astype(int)
    first = np.clip(cells - (points // 2 - 1), 0, size - points)
    basis = lagrange(t - first[:, None], points)
    return first, step * np.einsum("n,g,ngs->ns", half, gauss_weights, basis)
