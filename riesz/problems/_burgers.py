"""Burgers' equation on a circle, solved by Fourier modes."""

from math import ceil, gcd, inf, pi
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float, PRNGKeyArray

from riesz.domains import Grid, Interval, Space, Torus
from riesz.errors import DataError
from riesz.functions import AbstractSymmetry, Function, Reflection, Translation
from riesz.functions.internal import unchecked
from riesz.kernels import AbstractSpectrum, PowerSpectrum, SquaredExponential
from riesz.problems._etdrk import integrate
from riesz.problems._problem import AbstractProblem, Solution, register, require_grid
from riesz.problems._spectral import decayed, product_shape, to_grid, to_modes, wave_numbers
from riesz.processes import random_field

# Shocks are viscosity / speed wide, and a wave crosses one in viscosity / speed^2.
_STEPS_A_SHOCK = 2.0
_TRUSTED = 0.25
_LEAST_STEPS = 128


@register(name="burgers")
class Burgers(AbstractProblem):
    """u_t + u u_x = viscosity u_xx on the circle [0, 1) (Li et al. 2021, section 5.1).

    Maps the state at time 0 to the state at `time`, or with `trajectory=True` to the whole
    trajectory on time x space. Initial states are Gaussian, N(0, 625 (-Laplacian + 25)^-2)
    without their mean, as in the published data (the paper's text keeps it).

    The solver takes Fourier modes with products evaluated exactly (the 2/3 rule) and ETDRK4
    in time. Its accuracy is spectral in space for smooth initial states, and of order 4 in the
    time step once that resolves the first moments of the highest modes; draws of the default
    law are rough and reach 1e-6. It works on the trigonometric interpolant of the input with

    - `modes` wave numbers: those of the input's grid, and at least speed / viscosity;
    - `steps` time steps: at least 128, and 2 in each viscosity / speed^2. A trajectory rounds
      them up to a multiple of its cells in time.

    `converged` says that the highest tenth of the modes stayed below 1e-4 of the whole in L2,
    that there is at least 1/4 step in each viscosity / max |u|^2 (max |u| never grows), and
    that all values are finite; it looks at 8 times on the way (fewer where 8 does not divide
    `steps`) or at all times of a trajectory.

    **Arguments:**

    - `viscosity`, `time`, `trajectory`: see above.
    - `steps`: number of time steps, instead of the automatic one.
    - `modes`: number of wave numbers, instead of the automatic one. Below half the size of
      the grid the input is truncated.
    - `speed`: the largest |u| that the automatic choices plan for.
    - `covariance`: of the initial states, instead of the one above.
    """

    order = inf
    time_order: ClassVar[float] = 4.0
    viscosity: float = eqx.field(static=True, default=0.1)
    time: float = eqx.field(static=True, default=1.0)
    trajectory: bool = eqx.field(static=True, default=False)
    steps: int | None = eqx.field(static=True, default=None)
    modes: int | None = eqx.field(static=True, default=None)
    speed: float = eqx.field(static=True, default=2.0)
    covariance: AbstractSpectrum | None = None

    def __check_init__(self):
        counts = [c for c in (self.steps, self.modes) if c is not None]
        if min(self.viscosity, self.time, self.speed) <= 0 or min(counts, default=1) < 1:
            raise DataError(
                "this Burgers problem is not defined",
                where="Burgers(...)",
                expected="viscosity, time and speed > 0, steps and modes >= 1",
                found=f"viscosity={self.viscosity}, time={self.time}, speed={self.speed}, "
                f"steps={self.steps}, modes={self.modes}",
                repair="leave steps and modes out to have them chosen",
            )

    @property
    def input_space(self) -> Space:
        return Space(Torus(0.0, 1.0))

    @property
    def output_space(self) -> Space:
        circle = Torus(0.0, 1.0)
        return Space(Interval(0.0, self.time) * circle if self.trajectory else circle)

    @property
    def symmetries(self) -> tuple[AbstractSymmetry, ...]:
        """Those that move the axis of inputs and outputs alike: none for trajectories."""
        return () if self.trajectory else (Translation(0), Reflection(0, -1.0))

    def grid(self, resolution: int) -> Grid:
        """`resolution` nodes. A trajectory has as many cells in time, and one node more."""
        return Grid(self.input_space.domain, resolution)

    def sample_input(self, grid: Grid, *, key: PRNGKeyArray) -> Function:
        """One initial state."""
        covariance = self.covariance or PowerSpectrum(625.0, 5.0, 2.0, zero_mean=True)
        return random_field(self.input_space, covariance, "periodic").draw(grid, key=key)

    def smooth_input(self, grid: Grid, *, key: PRNGKeyArray) -> Function:
        """An analytic initial state: Gaussian, with covariance exp(-r^2 / (2 0.2^2))."""
        field = random_field(self.input_space, SquaredExponential(0.2), "periodic")
        return field.draw(grid, key=key)

    def solution(self, a: Function) -> Solution:
        """The state at `time` on the grid of the initial state, or the trajectory."""
        return self._solve(a, 1)

    def residual(self, a: Function, u: Function) -> Function:
        """How far u is from the solution; zero for the exact one.

        For a trajectory u_t + u u_x - viscosity u_xx by the derivatives of the discretization
        (of order 6 in time), and u - a at time 0. For an end state u less the solution with
        half the time step: 15/16 of the error in time for a solution of this solver, the error
        itself up to 1/16 of that for any other function.
        """
        if not self.trajectory:
            return u - self._solve(a, 2).function.resample(u.discretization)
        rate = u.derivative(0).values + u.values * u.derivative(1).values
        rate = rate - self.viscosity * u.derivative(1, 2).values
        return Function(rate.at[0].set(u.values[0] - a.values), u.discretization)

    def _solve(self, a: Function, refine: int) -> Solution:
        grid = require_grid(self, a, "uniform")
        (size,) = grid.shape
        modes = (self.modes or max(size // 2, ceil(self.speed / self.viscosity)),)
        shocks = _STEPS_A_SHOCK * self.time * self.speed**2 / self.viscosity
        steps = refine * (self.steps or 8 * ceil(max(_LEAST_STEPS, shocks) / 8))
        saves = size if self.trajectory else gcd(steps, 8)
        steps = saves * ceil(steps / saves)
        (k,) = wave_numbers(modes)
        slope = -1j * pi * k  # of half the square
        points = product_shape(modes)
        output = Grid(self.output_space.domain, (size + 1, size)) if self.trajectory else grid

        def nonlinear(c: Complex[Array, " k"]) -> Complex[Array, " k"]:
            return jnp.asarray(slope, c.dtype) * to_modes(to_grid(c, points) ** 2, modes)

        def observe(c: Complex[Array, " k"]) -> tuple[Bool[Array, ""], Float[Array, " n"] | None]:
            return decayed(c), to_grid(c, grid.shape) if self.trajectory else None

        initial = a.values[:, 0]
        end, (fine, path) = integrate(
            -self.viscosity * (2 * pi * k) ** 2,
            nonlinear,
            to_modes(initial, modes),
            observe,
            time=self.time,
            steps=steps,
            saves=saves,
        )
        values = to_grid(end, grid.shape) if path is None else jnp.concatenate([a.values.T, path])
        fastest = jnp.max(jnp.abs(initial))
        trusted = _TRUSTED * self.time / steps * fastest**2 <= self.viscosity
        u = unchecked(values[..., None], output, self.output_space)
        return Solution(u, fine.all() & trusted, jnp.asarray(steps))
