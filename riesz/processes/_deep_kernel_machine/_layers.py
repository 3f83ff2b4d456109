"""A network cut where its Gram matrices are learned."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.errors import ModelError
from riesz.networks import AbstractNetwork, Chain, Dense
from riesz.networks.internal import Covariances, Place

Inputs = Float[Array, "n *features"]
Others = Float[Array, "m *others"]
Variances = Float[Array, " n"]


class Layers(eqx.Module):
    """A network of infinite width as maps from one Gram matrix to the next.

    `head` has no weights and acts on inputs. Each of `maps` ends with a `Dense` layer, and maps
    the covariances of what enters it to those behind its fresh random weights, G -> K(G).
    """

    head: Chain
    maps: tuple[Chain, ...]

    def start(self, x: Inputs, y: Others) -> Covariances:
        """The covariances of the inputs themselves, x_i . y_j / d."""
        x, y = self._features(x), self._features(y)
        size = x.shape[1]
        xx, yy = (jnp.sum(v * v, 1) / size for v in (x, y))
        # (n, 1), (1, m) and (n, m)
        each = (xx[:, None], yy[None], x @ y.T / size)
        return Covariances(*each, ntk=None, shape=(size,))

    def _features(self, x: Inputs) -> Float[Array, "n d"]:
        shape = self.head.out_shape(x.shape[1:])
        if len(shape) != 1:
            raise ModelError(
                "a deep kernel machine learns Gram matrices of inputs, not of their positions",
                where="DeepKernelMachine(network)",
                expected="inputs that are vectors at the first Dense layer",
                found=f"shape {shape}",
                repair="begin the network with Flatten()",
            )
        if jax.tree.leaves(self.head.parameters(x.shape[1:], Place())):
            raise _unfit(str(self.head), "weights before the first Dense layer of the chain")
        return jax.vmap(lambda one: self.head.apply((None,) * len(self.head), one, None))(x)


def with_covariances(
    k: Covariances, xx: Variances, xy: Array, yy: Float[Array, " m"]
) -> Covariances:
    """The same place in the network with other covariances."""
    return replace(k, xx=xx[:, None], yy=yy[None], nngp=xy)


def cut(network: AbstractNetwork) -> Layers:
    """Cut a network behind each `Dense` layer of its chain.

    **Raises:** `ModelError` when it does not end with one, or has no other.
    """
    links = network.links if isinstance(network, Chain) else (network,)
    ends = [i for i, link in enumerate(links) if isinstance(link, Dense)]
    if len(ends) < 2 or ends[-1] != len(links) - 1:
        raise _unfit(str(network), f"{len(ends)} of them, the last layer is {links[-1]}")
    starts = [ends[0], *(i + 1 for i in ends[:-1])]
    maps = tuple(Chain(links[a : b + 1]) for a, b in zip(starts, ends, strict=True))
    return Layers(Chain(links[: ends[0]]), maps)


def _unfit(network: str, found: str) -> ModelError:
    return ModelError(
        "a deep kernel machine learns the Gram matrices of hidden Dense layers",
        where=f"DeepKernelMachine({network})",
        expected="a chain with two or more Dense layers, the last of them at its end, and no "
        "weights before the first",
        found=found,
        repair="such as Dense(1) >> Relu() >> Dense(1) >> Relu() >> Dense(1)",
    )
