"""Incompressible flow on a two-dimensional torus, solved by Fourier modes."""

from math import ceil, gcd, inf, pi, sqrt
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from riesz.domains import Grid, Space, Torus
from riesz.errors import DataError
from riesz.functions import AbstractSymmetry, Function, Reflection, Translation
from riesz.functions.internal import unchecked
from riesz.kernels import AbstractSpectrum, PowerSpectrum, SquaredExponential
from riesz.problems._etdrk import integrate
from riesz.problems._problem import AbstractProblem, Solution, register, require_grid
from riesz.problems._spectral import decayed, product_shape, to_grid, to_modes, wave_numbers
from riesz.processes import random_field

# Of time step * speed * modes: what is planned, and what is trusted.
_COURANT, _TRUSTED = 1.0, 2.0


@register(name="navier-stokes")
class NavierStokes(AbstractProblem):
    """w_t + u . grad w = viscosity Laplacian w - drag w + f on the torus [0, 2 pi)^2.

    Maps the vorticity w = dv/dx - du/dy at time 0 to the vorticity at `time`; (u, v) is the
    velocity, without mean. The forcing is Kolmogorov's: a force (amplitude sin(wave_number y), 0),
    thus f = -amplitude wave_number cos(wave_number y). Amplitude 0 gives free decay.

    Initial states are Gaussian, N(0, (2 pi)^2 (-Laplacian + (7 / 2 pi)^2)^(-5/2)) without
    their mean: the law of Li et al. 2021, section 5.3, carried over from the unit torus, with
    the factor that makes the root mean square of the vorticity 1.

    The solver takes Fourier modes with products evaluated exactly (the 2/3 rule), in the form
    of Basdevant 1983 with four transforms a stage, and ETDRK4 in time. Its accuracy is
    spectral in space for smooth initial states and of order 4 in the time step. It works on
    the trigonometric interpolant of the input with

    - `modes` wave numbers an axis: half as many again as the input's grid has, and at least
      8 + 5/4 sqrt(vorticity / viscosity), with the vorticity that the forcing may build up;
    - `steps` time steps, so that time step * speed * modes <= 1.

    `converged` says that the highest tenth of the modes stayed below 1e-4 of the whole in L2,
    that time step * speed * modes stayed below 2, and that all values are finite; it looks at
    8 times on the way (fewer where 8 does not divide `steps`). The relative error is then of
    the order of 1e-4 or smaller.

    **Arguments:**

    - `viscosity`, `time`, `drag`, `amplitude`, `wave_number`: see above.
    - `steps`: number of time steps, instead of the automatic one.
    - `modes`: number of wave numbers, instead of the automatic one. Below half the size of
      the grid the input is truncated.
    - `speed`: the largest speed that the automatic choices plan for; when absent 2 and what
      the force can add.
    - `covariance`: of the initial states, instead of the one above.
    """

    order = inf
    time_order: ClassVar[float] = 4.0
    viscosity: float = eqx.field(static=True, default=1e-3)
    time: float = eqx.field(static=True, default=1.0)
    drag: float = eqx.field(static=True, default=0.0)
    amplitude: float = eqx.field(static=True, default=1.0)
    wave_number: int = eqx.field(static=True, default=4)
    steps: int | None = eqx.field(static=True, default=None)
    modes: int | None = eqx.field(static=True, default=None)
    speed: float | None = eqx.field(static=True, default=None)
    covariance: AbstractSpectrum | None = None

    def __check_init__(self):
        counts = [c for c in (self.steps, self.modes, self.wave_number) if c is not None]
        positive = (self.viscosity, self.time, 1.0 if self.speed is None else self.speed)
        if not (min(positive) > 0 and self.drag >= 0 and min(counts) >= 1):
            raise DataError(
                "this flow is not defined",
                where="NavierStokes(...)",
                expected="viscosity, time, speed > 0, drag >= 0, wave_number, steps, modes >= 1",
                found=f"viscosity={self.viscosity}, time={self.time}, speed={self.speed}, "
                f"drag={self.drag}, wave_number={self.wave_number}, steps={self.steps}, "
                f"modes={self.modes}",
                repair="leave steps, modes and speed out to have them chosen",
            )

    @property
    def input_space(self) -> Space:
        return Space(Torus((0.0, 0.0), (2 * pi, 2 * pi)), names=("w",))

    @property
    def output_space(self) -> Space:
        return self.input_space

    @property
    def symmetries(self) -> tuple[AbstractSymmetry, ...]:
        """Translations along x; without forcing all translations and the reflections."""
        if self.amplitude:
            return (Translation(0),)
        return Translation(0), Translation(1), Reflection(0, -1.0), Reflection(1, -1.0)

    def grid(self, resolution: int) -> Grid:
        """`resolution` nodes an axis."""
        return Grid(self.input_space.domain, resolution)

    def sample_input(self, grid: Grid, *, key: PRNGKeyArray) -> Function:
        """One initial vorticity."""
        default = PowerSpectrum((2 * pi) ** 2, 7 / (2 * pi), 2.5, zero_mean=True)
        field = random_field(self.input_space, self.covariance or default, "periodic")
        return field.draw(grid, key=key)

    def smooth_input(self, grid: Grid, *, key: PRNGKeyArray) -> Function:
        """An analytic initial vorticity: Gaussian, with covariance exp(-r^2 / 2)."""
        field = random_field(self.input_space, SquaredExponential(1.0), "periodic")
        return field.draw(grid, key=key)

    def solution(self, a: Function) -> Solution:
        """The vorticity at `time`, on the grid of the initial one."""
        return self._solve(a, 1)

    def residual(self, a: Function, u: Function) -> Function:
        """U less the solution of the same modes with half the time step.

        For a solution of this solver it is 15/16 of the error in time, which is of order 4;
        for any other function it is the error itself up to 1/16 of that.
        """
        return u - self._solve(a, 2).function.resample(u.discretization)

    def _solve(self, a: Function, refine: int) -> Solution:
        grid = require_grid(self, a, "uniform")
        modes, steps = self._plan(grid)
        steps *= refine
        kx, ky = wave_numbers(modes)
        squared = kx**2 + ky**2
        inverse = 1 / np.where(squared > 0, squared, np.inf)
        start = to_modes(a.values[..., 0], modes)
        curl = np.stack(np.broadcast_arrays(1j * ky * inverse, -1j * kx * inverse))
        strain, shear = kx**2 - ky**2, kx * ky
        force = np.zeros(squared.shape)
        force[0, self.wave_number] = -self.amplitude * self.wave_number / 2
        points = product_shape(modes)

        def velocity(c: Complex[Array, "n m"]) -> Float[Array, "2 p q"]:
            return jax.vmap(lambda x: to_grid(x, points))(jnp.asarray(curl, c.dtype) * c)

        def nonlinear(c: Complex[Array, "n m"]) -> Complex[Array, "n m"]:
            u, v = velocity(c)
            products = jax.vmap(lambda x: to_modes(x, modes))(jnp.stack([u * v, v**2 - u**2]))
            rate = [jnp.asarray(x, c.dtype) for x in (strain, shear, force)]
            return rate[0] * products[0] + rate[1] * products[1] + rate[2]

        def observe(c: Complex[Array, "n m"]) -> tuple[Array, Array]:
            return decayed(c), jnp.max(jnp.sum(jnp.abs(velocity(c)), 0))

        end, (fine, speed) = integrate(
            -self.viscosity * squared - self.drag,
            nonlinear,
            start,
            observe,
            time=self.time,
            steps=steps,
            saves=gcd(steps, 8),
        )
        courant = self.time / steps * max(modes) * speed
        w = unchecked(to_grid(end, grid.shape)[..., None], grid, self.output_space)
        return Solution(w, (fine & (courant <= _TRUSTED)).all(), jnp.asarray(steps))

    def _plan(self, grid: Grid) -> tuple[tuple[int, ...], int]:
        rate = self.drag + self.viscosity * self.wave_number**2
        gained = abs(self.amplitude) * min(self.time, 1 / rate, 5.0)
        speed = 2.0 + gained if self.speed is None else self.speed
        needed = 8 + ceil(1.25 * sqrt((1 + gained * self.wave_number) / self.viscosity))
        needed = max(self.wave_number, self.modes or needed)
        modes = tuple(needed if self.modes else max(needed, ceil(n * 3 / 4)) for n in grid.shape)
        automatic = 8 * ceil(self.time * speed * max(modes) / _COURANT / 8)
        return modes, self.steps or automatic
