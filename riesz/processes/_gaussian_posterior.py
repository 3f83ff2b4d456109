"""Gaussian processes given observations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from riesz.domains._discretization import traced
from riesz.functions import Function
from riesz.kernels import AbstractKernel
from riesz.processes._compiled import compiled
from riesz.processes._draws import draw_normal
from riesz.processes._functionals import Evaluations, Inputs, cross_all, in_blocks
from riesz.processes._inputs import field_on, fields_on, inputs_of
from riesz.processes._leaves import as_traced
from riesz.processes._marginals import Normal
from riesz.processes._observations import AbstractObservation
from riesz.processes._process import AbstractProcess, On
from riesz.processes._solvers import AbstractSolution, AbstractSolver
from riesz.processes._system import BLOCK_FLOATS

if TYPE_CHECKING:
    from riesz.processes._gaussian_process import GaussianProcess


class GaussianPosterior(AbstractProcess):
    """A Gaussian process given observations, made by `GaussianProcess.condition`.

    With K the covariance of the observed values y and c(x) their covariance with f(x), the mean
    is m(x) + c(x)^T K^-1 (y - m) and the covariance k(x, x') - c(x)^T K^-1 c(x') (Rasmussen and
    Williams 2006, section 2.2). Inputs are taken in the type of the observations.
    """

    prior: "GaussianProcess"
    observations: tuple[AbstractObservation, ...]
    solver: AbstractSolver
    solution: AbstractSolution

    @property
    def converged(self) -> Bool[Array, ""]:
        """Whether the solver succeeded: outside compiled code it raises where it did not."""
        return self.solution.converged

    def condition(
        self, observations: AbstractObservation | Sequence[AbstractObservation]
    ) -> "GaussianPosterior":
        """Given further observations: the same as conditioning once on all of them."""
        several = isinstance(observations, Sequence)
        more = tuple(observations) if several else (observations,)
        return self.prior.condition(self.observations + more, self.solver)

    def marginal(self, *, on: On, joint: bool = False) -> Normal:
        x = inputs_of(on, self.solution.weights.dtype)
        mean, variance = self._pointwise(x)
        covariance = self._joint(x)[1] if joint else None
        return Normal(field_on(mean, on), field_on(variance, on), covariance)

    def sample(
        self, n: int, *, on: On, key: PRNGKeyArray
    ) -> Function | Float[Array, "n points channels"]:
        """Independent draws, by an eigendecomposition: O(points^3) work."""
        mean, covariance = self._joint(inputs_of(on, self.solution.weights.dtype))
        return fields_on(_draw(mean, covariance, n, key), on)

    def _pointwise(self, x: Inputs) -> tuple[Float[Array, "n c"], Float[Array, "n c"]]:
        parts = self.prior, as_traced(self.prior.kernel, x.dtype), self.solution
        size = max(1, BLOCK_FLOATS // self.solution.weights.shape[0])
        if not self._on_host(x):
            return _pointwise(*parts, x, size)
        blocks = [_variances(*parts, x[i : i + size]) for i in range(0, len(x), size)]
        mean, variance = (jnp.concatenate(column) for column in zip(*blocks, strict=True))
        return mean, variance

    def _joint(self, x: Inputs) -> tuple[Float[Array, "n c"], Float[Array, "n n"]]:
        parts = self.prior, as_traced(self.prior.kernel, x.dtype), self.solution, x
        return _covariances(*parts) if self._on_host(x) else _joint(*parts)

    def _on_host(self, x: Inputs) -> bool:
        return self.solution.on_host and not traced(x, *jax.tree.leaves(self.solution))


@compiled
def _mean(prior: Any, kernel: AbstractKernel, solution: AbstractSolution, x: Inputs):
    """The mean, and the covariances of f(x) with the basis."""
    cross = cross_all(kernel, solution.basis, Evaluations(x))
    return prior.mean_at(x) + cross.T @ solution.weights, cross


def _variances(prior: Any, kernel: AbstractKernel, solution: AbstractSolution, x: Inputs):
    """Means and variances."""
    mean, cross = _mean(prior, kernel, solution, x)
    left, right = solution.factors(cross)
    # rounding may leave less than nothing next to an exact observation
    variance = jnp.maximum(kernel.diagonal(x) - (left * right).sum(0), 0)
    return mean, jnp.broadcast_to(variance[:, None], mean.shape)


def _covariances(prior: Any, kernel: AbstractKernel, solution: AbstractSolution, x: Inputs):
    """Means and the covariance matrix."""
    mean, cross = _mean(prior, kernel, solution, x)
    left, right = solution.factors(cross)
    covariance = kernel(x) - left.T @ right
    return mean, (covariance + covariance.T) / 2


_joint = compiled(_covariances)
_draw = compiled(draw_normal)


@compiled
def _pointwise(
    prior: Any, kernel: AbstractKernel, solution: AbstractSolution, x: Inputs, size: int
):
    return in_blocks(lambda part: _variances(prior, kernel, solution, part), size)(x)
