"""Problems that step in time."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from riesz.domains import AbstractDiscretization
from riesz.functions import Function
from riesz.problems._problem import AbstractProblem, checked
from riesz.problems._solver import Solution


class AbstractEvolution(AbstractProblem):
    """A problem from a state at time 0 to the state at `time`; states are of one space.

    Its equation has a field `time`, which steps of another length replace.

    ```python
    problem = Burgers(viscosity=0.02, time=0.1)
    u = problem.step(problem.step(u))
    states = problem.trajectory(u, times=11).function        # at 0, 0.1, ..., 1
    ```
    """

    equation: eqx.AbstractVar[Any]

    @property
    def time(self) -> float:
        """The length of a step, unless another is given."""
        return self.equation.time

    def advance(self, u: Function, dt: float | None = None) -> Solution:
        """The state `dt`, by default `time`, after u. Failure is in `converged`."""
        equation = self.equation if dt is None else dataclasses.replace(self.equation, time=dt)
        return self.solver.solution(equation, u)

    def step(self, u: Function, dt: float | None = None) -> Function:
        """The state `dt`, by default `time`, after u, for those who want no status.

        **Raises:** `SolverError` as `solve` does.
        """
        return checked(_advance(self, u, dt), f"{type(self).__name__}.step")

    def trajectory(self, u: Function, times: int, dt: float | None = None) -> Solution:
        """The states at `times` times 0, dt, 2 dt, ..., a batch of functions that begins with u.

        Runs under jit and vmap; `converged` says whether all steps did.
        """

        def step(u: Function, _: None) -> tuple[Function, tuple[Function, Any, Any]]:
            found = self.advance(u, dt)
            u = eqx.tree_at(lambda f: f.values, u, found.function.values)
            return u, (u, found.converged, found.iterations)

        _, (later, converged, steps) = jax.lax.scan(step, u, None, length=times - 1)
        # (times, *shape, channels), u first
        states = jax.tree.map(lambda x, y: jnp.concatenate([x[None], y]), u, later)
        return Solution(states, converged.all(), steps.sum())

    def trajectories(
        self,
        n: int,
        grid: int | AbstractDiscretization,
        times: int,
        *,
        key: PRNGKeyArray,
        dt: float | None = None,
        batch: int | None = None,
        progress: bool = False,
    ) -> Function:
        """`n` trajectories from draws of the inputs, NumPy values `(n, times, *shape, channels)`.

        Data of `riesz.objectives.Rollout` and `riesz.evaluation.rollout`. Trajectory i begins with
        input i of `sample(n, grid, key=key)`; the other arguments are those of `sample` and
        `trajectory`.

        **Raises:** `SolverError` naming the trajectory that did not converge.
        """
        from riesz.problems._sampling import Trajectories, drawn

        return drawn(Trajectories(self, times, dt), n, grid, key, batch, progress)[1]


@eqx.filter_jit
def _advance(problem: AbstractEvolution, u: Function, dt: float | None) -> Solution:
    return problem.advance(u, dt)
