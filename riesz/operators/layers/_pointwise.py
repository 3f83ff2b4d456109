"""Layers that act at each point on its own, and normalisation."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.domains import AbstractDiscretization

_LEAST = 1e-6  # added to variances


class ChannelNorm(eqx.Module):
    """(v - m) / sqrt(s^2 + 1e-6) * scale + shift, m and s^2 over the channels of each point."""

    scale: Float[Array, " c"]
    shift: Float[Array, " c"]

    def __init__(self, size: int):
        self.scale, self.shift = _identity(size)

    def __call__(self, v: Float[Array, "*n c"]) -> Float[Array, "*n c"]:
        centred = v - v.mean(-1, keepdims=True)
        variance = jnp.mean(centred**2, -1, keepdims=True)
        return centred * jax.lax.rsqrt(variance + _LEAST) * self.scale + self.shift


class IntegralNorm(eqx.Module):
    """(v - m) / sqrt(s^2 + 1e-6) * scale + shift, m and s^2 over the domain, for each channel.

    m = int v / |D| and s^2 = int (v - m)^2 / |D| are integrals, where an instance norm has means
    over points: it converges when points are refined, whatever their density.

    ```python
    v = IntegralNorm(32)(v, on)
    ```
    """

    scale: Float[Array, " c"]
    shift: Float[Array, " c"]

    def __init__(self, size: int):
        self.scale, self.shift = _identity(size)

    def __call__(self, v: Float[Array, "*n c"], on: AbstractDiscretization) -> Float[Array, "*n c"]:
        weights = on.weights.astype(v.dtype)
        weights = (weights / weights.sum())[..., None]
        axes = tuple(range(v.ndim - 1))
        centred = v - jnp.sum(weights * v, axes)
        # by weights also on meshes, where a variance by the mass matrix is no larger
        variance = jnp.sum(weights * centred**2, axes)
        return centred * jax.lax.rsqrt(variance + _LEAST) * self.scale + self.shift


def _identity(size: int) -> tuple[Float[Array, " c"], Float[Array, " c"]]:
    return jnp.ones(size), jnp.zeros(size)
