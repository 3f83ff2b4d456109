"""The residual block of neural operators."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.draws import split
from riesz._core.layers import MLP, Pointwise
from riesz.domains import AbstractDiscretization


class IntegralBlock(eqx.Module):
    """v -> v + M(gelu(K v + W v + b)): K an integral operator, W and M pointwise.

    **Arguments:**

    - `integral`: K, called as `integral(v, on, shared)`.
    - `width`: channels. `hidden`: hidden channels of M.

    `shared` is what the layers of an operator compute once for the points, such as the
    transforms of a grid or the neighbours of nodes.
    """

    integral: eqx.Module
    local: Pointwise
    mix: MLP

    def __init__(self, integral: eqx.Module, width: int, hidden: int, *, key: PRNGKeyArray):
        k1, k2 = split(key, 2)
        self.integral = integral
        self.local = Pointwise(width, width, key=k1)
        self.mix = MLP((width, hidden, width), gain=0.5, key=k2)

    def __call__(
        self, v: Float[Array, "*n c"], on: AbstractDiscretization, shared: Any = None
    ) -> Float[Array, "*n c"]:
        integral: Any = self.integral
        return v + self.mix(jax.nn.gelu(integral(v, on, shared) + self.local(v)))
