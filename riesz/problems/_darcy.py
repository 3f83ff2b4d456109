"""Darcy flow through a random medium."""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.domains import AbstractDomain, Box, Grid, Space
from riesz.errors import DataError
from riesz.functions import AbstractSymmetry, Function, Reflection, Transposition
from riesz.functions.internal import unchecked
from riesz.kernels import AbstractSpectrum, PowerSpectrum, SquaredExponential
from riesz.problems._conjugate_gradient import conjugate_gradient
from riesz.problems._finite_volumes import FiniteVolumes
from riesz.problems._problem import AbstractProblem, Solution, register, require_grid
from riesz.processes import random_field

# Pieces are drawn with these waves an axis on every grid, so that they are the same on all.
_WAVES = 128


@register(name="darcy")
class Darcy(AbstractProblem):
    """-div(a grad u) = source on a rectangle, u = 0 on its boundary (Li et al. 2021, section 5.2).

    The solver takes finite volumes with harmonic averages of the coefficient on the faces and
    conjugate gradients preconditioned by the Laplacian, whose iterations grow with the
    contrast max a / min a but not with the resolution. Order 2 where the coefficient is
    smooth or jumps half-way between nodes, order 1 at other jumps.

    **Arguments:**

    - `law`: `"piecewise"`: two values by the sign of a field N(0, (-Laplacian + 9)^-2) with
      zero Neumann conditions and without its mean, as in the published data;
      `"lognormal"`: exp of a field with covariance exp(-r^2 / (2 0.2^2)).
    - `values`: of the pieces, where the field is positive and where it is negative.
    - `covariance`: of the field, instead of the law's.
    - `source`: a number or a function f(x, y) of the nodes' coordinates.
    - `domain`: a two-dimensional box.
    - `nodes`: `"vertex"`, `"left"` (as the published data is stored), `"right"` or `"centre"`.
    - `tolerance`: of the relative residual (see `conjugate_gradient`): 1e-6 in float32 and
      1e-10 in float64 when absent.
    - `max_iterations`: after which a solution counts as not converged.
    """

    order = 2.0
    zero_boundary = True
    law: str = eqx.field(static=True, default="piecewise")
    values: tuple[float, float] = eqx.field(static=True, default=(12.0, 3.0))
    covariance: AbstractSpectrum | None = None
    source: float | Callable[[Array, Array], Array] = eqx.field(static=True, default=1.0)
    domain: AbstractDomain = eqx.field(static=True, default=Box((0, 0), (1, 1)))
    nodes: str = eqx.field(static=True, default="vertex")
    tolerance: float | None = eqx.field(static=True, default=None)
    max_iterations: int = eqx.field(static=True, default=500)

    def __check_init__(self):
        known = self.law in ("piecewise", "lognormal")
        flat = self.domain.dim == 2 and not any(self.domain.periodic)
        if not known or not flat or min(self.values) <= 0 or self.nodes == "chebyshev":
            raise DataError(
                "this Darcy problem is not defined",
                where="Darcy(...)",
                expected="law piecewise or lognormal, values > 0, a 2-d box, equispaced nodes",
                found=f"law={self.law!r}, values={self.values}, {self.domain}, "
                f"nodes={self.nodes!r}",
            )

    @property
    def input_space(self) -> Space:
        return Space(self.domain, names=("a",))

    @property
    def output_space(self) -> Space:
        return Space(self.domain, names=("u",))

    @property
    def symmetries(self) -> tuple[AbstractSymmetry, ...]:
        if callable(self.source):
            return ()
        (a, c), (b, d) = self.domain.lower, self.domain.upper
        square = (Transposition(0, 1),) if (a, b) == (c, d) else ()
        return (Reflection(0), Reflection(1), *square)

    def grid(self, resolution: int) -> Grid:
        """`resolution` cells an axis; one node more where both ends are nodes."""
        return Grid(self.domain, resolution + (self.nodes == "vertex"), self.nodes)

    def sample_input(self, grid: Grid, *, key: PRNGKeyArray) -> Function:
        """One coefficient."""
        if self.law == "lognormal":
            return self.smooth_input(grid, key=key)
        covariance = self.covariance or PowerSpectrum(1.0, 3.0, 2.0, zero_mean=True)
        field = random_field(self.input_space, covariance, "neumann", waves=_WAVES)
        values = field.draw(grid, key=key).values
        high, low = (jnp.asarray(v, values.dtype) for v in self.values)
        return Function(jnp.where(values >= 0, high, low), grid, self.input_space)

    def smooth_input(self, grid: Grid, *, key: PRNGKeyArray) -> Function:
        """A lognormal coefficient."""
        lognormal = self.law == "lognormal" and self.covariance is not None
        covariance = self.covariance if lognormal else SquaredExponential(0.2)
        field = random_field(self.input_space, covariance or SquaredExponential(0.2))
        return Function(jnp.exp(field.draw(grid, key=key).values), grid, self.input_space)

    def solution(self, a: Function) -> Solution:
        """The pressure on the nodes of the coefficient. A coefficient must be positive."""
        grid = require_grid(self, a, "vertex", "left", "right", "centre")
        valid = (jnp.isfinite(a.values) & (a.values > 0)).all()
        volumes = FiniteVolumes(grid, jnp.where(valid, a.values[..., 0], 1))
        default = 1e-10 if a.values.dtype == jnp.float64 else 1e-6
        inner, converged, iterations = conjugate_gradient(
            volumes.apply,
            volumes.interior(self._source(grid, a.values.dtype)),
            volumes.inverse_laplacian,
            default if self.tolerance is None else self.tolerance,
            self.max_iterations,
        )
        u = unchecked(volumes.extend(inner)[..., None], grid, self.output_space)
        return Solution(u, converged & valid, iterations)

    def residual(self, a: Function, u: Function) -> Function:
        """Flux out of every cell less its source, per volume; u itself at boundary nodes.

        It vanishes up to the solver's tolerance, and up to rounding, which the operator
        amplifies by the square of the resolution: 1e-3 at 256 cells in float32.
        """
        grid = require_grid(self, a, "vertex", "left", "right", "centre")
        volumes = FiniteVolumes(grid, a.values[..., 0])
        flux = volumes.apply(volumes.interior(u.values[..., 0]))
        inner = flux - volumes.interior(self._source(grid, flux.dtype))
        return Function(volumes.replace_interior(u.values[..., 0], inner)[..., None], grid)

    def _source(self, grid: Grid, dtype: jnp.dtype) -> Float[Array, "n m"]:
        x, y = jnp.moveaxis(grid.coordinates.astype(dtype), -1, 0)
        f = self.source(x, y) if callable(self.source) else self.source
        return jnp.broadcast_to(jnp.asarray(f, dtype), grid.shape)
