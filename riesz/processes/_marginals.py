"""Laws of a process at finitely many points."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz._core.tracing import traced
from riesz.errors import ModelError
from riesz.functions import Function

if TYPE_CHECKING:
    Field = Any  # which of the two is known by `on`
    Fields = Any
else:
    Field = Function | Float[Array, "points channels"]
    Fields = Function | Float[Array, "n points channels"]


class AbstractMarginal(eqx.Module):
    """The law of a process at finitely many points.

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

    def __repr__(self) -> str:
        if traced(self):
            return eqx.tree_pformat(self)
        mean, deviation = (
            np.asarray(f.values if isinstance(f, Function) else f)
            for f in (self.mean, self.standard_deviation)
        )
        spans = [f"{v.min():.4g} to {v.max():.4g}" for v in (mean, deviation)]
        points, channels = mean.size // mean.shape[-1], mean.shape[-1]
        where = f"{points} point{'s' * (points > 1)} of {channels} channel{'s' * (channels > 1)}"
        name = type(self).__name__
        return f"{name} at {where}: mean {spans[0]}, standard deviation {spans[1]}"

    @property
    def standard_deviation(self) -> Field:
        """The standard deviation of each value."""
        return map_field(jnp.sqrt, self.variance)


class Normal(AbstractMarginal):
    """A normal law at finitely many points.

    `joint` is the covariance between the points, in one of the two shapes of
    `AbstractMarginal.covariance`, or None where only variances were computed.
    """

    mean: Field
    variance: Field
    joint: Float[Array, "..."] | None = None

    @property
    def covariance(self) -> Float[Array, "..."]:
        return require_joint(self.joint)


class StudentT(AbstractMarginal):
    """A multivariate Student-t law at finitely many points.

    Given v ~ InverseGamma(degrees / 2, degrees / 2), values are normal with this mean and
    covariance v * `scale`. The mean exists for `degrees` > 1 and the variance,
    degrees / (degrees - 2) * `scale`, for `degrees` > 2; otherwise it is infinite.
    """

    degrees: Float[Array, ""]
    mean: Field
    scale: Field
    joint: Float[Array, "..."] | None = None

    @property
    def variance(self) -> Field:
        factor = self._factor()
        return map_field(lambda scale: factor * scale, self.scale)

    @property
    def covariance(self) -> Float[Array, "..."]:
        return self._factor() * require_joint(self.joint)

    def _factor(self) -> Float[Array, ""]:
        finite = self.degrees > 2
        return jnp.where(finite, self.degrees / jnp.where(finite, self.degrees - 2, 1), jnp.inf)


def map_field(f, field: Field) -> Field:
    """The function f of each value."""
    if isinstance(field, Function):
        return Function(f(field.values), field.discretization, field.space)
    return f(field)


def require_joint(joint: Float[Array, "..."] | None) -> Float[Array, "..."]:
    """The covariance, where it was computed."""
    if joint is None:
        raise ModelError(
            "this law was computed point by point, without the covariance between points",
            where="marginal(on=...).covariance",
            expected="a joint law",
            found="variances only",
            repair="ask for it: process.marginal(on=..., joint=True)",
        )
    return joint
