"""The contract of an axis, and what axes share."""

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

Kind = Literal["vertex", "left", "right", "centre", "chebyshev", "uniform"]
# The kind of nodes of an axis, or their coordinates.
Nodes = Kind | tuple[float, ...]

_UNROLLED = 8  # terms of a stencil that are written out; longer ones are a loop


class AbstractAxis(eqx.Module):
    """`size` nodes on [lower, upper], in ascending order."""

    lower: eqx.AbstractVar[float]
    upper: eqx.AbstractVar[float]
    size: eqx.AbstractVar[int]
    nodes: eqx.AbstractVar[Nodes]

    @abstractmethod
    def coordinates(self) -> np.ndarray:
        """The nodes, shape (size,), float64."""

    @abstractmethod
    def weights(self) -> np.ndarray:
        """Quadrature weights, shape (size,), float64, positive, summing to upper - lower."""

    def cells(self) -> np.ndarray:
        """The length that each node stands for, shape (size,): even weights for rough functions.

        High-order weights vary from node to node next to the ends, which aliases what
        oscillates at the scale of the grid.
        """
        return self.weights()

    @abstractmethod
    def basis(self, x: Float[Array, " p"]) -> tuple[Int[Array, "p s"], Float[Array, "p s"]]:
        """Indices and weights such that f(x) = sum_s weight[:, s] f[index[:, s]]."""

    @abstractmethod
    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        """The `order`-th derivative (1 or 2) along the leading axis, at the nodes."""

    def resample(
        self,
        values: Float[Array, "n *rest"],
        onto: "AbstractAxis",
        sign: Float[Array, ""],
        offset: Float[Array, ""],
    ) -> Float[Array, "m *rest"]:
        """Values, along the leading axis, at the points sign * onto.coordinates() + offset."""
        # x (m,), index and weight (m, s)
        x = sign * jnp.asarray(onto.coordinates(), sign.dtype) + offset
        index, weight = self.basis(x)
        return contract(index, weight.astype(values.dtype), values)


def contract(
    index: Int[Array, "m s"], weight: Float[Array, "m s"], values: Float[Array, "n *rest"]
) -> Float[Array, "m *rest"]:
    """sum_s weight[:, s] values[index[:, s]]."""
    # the stencil is all n nodes in order: (m, n) x (n, *rest) -> (m, *rest)
    if index.shape[1] == values.shape[0]:
        return jnp.einsum("ms,s...->m...", weight, values)
    # weights (m,) of one s as (m, 1, ..., 1), against values (m, *rest)
    column = (slice(None), *(None,) * (values.ndim - 1))
    if index.shape[1] <= _UNROLLED:
        parts = [weight[:, s][column] * values[index[:, s]] for s in range(index.shape[1])]
        return sum(parts[1:], parts[0])

    # term = (index[:, s], weight[:, s])
    def add(total: Array, term: tuple[Array, Array]) -> tuple[Array, None]:
        return total + term[1][column] * values[term[0]], None

    zero = jnp.zeros((index.shape[0], *values.shape[1:]), values.dtype)
    return jax.lax.scan(add, zero, (index.T, weight.T))[0]


class AbstractGlobalAxis(AbstractAxis):
    """An axis whose interpolation uses all of its nodes, by cardinal functions."""

    @abstractmethod
    def cardinal(self, x: Float[Array, " p"]) -> Float[Array, "p n"]:
        """The functions that are 1 at one node and 0 at the others."""

    @abstractmethod
    def cardinal_derivative(self, weight: Float[Array, "p n"]) -> Float[Array, "p n"]:
        """Derivatives of the cardinal functions where they have the values `weight`."""

    def basis(self, x: Float[Array, " p"]) -> tuple[Int[Array, "p s"], Float[Array, "p s"]]:
        weight = _cardinal(self, x)
        return jnp.broadcast_to(jnp.arange(self.size), weight.shape), weight


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _cardinal(axis: AbstractGlobalAxis, x: Array) -> Array:
    return axis.cardinal(x)


@_cardinal.defjvp
def _cardinal_jvp(axis, primals, tangents):
    # at a node the barycentric quotient has no derivative; the differentiated interpolant has
    weight = _cardinal(axis, primals[0])
    # dl_k = l_k'(x) dx, (p, n) x (p, 1)
    return weight, axis.cardinal_derivative(weight) * tangents[0][:, None]


def barycentric(weight: Array, gap: Array, shape: Callable[[Array], Array]) -> Array:
    """Normalised weight / shape(gap); a point within rounding of a node takes its value."""
    # l_k(x) = (w_k / g(x - x_k)) / sum_j w_j / g(x - x_j), g = `shape`, gap (p, n)
    hit = jnp.abs(gap) < 1e-30
    ratio = weight / shape(jnp.where(hit, 1, gap))
    # at x_k the limit: 1 for k, 0 for the others
    ratio = jnp.where(hit.any(1, keepdims=True), hit.astype(gap.dtype), ratio)
    return ratio / ratio.sum(1, keepdims=True)
