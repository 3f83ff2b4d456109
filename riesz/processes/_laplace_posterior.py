"""Gaussian processes given labels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz._core.parameters import as_traced
from riesz._core.sobol import normal_points
from riesz._core.tracing import traced
from riesz.errors import DataError, SolverError
from riesz.processes._compiled import compiled
from riesz.processes._draws import draw_normal, square_root
from riesz.processes._fields import Field, Fields, field_on, fields_on
from riesz.processes._functionals import Inputs, in_blocks
from riesz.processes._inputs import inputs_of, require_key
from riesz.processes._labels import Labels
from riesz.processes._laplace import Curvature, approximate_posterior
from riesz.processes._marginals import Normal
from riesz.processes._process import AbstractProcess, On, RandomKey, register
from riesz.processes._system import BLOCK_FLOATS

if TYPE_CHECKING:
    from riesz.processes._gaussian_process import GaussianProcess

_NODES = 256  # of the quadrature over latent values, each with its mirror image


@register
class LaplacePosterior(AbstractProcess):
    """The latent process of classes given labels, made by `GaussianProcess.condition`.

    The Gaussian process with the mode of the posterior and the curvature there (Rasmussen and
    Williams 2006, sections 3.4 and 3.5). Samples and distributions are of the latent functions;
    `probabilities` are those of the classes.
    """

    prior: "GaussianProcess"
    labels: Labels
    weights: Float[Array, "n c"]
    curvature: Curvature
    converged: Bool[Array, ""]

    @property
    def exact(self) -> bool:
        """False: it is Laplace's approximation."""
        return False

    def condition(self, observations: Labels | Sequence[Labels]) -> "LaplacePosterior":
        """Given further labels: the same as conditioning once on all of them."""
        more = observations if isinstance(observations, Sequence) else [observations]
        return laplace_posterior(self.prior, [self.labels, *more])

    def marginal(self, *, on: On, joint: bool = False) -> Normal:
        x = inputs_of(on, self.weights.dtype)
        mean, own = _pointwise(self, as_traced(self.prior, x.dtype), x)
        variance = jnp.diagonal(own, axis1=1, axis2=2)
        covariance = _joint(self, as_traced(self.prior, x.dtype), x)[1] if joint else None
        if covariance is not None and mean.shape[1] == 1:
            covariance = covariance[:, 0, :, 0]
        return Normal(field_on(mean, on), field_on(variance, on), covariance)

    def sample(self, n: int, *, on: On, key: RandomKey) -> Fields:
        """Independent draws of the latent functions: O((points channels)^3) work."""
        require_key(key, "LaplacePosterior.sample(n, on=..., key=...)")
        x = inputs_of(on, self.weights.dtype)
        mean, covariance = _joint(self, as_traced(self.prior, x.dtype), x)
        draws = draw_normal(mean.reshape(-1, 1), _root(covariance), n, key)
        return fields_on(draws.reshape(n, *mean.shape), on)

    def probabilities(self, *, on: On) -> Field:
        """The probabilities of the classes, averaged over the latent values.

        One column per class; of a process with one channel the probability of label 1. Averages
        are over 512 quasi-random points, the same in every call, with errors of about 1e-3 in
        ten classes.
        """
        x = inputs_of(on, self.weights.dtype)
        prior = as_traced(self.prior, x.dtype)
        nodes = jnp.asarray(_normal_nodes(self.weights.shape[1]), x.dtype)
        return field_on(_probabilities(self, prior, x, nodes), on)


def laplace_posterior(prior: "GaussianProcess", labels: Sequence[Labels]) -> LaplacePosterior:
    """Condition on labels. Outside compiled code a failure raises."""
    together = _together(prior, labels)
    posterior = _condition(as_traced(prior, together.points.dtype), prior, together)
    if not traced(posterior.converged) and not bool(posterior.converged):
        raise SolverError(
            "Newton's method did not find the mode of the posterior",
            where="GaussianProcess.condition(labels)",
            expected="a mode at which the gradient vanishes up to rounding, within 100 steps",
            found=f"{len(together)} labels, kernel variances up to "
            f"{float(prior.kernel.diagonal(together.points).max()):.1e} in "
            f"{together.points.dtype}",
            repair="make the kernel's variance smaller, or compute in float64 (jax.enable_x64)",
        )
    return posterior


def laplace_evidence(prior: "GaussianProcess", labels: Sequence[Labels]) -> Float[Array, ""]:
    """Laplace's approximation of the log probability of the labels."""
    together = _together(prior, labels)
    return _evidence(as_traced(prior, together.points.dtype), together)


