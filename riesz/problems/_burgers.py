"""Burgers' equation on a circle."""

from collections.abc import Callable
from math import ceil, pi
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz.domains import Space, Torus
from riesz.errors import DataError
from riesz.functions import AbstractSymmetry, Function, Reflection, Translation
from riesz.kernels import PowerSpectrum, SquaredExponential
from riesz.problems._equation import Places, at
from riesz.problems._etdrk import State
from riesz.problems._evolution import AbstractEvolution
from riesz.problems._fourier import AbstractSemilinear, FourierETDRK4, Modes
from riesz.problems._problem import register
from riesz.problems._solver import AbstractReferenceSolver
from riesz.problems._spectral import product_shape, to_grid, to_modes, wave_numbers
from riesz.processes import AbstractProcess, random_field

# Shocks are viscosity / speed wide, and a wave crosses one in viscosity / speed^2.
_STEPS_A_SHOCK = 2.0
_TRUSTED = 0.25
_LEAST_STEPS = 128


class BurgersEquation(AbstractSemilinear):
    """u_t + u u_x = viscosity u_xx on the circle [0, 1), from time 0 to `time`.

    A solver takes at least speed / viscosity wave numbers, and at least 128 time steps and 2 in
    each viscosity / speed^2. Steps are short enough where there is at least 1/4 of one in each
    viscosity / max |u|^2; max |u| never grows.
    """

    viscosity: float = eqx.field(static=True)
    time: float = eqx.field(static=True)

    def __check_init__(self):
        if min(self.viscosity, self.time) <= 0:
            raise DataError(
                "this Burgers' equation is not defined",
                where="Burgers(viscosity, time)",
                expected="viscosity > 0, time > 0",
                found=f"viscosity={self.viscosity}, time={self.time}",
            )

    @property
    def input_space(self) -> Space:
        return Space(Torus(0.0, 1.0))

    @property
    def output_space(self) -> Space:
        return self.input_space

    @property
    def symmetries(self) -> tuple[AbstractSymmetry, ...]:
        return Translation(0), Reflection(0, -1.0)

    @property
    def speed(self) -> float:
        return 2.0

    def residual(self, a: Function, u: Any, x: Places = None) -> Float[Array, "..."]:
        """u_t + u u_x - viscosity u_xx of a function of time x space. It does not use a."""
        # axis 0 is time, axis 1 is space
        advection = at(u, x) * at(u.derivative(1), x)
        return at(u.derivative(0), x) + advection - self.viscosity * at(u.derivative(1, 2), x)

    def modes(self, shape: tuple[int, ...], speed: float) -> Modes:
        return (max(shape[0] // 2, ceil(speed / self.viscosity)),)

    def steps(self, modes: Modes, speed: float) -> int:
        shocks = _STEPS_A_SHOCK * self.time * speed**2 / self.viscosity
        # a multiple of 8: the solver looks at the state 8 times
        return 8 * ceil(max(_LEAST_STEPS, shocks) / 8)

    def linear(self, modes: Modes) -> np.ndarray:
        (k,) = wave_numbers(modes)
        # viscosity u_xx -> -viscosity (2 pi k)^2 c_k
        return -self.viscosity * (2 * pi * k) ** 2

    def nonlinear(self, modes: Modes) -> Callable[[State], State]:
        (k,) = wave_numbers(modes)
        # -u u_x = -(u^2)_x / 2 -> -(2 pi i k / 2) (u^2)_k
        slope = -1j * pi * k  # of half the square
        points = product_shape(modes)

        def advection(c: State) -> State:
            # c -> u on at least 3 K + 1 points -> u^2 -> -pi i k (u^2)_k
            return jnp.asarray(slope, c.dtype) * to_modes(to_grid(c, points) ** 2, modes)

        return advection

    def fastest(self, modes: Modes) -> Callable[[State], None]:
        return lambda c: None

    def trusted(self, modes: Modes, steps: int, start: Array, fastest: None) -> Bool[Array, ""]:
        speed = jnp.max(jnp.abs(start))
        # time step / 4 <= viscosity / max |u|^2; by the maximum principle at all times
        return _TRUSTED * self.time / steps * speed**2 <= self.viscosity


@register(name="burgers")
class Burgers(AbstractEvolution):
    """u_t + u u_x = viscosity u_xx on the circle [0, 1) (Li et al. 2021, section 5.1).

    Maps the state at time 0 to the state at `time`. Initial states are Gaussian,
    N(0, 625 (-Laplacian + 25)^-2) without their mean, as in the published data (the paper's text
    keeps it). They are rough: the solver reaches 1e-6.

    **Arguments:**

    - `viscosity`, `time`: see above.
    - `inputs`: a process of initial states, instead of the one above.
    - `solver`: `FourierETDRK4()` when absent.
    """

    equation: BurgersEquation
    inputs: AbstractProcess
    solver: AbstractReferenceSolver

    def __init__(
        self,
        viscosity: float = 0.1,
        time: float = 1.0,
        *,
        inputs: AbstractProcess | None = None,
        solver: AbstractReferenceSolver | None = None,
    ):
        self.equation = BurgersEquation(viscosity, time)
        rough = PowerSpectrum(625.0, 5.0, 2.0, zero_mean=True)
        self.inputs = inputs or random_field(self.equation.input_space, rough, "periodic")
        self.solver = solver or FourierETDRK4()

    def smooth(self) -> "Burgers":
        """With analytic initial states: Gaussian, of covariance exp(-r^2 / (2 0.2^2))."""
        field = random_field(self.input_space, SquaredExponential(0.2), "periodic")
        return Burgers(self.equation.viscosity, self.time, inputs=field, solver=self.solver)
