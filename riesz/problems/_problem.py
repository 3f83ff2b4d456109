"""The contract of a problem."""

from abc import abstractmethod

import equinox as eqx
import jax
from jaxtyping import PRNGKeyArray

from riesz.domains import Grid, Space
from riesz.functions import AbstractSymmetry, Function


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

    order: eqx.AbstractClassVar[float]
    zero_boundary: eqx.AbstractClassVar[bool]
    input_space: eqx.AbstractVar[Space]
    output_space: eqx.AbstractVar[Space]
    symmetries: eqx.AbstractVar[tuple[AbstractSymmetry, ...]]

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
