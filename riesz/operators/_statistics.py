"""Mean and deviation of each channel over functions, in float64 on the host."""

from collections.abc import Iterable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from riesz._core.parameters import Frozen
from riesz.domains import AbstractDiscretization
from riesz.functions import Function


def batch_weights(functions: Function) -> Float[np.ndarray, "n *shape"]:
    """Quadrature weights of each sample of a batch; 0 at masked and padded points."""
    shape = functions.values.shape[:-1]
    on = functions.discretization
    if not jax.tree.leaves(on):  # one grid for all samples
        return np.broadcast_to(np.asarray(on.weights, np.float64), shape)
    weights = jax.vmap(lambda f: f.discretization.weights)(functions)
    return np.broadcast_to(np.asarray(weights, np.float64), shape)


def present_values(functions: Function) -> Float[np.ndarray, "n *shape c"]:
    """Values of a batch in float64, 0 where the weight is 0."""
    values = np.asarray(functions.values, np.float64)
    return np.where(batch_weights(functions)[..., None] > 0, values, 0)


def shares(on: AbstractDiscretization, channels: int) -> Float[np.ndarray, "*shape c"]:
    """Weights of each channel, which sum to 1 over the domain of the channel; 0 elsewhere."""
    parts = []
    for part, empty in on.components(np.zeros((*on.shape, channels))):
        # w_i / V, (*shape) -> (*shape, c)
        weights = np.asarray(part.weights, np.float64)
        parts.append(empty + (weights / weights.sum())[..., None])
    return on.joined(parts)


class _Moments(NamedTuple):
    """Volume, integral means and squares, and extremes of each channel of functions so far."""

    volume: float = 0.0
    mean: np.ndarray = np.zeros(())
    square: np.ndarray = np.zeros(())
    low: np.ndarray = np.asarray(np.inf)
    high: np.ndarray = np.asarray(-np.inf)

    def added(self, functions: Function) -> "_Moments":
        """Those of a batch more."""
        weights, values = batch_weights(functions), present_values(functions)
        here = float(weights.sum())
        if not here:
            return self
        axes = tuple(range(values.ndim - 1))
        # int v / V and int (v - average)^2 of the batch, (c,)
        average = np.tensordot(weights, values, weights.ndim) / here
        spread = np.tensordot(weights, (values - average) ** 2, weights.ndim)
        # merged as in Chan, Golub and LeVeque 1983
        total = self.volume + here
        # (m_2 - m_1)^2 V_1 V_2 / (V_1 + V_2) is added to the squares about the common mean
        apart = (average - self.mean) ** 2 * (self.volume * here / total)
        there = weights[..., None] > 0
        return _Moments(
            total,
            self.mean + (average - self.mean) * (here / total),
            self.square + spread + apart,
            np.minimum(self.low, values.min(axes, where=there, initial=np.inf)),
            np.maximum(self.high, values.max(axes, where=there, initial=-np.inf)),
        )

    @property
    def deviation(self) -> np.ndarray:
        """0 of a channel that is constant."""
        if not self.volume:
            return self.square
        # (int (v - m)^2 / V)^(1/2)
        return np.where(self.high > self.low, np.sqrt(self.square / self.volume), 0)


class Affine(eqx.Module):
    """Mean and standard deviation of each channel, as integrals over the domain and the data.

    A channel that is constant has deviation 0.
    """

    mean: Frozen
    deviation: Frozen

    @classmethod
    def identity(cls, channels: int) -> "Affine":
        """Mean 0, deviation 1."""
        return cls(Frozen(jnp.zeros(channels)), Frozen(jnp.ones(channels)))

    @classmethod
    def of(cls, batches: Iterable[Function]) -> "Affine":
        """The statistics of all functions of some batches, at their points of positive weight.

        m_c = sum_i int v_c / sum_i V_i and s_c^2 = sum_i int (v_c - m_c)^2 / sum_i V_i, V_i being
        the volume that sample i covers of the domain of channel c.
        """
        moments: list[_Moments] = []
        for functions in batches:
            parts = functions.components
            moments = moments or [_Moments() for _ in parts]
            moments = [m.added(f) for m, f in zip(moments, parts, strict=True)]
        mean = np.concatenate([np.atleast_1d(m.mean) for m in moments])
        deviation = np.concatenate([np.atleast_1d(m.deviation) for m in moments])
        return cls(Frozen(jnp.asarray(mean, float)), Frozen(jnp.asarray(deviation, float)))

    @property
    def unit(self) -> Float[jax.Array, " c"]:
        """s_c where the channel varies; |m_c|, or 1 for a zero channel, where it does not."""
        size = jnp.abs(self.mean.value)
        return jnp.where(
            self.deviation.value > 0, self.deviation.value, jnp.where(size > 0, size, 1)
        )

    def forward(self, f: Function) -> Function:
        """(f - mean) / unit."""
        return (f - self.mean.value) / self.unit

    def inverse(self, f: Function) -> Function:
        """F * deviation + mean: a channel that was constant in the data stays constant."""
        return f * self.deviation.value + self.mean.value
