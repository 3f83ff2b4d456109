"""Gauss-Legendre quadrature of the normal distribution, on panels split at given points."""

from functools import lru_cache
from math import pi, sqrt

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.networks._activations._pair import Numbers


def normal_panels(
    breaks: Float[Array, "*rows breaks"], order: int, reach: float
) -> tuple[Float[Array, "*rows nodes"], Float[Array, "*rows nodes"]]:
    """Nodes z and weights of E[f(z)], for f smooth between the breaks, on [-reach, reach].

    Two further breaks keep every panel so short that `order` nodes resolve the density.
    """
    points, weights = (jnp.asarray(x, breaks.dtype) for x in _legendre(order))
    count = breaks.shape[-1]
    # A break far out splits nothing that weighs: its panel does more in the middle.
    spare = jnp.linspace(-2.0, 2.0, count + 2, dtype=breaks.dtype)[1:-1]
    used = jnp.where(jnp.abs(breaks) < reach - 1.5, breaks, spare)
    fixed = jnp.asarray([-reach, -2.0, 2.0, reach], breaks.dtype)
    fixed = jnp.broadcast_to(fixed, (*breaks.shape[:-1], 4))
    edges = jnp.sort(jnp.concatenate([fixed, used], -1), -1)
    half = (edges[..., 1:] - edges[..., :-1]) / 2
    z = (edges[..., :-1] + half)[..., None] + half[..., None] * points
    density = jnp.exp(-(z**2) / 2) / sqrt(2 * pi)
    shape = (*breaks.shape[:-1], -1)
    return z.reshape(shape), (half[..., None] * weights * density).reshape(shape)


def positions(kinks: tuple[float, ...], std: Numbers) -> Float[Array, "... kinks"]:
    """Where std z meets the kinks, held within a range that squares of floats leave finite."""
    safe = jnp.maximum(std, 1e-8)[..., None]
    return jnp.clip(jnp.asarray(kinks, safe.dtype) / safe, -1e4, 1e4)


@lru_cache(maxsize=8)
def _legendre(order: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(order)
