"""Gaussian processes given observations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from riesz._core.parameters import as_traced
from riesz._core.tracing import traced
from riesz.processes._compiled import compiled
from riesz.processes._derivative import DerivativeProcess
from riesz.processes._draws import draw_normal, root_of
from riesz.processes._fields import Fields, field_on, fields_on
from riesz.processes._functionals import Inputs, cross_all, functionals_at, gram_all, in_blocks
from riesz.processes._inputs import inputs_of, require_key
from riesz.processes._marginals import Normal
from riesz.processes._observations import AbstractObservation, as_sequence
from riesz.processes._process import AbstractProcess, On, RandomKey, register
from riesz.processes._solvers import AbstractSolution, AbstractSolver
from riesz.processes._system import BLOCK_FLOATS

if TYPE_CHECKING:
    from riesz.processes._gaussian_process import GaussianProcess


@register
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
        density = lambda seen: self.prior.log_density(seen, self.solver)  # noqa: E731
        return density(self.observations + as_sequence(observations)) - density(self.observations)

    def derivative(self, axis: int = 0) -> DerivativeProcess:
        """The derivative of the process along an axis, given the same observations."""
        return DerivativeProcess(self, axis)

    def marginal(self, *, on: On, joint: bool = False) -> Normal:
        x = inputs_of(on, self.solution.weights.dtype)
        mean, variance, covariance = self.moments(x, None, joint)
        return Normal(field_on(mean, on), field_on(variance, on), covariance)

    def sample(self, n: int, *, on: On, key: RandomKey) -> Fields:
        """Independent draws, by an eigendecomposition: O(points^3) work."""
        require_key(key, "GaussianPosterior.sample(n, on=..., key=...)")
        mean, _, covariance = self.moments(inputs_of(on, self.solution.weights.dtype), None, True)
        return fields_on(draw_normal(mean, root_of(covariance), n, key), on)

    def moments(
        self, x: Inputs, axis: int | None, joint: bool
    ) -> tuple[Float[Array, "n c"], Float[Array, "n c"], Any]:
        """Means, variances and, if asked for, covariances of values or derivatives at inputs."""
        x = x.astype(self.solution.weights.dtype)
        prior, solution = as_traced(self.prior, x.dtype), self.solution
        on_host = solution.on_host and not traced(x, solution)
        if joint:
            return (_covariances if on_host else _joint)(prior, solution, x, axis)
        size = max(1, BLOCK_FLOATS // len(solution.weights))
        if not on_host:
            return (*_pointwise(prior, solution, x, axis, size), None)
        parts = (x[i : i + size] for i in range(0, len(x), size))
        blocks = [_variances(prior, solution, part, axis) for part in parts]
        mean, variance = (jnp.concatenate(column) for column in zip(*blocks, strict=True))
        return mean, variance, None


@compiled
def _mean(prior: "GaussianProcess", solution: AbstractSolution, x: Inputs, axis: int | None):
    """The mean, and the covariances of the values or derivatives with the basis."""
    at = functionals_at(x, axis)
    # c(x) = Cov(L f, f(x)): (b, n)
    cross = cross_all(prior.kernel, solution.basis, at)
    # m(x) + c(x)^T weights: (n, b) x (b, c)
    return at.apply(prior.mean_at) + cross.T @ solution.weights, cross


@compiled
def _less(prior: "GaussianProcess", x: Inputs, axis: int | None, mean: Array, explained: Array):
    """Posterior variance per channel: the prior variance less what is explained."""
    # next to exact observations rounding may leave less than nothing
    variance = jnp.maximum(functionals_at(x, axis).variances(prior.kernel) - explained, 0)
    return jnp.broadcast_to(variance[:, None], mean.shape)


def _variances(prior: "GaussianProcess", solution: AbstractSolution, x: Inputs, axis: int | None):
    """Means and variances."""
    mean, cross = _mean(prior, solution, x, axis)
    left, right = solution.factors(cross)
    # the diagonal of left^T right
    return mean, _less(prior, x, axis, mean, (left * right).sum(0))


def _covariances(prior: "GaussianProcess", solution: AbstractSolution, x: Inputs, axis: int | None):
    """Means, variances and the covariance matrix."""
    mean, cross = _mean(prior, solution, x, axis)
    left, right = solution.factors(cross)
    # left(x)^T right(x'), symmetric up to the errors of the solver
    explained = left.T @ right
    covariance = _prior_covariance(prior, x, axis) - (explained + explained.T) / 2
    return mean, _less(prior, x, axis, mean, explained.diagonal()), covariance


@compiled
def _prior_covariance(prior: "GaussianProcess", x: Inputs, axis: int | None) -> Float[Array, "n n"]:
    return gram_all(prior.kernel, (functionals_at(x, axis),))


_joint = compiled(_covariances)


@compiled
def _pointwise(
    prior: "GaussianProcess", solution: AbstractSolution, x: Inputs, axis: int | None, size: int
):
    return in_blocks(lambda part: _variances(prior, solution, part, axis), size)(x)
