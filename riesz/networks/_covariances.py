"""Covariances of a layer's outputs in the limit of infinite width."""

from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from math import prod
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

Shape = tuple[int, ...]


class Level(IntEnum):
    """How much is held, or read, of the covariances between the positions of two inputs."""

    NOTHING = 0
    DIAGONAL = 1  # between equal positions: shape (*batch, *S), S the positions
    FULL = 2  # between all positions: shape (*batch, *S, *S)


class Needs(NamedTuple):
    """What the layers after a point read of the covariances there.

    `pair`: of one input with another. `own`: of each input with itself.
    """

    pair: Level
    own: Level

    def also(self, other: "Needs") -> "Needs":
        """What either of two networks of one input reads."""
        return Needs(max(self.pair, other.pair), max(self.own, other.own))


class Covariances(eqx.Module):
    """Second moments of channels, between inputs x and y, at positions a and b.

    `nngp` has entries E[f(x)_a f(y)_b] at the level `pair`, with a = b where that is diagonal.
    `ntk` is the tangent kernel at the same level, or None. `xx` and `yy` are the moments of each
    input with itself, at the level `own`; their batch axes broadcast against those of `nngp`.

    `shape`: of one input here, `(*S, channels)`. `same`: x and y are the same inputs.
    `gaussian`: channels are independent Gaussian processes. `centred`: they have mean zero.
    `uncorrelated`: with what entered the branch, by weights in between.
    `after`: what the layers after the next one read; that one may leave out the rest.
    """

    xx: Float[Array, "..."]
    yy: Float[Array, "..."]
    nngp: Float[Array, "..."]
    ntk: Float[Array, "..."] | None
    shape: Shape = eqx.field(static=True)
    pair: Level = eqx.field(static=True, default=Level.DIAGONAL)
    own: Level = eqx.field(static=True, default=Level.DIAGONAL)
    same: bool = eqx.field(static=True, default=False)
    gaussian: bool = eqx.field(static=True, default=False)
    centred: bool = eqx.field(static=True, default=False)
    uncorrelated: bool = eqx.field(static=True, default=False)
    after: Needs = eqx.field(static=True, default=Needs(Level.FULL, Level.FULL))

    @property
    def axes(self) -> int:
        """The number of axes of space."""
        return len(self.shape) - 1

    @property
    def least(self) -> Needs:
        """The lowest levels that hold all that the layers after the next one read."""
        own = min(self.own, max(self.after.own, Level.DIAGONAL))
        wanted = max(self.after.pair, own) if self.same else self.after.pair
        return Needs(min(self.pair, wanted), own)

    def variances(self) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """E[f(x)_a^2] and E[f(y)_b^2], each to broadcast against `nngp`."""
        each = (
            [(self.nngp, self.pair)] * 2
            if self.same
            else [(self.xx, self.own), (self.yy, self.own)]
        )
        # K(x_a, x_a) and K(y_b, y_b), (*batch, *S)
        x, y = (diagonal(k, self.axes) if level == Level.FULL else k for k, level in each)
        return outer(x, y, self.axes) if self.pair == Level.FULL else (x, y)

    def own_variances(self, k: Float[Array, "..."]) -> tuple[Any, Any]:
        """The variances of `xx` or `yy`, each to broadcast against it."""
        if self.own != Level.FULL:
            return k, k
        # K(x_a, x_a) and K(x_b, x_b)
        q = diagonal(k, self.axes)
        return outer(q, q, self.axes)

    def reduce(self, needs: Needs) -> "Covariances":
        """These covariances at levels that hold no more than is needed."""

        def less(k: Array, full: bool, wanted: bool) -> Array:
            return diagonal(k, self.axes) if full and not wanted else k

        return self.relaid(less, Needs(min(self.pair, needs.pair), min(self.own, needs.own)))

    def relaid(
        self, transform: Callable[[Array, bool, bool], Array], levels: Needs, **changes: Any
    ) -> "Covariances":
        """These covariances after a linear map, at other levels.

        `transform(k, full, wanted)` maps one array that holds all pairs of positions when `full`
        to one that does when `wanted`.
        """
        own = self.own == Level.FULL, levels.own == Level.FULL
        pair = self.pair == Level.FULL, levels.pair == Level.FULL
        return replace(
            self,
            xx=transform(self.xx, *own),
            yy=transform(self.yy, *own),
            nngp=transform(self.nngp, *pair),
            ntk=None if self.ntk is None else transform(self.ntk, *pair),
            pair=levels.pair,
            own=levels.own,
            **changes,
        )

    def linear(
        self, transform: Callable[[Array, bool], Array], levels: Needs | None = None, **changes: Any
    ) -> "Covariances":
        """These covariances after a linear map, given by what it does to one array.

        `full` in `transform(k, full)` says whether k holds all pairs of positions.
        """
        levels = levels or Needs(self.pair, self.own)
        return self.relaid(lambda k, full, wanted: transform(k, full), levels, **changes)

    def computed_once(self) -> "Covariances":
        """The same values, computed once for all layers after.

        XLA may duplicate this expression into each consumer. Dividing by a value it cannot prove
        to be 1 prevents the fusion. `jax.lax.optimization_barrier` does not on CPUs: with it the
        kernels of ten ReLU layers at 1500 inputs take 1.2 s, as long as without any measure, and
        not 0.12 s (AMD EPYC, 2 cores).
        """
        one = jnp.where(self.xx.ravel()[0] < -1, 2, 1).astype(self.xx.dtype)
        return self.linear(lambda k, full: k / one)


def diagonal(k: Float[Array, "..."], axes: int) -> Float[Array, "..."]:
    """The entries with equal positions of an array `(*batch, *S, *S)`."""
    batch, space = k.shape[: k.ndim - 2 * axes], k.shape[k.ndim - axes :]
    size = prod(space)
    # (*batch, positions, positions) -> (*batch, *S)
    return jnp.diagonal(k.reshape(*batch, size, size), axis1=-2, axis2=-1).reshape(*batch, *space)


def outer(x: Array, y: Array, axes: int) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Arrays `(*batch, *S)` with new axes, so that they broadcast to all pairs of positions."""
    batch = x.shape[: x.ndim - axes]
    # (*batch, *S, 1, ..., 1) and (*batch, 1, ..., 1, *S)
    first = x.reshape(*x.shape, *[1] * axes)
    second = y.reshape(*y.shape[: len(batch)], *[1] * axes, *y.shape[len(batch) :])
    return first, second
