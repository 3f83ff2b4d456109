"""Geometry of a pair of jointly Gaussian numbers, safe at the diagonal and at zero.

(u, v) ~ N(0, [[q11, q12], [q12, q22]]) are r = sqrt(q11 q22) times vectors at the angle theta,
with cos theta = q12 / r and sin theta = sqrt(q11 q22 - q12^2) / r. Nearly equal inputs have a
small angle, which arccos(q12 / r) knows to half the digits only. Here it comes from the
difference r - q12, which is exact there, by atan2.
"""

from math import pi
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Numbers = Float[Array, "..."]


class Pair(NamedTuple):
    """The common scale r, the cosine and sine of the angle, and the angle in [0, pi]."""

    scale: Numbers
    cosine: Numbers
    sine: Numbers
    angle: Numbers

    @property
    def area(self) -> Numbers:
        """sqrt(q11 q22 - q12^2)."""
        return self.scale * self.sine

    @property
    def density(self) -> Numbers:
        """The density of (u, v) at zero; infinite, with derivative 0, where the area is 0."""
        area = 2 * pi * self.area
        return jnp.where(area > 0, 1 / jnp.where(area > 0, area, 1), jnp.inf)


def root(x: Numbers) -> Numbers:
    """The square root of a number that is positive up to rounding, with derivative 0 at 0."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), 0)


def quotient(x: Numbers, y: Numbers) -> Numbers:
    """X / y, and 0 where y is 0."""
    return jnp.where(y == 0, 0, x / jnp.where(y == 0, 1, y))


def geometric_mean(q11: Numbers, q22: Numbers) -> Numbers:
    """sqrt(q11 q22), without overflow, and exactly q where both are q."""
    # The function is homogeneous, so that a scale taken for constant leaves derivatives right.
    largest = jax.lax.stop_gradient(jnp.maximum(q11, q22))
    largest = jnp.where(largest > 0, largest, 1)
    return largest * root((q11 / largest) * (q22 / largest))


def pair(q11: Numbers, q12: Numbers, q22: Numbers) -> Pair:
    """The geometry of covariances.

    Where a variance is zero the angle is that of the limit: 0 when both are, and a right angle
    when one is.
    """
    r = geometric_mean(q11, q22)
    random = r > 0
    scale = jnp.where(random, r, 1)
    equal = jnp.where(q11 == q22, jnp.ones_like(r), 0)
    cosine = jnp.where(random, q12 / scale, equal)
    sine = jnp.where(random, root((r - q12) / scale * ((r + q12) / scale)), 1 - equal)
    return Pair(r, cosine, sine, jnp.arctan2(sine, cosine))


class Noisy(NamedTuple):
    """A pair to which independent noise is added: sqrt of the variances, and the correlation.

    `complement` is sqrt(1 - correlation^2), which the noise keeps positive.
    """

    scale: Numbers
    correlation: Numbers
    complement: Numbers


def noisy_pair(q11: Numbers, q12: Numbers, q22: Numbers, noise: float) -> Noisy:
    """The geometry of (u + e, v + e') with independent e and e' of variance `noise`."""
    a, b = noise + q11, noise + q22
    scale = jnp.sqrt(a) * jnp.sqrt(b)
    r = geometric_mean(q11, q22)
    share_a, share_b = noise / a, noise / b
    square = share_a + share_b - share_a * share_b + (r - q12) / scale * ((r + q12) / scale)
    return Noisy(scale, q12 / scale, jnp.sqrt(square))
