"""Activations that are linear on each side of zero.

phi(u) = a u + b |u| has

    E[phi(u) phi(v)] = a^2 q12 + b^2 E|u v|,      E|u v| = (2/pi) [r sin t + q12 (pi/2 - t)],
    E[phi'(u) phi'(v)] = a^2 + b^2 (1 - 2 t / pi),

with r and t the scale and the angle of (u, v): the arc-cosine kernel of degree 1 (Cho and Saul
2009, "Kernel methods for deep learning", section 2) and its mirror images.
"""

from abc import abstractmethod
from math import pi

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.networks._activations._activation import AbstractExactActivation
from riesz.networks._activations._pair import Duals, Numbers, pair

Scalar = float | Float[Array, ""]


class AbstractPiecewiseLinear(AbstractExactActivation):
    """phi(u) = a u + b |u|."""

    @property
    @abstractmethod
    def parts(self) -> tuple[Scalar, Scalar]:
        """A and b."""

    def duals(self, q11: Numbers, q12: Numbers, q22: Numbers) -> Duals:
        odd, even = (jnp.asarray(part, q12.dtype) ** 2 for part in self.parts)
        geometry = pair(q11, q12, q22)
        # E[sign(u) sign(v)]
        signs = 1 - 2 * geometry.angle / pi
        # a^2 q12 + b^2 [(2/pi) r sin t + q12 (1 - 2 t / pi)]
        return odd * q12 + even * (2 / pi * geometry.area + q12 * signs), odd + even * signs


class Relu(AbstractPiecewiseLinear):
    """max(u, 0).

    ```python
    q = jnp.asarray(2.0)
    assert jnp.allclose(jnp.stack(Relu().duals(q, q, q)), jnp.asarray([1.0, 0.5]))
    ```
    """

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jax.nn.relu(x)

    @property
    def parts(self) -> tuple[Scalar, Scalar]:
        # (u + |u|) / 2
        return 0.5, 0.5


class LeakyRelu(AbstractPiecewiseLinear):
    """u for positive u, and `slope` u for negative: `LeakyRelu(0.1)`."""

    slope: Scalar

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.where(x > 0, x, jnp.asarray(self.slope, x.dtype) * x)

    @property
    def parts(self) -> tuple[Scalar, Scalar]:
        # (1 + s) / 2 u + (1 - s) / 2 |u|
        return (1 + self.slope) / 2, (1 - self.slope) / 2


class Abs(AbstractPiecewiseLinear):
    """|u|."""

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.abs(x)

    @property
    def parts(self) -> tuple[Scalar, Scalar]:
        return 0.0, 1.0
