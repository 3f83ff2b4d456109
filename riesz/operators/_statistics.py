"""Mean and deviation of each channel over functions, in float64 on the host."""

from collections.abc import Iterable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from riesz._core.parameters import Frozen
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
        the volume that sample i covers.
        """
        volume, mean, square = 0.0, np.zeros(()), np.zeros(())
        low, high = np.asarray(np.inf), np.asarray(-np.inf)
        for functions in batches:
            weights, values = batch_weights(functions), present_values(functions)
            here = float(weights.sum())
            if not here:
                continue
            axes = tuple(range(values.ndim - 1))
            average = np.tensordot(weights, values, weights.ndim) / here
            spread = np.tensordot(weights, (values - average) ** 2, weights.ndim)
            # merged as in Chan, Golub and LeVeque 1983
            total = volume + here
            square = square + spread + (average - mean) ** 2 * (volume * here / total)
            mean, volume = mean + (average - mean) * (here / total), total
            there = weights[..., None] > 0
            low = np.minimum(low, values.min(axes, where=there, initial=np.inf))
            high = np.maximum(high, values.max(axes, where=there, initial=-np.inf))
        deviation = np.where(high > low, np.sqrt(square / volume), 0) if volume else square
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
