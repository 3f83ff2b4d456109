"""Nodes on a circle: piecewise polynomials."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from riesz.domains._axes._axis import AbstractAxis, Nodes
from riesz.domains._axes._equispaced import derivative_stencil, lagrange

LEAST = 8  # nodes that the stencils need


class CircleAxis(AbstractAxis):
    """The nodes of a `UniformAxis` with the 6 nearest for interpolation and 7 for derivatives.

    Order 6. What is not smooth somewhere, such as a field next to a hole, stays there; the
    Fourier interpolant spreads it over the circle.
    """

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    size: int = eqx.field(static=True)
    nodes: Nodes = eqx.field(static=True, default="uniform")

    @property
    def step(self) -> float:
        """The distance of neighbours."""
        return (self.upper - self.lower) / self.size

    def coordinates(self) -> np.ndarray:
        return self.lower + self.step * np.arange(self.size)

    def weights(self) -> np.ndarray:
        return np.full(self.size, self.step)

    def basis(self, x: Float[Array, " p"]) -> tuple[Int[Array, "p s"], Float[Array, "p s"]]:
        # t = (x - a) / h; nodes floor(t) - 2, ..., floor(t) + 3
        t = (x - self.lower) / self.step
        first = jnp.floor(t).astype(int) - 2
        # l_0, ..., l_5 at t - first, which lies in [2, 3): (p, 6)
        weight = lagrange(t - first.astype(t.dtype), 6, jnp)
        return (first[:, None] + jnp.arange(6)) % self.size, weight

    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        # f^(order)(x_i) = h^-order sum_s w_s f_{i + s - 3}, w the centred row
        middle = derivative_stencil(7, order)[3] / self.step**order
        weight = jnp.asarray(middle, values.dtype)
        parts = [weight[s] * jnp.roll(values, 3 - s, axis=0) for s in range(7)]
        return sum(parts[1:], parts[0])
