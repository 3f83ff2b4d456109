"""The driven pendulum."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from riesz.domains import Grid, Interval, Space
from riesz.functions import AbstractSymmetry, Function
from riesz.functions.internal import unchecked
from riesz.kernels import SquaredExponential
from riesz.problems._problem import AbstractProblem, Solution, register, require_grid
from riesz.processes import random_field


@register(name="pendulum")
class Pendulum(AbstractProblem):
    """s1' = s2, s2' = -stiffness sin(s1) + a(t) on [0, duration], at rest at time 0.

    The gravity pendulum under an external force (Lu et al. 2021, section 4.2). Inputs are
    Gaussian with covariance exp(-r^2 / (2 length_scale^2)). The solver is the classical
    Runge-Kutta method of order 4, one step a cell, with the force between nodes interpolated
    to order 6.

    **Arguments:**

    - `duration`, `stiffness`, `length_scale`: see above.
    - `velocity`: whether outputs have the second channel s2 = s1'.
    """

    order = 4.0
    duration: float = eqx.field(static=True, default=1.0)
    stiffness: float = eqx.field(static=True, default=1.0)
    length_scale: float = eqx.field(static=True, default=0.2)
    velocity: bool = eqx.field(static=True, default=False)

    @property
    def input_space(self) -> Space:
        return Space(Interval(0, self.duration), names=("force",))

    @property
    def output_space(self) -> Space:
        names = ("angle", "velocity") if self.velocity else ("angle",)
        return Space(Interval(0, self.duration), len(names), names)

    @property
    def symmetries(self) -> tuple[AbstractSymmetry, ...]:
        return ()

    def grid(self, resolution: int) -> Grid:
        """`resolution` time steps, `resolution + 1` nodes."""
        return Grid(Interval(0, self.duration), resolution + 1, "vertex")

    def sample_input(self, grid: Grid, *, key: PRNGKeyArray) -> Function:
        """A draw of the stationary Gaussian field."""
        field = random_field(self.input_space, SquaredExponential(self.length_scale))
        return field.draw(grid, key=key)

    def solution(self, a: Function) -> Solution:
        """March in time from rest."""
        grid = require_grid(self, a, "vertex")
        middle = a.resample(Grid(grid.domain, grid.shape[0] - 1, "centre")).values[:, 0]
        force = a.values[:, 0]
        step = self.duration / (grid.shape[0] - 1)

        def advance(state: Array, forces: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            start, half, end = forces
            k1 = self._rate(state, start)
            k2 = self._rate(state + step / 2 * k1, half)
            k3 = self._rate(state + step / 2 * k2, half)
            k4 = self._rate(state + step * k3, end)
            state = state + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            return state, state

        rest = jnp.zeros(2, force.dtype)
        _, states = jax.lax.scan(advance, rest, (force[:-1], middle, force[1:]))
        values = jnp.concatenate([rest[None], states])[:, : self.output_space.channels]
        u = unchecked(values, grid, self.output_space)
        return Solution(u, jnp.isfinite(values).all(), jnp.asarray(grid.shape[0] - 1))

    def _rate(self, state: Array, force: Array) -> Array:
        return jnp.stack([state[1], force - self.stiffness * jnp.sin(state[0])])

    def residual(self, a: Function, u: Function) -> Function:
        """The equation s1'' + stiffness sin(s1) - a, by derivatives of the discretization.

        With two channels: s1' - s2 and s2' + stiffness sin(s1) - a. The state at time 0 is
        not checked.
        """
        pull = self.stiffness * jnp.sin(u.values[:, :1]) - a.values
        if not self.velocity:
            return Function(u.derivative(0, 2).values + pull, u.discretization)
        slope = u.derivative(0).values
        parts = [slope[:, :1] - u.values[:, 1:], slope[:, 1:] + pull]
        return Function(jnp.concatenate(parts, 1), u.discretization)
