"""The driven pendulum."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.domains import Grid, Interval, Space
from riesz.functions import Function
from riesz.functions.internal import unchecked
from riesz.kernels import SquaredExponential
from riesz.problems._equation import AbstractEquation, Places, at
from riesz.problems._problem import AbstractProblem, register
from riesz.problems._solver import AbstractReferenceSolver, Solution, require_grid
from riesz.processes import AbstractProcess, random_field


class PendulumEquation(AbstractEquation):
    """s1' = s2, s2' = -stiffness sin(s1) + a(t) on [0, duration], at rest at time 0.

    Solutions have the channel s1, with `velocity` also s2.
    """

    duration: float = eqx.field(static=True)
    stiffness: float = eqx.field(static=True)
    velocity: bool = eqx.field(static=True)

    @property
    def input_space(self) -> Space:
        return Space(Interval(0, self.duration), names=("force",))

    @property
    def output_space(self) -> Space:
        names = ("angle", "velocity") if self.velocity else ("angle",)
        return Space(Interval(0, self.duration), len(names), names)

    def rate(self, state: Float[Array, " 2"], force: Float[Array, ""]) -> Float[Array, " 2"]:
        """(s1', s2')."""
        return jnp.stack([state[1], force - self.stiffness * jnp.sin(state[0])])

    def residual(self, a: Function, u: Any, x: Places = None) -> Float[Array, "..."]:
        """s1'' + stiffness sin(s1) - a; with two channels s1' - s2 and s2' + stiffness sin(s1) - a.

        The state at time 0 is not checked.
        """
        state = at(u, x)
        # (p, 1): stiffness sin(s1) - a
        pull = self.stiffness * jnp.sin(state[:, :1]) - at(a, x)
        if not self.velocity:
            return at(u.derivative(0, 2), x) + pull
        slope = at(u.derivative(0), x)
        # (p, 2): s1' - s2, s2' + stiffness sin(s1) - a
        return jnp.concatenate([slope[:, :1] - state[:, 1:], slope[:, 1:] + pull], 1)


class RungeKutta4(AbstractReferenceSolver):
    """The classical Runge-Kutta method, one step per cell, for s' = rate(s, a(t)) from rest.

    The force between nodes is interpolated to order 6.
    """

    order = 4.0

    def discretization(self, equation: PendulumEquation, resolution: int) -> Grid:
        """`resolution` time steps, `resolution + 1` nodes."""
        return Grid(equation.input_space.domain, resolution + 1, "vertex")

    def solution(self, equation: PendulumEquation, a: Function) -> Solution:
        """March in time from rest."""
        grid = require_grid(self, equation, a, "vertex")
        # a(t + h / 2) at the centres of the cells
        middle = a.resample(Grid(grid.domain, grid.shape[0] - 1, "centre")).values[:, 0]
        force, rate = a.values[:, 0], equation.rate
        step = equation.duration / (grid.shape[0] - 1)

        def advance(state: Array, forces: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            start, half, end = forces
            # k1 = F(s, a(t)), k2 and k3 with a(t + h / 2), k4 with a(t + h)
            k1 = rate(state, start)
            k2 = rate(state + step / 2 * k1, half)
            k3 = rate(state + step / 2 * k2, half)
            k4 = rate(state + step * k3, end)
            state = state + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            return state, state

        rest = jnp.zeros(2, force.dtype)
        _, states = jax.lax.scan(advance, rest, (force[:-1], middle, force[1:]))
        # (n, 2): rest at time 0, then the state after each step
        values = jnp.concatenate([rest[None], states])[:, : equation.output_space.channels]
        u = unchecked(values, grid, equation.output_space)
        return Solution(u, jnp.isfinite(values).all(), jnp.asarray(grid.shape[0] - 1))


@register(name="pendulum")
class Pendulum(AbstractProblem):
    """s1' = s2, s2' = -stiffness sin(s1) + a(t) on [0, duration], at rest at time 0.

    The gravity pendulum under an external force (Lu et al. 2021, section 4.2).

    **Arguments:**

    - `duration`, `stiffness`: see above.
    - `velocity`: whether outputs have the second channel s2 = s1'.
    - `inputs`: a process of forces; when absent Gaussian with covariance exp(-r^2 / (2 0.2^2)).
    - `solver`: `RungeKutta4()` when absent.
    """

    equation: PendulumEquation
    inputs: AbstractProcess
    solver: AbstractReferenceSolver

    def __init__(
        self,
        duration: float = 1.0,
        stiffness: float = 1.0,
        velocity: bool = False,
        *,
        inputs: AbstractProcess | None = None,
        solver: AbstractReferenceSolver | None = None,
    ):
        self.equation = PendulumEquation(duration, stiffness, velocity)
        space = self.equation.input_space
        self.inputs = inputs or random_field(space, SquaredExponential(0.2))
        self.solver = solver or RungeKutta4()
