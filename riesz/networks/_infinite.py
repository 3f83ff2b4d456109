"""The reading of a network at infinite width."""

from dataclasses import replace
from math import prod
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz._core.blocks import fitting, mapped
from riesz.errors import DataError, ModelError
from riesz.kernels import AbstractKernel
from riesz.kernels.internal import Inputs, Others
from riesz.networks._activations import AbstractActivation
from riesz.networks._covariances import Covariances, Level, Needs
from riesz.networks._network import AbstractNetwork, Chain, Shape
from riesz.networks._tiles import tiled, with_diagonal

# Entries of one covariance in a tile: arrays of this size fit the last cache (4 MiB in float64).
_TILE = 2**19


class Limits(NamedTuple):
    """Both kernels of a network, arrays of shape (n, m), or `(n, m, *S, *S)` with space left."""

    nngp: Float[Array, "n m *rest"]
    ntk: Float[Array, "n m *rest"]


class InfiniteNetwork(eqx.Module):
    """The kernels of a network in the limit of infinite width.

    `nngp` is the covariance of one output at initialisation, `ntk` the tangent kernel, both
    `riesz.kernels.AbstractKernel`s: `network.kernel().nngp(x, y)`. They are exact if `exact`.
    """

    network: AbstractNetwork

    @property
    def nngp(self) -> "NetworkKernel":
        """The covariance of an output of the network with random weights."""
        return NetworkKernel(self.network, tangent=False)

    @property
    def ntk(self) -> "NetworkKernel":
        """The tangent kernel: inner products of gradients with respect to all parameters."""
        return NetworkKernel(self.network, tangent=True)

    def both(self, x: Inputs, y: Others | None = None) -> Limits:
        """Both kernels in one pass. If the outputs still have axes of space S, at all pairs."""
        limits = _limits(_arrays(self.network, x), _checked(x), _like(y, x), True)
        return Limits(*limits)

    @property
    def approximations(self) -> tuple[AbstractActivation, ...]:
        """The activations without a closed form, whose expectations are computed numerically."""
        leaves = jax.tree.leaves(
            self.network, is_leaf=lambda part: isinstance(part, AbstractActivation)
        )
        found = [a for a in leaves if isinstance(a, AbstractActivation) and not a.exact]
        return tuple(found)

    @property
    def exact(self) -> bool:
        """Whether the kernels are closed forms."""
        return not self.approximations

    def __str__(self) -> str:
        names = ", ".join(dict.fromkeys(map(str, self.approximations)))
        how = f"numerical for {names}" if names else "closed form"
        return f"InfiniteNetwork({self.network}; {how})"


class NetworkKernel(AbstractKernel):
    """One kernel of an infinitely wide network. Made by `AbstractNetwork.kernel()`.

    Inputs have shape `(n, *space, channels)`. The hyperparameters are the standard deviations of
    the layers.
    """

    network: AbstractNetwork
    tangent: bool = eqx.field(static=True)

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        self._require_scalars(x.shape[1:])
        network = _arrays(self.network, x)
        return _limits(network, _checked(x), _like(y, x), self.tangent)[-1]

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        self._require_scalars(x.shape[1:])
        return _variances(_arrays(self.network, x), _checked(x), self.tangent)[-1]

    def __str__(self) -> str:
        return f"({self.network}).kernel().{'ntk' if self.tangent else 'nngp'}"

    def _require_scalars(self, shape: Shape) -> None:
        after = self.network.out_shape(shape)
        if len(after) > 1:
            raise ModelError(
                "the output of the network is a function over space, its kernel no matrix",
                where=f"{self}",
                expected="one output per input and channel",
                found=f"outputs of shape {after}",
                repair="add Flatten() or GlobalAveragePool() before the last Dense, or use "
                "kernel().both(x, y), which gives covariances between all positions",
            )


@eqx.filter_jit
def _limits(
    network: AbstractNetwork, x: Array, y: Array | None, tangent: bool
) -> tuple[Array, ...]:
    head, body = _split(network)
    x, y = _features(head, x), None if y is None else _features(head, y)
    after = _after(body, x.shape[1:])
    needs = body.needs(after)

    def pairs(first: Array, second: Array) -> tuple[Array, ...]:
        start = _start(first, second, needs, tangent)
        return _result(body.propagate(replace(start, after=after)))

    size = _size(x.shape[1:-1], needs.pair)
    # side^2 size = _TILE
    out = tiled(pairs, x, y, max(1, int((_TILE / size) ** 0.5)))
    if y is None:
        out = jax.tree.map(with_diagonal, out, _variances(network, x, tangent, split=False))
    return out


