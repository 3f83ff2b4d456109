"""Incompressible flow on a two-dimensional torus."""

from collections.abc import Callable
from math import ceil, pi, sqrt

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz.domains import Space, Torus
from riesz.errors import DataError
from riesz.functions import AbstractSymmetry, Reflection, Translation
from riesz.kernels import PowerSpectrum, SquaredExponential
from riesz.problems._etdrk import State
from riesz.problems._evolution import AbstractEvolution
from riesz.problems._fourier import AbstractSemilinear, FourierETDRK4, Modes
from riesz.problems._problem import register
from riesz.problems._solver import AbstractReferenceSolver
from riesz.problems._spectral import product_shape, to_grid, to_modes, wave_numbers
from riesz.processes import AbstractProcess, random_field

# Of time step * speed * modes: what is planned, and what is trusted.
_COURANT, _TRUSTED = 1.0, 2.0


class NavierStokesEquation(AbstractSemilinear):
    """w_t + u . grad w = viscosity Laplacian w - drag w + f on the torus [0, 2 pi)^2.

    w = dv/dx - du/dy is the vorticity; (u, v) the velocity, without mean. The forcing is
    Kolmogorov's: a force (amplitude sin(wave_number y), 0), thus
    f = -amplitude wave_number cos(wave_number y). Products are taken in the form of Basdevant
    1983, with four transforms per evaluation.

    A solver takes, per axis, half as many wave numbers again as the input's grid has, at least
    8 + 5/4 sqrt(vorticity / viscosity) with the vorticity that the forcing may build up; and
    time steps so short that time step * speed * modes <= 1. Up to 2 they are trusted.
    """

    viscosity: float = eqx.field(static=True)
    time: float = eqx.field(static=True)
    drag: float = eqx.field(static=True)
    amplitude: float = eqx.field(static=True)
    wave_number: int = eqx.field(static=True)

    def __check_init__(self):
        positive = min(self.viscosity, self.time) > 0
        if not (positive and self.drag >= 0 and self.wave_number >= 1):
            raise DataError(
                "this flow is not defined",
                where="NavierStokes(viscosity, time, drag, amplitude, wave_number)",
                expected="viscosity > 0, time > 0, drag >= 0, wave_number >= 1",
                found=f"viscosity={self.viscosity}, time={self.time}, drag={self.drag}, "
                f"wave_number={self.wave_number}",
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

    @property
    def least_modes(self) -> int:
        """Those of the forcing."""
        return self.wave_number

    @property
    def speed(self) -> float:
        """2, and what the force can add, within 5 units of time: later friction limits it."""
        return 2.0 + self._gained

    @property
    def _gained(self) -> float:
        # u_t = amplitude sin(k y) - rate u: |u| <= amplitude min(t, 1 / rate); at most 5 amplitude
        rate = self.drag + self.viscosity * self.wave_number**2
        return abs(self.amplitude) * min(self.time, 1 / rate, 5.0)

    def modes(self, shape: tuple[int, ...], speed: float) -> Modes:
        # 1 at first, and u_y of the velocity gained sin(k y)
        vorticity = 1 + self._gained * self.wave_number
        needed = max(self.wave_number, 8 + ceil(1.25 * sqrt(vorticity / self.viscosity)))
        return tuple(max(needed, ceil(n * 3 / 4)) for n in shape)

    def steps(self, modes: Modes, speed: float) -> int:
        # a multiple of 8: the solver looks at the state 8 times
        return 8 * ceil(self.time * speed * max(modes) / _COURANT / 8)

    def linear(self, modes: Modes) -> np.ndarray:
        kx, ky = wave_numbers(modes)
        # the period is 2 pi: dx -> i kx, dy -> i ky
        return -self.viscosity * (kx**2 + ky**2) - self.drag

    def nonlinear(self, modes: Modes) -> Callable[[State], State]:
        # with velocity (u, v): u . grad w = (dxx - dyy) u v + dx dy (v^2 - u^2)
        kx, ky = wave_numbers(modes)
        velocity = self._velocity(modes)
        strain, shear = kx**2 - ky**2, kx * ky
        # -A k cos(k y) = -A k / 2 (exp(i k y) + exp(-i k y)), of which ky = k is stored
        force = np.zeros((kx**2 + ky**2).shape)
        force[0, self.wave_number] = -self.amplitude * self.wave_number / 2

        def rate(c: State) -> State:
            u, v = velocity(c)
            # (2, points, points) -> (2, *modes)
            products = jax.vmap(lambda x: to_modes(x, modes))(jnp.stack([u * v, v**2 - u**2]))
            parts = [jnp.asarray(x, c.dtype) for x in (strain, shear, force)]
            # -(u . grad w)_k = (kx^2 - ky^2) (u v)_k + kx ky (v^2 - u^2)_k, and the force
            return parts[0] * products[0] + parts[1] * products[1] + parts[2]

        return rate

    def fastest(self, modes: Modes) -> Callable[[State], Array]:
        """Largest |u| + |v|."""
        velocity = self._velocity(modes)
        return lambda c: jnp.max(jnp.sum(jnp.abs(velocity(c)), 0))

    def trusted(
        self, modes: Modes, steps: int, start: Array, fastest: Float[Array, " t"]
    ) -> Bool[Array, " t"]:
        return self.time / steps * max(modes) * fastest <= _TRUSTED

    def _velocity(self, modes: Modes) -> Callable[[State], Float[Array, "2 p q"]]:
        # (u, v) = (dy, -dx) psi with -Laplacian psi = w
        kx, ky = wave_numbers(modes)
        squared = kx**2 + ky**2
        # psi_k = w_k / |k|^2; psi_0 = 0, as the velocity has no mean
        inverse = 1 / np.where(squared > 0, squared, np.inf)
        # u_k = i ky psi_k, v_k = -i kx psi_k: (2, *modes)
        curl = np.stack(np.broadcast_arrays(1j * ky * inverse, -1j * kx * inverse))
        points = product_shape(modes)
        return lambda c: jax.vmap(lambda x: to_grid(x, points))(jnp.asarray(curl, c.dtype) * c)


@register(name="navier-stokes")
class NavierStokes(AbstractEvolution):
    """w_t + u . grad w = viscosity Laplacian w - drag w + f on the torus [0, 2 pi)^2.

    Maps the vorticity w at time 0 to the vorticity at `time`, see `NavierStokesEquation`.
    Amplitude 0 gives free decay. Initial states are Gaussian,
    N(0, (2 pi)^2 (-Laplacian + (7 / 2 pi)^2)^(-5/2)) without their mean: the distribution of Li
    et al. 2021, section 5.3, carried over from the unit torus, with the factor that makes the root
    mean square of the vorticity 1. Where the solver converged, its relative error is of the order
    of 1e-4 or smaller.

    **Arguments:**

    - `viscosity`, `time`, `drag`, `amplitude`, `wave_number`: of the equation.
    - `inputs`: a process of initial vorticities, instead of the one above.
    - `solver`: `FourierETDRK4()` when absent.
    """

    equation: NavierStokesEquation
    inputs: AbstractProcess
    solver: AbstractReferenceSolver

    def __init__(
        self,
        viscosity: float = 1e-3,
        time: float = 1.0,
        drag: float = 0.0,
        amplitude: float = 1.0,
        wave_number: int = 4,
        *,
        inputs: AbstractProcess | None = None,
        solver: AbstractReferenceSolver | None = None,
    ):
        self.equation = NavierStokesEquation(viscosity, time, drag, amplitude, wave_number)
        rough = PowerSpectrum((2 * pi) ** 2, 7 / (2 * pi), 2.5, zero_mean=True)
        self.inputs = inputs or random_field(self.equation.input_space, rough, "periodic")
        self.solver = solver or FourierETDRK4()

    def smooth(self) -> "NavierStokes":
        """With analytic initial vorticities: Gaussian, of covariance exp(-r^2 / 2)."""
        field = random_field(self.input_space, SquaredExponential(1.0), "periodic")
        e = self.equation
        flow = e.viscosity, e.time, e.drag, e.amplitude, e.wave_number
        return NavierStokes(*flow, inputs=field, solver=self.solver)
