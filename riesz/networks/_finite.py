"""The finite reading of a network."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import DataError
from riesz.networks._network import AbstractNetwork, Parameters, Shape
from riesz.networks._parameter import Parameter, Place


class FiniteNetwork(eqx.Module):
    """A network with weights, for one input of a fixed shape.

    `weights` is the tree of trained arrays; each acts multiplied by its entry of `factors`.
    Made by `AbstractNetwork.init` or by a `Scaling`.
    """

    weights: Any
    network: AbstractNetwork = eqx.field(static=True)
    factors: tuple[float, ...] = eqx.field(static=True)
    shape: Shape = eqx.field(static=True)

    def __call__(
        self, x: Float[Array, "..."], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "..."]:
        """The output for one input; a batch is `jax.vmap`.

        **Arguments:**

        - `x`: shape `(*space, channels)`.
        - `key`: for dropout, which acts only when a key is given.

        **Raises:** `DataError` when x has another shape than the network was made for.
        """
        if x.shape != self.shape:
            batch = x.shape[1:] == self.shape
            raise DataError(
                "the network was made for inputs of another shape",
                where="FiniteNetwork(x)",
                expected=f"shape {self.shape}",
                found=f"shape {x.shape}",
                repair="jax.vmap(network)(x) maps a batch"
                if batch
                else "make the network with network.init(shape, key=key)",
            )
        return self.network.apply(self.acting(), x, key)

    def acting(self) -> Any:
        """The weights as they act: each trained array times its factor."""
        leaves, tree = jax.tree.flatten(self.weights)
        scaled = [f * w for f, w in zip(self.factors, leaves, strict=True)]
        return jax.tree.unflatten(tree, scaled)


def initialise(
    network: AbstractNetwork,
    shape: Shape,
    stds: Sequence[float],
    factors: Sequence[float],
    *,
    key: PRNGKeyArray,
) -> FiniteNetwork:
    """The finite network whose arrays have, in their order, these deviations and factors."""
    leaves, tree = jax.tree.flatten(draw(declare(network, shape), key))
    # std_i z_i, with entries of z_i of variance one
    weights = [std * w for std, w in zip(stds, leaves, strict=True)]
    return FiniteNetwork(jax.tree.unflatten(tree, weights), network, tuple(factors), shape)


def one_shape(network: AbstractNetwork, shape: int | Shape) -> Shape:
    """The shape of one input as a tuple; raises when the network does not take it."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    network.out_shape(shape)
    return shape


def declare(network: AbstractNetwork, shape: Shape) -> Parameters:
    """The parameters that a network declares for an input of this shape."""
    return network.parameters(shape, Place())


def draw(declared: Parameters, key: PRNGKeyArray) -> Any:
    """Arrays of mean zero and variance one in the place of the declared parameters."""
    leaves, tree = jax.tree.flatten(declared)
    drawn = [_draw(p, jax.random.fold_in(key, i)) for i, p in enumerate(leaves)]
    return jax.tree.unflatten(tree, drawn)


def _draw(parameter: Parameter, key: PRNGKeyArray) -> Float[Array, "..."]:
    columns = parameter.shape[-1]
    rows = 1 if parameter.bias else parameter.fan_in
    # (fan_in, columns), of a bias (1, columns)
    return parameter.weights.sample(rows, columns, key=key).reshape(parameter.shape)
