"""Water that displaces oil in a porous rock."""

from math import ceil, pi
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from riesz.domains import AbstractDiscretization, Box, Grid, Space
from riesz.errors import DataError
from riesz.functions import AbstractSymmetry, Function, Reflection, Transposition
from riesz.functions.internal import unchecked
from riesz.kernels import SquaredExponential
from riesz.problems._conjugate_gradient import conjugate_gradient
from riesz.problems._equation import AbstractEquation
from riesz.problems._finite_volumes import FiniteVolumes, at_faces
from riesz.problems._problem import AbstractProblem, register
from riesz.problems._solver import AbstractReferenceSolver, Solution, require_grid
from riesz.processes import AbstractProcess, random_field

_SQUARE = Box((0, 0), (1, 1))
_WELL = 0.08  # standard deviation of the well
_OVERSHOOT = 0.2  # saturations that far outside of [0, 1] say that the grid is too coarse
_CRUDE = 0.1  # the largest tolerance of a pressure that is tried for speed


class TwoPhaseEquation(AbstractEquation):
    """Saturation s of water and pressure p in a rock of permeability k = exp(a), full of oil.

    s_t + div(f(s) v) = dispersion Laplacian s + q,  v = -k lambda(s) grad p,  div v = q

    on the unit square, with s = 0 at time 0, and p = 0 and no dispersion through the boundary. The
    well q injects one volume of the square per unit of time, by a normal density of deviation
    0.08 around the middle. For relative permeabilities s^2 and (1 - s)^2 and the ratio r of the
    viscosities of oil and water the mobility is lambda(s) = r s^2 + (1 - s)^2, and the share of
    water in the flow f(s) = r s^2 / lambda(s) (Buckley and Leverett 1942).
    """

    time: float = eqx.field(static=True)
    viscosity_ratio: float = eqx.field(static=True)
    dispersion: float = eqx.field(static=True)

    def __check_init__(self):
        if min(self.time, self.viscosity_ratio, self.dispersion) <= 0:
            raise DataError(
                "this flow is not defined",
                where="TwoPhase(time, viscosity_ratio, dispersion)",
                expected="three numbers > 0",
                found=f"{self.time}, {self.viscosity_ratio}, {self.dispersion}",
            )

    @property
    def input_space(self) -> Space:
        return Space(_SQUARE, names=("log_permeability",))

    @property
    def output_space(self) -> Space:
        return Space(_SQUARE, names=("saturation",))

    @property
    def symmetries(self) -> tuple[AbstractSymmetry, ...]:
        return Reflection(0), Reflection(1), Transposition(0, 1)

    def mobility(self, s: Float[Array, "..."]) -> Float[Array, "..."]:
        """lambda(s)."""
        return self.viscosity_ratio * s**2 + (1 - s) ** 2

    def share(self, s: Float[Array, "..."]) -> Float[Array, "..."]:
        """f(s), the share of water in the flow; 0 below s = 0 and 1 above s = 1."""
        s = jnp.clip(s, 0, 1)
        return self.viscosity_ratio * s**2 / self.mobility(s)

    def well(self, x: Float[Array, "*shape 2"]) -> Float[Array, "*shape"]:
        """The source q at points."""
        # exp(-|x - 1/2|^2 / (2 w^2)) / (2 pi w^2), of integral 1 over R^2
        squared = jnp.sum((x - 0.5) ** 2, -1) / _WELL**2
        return jnp.exp(-squared / 2) / (2 * pi * _WELL**2)


