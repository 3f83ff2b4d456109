"""Distributions of a process at finitely many points."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import betainc, erf, ndtri
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.tracing import traced
from riesz.errors import DataError, ModelError
from riesz.processes._draws import square_root
from riesz.processes._fields import Field, Fields, fields_on, map_field, place_of, rows_of

PerChannel = Float[Array, " channels"]

_REACH = 60.0  # of the logarithm of a half-width, in units of the standard deviation
_HALVINGS = 64


class AbstractMarginal(eqx.Module):
    """The distribution of a process at finitely many points.

    Means, variances and standard deviations are `Function`s on a discretization and arrays
    `(points, channels)` on an array of inputs.
    """

    mean: eqx.AbstractVar[Field]
    variance: eqx.AbstractVar[Field]

    @property
    @abstractmethod
    def covariance(self) -> Float[Array, "..."]:
        """The covariance between the points.

        Shape `(points, points)` when channels are uncorrelated and share it, and otherwise
        `(points, channels, points, channels)`.

        **Raises:** `ModelError` when it was not asked for by `marginal(on=..., joint=True)`.
        """

    @abstractmethod
    def interval(self, level: float) -> tuple[Field, Field]:
        """The lower and the upper end of an interval for each value, which has probability `level`.

        Each tail beyond it has probability (1 - level) / 2. This is a statement about one value,
        not about all of them at once.

        **Raises:** `DataError` for a level that is not between 0 and 1.
        """

    @abstractmethod
    def sample(self, n: int, *, key: PRNGKeyArray) -> Fields:
        """`n` independent draws of the values at the points.

        Values at different points have their covariance where the distribution is a joint one,
        `marginal(on=..., joint=True)`, and are uncorrelated otherwise: right at each point, but
        not as functions.
        """

    @abstractmethod
    def rescaled(self, shift: PerChannel, scale: PerChannel) -> "AbstractMarginal":
        """The distribution of shift + scale f, with one number for each channel."""

    def __repr__(self) -> str:
        if traced(self):
            return eqx.tree_pformat(self)
        mean, deviation = (np.asarray(rows_of(f)) for f in (self.mean, self.standard_deviation))
        spans = [f"{v.min():.4g} to {v.max():.4g}" for v in (mean, deviation)]
        points, channels = mean.shape
        where = f"{points} point{'s' * (points > 1)} of {channels} channel{'s' * (channels > 1)}"
        name = type(self).__name__
        return f"{name} at {where}: mean {spans[0]}, standard deviation {spans[1]}"

    @property
    def standard_deviation(self) -> Field:
        """The standard deviation of each value."""
        return map_field(jnp.sqrt, self.variance)


class Normal(AbstractMarginal):
    """A normal distribution at finitely many points.

    `joint` is the covariance between the points, in one of the two shapes of
    `AbstractMarginal.covariance`, or None where only variances were computed.
    """

    mean: Field
    variance: Field
    joint: Float[Array, "..."] | None = None

    @property
    def covariance(self) -> Float[Array, "..."]:
        return require_joint(self.joint)

    def interval(self, level: float) -> tuple[Field, Field]:
        # P(|Z| < t) = 2 Phi(t) - 1
        half = ndtri((1 + require_level(level)) / 2)
        return _around(self.mean, self.variance, half)

    def sample(self, n: int, *, key: PRNGKeyArray) -> Fields:
        draws = _centred(self.variance, self.joint, n, key)
        return fields_on(rows_of(self.mean) + draws, place_of(self.mean))

    def rescaled(self, shift: PerChannel, scale: PerChannel) -> "Normal":
        mean, variance = moved(self.mean, shift, scale), moved(self.variance, 0, scale**2)
        return Normal(mean, variance, _rescaled_covariance(self.joint, scale))


class AbstractScaled(AbstractMarginal):
    """Given a random v > 0, values are normal with this mean and covariance v * `scale`."""

    mean: eqx.AbstractVar[Field]
    scale: eqx.AbstractVar[Field]
    joint: eqx.AbstractVar[Float[Array, "..."] | None]

    @abstractmethod
    def _factor(self) -> Float[Array, ""]:
        """The mean of v."""

    @property
    def variance(self) -> Field:
        factor = self._factor()
        return map_field(lambda scale: factor.astype(scale.dtype) * scale, self.scale)

    @property
    def covariance(self) -> Float[Array, "..."]:
        joint = require_joint(self.joint)
        # E v times the covariance at v = 1
        return self._factor().astype(joint.dtype) * joint

    def rescaled(self, shift: PerChannel, scale: PerChannel) -> "AbstractScaled":
        parts = moved(self.mean, shift, scale), moved(self.scale, 0, scale**2)
        marginal = eqx.tree_at(lambda marginal: (marginal.mean, marginal.scale), self, parts)
        if self.joint is None:
            return marginal
        covariance = _rescaled_covariance(self.joint, scale)
        return eqx.tree_at(lambda marginal: marginal.joint, marginal, covariance)


class StudentT(AbstractScaled):
    """A multivariate Student-t distribution at finitely many points.

    Given v ~ InverseGamma(degrees / 2, degrees / 2), values are normal with this mean and
    covariance v * `scale`. The mean exists for `degrees` > 1 and the variance,
    degrees / (degrees - 2) * `scale`, for `degrees` > 2; otherwise it is infinite.
    """

    degrees: Float[Array, ""]
    mean: Field
    scale: Field
    joint: Float[Array, "..."] | None = None

    def interval(self, level: float) -> tuple[Field, Field]:
        nu = self.degrees

        def inside(t: Array) -> Array:  # P(|T| < t) = 1 - I_{nu / (nu + t^2)}(nu / 2, 1 / 2)
            return 1 - betainc(nu / 2, jnp.asarray(0.5, t.dtype), nu / (nu + t**2))

        half = _half_width(inside, require_level(level), nu.dtype)
        return _around(self.mean, self.scale, half)

    def sample(self, n: int, *, key: PRNGKeyArray) -> Fields:
        first, second = jax.random.split(key)
        shape = self.degrees / 2
        # (nu / 2) / Gamma(nu / 2, 1)
        v = shape / jax.random.gamma(first, shape, (n,), self.degrees.dtype)
        return _scaled_draws(self, v, second)

    def _factor(self) -> Float[Array, ""]:
        # E v = nu / (nu - 2)
        finite = self.degrees > 2
        return jnp.where(finite, self.degrees / jnp.where(finite, self.degrees - 2, 1), jnp.inf)


class NormalMixture(AbstractScaled):
    """A scale mixture of normal distributions at finitely many points.

    Given v, values are normal with this mean and covariance v * `scale`; v is nodes[i] with
    probability weights[i].
    """

    nodes: Float[Array, " nodes"]
    weights: Float[Array, " nodes"]
    mean: Field
    scale: Field
    joint: Float[Array, "..."] | None = None

    def interval(self, level: float) -> tuple[Field, Field]:
        def inside(t: Array) -> Array:  # P(|sqrt(v) Z| < t) = E erf(t / sqrt(2 v))
            return jnp.sum(self.weights * erf(t / jnp.sqrt(2 * self.nodes)))

        half = _half_width(inside, require_level(level), self.nodes.dtype)
        return _around(self.mean, self.scale, half)

    def sample(self, n: int, *, key: PRNGKeyArray) -> Fields:
        first, second = jax.random.split(key)
        v = jax.random.choice(first, self.nodes, (n,), p=self.weights)
        return _scaled_draws(self, v, second)

    def _factor(self) -> Float[Array, ""]:
        return jnp.sum(self.weights * self.nodes)


def require_level(level: float) -> float:
    """A probability between 0 and 1, both excluded."""
    if not 0 < level < 1:
        raise DataError(
            "the level of an interval is a probability",
            where="marginal(on=...).interval(level)",
            expected="0 < level < 1",
            found=level,
        )
    return level


def require_joint(joint: Float[Array, "..."] | None) -> Float[Array, "..."]:
    """The covariance, where it was computed."""
    if joint is None:
        raise ModelError(
            "this distribution was computed point by point, without the covariance between points",
            where="marginal(on=...).covariance",
            expected="a joint distribution",
            found="variances only",
            repair="ask for it: process.marginal(on=..., joint=True)",
        )
    return joint


def _around(mean: Field, variance: Field, half: Array) -> tuple[Field, Field]:
    """Mean -+ half * sqrt(variance)."""
    width = map_field(lambda v: half.astype(v.dtype) * jnp.sqrt(v), variance)
    spread = width.values if place_of(width) else width
    return map_field(lambda m: m - spread, mean), map_field(lambda m: m + spread, mean)


def _half_width(inside: Callable[[Array], Array], level: float, dtype: Any) -> Float[Array, ""]:
    """The t > 0 with inside(t) = level, by bisection of log t."""

    def halve(_: Any, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        # P(|X| < t) increases with t
        below = inside(jnp.exp(middle)) < level
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    ends = jnp.asarray(-_REACH, dtype), jnp.asarray(_REACH, dtype)
    low, high = jax.lax.fori_loop(0, _HALVINGS, halve, ends)
    return jnp.exp((low + high) / 2)


def _centred(
    variance: Field, joint: Float[Array, "..."] | None, n: int, key: PRNGKeyArray
) -> Float[Array, "n points channels"]:
    """Normal draws of mean zero, with covariances where they are known."""
    deviation = jnp.sqrt(rows_of(variance))
    normal = jax.random.normal(key, (n, *deviation.shape), deviation.dtype)
    if joint is None:
        return deviation * normal
    if joint.ndim == 2:
        # one covariance for all channels: (p, p) x (n, p, c) -> (n, p, c)
        return jnp.einsum("pq,nqc->npc", square_root(joint), normal)
    size = deviation.size
    # covariance of all values: (n, p c) x (p c, p c)
    return (normal.reshape(n, size) @ square_root(joint.reshape(size, size)).T).reshape(
        normal.shape
    )


def _scaled_draws(marginal: AbstractScaled, v: Float[Array, " n"], key: PRNGKeyArray) -> Fields:
    """One draw for each v: mean + sqrt(v) z, with z of covariance `scale`."""
    draws = _centred(marginal.scale, marginal.joint, len(v), key)
    root = jnp.sqrt(v).astype(draws.dtype)[:, None, None]
    return fields_on(rows_of(marginal.mean) + root * draws, place_of(marginal.mean))


def moved(field: Field | Fields, shift: Any, scale: Array) -> Any:
    """Shift + scale v for each value v, in its type."""
    return map_field(lambda v: jnp.asarray(shift, v.dtype) + scale.astype(v.dtype) * v, field)


def _rescaled_covariance(
    joint: Float[Array, "..."] | None, scale: PerChannel
) -> Float[Array, "..."] | None:
    """Cov(s_c f_c, s_d f_d) = s_c s_d Cov(f_c, f_d), between all values for several channels."""
    if joint is None:
        return None
    scale = scale.astype(joint.dtype)
    if joint.ndim == 2 and len(scale) == 1:
        return scale**2 * joint
    if joint.ndim == 2:
        # (p, q) -> (p, c, q, d), zero between channels
        joint = jnp.einsum("pq,cd->pcqd", joint, jnp.eye(len(scale), dtype=joint.dtype))
    # s_c along axis 1, s_d along axis 3
    return scale[:, None, None] * joint * scale
