"""The contract of a problem."""

from abc import abstractmethod
from os import PathLike
from typing import ClassVar, overload

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from riesz._core.registry import Registry
from riesz._core.tracing import traced
from riesz.data import PairsFile
from riesz.domains import Grid, Space
from riesz.domains.internal import NODES
from riesz.errors import DomainError, SolverError
from riesz.functions import AbstractSymmetry, Function, Pairs

PROBLEMS = Registry("problem")
register = PROBLEMS.register


class Solution(eqx.Module):
    """What a reference solver returns: the function, and whether to trust it."""

    function: Function
    converged: jax.Array  # bool, scalar
    iterations: jax.Array  # int, scalar: iterations or time steps taken


class AbstractProblem(eqx.Module):
    """A parametric family of equations: spaces, a law of inputs and a reference solver.

    `order` is the declared order of the solver in the grid spacing: halving the spacing
    divides the error by 2^order (`inf` for spectral accuracy). It is measured by the tests.
    `zero_boundary` says that outputs vanish on the boundary of the domain.
    """

    order: ClassVar[float]
    zero_boundary: ClassVar[bool] = False

    @property
    @abstractmethod
    def input_space(self) -> Space:
        """Where the inputs live."""

    @property
    @abstractmethod
    def output_space(self) -> Space:
        """Where the outputs live."""

    @property
    @abstractmethod
    def symmetries(self) -> tuple[AbstractSymmetry, ...]:
        """Motions of the domain that turn a solution into the solution of the moved input."""

    @abstractmethod
    def grid(self, resolution: int) -> Grid:
        """The grid of the input that the solver works on, `resolution` cells along an axis."""

    @abstractmethod
    def sample_input(self, grid: Grid, *, key: PRNGKeyArray) -> Function:
        """One draw from the law of inputs. The same key gives the same function on every grid."""

    @abstractmethod
    def solution(self, a: Function) -> Solution:
        """Solve for one input. Runs under jit and vmap; failure is in `converged`."""

    @abstractmethod
    def residual(self, a: Function, u: Function) -> Function:
        """The equation's left minus right side; it vanishes for a solution."""

    def solve(self, a: Function) -> Function:
        """The solution for one input, for those who want no status.

        **Raises:** `SolverError` when the solver did not converge or gave values that are not
        finite. Under jit, grad or vmap nothing is known yet and nothing is raised: there use
        `solution` and read `converged`.
        """
        solution = _solution(self, a)
        values = solution.function.values
        if traced(solution.converged, values):
            return solution.function
        finite = bool(jnp.isfinite(values).all())
        if not (finite and bool(solution.converged)):
            raise SolverError(
                "the reference solver did not reach its accuracy",
                where=f"{type(self).__name__}.solve",
                expected="convergence to finite values",
                found=f"{'no convergence' if finite else 'values that are not finite'} "
                f"after {int(solution.iterations)} iterations",
                repair="check that the input is finite and one of the problem's law, such as a "
                "positive coefficient; or give a finer grid or a higher iteration limit; "
                "solution(a) returns the last iterate with its status",
            )
        return solution.function

    @overload
    def sample(
        self,
        n: int,
        grid: int | Grid,
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
        grid: int | Grid,
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
        grid: int | Grid,
        *,
        key: PRNGKeyArray,
        path: str | PathLike[str] | None = None,
        refine: int = 1,
        batch: int | None = None,
        progress: bool = False,
    ) -> Pairs | PairsFile:
        """`n` pairs of an input of the law and its solution.

        **Arguments:**

        - `grid`: a resolution, as for `self.grid`, or a grid.
        - `key`: pair i uses `jax.random.fold_in(key, i)`, so that 100 pairs are the first 100
          of 1000, and equal up to rounding for every `batch`.
        - `path`: `"FILE.h5"` or `"FILE.h5::GROUP"` to write to, some pairs at a time. A run
          that was interrupted continues where it stopped when the call is repeated; a finished
          file is opened and not computed again.
        - `refine`: solve on a grid so many times finer, and give inputs and outputs on `grid`:
          the outputs are then nearer to the solution than `grid` alone would allow.
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

    def smooth_input(self, grid: Grid, *, key: PRNGKeyArray) -> Function:
        """An input smooth enough that the solver shows its declared order.

        A draw from the law of inputs, unless the problem's law is rough.
        """
        return self.sample_input(grid, key=key)


def require_grid(problem: AbstractProblem, a: Function, *nodes: str) -> Grid:
    """The grid of an input; refuses one of another space or on nodes the solver cannot use."""
    grid, space = a.discretization.whole, problem.input_space
    ours = space.accepts(a.space)
    if ours and grid is not None and set(grid.kinds) <= set(nodes or NODES):
        return grid
    found = type(a.discretization).__name__ if grid is None else " ".join(grid.kinds)
    wanted = f"a Grid with {' or '.join(nodes)} nodes" if nodes else "a Grid with named nodes"
    raise DomainError(
        "the reference solver cannot use this input",
        where=f"{type(problem).__name__}.solution",
        expected=f"{space.channels} channels on {space.domain}, {wanted}",
        found=f"{a.channels} channels on {a.domain}, {found}",
        repair="resample the input onto problem.grid(resolution)",
    )


@eqx.filter_jit
def _solution(problem: AbstractProblem, a: Function) -> Solution:
    """Compiled: a solver that fails may then hold NaN, which a function outside does not."""
    return problem.solution(a)
