"""Sine waves, amplitude sin(frequency u + phase), and the exponential function.

With m = frequency^2 (q11 + q22) / 2 and w = frequency^2 q12,

    E[phi phi] = amplitude^2 exp(-m) (cos^2(phase) sinh w + sin^2(phase) cosh w),

and in E[phi' phi'] sinh and cosh change places, times frequency^2.
"""

from abc import abstractmethod
from math import pi, sqrt
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.errors import ModelError
from riesz.networks._activations._activation import AbstractExactActivation
from riesz.networks._activations._pair import Duals, Numbers

Scalar = float | Float[Array, ""]


class Wave(NamedTuple):
    """amplitude^2, frequency^2, and cos^2(phase), the share of the sine."""

    power: float
    square_frequency: Scalar
    odd: float


class AbstractSinusoid(AbstractExactActivation):
    """amplitude sin(frequency u + phase)."""

    @property
    @abstractmethod
    def wave(self) -> Wave:
        """Amplitude, frequency and phase."""

    def duals(self, q11: Numbers, q12: Numbers, q22: Numbers) -> Duals:
        power, square_frequency, odd = self.wave
        square_frequency = jnp.asarray(square_frequency, q12.dtype)
        if odd == 0.5:  # of equal shares only exp(w) remains
            a, w, b = (square_frequency * q for q in (q11, q12, q22))
            # m - w = ((a - w) + (b - w)) / 2: exact where u and v are nearly equal
            half = power / 2 * jnp.exp(-((a - w) + (b - w)) / 2)
            return half, square_frequency * half
        sinh, cosh = _hyperbolic(*(square_frequency * q for q in (q11, q12, q22)))
        return (
            power * (odd * sinh + (1 - odd) * cosh),
            power * square_frequency * (odd * cosh + (1 - odd) * sinh),
        )


class Sin(AbstractSinusoid):
    """sin(u)."""

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.sin(x)

    @property
    def wave(self) -> Wave:
        return Wave(1.0, 1.0, odd=1.0)


class Cos(AbstractSinusoid):
    """cos(u)."""

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.cos(x)

    @property
    def wave(self) -> Wave:
        return Wave(1.0, 1.0, odd=0.0)


class Rbf(AbstractSinusoid):
    """sqrt(2) sin(sqrt(2 gamma) u + pi/4): the kernel exp(-gamma E[(u - v)^2]) of a network.

    A wave with random weights and a phase, as in random Fourier features (Rahimi and Recht 2007).
    """

    gamma: Scalar

    def __check_init__(self):
        if isinstance(self.gamma, int | float) and not 0 < self.gamma < float("inf"):
            raise ModelError(
                "the inverse square width of a radial basis function is positive",
                where="Rbf(gamma)",
                expected="gamma > 0",
                found=self.gamma,
            )

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        frequency = jnp.sqrt(2 * jnp.asarray(self.gamma, x.dtype))
        return sqrt(2) * jnp.sin(frequency * x + pi / 4)

    @property
    def wave(self) -> Wave:
        return Wave(2.0, 2 * self.gamma, odd=0.5)


def _hyperbolic(a: Numbers, w: Numbers, b: Numbers) -> tuple[Numbers, Numbers]:
    """exp(-(a + b) / 2) sinh(w) and exp(-(a + b) / 2) cosh(w), for |w| <= (a + b) / 2."""
    # exp(w - m) and exp(-w - m), m = (a + b) / 2
    near, far = jnp.exp(-((a - w) + (b - w)) / 2), jnp.exp(-((a + w) + (b + w)) / 2)
    small = jnp.abs(w) < 1
    # The difference of two exponentials loses the digits of a small w, and expm1 of a large one
    # overflows.
    sinh = jnp.where(small, far * jnp.expm1(2 * jnp.where(small, w, 0)), near - far) / 2
    return sinh, (near + far) / 2


class Exp(AbstractExactActivation):
    """exp(u): both expectations are exp((q11 + q22) / 2 + q12), that of a log-normal variable."""

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.exp(x)

    def duals(self, q11: Numbers, q12: Numbers, q22: Numbers) -> Duals:
        expectation = jnp.exp((q11 + q22) / 2 + q12)
        return expectation, expectation
