"""Semilinear equations on tori, solved by Fourier modes."""

from abc import abstractmethod
from collections.abc import Callable
from math import gcd, inf
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz.domains import AbstractDiscretization, Grid
from riesz.errors import DataError
from riesz.functions import Function
from riesz.functions.internal import unchecked
from riesz.problems._equation import AbstractEquation
from riesz.problems._etdrk import State, integrate
from riesz.problems._solver import AbstractReferenceSolver, Solution, require_grid
from riesz.problems._spectral import decayed, to_grid, to_modes

Modes = tuple[int, ...]


class AbstractSemilinear(AbstractEquation):
    """u_t = L u + N(u) on a torus, from the state at time 0 to the state at `time`.

    L is diagonal in Fourier modes, N is not. Functions of `modes` are for the wave numbers
    |k_i| <= modes[i], stored as in NumPy's `rfftn`.
    """

    time: eqx.AbstractVar[float]
    least_modes: ClassVar[int] = 1

    @property
    @abstractmethod
    def speed(self) -> float:
        """The largest speed that is expected."""

    @abstractmethod
    def modes(self, shape: tuple[int, ...], speed: float) -> Modes:
        """Wave numbers that resolve a state on a grid of this shape until `time`."""

    @abstractmethod
    def steps(self, modes: Modes, speed: float) -> int:
        """Time steps that resolve it."""

    @abstractmethod
    def linear(self, modes: Modes) -> np.ndarray:
        """The diagonal of L."""

    @abstractmethod
    def nonlinear(self, modes: Modes) -> Callable[[State], State]:
        """N."""

    @abstractmethod
    def fastest(self, modes: Modes) -> Callable[[State], Array | None]:
        """What `trusted` needs of the states on the way."""

    @abstractmethod
    def trusted(self, modes: Modes, steps: int, start: Array, fastest: Any) -> Bool[Array, "..."]:
        """Whether the time steps were short enough, given the initial values."""


class FourierETDRK4(AbstractReferenceSolver):
    """Fourier modes with products evaluated exactly (the 2/3 rule), and ETDRK4 in time.

    Its accuracy is spectral in space for smooth initial states, and of order 4 in the time step.
    It works on the trigonometric interpolant of the input. `converged` says that the highest
    tenth of the modes stayed below 1e-4 of the whole in L2, that the time steps were short enough
    for the equation, and that all values are finite; it looks at 8 times on the way (fewer where 8
    does not divide the number of steps).

    **Arguments:**

    - `steps`: number of time steps; chosen by the equation when absent.
    - `modes`: number of wave numbers per axis; chosen by the equation when absent. Below half the
      size of the grid the input is truncated.
    - `speed`: the largest speed that the choices plan for, instead of the equation's.
    """

    order = inf
    time_order: ClassVar[float] = 4.0
    steps: int | None = eqx.field(static=True, default=None)
    modes: int | None = eqx.field(static=True, default=None)
    speed: float | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if not all(n is None or n > 0 for n in (self.steps, self.modes, self.speed)):
            raise DataError(
                "a solver needs time steps, modes and a speed",
                where="FourierETDRK4(steps, modes, speed)",
                expected="steps >= 1, modes >= 1, speed > 0",
                found=f"steps={self.steps}, modes={self.modes}, speed={self.speed}",
                repair="leave them out to have them chosen",
            )

    def discretization(self, equation: AbstractSemilinear, resolution: int) -> Grid:
        """`resolution` nodes per axis."""
        return Grid(equation.input_space.domain, resolution)

    def solution(self, equation: AbstractSemilinear, a: Function) -> Solution:
        """The state at the time of the equation, on the grid of the initial state."""
        return self._solve(equation, a, 1)

    def residual(self, equation: AbstractSemilinear, a: Function, u: Function) -> Function:
        """The difference of u and the solution of the same modes with half the time step.

        For a solution of this solver it is 15/16 of the error in time, which is of order 4;
        for any other function it is the error itself up to 1/16 of that.
        """
        # u_h - u_{h / 2} is about (1 - 2^-4) (u_h - u)
        return u - self._solve(equation, a, 2).function.resample(u.discretization)

    def cheaper(
        self, equation: AbstractSemilinear, on: AbstractDiscretization
    ) -> "tuple[FourierETDRK4, ...]":
        """With 3/4 of the modes, and with half of the time steps."""
        modes, steps = self.plan(equation, on.shape)
        fewer = max(modes) * 3 // 4
        return (
            *([FourierETDRK4(steps, fewer)] if fewer >= equation.least_modes else []),
            *([FourierETDRK4(steps // 2, max(modes))] if steps > 1 else []),
        )

    def plan(self, equation: AbstractSemilinear, shape: tuple[int, ...]) -> tuple[Modes, int]:
        """Wave numbers per axis and time steps for initial states on a grid of this shape."""
        speed = equation.speed if self.speed is None else self.speed
        modes = equation.modes(shape, speed)
        if self.modes:
            modes = (max(self.modes, equation.least_modes),) * len(shape)
        return modes, self.steps or equation.steps(modes, speed)

    def _solve(self, equation: AbstractSemilinear, a: Function, refine: int) -> Solution:
        grid = require_grid(self, equation, a, "uniform")
        modes, steps = self.plan(equation, grid.shape)
        steps *= refine
        # (*shape, 1) -> (*shape,), then coefficients (*modes,)
        start, fastest = a.values[..., 0], equation.fastest(modes)

        def observe(c: State) -> tuple[Bool[Array, ""], Any]:
            return decayed(c), fastest(c)

        end, (resolved, speeds) = integrate(
            equation.linear(modes),
            equation.nonlinear(modes),
            to_modes(start, modes),
            observe,
            time=equation.time,
            steps=steps,
            saves=gcd(steps, 8),
        )
        trusted = equation.trusted(modes, steps, start, speeds)
        values: Float[Array, "..."] = to_grid(end, grid.shape)[..., None]
        u = unchecked(values, grid, equation.output_space)
        return Solution(u, resolved.all() & trusted.all(), jnp.asarray(steps))
