"""Darcy flow through a random medium."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.domains import AbstractDiscretization, AbstractDomain, Box, Grid, Space
from riesz.errors import DataError
from riesz.functions import AbstractSymmetry, Function, Reflection, Transposition
from riesz.functions.internal import unchecked
from riesz.kernels import PowerSpectrum, SquaredExponential
from riesz.problems._conjugate_gradient import conjugate_gradient
from riesz.problems._equation import AbstractEquation, Places, at
from riesz.problems._finite_volumes import FiniteVolumes
from riesz.problems._problem import AbstractProblem, register
from riesz.problems._solver import AbstractReferenceSolver, Solution, require_grid
from riesz.processes import AbstractProcess, random_field

# Pieces are drawn with these waves per axis on every grid, so that they are the same on all.
_WAVES = 128
_SQUARE = Box((0, 0), (1, 1))
_CRUDE = 0.1  # the largest tolerance that is tried for speed


class DarcyEquation(AbstractEquation):
    """-div(a grad u) = source on a rectangle, u = 0 on its boundary.

    `source` is a number or a function f(x, y) of coordinates.
    """

    zero_boundary = True
    source: float | Callable[[Array, Array], Array] = eqx.field(static=True)
    domain: AbstractDomain = eqx.field(static=True)

    def __check_init__(self):
        if self.domain.dim != 2 or any(self.domain.periodic):
            raise DataError(
                "Darcy flow is defined on a rectangle",
                where="Darcy(domain=...)",
                expected="a 2-d box",
                found=str(self.domain),
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
        # [a, b] x [c, d]
        (a, c), (b, d) = self.domain.lower, self.domain.upper
        square = (Transposition(0, 1),) if (a, b) == (c, d) else ()
        return (Reflection(0), Reflection(1), *square)

    def source_at(self, x: Float[Array, "*shape 2"]) -> Float[Array, "*shape"]:
        """The source at points."""
        # (*shape, 2) -> f(x, y) of two arrays (*shape,)
        f = self.source(*jnp.moveaxis(x, -1, 0)) if callable(self.source) else self.source
        return jnp.broadcast_to(jnp.asarray(f, x.dtype), x.shape[:-1])

    def residual(self, a: Function, u: Any, x: Places = None) -> Float[Array, "..."]:
        """Laplace u + grad(log a) . grad u + source / a, the equation divided by -a."""
        logarithm = Function(jnp.log(a.values), a.discretization)
        # (..., 2): d_i log a d_i u, to be summed over i
        flux = at(logarithm.gradient(), x) * at(u.gradient(), x)
        # source / a
        pull = self._source(u, x) * jnp.exp(-at(logarithm, x))
        return at(u.laplacian(), x) + jnp.sum(flux, -1, keepdims=True) + pull

    def energy(self, a: Function, u: Any, x: Places = None) -> Float[Array, "..."]:
        """The density a |grad u|^2 / 2 - source u (the Ritz method)."""
        squared = jnp.sum(at(u.gradient(), x) ** 2, -1, keepdims=True)
        return at(a, x) * squared / 2 - self._source(u, x) * at(u, x)

    def _source(self, u: Any, x: Places) -> Float[Array, "... 1"]:
        return self.source_at(u.discretization.coordinates if x is None else x)[..., None]


class DarcyFiniteVolumes(AbstractReferenceSolver):
    """Finite volumes with harmonic averages of the coefficient on the faces.

    Solved by conjugate gradients preconditioned by the Laplacian, whose iterations grow with the
    contrast max a / min a but not with the resolution. Order 2 where the coefficient is
    smooth or jumps half-way between nodes, order 1 at other jumps.

    **Arguments:**

    - `nodes`: `"vertex"`, `"left"` (as the published data is stored), `"right"` or `"centre"`.
    - `tolerance`: of the relative residual (see `conjugate_gradient`): 1e-6 in float32 and
      1e-10 in float64 when absent.
    - `max_iterations`: after which a solution counts as not converged.
    """

    order = 2.0
    nodes: str = eqx.field(static=True, default="vertex")
    tolerance: float | None = eqx.field(static=True, default=None)
    max_iterations: int = eqx.field(static=True, default=500)

    def discretization(self, equation: DarcyEquation, resolution: int) -> Grid:
        """`resolution` cells per axis; one node more where both ends are nodes."""
        return Grid(equation.domain, resolution + (self.nodes == "vertex"), self.nodes)

    def cheaper(
        self, equation: DarcyEquation, on: AbstractDiscretization
    ) -> "tuple[DarcyFiniteVolumes, ...]":
        """With a tolerance 10 times as large, at most 0.1."""
        tolerance = 10 * (1e-6 if self.tolerance is None else self.tolerance)
        crude = DarcyFiniteVolumes(self.nodes, tolerance, self.max_iterations)
        return (crude,) if tolerance <= _CRUDE else ()

    def solution(self, equation: DarcyEquation, a: Function) -> Solution:
        """The pressure on the nodes of the coefficient. A coefficient must be positive."""
        grid = self._grid(equation, a)
        valid = (jnp.isfinite(a.values) & (a.values > 0)).all()
        volumes = FiniteVolumes(grid, jnp.where(valid, a.values[..., 0], 1))
        default = 1e-10 if a.values.dtype == jnp.float64 else 1e-6
        # -div(a grad u) = source at the inner nodes, P = (-Laplacian)^-1
        inner, converged, iterations = conjugate_gradient(
            volumes.apply,
            volumes.interior(equation.source_at(grid.coordinates.astype(a.values.dtype))),
            volumes.inverse_laplacian,
            default if self.tolerance is None else self.tolerance,
            self.max_iterations,
        )
        u = unchecked(volumes.extend(inner)[..., None], grid, equation.output_space)
        return Solution(u, converged & valid, iterations)

    def residual(self, equation: DarcyEquation, a: Function, u: Function) -> Function:
        """Flux out of every cell less its source, per volume; u itself at boundary nodes.

        It vanishes up to the solver's tolerance, and up to rounding, which the operator
        amplifies by the square of the resolution: 1e-3 at 256 cells in float32.
        """
        grid = self._grid(equation, a)
        volumes = FiniteVolumes(grid, a.values[..., 0])
        flux = volumes.apply(volumes.interior(u.values[..., 0]))
        source = equation.source_at(grid.coordinates.astype(flux.dtype))
        # -div(a grad u) - source
        inner = flux - volumes.interior(source)
        return Function(volumes.replace_interior(u.values[..., 0], inner)[..., None], grid)

    def _grid(self, equation: DarcyEquation, a: Function) -> Grid:
        return require_grid(self, equation, a, "vertex", "left", "right", "centre")


class Pieces(eqx.Module):
    """Two values, by the sign of a function: the pieces of a medium."""

    positive: float = eqx.field(static=True, default=12.0)
    negative: float = eqx.field(static=True, default=3.0)

    def __check_init__(self):
        if not min(self.positive, self.negative) > 0:
            raise DataError(
                "coefficients are positive",
                where="Pieces(positive, negative)",
                expected="two values > 0",
                found=f"{self.positive} and {self.negative}",
            )

    def __call__(self, values: Float[Array, "..."]) -> Float[Array, "..."]:
        high, low = (jnp.asarray(v, values.dtype) for v in (self.positive, self.negative))
        return jnp.where(values >= 0, high, low)


@register(name="darcy")
class Darcy(AbstractProblem):
    """-div(a grad u) = source on a rectangle, u = 0 on its boundary (Li et al. 2021, section 5.2).

    Coefficients are a function of draws of `inputs`, by default as in the published data: 12 where
    a field N(0, (-Laplacian + 9)^-2) with zero Neumann conditions and without its mean is
    positive, 3 where it is negative.

    **Arguments:**

    - `source`: a number or a function f(x, y) of coordinates.
    - `domain`: a two-dimensional box.
    - `inputs`: a process, instead of the field above.
    - `coefficient`: maps values of `inputs` to positive values of a: `Pieces(12.0, 3.0)` when
      absent, `jnp.exp` for lognormal coefficients.
    - `solver`: `DarcyFiniteVolumes()` when absent.

    ```python
    darcy = Darcy(inputs=GaussianProcess(Matern(1.5, 0.2)), coefficient=jnp.exp)
    ```
    """

    equation: DarcyEquation
    inputs: AbstractProcess
    coefficient: Callable[[Array], Array]
    solver: AbstractReferenceSolver

    def __init__(
        self,
        source: float | Callable[[Array, Array], Array] = 1.0,
        domain: AbstractDomain = _SQUARE,
        *,
        inputs: AbstractProcess | None = None,
        coefficient: Callable[[Array], Array] | None = None,
        solver: AbstractReferenceSolver | None = None,
    ):
        self.equation = DarcyEquation(source, domain)
        rough = PowerSpectrum(1.0, 3.0, 2.0, zero_mean=True)
        space = self.equation.input_space
        self.inputs = inputs or random_field(space, rough, "neumann", waves=_WAVES)
        self.coefficient = coefficient or Pieces()
        self.solver = solver or DarcyFiniteVolumes()

    def smooth(self) -> "Darcy":
        """With lognormal coefficients: exp of a field of covariance exp(-r^2 / (2 0.2^2))."""
        field = random_field(self.input_space, SquaredExponential(0.2))
        e, solver = self.equation, self.solver
        return Darcy(e.source, e.domain, inputs=field, coefficient=jnp.exp, solver=solver)

    def input_of(self, drawn: Function) -> Function:
        """The coefficient at the values of a draw."""
        return Function(self.coefficient(drawn.values), drawn.discretization, self.input_space)