@eqx.filter_jit
def _variances(
    network: AbstractNetwork, x: Array, tangent: bool, split: bool = True
) -> tuple[Array, ...]:
    head, body = _split(network)
    x = _features(head, x) if split else x
    after = _after(body, x.shape[1:])
    needs = body.needs(after)

    def alone(one: Array) -> tuple[Array, ...]:
        start = _alone(one, needs, tangent)
        return _result(body.propagate(replace(start, after=after)))

    size = _size(x.shape[1:-1], max(needs))
    return mapped(alone, x, fitting(size, _TILE))


def _start(x: Array, y: Array, needs: Needs, tangent: bool) -> Covariances:
    """Covariances of the inputs themselves, shapes (n, *S, channels) and (m, *S, channels)."""
    *space, channels = x.shape[1:]
    axes = len(space)
    if needs.pair == Level.FULL:
        k = jnp.tensordot(x, y, [[-1], [-1]])  # (n, *S, m, *S)
        # (n, m, *S, *S)
        k = jnp.moveaxis(k, axes + 1, 1)
    elif axes == 0:
        # (n, m)
        k = x @ y.T
    else:
        # (n, m, *S), at equal positions
        k = jnp.einsum("n...c,m...c->nm...", x, y)
    level = max(needs.own, Level.DIAGONAL)
    own = [_own(v, level) for v in (x, y)]
    # K = x . y / channels, Theta = 0; own moments (n, 1, ...) and (1, m, ...)
    return Covariances(
        xx=own[0][:, None],
        yy=own[1][None, :],
        nngp=k / channels,
        ntk=jnp.zeros_like(k) if tangent else None,
        shape=x.shape[1:],
        pair=needs.pair,
        own=level,
    )


def _alone(x: Array, needs: Needs, tangent: bool) -> Covariances:
    """Covariances of one input, shape (*S, channels), with itself."""
    level = max(needs)
    k = _own(x[None], level)[0]
    zero = jnp.zeros_like(k) if tangent else None
    return Covariances(k, k, k, zero, x.shape, pair=level, own=level, same=True)


def _own(x: Array, level: Level) -> Array:
    """Each input with itself: shape (n, *S, *S) if full, (n, *S) if diagonal."""
    # |x_a|^2 / channels
    if level != Level.FULL:
        return jnp.sum(x * x, -1) / x.shape[-1]
    # x_a . x_b / channels, (n, positions, positions)
    rows = x.reshape(len(x), -1, x.shape[-1])
    k = rows @ jnp.swapaxes(rows, 1, 2) / x.shape[-1]
    return k.reshape(len(x), *x.shape[1:-1], *x.shape[1:-1])


def _result(outputs: Covariances) -> tuple[Array, ...]:
    return (outputs.nngp,) if outputs.ntk is None else (outputs.nngp, outputs.ntk)


def _size(space: Shape, level: Level) -> int:
    """The number of covariances of one pair of inputs."""
    return prod(space) ** (2 if level == Level.FULL else 1)


def _after(network: AbstractNetwork, shape: Shape) -> Needs:
    """What is read of the covariances of the outputs."""
    space = len(network.out_shape(shape)) > 1
    return Needs(Level.FULL if space else Level.DIAGONAL, Level.NOTHING)


def _split(network: AbstractNetwork) -> tuple[Chain, Chain]:
    """The layers before the first weights, which are applied to inputs, and the others."""
    links = network.layers
    count = 0
    while count < len(links) and isinstance(links[count], AbstractActivation):
        count += 1
    return Chain(links[:count]), Chain(links[count:])


def _features(head: Chain, x: Array) -> Array:
    return head.apply((None,) * len(head), x, None)


def _arrays(network: AbstractNetwork, x: Array) -> AbstractNetwork:
    """The network with its numbers as arrays, so that new numbers compile nothing anew."""

    def array(leaf):
        return jnp.asarray(leaf, x.dtype) if isinstance(leaf, int | float) else leaf

    return jax.tree.map(array, network)


def _checked(x: Array) -> Array:
    if x.ndim < 2:
        raise DataError(
            "a kernel compares sets of inputs",
            where="kernel of a network",
            expected="shape (n, features) or (n, *space, channels)",
            found=f"shape {x.shape}",
            repair="x[:, None] makes one feature, x[None] a set of one input",
        )
    return x


def _like(y: Array | None, x: Array) -> Array | None:
    if y is not None and y.shape[1:] != x.shape[1:]:
        raise DataError(
            "the two sets of inputs have different shapes",
            where="kernel of a network",
            expected=f"y of shape (m, {', '.join(map(str, x.shape[1:]))})",
            found=f"shape {y.shape}",
        )
    return y
