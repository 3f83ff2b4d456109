"""Gaussian processes given observations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from riesz._core.parameters import as_traced
from riesz._core.tracing import traced
from riesz.processes._compiled import compiled
from riesz.processes._draws import draw_normal, square_root
from riesz.processes._fields import Fields, field_on, fields_on
from riesz.processes._functionals import Evaluations, Inputs, cross_all, in_blocks
from riesz.processes._inputs import inputs_of, require_key
from riesz.processes._marginals import Normal
from riesz.processes._observations import AbstractObservation
from riesz.processes._process import AbstractProcess, On, RandomKey
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
    def exact(self) -> bool:
        """Whether the solver is exact, which `InducingPoints` are not."""
        return self.solver.exact

    @property
    def converged(self) -> Bool[Array, ""]:
        """Whether the solver succeeded: outside compiled code it raises where it did not."""
        return self.solution.converged

    def __repr__(self) -> str:
        count = sum(map(len, self.observations))
        good = self.converged
        status = "" if traced(good) else ", converged" if bool(good) else ", not converged"
        return (
            f"GaussianPosterior given {count} observations, by {self.solver!r}{status}\n"
            f"prior: {self.prior!r}"
        )

    def condition(
        self, observations: AbstractObservation | Sequence[AbstractObservation]
    ) -> "GaussianPosterior":
        """Given further observations: the same as conditioning once on all of them."""
        several = isinstance(observations, Sequence)
        more = tuple(observations) if several else (observations,)
        return self.prior.condition(self.observations + more, self.solver)

    def log_density(
        self, observations: AbstractObservation | Sequence[AbstractObservation]
    ) -> Float[Array, ""]:
        """The log density of further observed values: log p(new, old) - log p(old)."""
        several = isinstance(observations, Sequence)
        more = tuple(observations) if several else (observations,)
        density = lambda seen: self.prior.log_density(seen, self.solver)  # noqa: E731
        return density(self.observations + more) - density(self.observations)

    def marginal(self, *, on: On, joint: bool = False) -> Normal:
        x = inputs_of(on, self.solution.weights.dtype)
        mean, variance, covariance = self._joint(x) if joint else (*self._pointwise(x), None)
        return Normal(field_on(mean, on), field_on(variance, on), covariance)

    def sample(self, n: int, *, on: On, key: RandomKey) -> Fields:
        """Independent draws, by an eigendecomposition: O(points^3) work."""
        require_key(key, "GaussianPosterior.sample(n, on=..., key=...)")
        mean, _, covariance = self._joint(inputs_of(on, self.solution.weights.dtype))
        return fields_on(draw_normal(mean, _root(covariance), n, key), on)

    def _pointwise(self, x: Inputs) -> tuple[Float[Array, "n c"], Float[Array, "n c"]]:
        prior, solution = as_traced(self.prior, x.dtype), self.solution
        size = max(1, BLOCK_FLOATS // len(solution.weights))
        if not self._on_host(x):
            return _pointwise(prior, solution, x, size)
        blocks = [_variances(prior, solution, x[i : i + size]) for i in range(0, len(x), size)]
        mean, variance = (jnp.concatenate(column) for column in zip(*blocks, strict=True))
        return mean, variance

    def _joint(
        self, x: Inputs
    ) -> tuple[Float[Array, "n c"], Float[Array, "n c"], Float[Array, "n n"]]:
        prior = as_traced(self.prior, x.dtype)
        covariances = _covariances if self._on_host(x) else _joint
        return covariances(prior, self.solution, x)

    def _on_host(self, x: Inputs) -> bool:
        return self.solution.on_host and not traced(x, self.solution)


@compiled
def _mean(prior: "GaussianProcess", solution: AbstractSolution, x: Inputs):
    """The mean, and the covariances of f(x) with the basis."""
    cross = cross_all(prior.kernel, solution.basis, Evaluations(x))
    return prior.mean_at(x) + cross.T @ solution.weights, cross


@compiled
def _less(prior: "GaussianProcess", x: Inputs, mean: Array, explained: Array):
    """Prior variances less what is explained, one a channel."""
    # next to exact observations rounding may leave less than nothing
    variance = jnp.maximum(prior.kernel.diagonal(x) - explained, 0)
    return jnp.broadcast_to(variance[:, None], mean.shape)


def _variances(prior: "GaussianProcess", solution: AbstractSolution, x: Inputs):
    """Means and variances."""
    mean, cross = _mean(prior, solution, x)
    left, right = solution.factors(cross)
    return mean, _less(prior, x, mean, (left * right).sum(0))


def _covariances(prior: "GaussianProcess", solution: AbstractSolution, x: Inputs):
    """Means, variances and the covariance matrix."""
    mean, cross = _mean(prior, solution, x)
    left, right = solution.factors(cross)
    explained = left.T @ right
    covariance = _prior_covariance(prior, x) - (explained + explained.T) / 2
    return mean, _less(prior, x, mean, explained.diagonal()), covariance


@compiled
def _prior_covariance(prior: "GaussianProcess", x: Inputs) -> Float[Array, "n n"]:
    return prior.kernel(x)


_joint = compiled(_covariances)
_root = compiled(square_root)


@compiled
def _pointwise(prior: "GaussianProcess", solution: AbstractSolution, x: Inputs, size: int):
    return in_blocks(lambda part: _variances(prior, solution, part), size)(x)
