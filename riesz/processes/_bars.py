"""Distributions without a formula: probabilities of bins, and samples."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.tracing import traced
from riesz.domains import AbstractDiscretization
from riesz.errors import DataError
from riesz.functions import Function, take
from riesz.processes._fields import Field, Fields, field_on, fields_on, rows_of
from riesz.processes._marginals import AbstractMarginal, PerChannel, require_joint, require_level

_SUM = 1e-3  # by which probabilities may miss one, as sums of float32 do


class Bars(AbstractMarginal):
    """A density for each value that is constant on bins, such as a network gives.

    Values are independent between points and channels. With edges e_0 < ... < e_b and
    probabilities p_i of the bins,

        mean = sum_i p_i (e_{i-1} + e_i) / 2,
        variance = sum_i p_i ((m_i - mean)^2 + (e_i - e_{i-1})^2 / 12),   m_i the middle of a bin.

    **Arguments:**

    - `edges`: increasing, shape `(bins + 1,)`, or `(points, channels, bins + 1)` for bins of each
      value; axes of length one are repeated.
    - `probabilities`: not negative, of sum one, shape `(points, channels, bins)`. The density is
      p_i / (e_i - e_{i-1}).
    - `on`: the discretization of the points, where they have one.

    **Raises:** `DataError` for other shapes, edges that do not increase, and no probabilities.

    ```python
    marginal = Bars(jnp.linspace(-3, 3, 101), jax.nn.softmax(logits))
    marginal.mean, marginal.interval(0.9), marginal.cdf(0.0)
    ```
    """

    edges: Float[Array, "*#each edges"]
    probabilities: Float[Array, "points channels bins"]
    on: AbstractDiscretization | None

    def __init__(self, edges: Any, probabilities: Any, on: AbstractDiscretization | None = None):
        self.probabilities = jnp.asarray(probabilities)
        self.edges = jnp.asarray(edges, self.probabilities.dtype)
        self.on = on

    def __check_init__(self):
        edges, p = self.edges, self.probabilities
        bins = p.shape[-1] if p.ndim == 3 else 0
        pairs = zip(edges.shape, p.shape[:2], strict=False)
        each = edges.ndim == 3 and all(e in (1, n) for e, n in pairs)
        if not bins or edges.shape[-1:] != (bins + 1,) or not (edges.ndim == 1 or each):
            raise DataError(
                "bins are given by their edges and probabilities",
                where="Bars(edges, probabilities)",
                expected="edges of shape (bins + 1,), probabilities (points, channels, bins)",
                found=f"shapes {edges.shape} and {p.shape}",
            )
        if traced(edges, p):
            return
        widths, total = np.diff(np.asarray(edges)), np.asarray(p).sum(-1)
        positive = (widths > 0).all() and (np.asarray(p) >= 0).all()
        if not positive or not (abs(total - 1) < _SUM).all():
            raise DataError(
                "bins have positive widths, and probabilities of sum one",
                where="Bars(edges, probabilities)",
                expected="increasing edges, probabilities >= 0 of sum 1",
                found=f"smallest width {widths.min():g}, smallest probability "
                f"{np.asarray(p).min():g}, sums {total.min():g} to {total.max():g}",
                repair="probabilities = jax.nn.softmax(logits), of bins that no two edges close",
            )

    @property
    def mean(self) -> Field:
        return field_on(self._mean(), self.on)

    @property
    def variance(self) -> Field:
        around = (self._middles() - self._mean()[..., None]) ** 2
        # variance of the uniform distribution on a bin
        inside = jnp.diff(self.edges) ** 2 / 12
        return field_on((self.probabilities * (around + inside)).sum(-1), self.on)

    @property
    def covariance(self) -> Float[Array, "..."]:
        return require_joint(None)

    def cdf(self, values: Any) -> Field:
        """The probability of at most these values: a number, or one for each point and channel."""
        given = rows_of(values) if isinstance(values, Function) else jnp.asarray(values)
        left = jnp.broadcast_to(self.edges[..., :-1], self.probabilities.shape)
        given = jnp.broadcast_to(given.astype(left.dtype), left.shape[:-1])
        # sum_i p_i of the part of bin i below the value
        share = jnp.clip((given[..., None] - left) / jnp.diff(self.edges), 0, 1)
        return field_on((self.probabilities * share).sum(-1), self.on)

    def quantile(self, probability: float) -> Field:
        """The value below which each value lies with this probability.

        **Raises:** `DataError` for a probability that is not between 0 and 1.
        """
        p = jnp.asarray(require_level(probability), self.edges.dtype)
        return field_on(self._quantiles(jnp.broadcast_to(p, self._shape())), self.on)

    def interval(self, level: float) -> tuple[Field, Field]:
        tail = (1 - require_level(level)) / 2
        return self.quantile(tail), self.quantile(1 - tail)

    def sample(self, n: int, *, key: PRNGKeyArray) -> Fields:
        uniform = jax.random.uniform(key, (n, *self._shape()), self.edges.dtype)
        return fields_on(jax.vmap(self._quantiles)(uniform), self.on)

    def rescaled(self, shift: PerChannel, scale: PerChannel) -> "Bars":
        own = self.edges if self.edges.ndim == 3 else self.edges[None, None]
        moved = shift[:, None].astype(own.dtype) + scale[:, None].astype(own.dtype) * own
        return Bars(moved, self.probabilities, self.on)

    def _shape(self) -> tuple[int, int]:
        return self.probabilities.shape[0], self.probabilities.shape[1]

    def _middles(self) -> Float[Array, "*#each bins"]:
        return (self.edges[..., :-1] + self.edges[..., 1:]) / 2

    def _mean(self) -> Float[Array, "points channels"]:
        return (self.probabilities * self._middles()).sum(-1)

    def _quantiles(self, p: Float[Array, "points channels"]) -> Float[Array, "points channels"]:
        """Inverse of the distribution function, linear in each bin."""
        ends = jnp.cumsum(self.probabilities, -1)
        # the sum is one up to rounding only
        target = p * ends[..., -1]
        # the first bin whose end reaches p has a positive probability
        bin = jnp.sum(ends < target[..., None], -1, keepdims=True)
        edges = jnp.broadcast_to(self.edges, (*self._shape(), self.edges.shape[-1]))
        own, end, low, high = (
            jnp.take_along_axis(array, bin + step, -1)[..., 0]
            for array, step in ((self.probabilities, 0), (ends, 0), (edges, 0), (edges, 1))
        )
        # F(e_i) - F(x) = p_i (1 - share)
        share = 1 - (end - target) / jnp.where(own > 0, own, 1)
        return low + jnp.clip(share, 0, 1) * (high - low)


class Draws(AbstractMarginal):
    """The distribution of samples: what is known of a process that can only be drawn from.

    Mean and covariance are those of the sample (the latter with n - 1), intervals are between its
    quantiles, and draws are samples chosen with replacement. All are estimates, with errors of
    order n^(-1/2).

    **Arguments:**

    - `draws`: what `process.sample(n, on=on, key=key)` gives: a batch of functions, or an array
      `(n, points, channels)`; n > 1.

    **Raises:** `DataError` for fewer than two draws.

    ```python
    marginal = Draws(process.sample(500, on=grid, key=key))
    lower, upper = marginal.interval(0.9)
    ```
    """

    values: Float[Array, "n points channels"]
    on: AbstractDiscretization | None

    def __init__(self, draws: Fields):
        function = isinstance(draws, Function)
        self.on = take(draws, 0).discretization if function else None
        values = draws.values if function else jnp.asarray(draws)
        self.values = values.reshape(values.shape[0], -1, values.shape[-1])

    def __check_init__(self):
        if self.values.ndim != 3 or len(self.values) < 2:
            raise DataError(
                "a distribution is estimated from two draws or more",
                where="Draws(draws)",
                expected="a batch of functions, or an array (n, points, channels), n > 1",
                found=f"values of shape {self.values.shape}",
            )

    @property
    def mean(self) -> Field:
        return field_on(self.values.mean(0), self.on)

    @property
    def variance(self) -> Field:
        return field_on(self.values.var(0, ddof=1), self.on)

    @property
    def covariance(self) -> Float[Array, "..."]:
        centred = self.values - self.values.mean(0)
        return jnp.einsum("npc,nqd->pcqd", centred, centred) / (len(centred) - 1)

    def interval(self, level: float) -> tuple[Field, Field]:
        tail = (1 - require_level(level)) / 2
        ends = jnp.quantile(self.values, jnp.asarray([tail, 1 - tail], self.values.dtype), axis=0)
        return field_on(ends[0], self.on), field_on(ends[1], self.on)

    def sample(self, n: int, *, key: PRNGKeyArray) -> Fields:
        chosen = jax.random.randint(key, (n,), 0, len(self.values))
        return fields_on(self.values[chosen], self.on)

    def rescaled(self, shift: PerChannel, scale: PerChannel) -> "Draws":
        dtype = self.values.dtype
        return Draws(fields_on(shift.astype(dtype) + scale.astype(dtype) * self.values, self.on))
