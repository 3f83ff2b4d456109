"""The contract of a problem: an equation, a distribution of inputs and a reference solver."""

from dataclasses import is_dataclass
from os import PathLike
from typing import overload

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from riesz._core.registry import Registry
from riesz._core.text import parse as read
from riesz._core.tracing import traced
from riesz.data import PairsFile
from riesz.domains import AbstractDiscretization, Space
from riesz.errors import SolverError
from riesz.functions import AbstractSymmetry, Function, Pairs
from riesz.problems._equation import AbstractEquation
from riesz.problems._solver import AbstractReferenceSolver, Solution
from riesz.processes import AbstractProcess

PROBLEMS = Registry("problem")
register = PROBLEMS.register


class AbstractProblem(eqx.Module):
    """A parametric family: an `equation`, a distribution of `inputs` and a reference `solver`.

    Each of the three may be another one: any process on the domain of the inputs is a
    distribution of inputs, see `input_of`, and any solver of the equation its `solver`.

    ```python
    problem = Burgers(viscosity=0.05, inputs=GaussianProcess(Periodic(1.0, 0.3)))
    ```
    """

    equation: eqx.AbstractVar[AbstractEquation]
    inputs: eqx.AbstractVar[AbstractProcess]
    solver: eqx.AbstractVar[AbstractReferenceSolver]

    @property
    def input_space(self) -> Space:
        """Where the inputs live."""
        return self.equation.input_space

    @property
    def output_space(self) -> Space:
        """Where the outputs live."""
        return self.equation.output_space

    @property
    def symmetries(self) -> tuple[AbstractSymmetry, ...]:
        """Motions of the domain that turn a solution into the solution of the moved input."""
        return self.equation.symmetries

    @property
    def zero_boundary(self) -> bool:
        """Whether outputs vanish on the boundary of the domain."""
        return self.equation.zero_boundary

    @property
    def order(self) -> float:
        """The declared order of the solver."""
        return self.solver.order

    def smooth(self) -> "AbstractProblem":
        """The problem with inputs so smooth that the solver shows its declared order.

        The problem itself, unless its inputs are rough.
        """
        return self

    def discretization(self, resolution: int) -> AbstractDiscretization:
        """Where inputs are given to the solver: `resolution` cells per axis, or as fine a mesh."""
        return self.solver.discretization(self.equation, resolution)

    def sample_input(
        self,
        on: AbstractDiscretization,
        *,
        key: PRNGKeyArray,
        finest: AbstractDiscretization | None = None,
    ) -> Function:
        """One draw from the distribution of inputs.

        The same key gives the same function on every discretization, where the process does so
        (`process.pathwise`). Draws of other processes are made on `finest`, which is `on` when
        absent, and resampled.
        """
        drawn = self.inputs.draw(
            on if finest is None or self.inputs.pathwise else finest, key=key
        ).resample(on)
        return self.input_of(Function(drawn.values, on, self.input_space))

    def input_of(self, drawn: Function) -> Function:
        """The input that a function drawn from `inputs` stands for: itself, unless overridden."""
        return drawn

    def solution(self, a: Function) -> Solution:
        """Solve for one input. Runs under jit and vmap; failure is in `converged`."""
        return self.solver.solution(self.equation, a)

    def residual(self, a: Function, u: Function) -> Function:
        """The equation's left minus right side, as the solver has it; zero for its solutions."""
        return self.solver.residual(self.equation, a, u)

    def solve(self, a: Function) -> Function:
        """The solution for one input, for those who want no status.

        **Raises:** `SolverError` when the solver did not converge or gave values that are not
        finite. Under jit, grad or vmap nothing is known yet and nothing is raised: there use
        `solution` and read `converged`.
        """
        return checked(_solution(self, a), f"{type(self).__name__}.solve")

    @overload
    def sample(
        self,
        n: int,
        grid: int | AbstractDiscretization,
        *,
        key: PRNGKeyArray,
        path: None = None,
        refine: int = 1,
        batch: int | None = None,
        progress: bool = False,
    ) -> Pairs: ...

    @overload
    def sample(
        self,
        n: int,
        grid: int | AbstractDiscretization,
        *,
        key: PRNGKeyArray,
        path: str | PathLike[str],
        refine: int = 1,
        batch: int | None = None,
        progress: bool = False,
    ) -> PairsFile: ...

    def sample(
        self,
        n: int,
        grid: int | AbstractDiscretization,
        *,
        key: PRNGKeyArray,
        path: str | PathLike[str] | None = None,
        refine: int = 1,
        batch: int | None = None,
        progress: bool = False,
    ) -> Pairs | PairsFile:
        """`n` pairs of an input of the distribution and its solution.

        **Arguments:**

        - `grid`: a resolution, as for `discretization`, or a discretization.
        - `key`: pair i uses `jax.random.fold_in(key, i)`, so that 100 pairs are the first 100
          of 1000, and equal up to rounding for every `batch`.
        - `path`: `"FILE.h5"` or `"FILE.h5::GROUP"` to write to, some pairs at a time. A run
          that was interrupted continues where it stopped when the call is repeated; a finished
          file is opened and not computed again.
        - `refine`: solve at a resolution so many times finer, and give inputs and outputs on
          `grid`: the outputs are then nearer to the solution than `grid` alone would allow.
        - `batch`: how many pairs are solved together; bounded by memory when absent.
        - `progress`: report on the standard error stream.

        **Returns:** `Pairs` with NumPy values, or with `path` a `PairsFile`, which reads them
        when asked.

        **Raises:** `SolverError` naming the pair that did not converge; `DataError` when the
        file holds other data.
        """
        from riesz.problems._sampling import sample

        return sample(
            self, n, grid, key=key, path=path, refine=refine, batch=batch, progress=progress
        )


def parse(text: str) -> AbstractProblem:
    """Read a problem, such as `"Burgers(viscosity=0.02, time=0.1)"`.

    Names of `riesz.problems`, and of registered problems, called with literals and further calls.
    Nothing is executed but these calls.

    **Raises:** `ModelError` that points at the place that cannot be read.

    ```python
    problem = riesz.problems.parse("Darcy(source=2.0)")
    ```
    """
    from riesz import problems

    names = {name: kind for name, kind in vars(problems).items() if is_dataclass(kind)}
    names |= {kind.__name__: kind for kind in PROBLEMS.values()}
    return read(text, names, "problem", AbstractProblem)


def checked(solution: Solution, where: str) -> Function:
    """The function of a solution.

    **Raises:** `SolverError` where it is known not to have converged to finite values.
    """
    values = solution.function.values
    if traced(solution.converged, values):
        return solution.function
    finite = bool(jnp.isfinite(values).all())
    if not (finite and bool(solution.converged)):
        raise SolverError(
            "the reference solver did not reach its accuracy",
            where=where,
            expected="convergence to finite values",
            found=f"{'no convergence' if finite else 'values that are not finite'} "
            f"after {int(solution.iterations)} iterations",
            repair="check that the input is finite and one of the problem's distribution, such as "
            "a positive coefficient; or give a finer grid or a higher iteration limit; "
            "solution(a) returns the last iterate with its status",
        )
    return solution.function


@eqx.filter_jit
def _solution(problem: AbstractProblem, a: Function) -> Solution:
    """Compiled: a solver that fails may then hold NaN, which a function outside does not."""
    return problem.solution(a)