def _together(prior: "GaussianProcess", labels: Sequence[Labels]) -> Labels:
    """All labels as one, each of them a class of the process."""
    classes = max(2, prior.channels)
    for part in labels:
        if not traced(part.labels) and int(np.asarray(part.labels).max(initial=0)) >= classes:
            raise DataError(
                "there are more classes than the process has",
                where="GaussianProcess.condition(labels)",
                expected=f"labels below {classes} for {prior.channels} channels",
                found=f"a label {int(np.asarray(part.labels).max())}",
                repair="GaussianProcess(kernel, channels=classes); two classes need one channel",
            )
    if len(labels) == 1:
        return labels[0]
    points = jnp.concatenate([part.points for part in labels])
    return Labels(points, jnp.concatenate([part.labels for part in labels]))


@compiled
def _condition(traced: Any, prior: Any, labels: Labels) -> LaplacePosterior:
    kernel, mean = traced.kernel(labels.points), traced.mean_at(labels.points)
    weights, _, curved, converged, _ = approximate_posterior(kernel, mean, labels.labels)
    return LaplacePosterior(prior, labels, weights, curved, converged)


@compiled
def _evidence(prior: Any, labels: Labels) -> Float[Array, ""]:
    kernel, mean = prior.kernel(labels.points), prior.mean_at(labels.points)
    return approximate_posterior(kernel, mean, labels.labels)[4]


def _parts(posterior: LaplacePosterior, prior: Any, x: Inputs):
    """The mean, covariances c of the labelled with the new values, E c, and M^-1 E c."""
    cross, curved = prior.kernel(posterior.labels.points, x), posterior.curvature
    # m(x) + k(x, X) K^-1 (f - m)
    mean = prior.mean_at(x) + cross.T @ posterior.weights
    # (c, n, n) x (n, p) -> (c, n, p)
    images = jax.lax.map(lambda block: block @ cross, curved.blocks)
    return mean, cross, images, None if curved.total is None else curved.between(images)


def _at_points(posterior: LaplacePosterior, prior: Any, x: Inputs):
    """Means, and the covariance between the channels at each point."""
    mean, cross, images, shared = _parts(posterior, prior, x)
    # k(x, x) - k(x, X) E_c k(X, x): (c, p)
    own = prior.kernel.diagonal(x) - jnp.einsum("np,cnp->cp", cross, images)
    covariance = jnp.einsum("cp,cd->pcd", own, jnp.eye(mean.shape[1], dtype=own.dtype))
    if shared is not None:
        # k(x, X) E_c (sum_e E_e)^-1 E_d k(X, x)
        covariance += jnp.einsum("cnp,dnp->pcd", shared, shared)
    return mean, covariance


def _block_size(posterior: LaplacePosterior) -> int:
    return max(1, BLOCK_FLOATS // posterior.weights.size)


@compiled
def _pointwise(posterior: LaplacePosterior, prior: Any, x: Inputs):
    at_points = lambda part: _at_points(posterior, prior, part)  # noqa: E731
    return in_blocks(at_points, _block_size(posterior))(x)


@compiled
def _joint(posterior: LaplacePosterior, prior: Any, x: Inputs):
    """Means, and the covariance (points, channels, points, channels)."""
    mean, cross, images, shared = _parts(posterior, prior, x)
    # k(x, x') - k(x, X) E_c k(X, x'): (c, p, q)
    own = prior.kernel(x) - jnp.einsum("np,cnq->cpq", cross, images)
    identity = jnp.eye(mean.shape[1], dtype=own.dtype)
    covariance = jnp.einsum("cpq,cd->pcqd", (own + own.swapaxes(1, 2)) / 2, identity)
    if shared is not None:
        # k(x, X) E_c (sum_e E_e)^-1 E_d k(X, x')
        covariance += jnp.einsum("cnp,dnq->pcqd", shared, shared)
    return mean, covariance


@compiled
def _root(covariance: Array) -> Float[Array, "n n"]:
    size = covariance.shape[0] * covariance.shape[1]
    return square_root(covariance.reshape(size, size))


@compiled
def _probabilities(posterior: LaplacePosterior, prior: Any, x: Inputs, nodes: Array):
    def average(mean: Array, covariance: Array) -> Array:
        # f = mean + root z ~ N(mean, covariance): (nodes, c)
        latent = mean + nodes @ square_root(covariance).T
        one = latent.shape[1] == 1
        return (jax.nn.sigmoid(latent) if one else jax.nn.softmax(latent)).mean(0)

    def probabilities(part: Inputs) -> Array:
        return jax.vmap(average)(*_at_points(posterior, prior, part))

    size = min(_block_size(posterior), max(1, BLOCK_FLOATS // nodes.size))
    return in_blocks(probabilities, size)(x)


def _normal_nodes(dim: int) -> np.ndarray:
    """Sobol points of the standard normal distribution of R^dim, and their mirror images."""
    normal = normal_points(_NODES, dim)
    return np.concatenate([normal, -normal])