class ImplicitPressure(AbstractReferenceSolver):
    """Finite volumes, with the pressure solved for at each stage of an explicit step in time.

    The method of reservoir simulators that is called IMPES (implicit pressure, explicit
    saturation; Aziz and Settari 1979), with central fluxes and Heun's method, which have order 2
    in space and in time. Each pressure starts as the last one, and is corrected by conjugate
    gradients. `converged` says that all corrections converged and that saturations, those of the
    stages too, stayed within -0.2 and 1.2, which they leave where the time step or the grid is too
    coarse.

    **Arguments:**

    - `steps`: time steps; when absent at least 4 per cell of an axis and unit of time.
    - `tolerance`: of the corrections (see `conjugate_gradient`): 1e-2 in float32 and 1e-10 in
      float64 when absent.
    - `max_iterations`: of a correction, after which a solution counts as not converged.
    """

    order = 2.0
    time_order: ClassVar[float] = 2.0
    steps: int | None = eqx.field(static=True, default=None)
    tolerance: float | None = eqx.field(static=True, default=None)
    max_iterations: int = eqx.field(static=True, default=500)

    def discretization(self, equation: TwoPhaseEquation, resolution: int) -> Grid:
        """`resolution` cells per axis, with nodes at both ends."""
        return Grid(equation.input_space.domain, resolution + 1, "vertex")

    def solution(self, equation: TwoPhaseEquation, a: Function) -> Solution:
        """The saturation at the time of the equation, on the grid of the permeability."""
        return self._solve(equation, a, 1)

    def residual(self, equation: TwoPhaseEquation, a: Function, u: Function) -> Function:
        """The difference of u and the solution on the same grid with half the time step.

        For a solution of this solver it is 3/4 of the error in time, which is of order 2.
        """
        # u_h - u_{h / 2} is about (1 - 2^-2) (u_h - u)
        return u - self._solve(equation, a, 2).function

    def cheaper(
        self, equation: TwoPhaseEquation, on: AbstractDiscretization
    ) -> "tuple[ImplicitPressure, ...]":
        """With a tolerance 3 times as large, at most 0.1, and with 3/4 of the time steps."""
        steps = self._steps(equation, on)
        tolerance = 1e-2 if self.tolerance is None else self.tolerance
        options = (steps, min(_CRUDE, 3 * tolerance)), (steps * 3 // 4, tolerance)
        now = steps, tolerance
        return tuple(
            ImplicitPressure(*option, self.max_iterations)
            for option in options
            if option != now and option[0] >= 1
        )

    def _steps(self, equation: TwoPhaseEquation, on: AbstractDiscretization) -> int:
        cells = max(on.shape) - 1
        # h = 1 / cells: the largest eigenvalue of -D Laplacian is 8 D / h^2, Heun's limit 2 / step
        rate = max(4 * cells, 5 * equation.dispersion * cells**2)  # Heun's limit is 4 of the latter
        return self.steps or ceil(rate * equation.time)

    def _solve(self, equation: TwoPhaseEquation, a: Function, refine: int) -> Solution:
        grid = require_grid(self, equation, a, "vertex")
        steps = refine * self._steps(equation, grid)
        step = equation.time / steps
        default = 1e-10 if a.values.dtype == jnp.float64 else 1e-2
        tolerance = default if self.tolerance is None else self.tolerance
        permeability = jnp.exp(a.values[..., 0])
        spread = FiniteVolumes(grid, jnp.full_like(permeability, equation.dispersion))
        # q, s and p: one number per inner node; p = 0 and s_n = 0 at the boundary nodes
        well = spread.interior(equation.well(grid.coordinates.astype(permeability.dtype)))

        def rate(s: Array, p: Array) -> tuple[Array, Array, tuple[Bool[Array, ""], Array]]:
            # -div(b grad p) = q with b = k lambda(s), by a correction of the last pressure;
            # where b is smooth, -div(b grad) is about sqrt(b) (-Laplacian) sqrt(b)
            b = permeability * equation.mobility(jnp.pad(s, 1, mode="edge"))
            flow = FiniteVolumes(grid, b)
            root = jnp.sqrt(flow.interior(b))
            change, converged, iterations = conjugate_gradient(
                flow.apply,
                well - flow.apply(p),
                # [-div(b grad)]^-1 is about b^-1/2 (-Laplacian)^-1 b^-1/2
                lambda r: flow.inverse_laplacian(r / root) / root,
                tolerance,
                self.max_iterations,
            )
            # p <- p + A^-1 (q - A p), A = -div(b grad)
            p = p + change
            # ds/dt = q - div(f(s) v - dispersion grad s)
            shares, volumes = at_faces(equation.share(s)), flow.fluxes(p)
            water = zip(shares, volumes, spread.fluxes(s, closed=True), strict=True)
            out = flow.divergence([f * v + d for f, v, d in water])
            return well - out, p, (converged, iterations)

        def advance(state: tuple[Array, Array], _: None):
            s, p = state
            # Heun: s' = s + h F(s), s <- s + h / 2 (F(s) + F(s'))
            first, p, (one, i) = rate(s, p)
            ahead = s + step * first
            second, p, (two, j) = rate(ahead, p)
            s = s + step / 2 * (first + second)
            both = jnp.stack([ahead, s])
            inside = ((both > -_OVERSHOOT) & (both < 1 + _OVERSHOOT)).all()
            return (s, p), (one & two & inside, i + j)

        zero = jnp.zeros_like(well)
        (s, _), (good, iterations) = jax.lax.scan(advance, (zero, zero), None, length=steps)
        values = jnp.pad(s, 1, mode="edge")[..., None]  # s has no slope across the boundary
        u = unchecked(values, grid, equation.output_space)
        return Solution(u, good.all(), iterations.sum())


@register(name="two-phase")
class TwoPhase(AbstractProblem):
    """Water injected into a rock full of oil, see `TwoPhaseEquation`.

    Maps the logarithm of the permeability to the saturation of water at `time`. The logarithms
    are Gaussian with covariance exp(-r^2 / (2 0.2^2)).

    **Arguments:**

    - `time`: the volume injected, as a part of the square's.
    - `viscosity_ratio`: of oil over water.
    - `dispersion`: of the front between water and oil; the solver needs cells of a width of
      about 5 times it.
    - `inputs`: a process of logarithms of permeabilities, instead of the one above.
    - `solver`: `ImplicitPressure()` when absent.

    ```python
    problem = TwoPhase(time=0.1)
    a = problem.sample_input(problem.discretization(32), key=jax.random.key(0))
    problem.solve(a).plot()
    ```
    """

    equation: TwoPhaseEquation
    inputs: AbstractProcess
    solver: AbstractReferenceSolver

    def __init__(
        self,
        time: float = 0.2,
        viscosity_ratio: float = 2.0,
        dispersion: float = 0.003,
        *,
        inputs: AbstractProcess | None = None,
        solver: AbstractReferenceSolver | None = None,
    ):
        self.equation = TwoPhaseEquation(time, viscosity_ratio, dispersion)
        space = self.equation.input_space
        self.inputs = inputs or random_field(space, SquaredExponential(0.2))
        self.solver = solver or ImplicitPressure()

    def smooth(self) -> "TwoPhase":
        """With logarithms of covariance exp(-r^2 / (2 0.5^2))."""
        field, e = random_field(self.input_space, SquaredExponential(0.5)), self.equation
        flow = e.time, e.viscosity_ratio, e.dispersion
        return TwoPhase(*flow, inputs=field, solver=self.solver)
