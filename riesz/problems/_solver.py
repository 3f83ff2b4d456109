"""The contract of a reference solver."""

from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import jax

from riesz.domains import AbstractDiscretization, Grid
from riesz.domains.internal import NODES
from riesz.errors import DomainError
from riesz.functions import Function
from riesz.problems._equation import AbstractEquation


class Solution(eqx.Module):
    """What a reference solver returns: the function, and whether to trust it."""

    function: Function
    converged: jax.Array  # bool, scalar
    iterations: jax.Array  # int, scalar: iterations or time steps taken


class AbstractReferenceSolver(eqx.Module):
    """A numerical method for equations of one kind.

    `order` is its declared order in the spacing h of the discretization: halving h divides the
    error by 2^order for smooth inputs (`inf` for spectral accuracy). It is measured by the tests.
    """

    order: ClassVar[float]

    @abstractmethod
    def discretization(self, equation: Any, resolution: int) -> AbstractDiscretization:
        """Where inputs are given: `resolution` cells per axis, or as fine a mesh."""

    @abstractmethod
    def solution(self, equation: Any, a: Function) -> Solution:
        """Solve for one input. Runs under jit and vmap; failure is in `converged`."""

    def cheaper(
        self, equation: Any, on: AbstractDiscretization
    ) -> "tuple[AbstractReferenceSolver, ...]":
        """The same method with less work on `on`, one for each setting but the discretization.

        `riesz.evaluate` takes the first that is accurate enough, and asks it again. None by
        default.
        """
        return ()

    def residual(self, equation: Any, a: Function, u: Function) -> Function:
        """The equation's left minus right side; it vanishes for a solution of this solver.

        By default that of the equation, by the derivatives of u's discretization.
        """
        return Function(equation.residual(a, u), u.discretization)


def require_grid(
    solver: AbstractReferenceSolver, equation: AbstractEquation, a: Function, *nodes: str
) -> Grid:
    """The grid of an input.

    **Raises:** `DomainError` for another space, or nodes that the solver cannot use.
    """
    grid, space = a.discretization.whole, equation.input_space
    ours = space.accepts(a.space)
    if ours and grid is not None and set(grid.kinds) <= set(nodes or NODES):
        return grid
    found = type(a.discretization).__name__ if grid is None else " ".join(grid.kinds)
    wanted = f"a Grid with {' or '.join(nodes)} nodes" if nodes else "a Grid with named nodes"
    raise DomainError(
        "the reference solver cannot use this input",
        where=f"{type(solver).__name__}.solution",
        expected=f"{space.channels} channels on {space.domain}, {wanted}",
        found=f"{a.channels} channels on {a.domain}, {found}",
        repair="resample the input onto problem.discretization(resolution)",
    )
