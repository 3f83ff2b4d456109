"""Geometry of a pair of jointly Gaussian numbers, safe at the diagonal and at zero.

(u, v) ~ N(0, [[q11, q12], [q12, q22]]) are r = sqrt(q11 q22) times vectors at the angle theta,
with cos theta = q12 / r and sin theta = sqrt(q11 q22 - q12^2) / r. Nearly equal inputs have a
small angle, which arccos(q12 / r) has to half the digits only. Here it comes from the
difference r - q12, which is exact there: sin^2(theta / 2) = (r - q12) / 2r.
"""

from math import pi
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Numbers = Float[Array, "..."]
Duals = tuple[Numbers, Numbers]

# arcsin(sqrt z) / sqrt z on [0, 1/2], highest power first: interpolation at Chebyshev points,
# whose error is 6e-18. A polynomial takes a fifth of the time of atan2.
_ARCSINE = (
    1.1264192878962558,
    -4.438816692138341,
    8.324983529598192,
    -9.669659398746141,
    7.768165374727311,
    -4.535791802932595,
    2.0016041109811895,
    -0.6641236302737036,
    0.18095746209629393,
    -0.026316324553440972,
    0.015091795028762608,
    0.010929349064890279,
    0.014019172040071687,
    0.01734931032715806,
    0.022372313172485808,
    0.030381939881673394,
    0.044642857225197834,
    0.07499999999921603,
    0.16666666666666963,
    1.0,
)


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


@jax.custom_jvp
def root(x: Numbers) -> Numbers:
    """The square root of a number that is positive up to rounding, with derivative 0 at 0."""
    # Not by `where(x > 0, ...)`: the compiler may compute x twice, rounded in different ways.
    return jnp.sqrt(jnp.maximum(x, 0))


@root.defjvp
def _root_slope(primals: tuple[Numbers], tangents: tuple[Numbers]) -> tuple[Numbers, Numbers]:
    value = root(*primals)
    positive = value > 0
    return value, jnp.where(positive, 0.5 / jnp.where(positive, value, 1), 0) * tangents[0]


def quotient(x: Numbers, y: Numbers) -> Numbers:
    """X / y, and 0 where y is 0."""
    return jnp.where(y == 0, 0, x / jnp.where(y == 0, 1, y))


def geometric_mean(q11: Numbers, q22: Numbers) -> Numbers:
    """sqrt(q11 q22), without overflow, and exactly q where both are q."""
    # Roots are taken before the arguments broadcast against each other, which is fast.
    product = root(q11) * root(q22)
    rounding = jnp.where(q11 == q22, q11 - product, 0)
    return product + jax.lax.stop_gradient(rounding)


def pair(q11: Numbers, q12: Numbers, q22: Numbers) -> Pair:
    """The geometry of covariances.

    Where a variance is zero the angle is that of the limit: 0 when both are, and a right angle
    when one is.
    """
    r = geometric_mean(q11, q22)
    random = r > 0
    inverse = 1 / jnp.where(random, r, 1)
    equal = jnp.where(q11 == q22, jnp.ones_like(r), 0)
    cosine = jnp.where(random, q12 * inverse, equal)
    # Sine and angle come from one root: their difference, of third order, is what is read of them.
    half = root((r - jnp.abs(q12)) * (inverse / 2))
    # sin(theta) = 2 sin(theta/2) cos(theta/2), as well of pi - theta
    sine = jnp.where(random, 2 * half * jnp.sqrt(1 - half * half), 1 - equal)
    acute = twice_arcsine(half)
    angle = jnp.where(random, jnp.where(q12 < 0, pi - acute, acute), pi / 2 * (1 - equal))
    return Pair(r, cosine, sine, angle)


def twice_arcsine(half: Numbers) -> Numbers:
    """2 arcsin(x) for |x| <= sqrt(1/2): the angle in [-pi/2, pi/2] with sin(angle / 2) = x."""
    square = half * half
    value = jnp.zeros_like(half)
    for coefficient in _ARCSINE:
        value = value * square + coefficient
    # arcsin(x) = x P(x^2)
    return 2 * half * value


class Noisy(NamedTuple):
    """A pair to which independent noise is added.

    `scale` is the geometric mean of the variances with noise, `inverse` its inverse, and `share`
    the part that is not noise, that is the geometric mean without noise divided by `scale`.
    `complement` is sqrt(1 - correlation^2), which the noise keeps positive, and `angle` the
    arcsine of the correlation.
    """

    scale: Numbers
    inverse: Numbers
    share: Numbers
    correlation: Numbers
    complement: Numbers
    angle: Numbers


def noisy_pair(q11: Numbers, q12: Numbers, q22: Numbers, noise: float) -> Noisy:
    """The geometry of (u + e, v + e') with independent e and e' of variance `noise`."""
    a, b = noise + q11, noise + q22
    # Roots and quotients are taken before the arguments broadcast against each other.
    root_a, root_b = jnp.sqrt(a), jnp.sqrt(b)
    inverse = (1 / root_a) * (1 / root_b)
    r = geometric_mean(q11, q22)
    share_a, share_b = noise / a, noise / b
    # 1 - q12^2 / (a b) = (1 - q11 q22 / (a b)) + (r^2 - q12^2) / (a b)
    square = share_a + share_b - share_a * share_b + ((r - q12) * inverse) * ((r + q12) * inverse)
    correlation, complement = q12 * inverse, jnp.sqrt(square)
    # sin(angle / 2) = sin(angle) / sqrt(2 + 2 cos(angle))
    angle = twice_arcsine(correlation * jax.lax.rsqrt(2 + 2 * complement))
    return Noisy(root_a * root_b, inverse, r * inverse, correlation, complement, angle)
