"""Which nodes are near: centres and stencils, by a k-d tree on the host and by `top_k` in JAX.

Positions are relative to the lower end and in units of the domain's lengths; periodic axes wrap.
A node closer to an earlier one than `_MERGE` times the distance of its eighth neighbour belongs
to no other node's stencil: the two say the same, or disagree, and then the difference between
them is no slope.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Bool, Float, Int

from riesz._core.blocks import fitting, mapped
from riesz.domains._domain import AbstractDomain
from riesz.domains._stencils import NEIGHBOURS

_MERGE = 0.05
_AROUND = 8


class Stencils(NamedTuple):
    """Neighbours of b centres; offsets are divided by the radius of the stencil."""

    index: Any  # (b, k)
    offsets: Any  # (b, k, d)
    valid: Any  # (b, k)
    radius: Any  # (b,)


class Cloud:
    """Known nodes, shape (n, d) in float64, and trees of them and of the distinct ones."""

    def __init__(self, domain: AbstractDomain, relative: Float[np.ndarray, "n d"]):
        self.periodic = np.asarray(domain.periodic)
        self.lengths = np.asarray(domain.lengths)
        self.nodes = self.scaled(relative)
        self._tree = self._plant(self.nodes)
        count = len(self.nodes)
        # the node itself at distance 0, then eight neighbours: (n, 9)
        near, who = self._tree.query(self.nodes, k=min(_AROUND + 1, count))
        near, who = near.reshape(count, -1), who.reshape(count, -1)
        self._reach = _MERGE * near[:, -1]
        # merged: an earlier node is nearer than the reach
        earlier = who < np.arange(count)[:, None]
        self.merged = (earlier & (near < self._reach[:, None])).any(1)
        self._knots = np.flatnonzero(~self.merged)
        self._knot_tree = self._plant(self.nodes[self._knots])

    def scaled(self, relative: Float[np.ndarray, "p d"]) -> Float[np.ndarray, "p d"]:
        """Coordinates in units of the lengths, within [0, 1) on periodic axes."""
        # x / L, modulo 1 around circles; a rounded 1 is 0
        unit = relative / self.lengths
        wrapped = np.mod(unit, 1)
        return np.where(self.periodic, np.where(wrapped < 1, wrapped, 0), unit)

    def nearest(self, points: Float[np.ndarray, "p d"]) -> Int[np.ndarray, " p"]:
        """The node nearest to each point, which is given in units of the lengths."""
        return np.asarray(self._tree.query(points)[1])

    def offset(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The shortest way from b to a."""
        # around a circle of length 1
        way = a - b
        return np.where(self.periodic, way - np.round(way), way)

    def stencils(self, centres: Int[np.ndarray, " b"]) -> Stencils:
        """The neighbours of each centre, without it and without nodes in its place."""
        wanted = NEIGHBOURS[len(self.lengths)]
        # some more, since the centre and nodes in its place are dropped
        distance, who = self._knot_tree.query(self.nodes[centres], k=wanted + 4)
        # (b, k + 4)
        valid = (distance > self._reach[centres, None]) & np.isfinite(distance)
        # valid ones first, by distance
        first = np.argsort(~valid, axis=1, kind="stable")[:, :wanted]
        valid = np.take_along_axis(valid, first, 1)
        who = np.minimum(np.take_along_axis(who, first, 1), len(self._knots) - 1)
        index = self._knots[who]
        # y_j - x_0, (b, k, d)
        offsets = self.offset(self.nodes[index], self.nodes[centres][:, None])
        return _scale(np, index, offsets, valid)

    def _plant(self, nodes: np.ndarray) -> "scipy.spatial.KDTree":
        return scipy.spatial.KDTree(nodes, boxsize=np.where(self.periodic, 1.0, 0.0))


def traced_merged(
    domain: AbstractDomain, position: Float[Array, "2 n d"], present: Bool[Array, " n"]
) -> tuple[Float[Array, " n"], Bool[Array, " n"]]:
    """The distance within which a node has its place, and whether an earlier node is there."""
    count = present.shape[0]

    def one(i):
        squared = _squares(domain, position, position[:, i, None])
        squared = jnp.where(present, squared, jnp.inf)
        # the smallest squares, the node's own 0 first
        near = -jax.lax.top_k(-squared, min(_AROUND + 1, count))[0]
        # 0.05^2 times the largest of them
        reach = _MERGE**2 * jnp.max(jnp.where(jnp.isfinite(near), near, 0))
        return reach, ((squared < reach) & (jnp.arange(count) < i)).any()

    return mapped(one, jnp.arange(count), fitting(position.size))


def traced_stencil(
    domain: AbstractDomain,
    position: Float[Array, "2 n d"],
    present: Bool[Array, " n"],
    reach: Float[Array, " n"],
    merged: Bool[Array, " n"],
    centre: Int[Array, ""],
) -> Stencils:
    """The stencil of one centre, as `Cloud.stencils`, with b = 1."""
    # squared distances (n,); `reach` is squared, too
    squared = _squares(domain, position, position[:, centre, None])
    squared = jnp.where(present & ~merged & (squared > reach[centre]), squared, jnp.inf)
    wanted = min(NEIGHBOURS[domain.dim], present.shape[0])
    nearest, index = jax.lax.top_k(-squared, wanted)
    # (1, k, d)
    offsets = traced_offset(domain, position[:, index], position[:, centre, None])
    return _scale(jnp, index[None], offsets[None], jnp.isfinite(nearest)[None])


def traced_nearest(
    domain: AbstractDomain,
    position: Float[Array, "2 n d"],
    present: Bool[Array, " n"],
    point: Float[Array, "2 d"],
) -> Int[Array, ""]:
    """The present node nearest to a point."""
    squared = _squares(domain, position, point[:, None])
    return jnp.argmin(jnp.where(present, squared, jnp.inf))


def traced_offset(domain: AbstractDomain, a: Array, b: Array) -> Array:
    """The shortest way from b to a in units of the lengths; both are in two parts."""
    # whole turns are constants of the derivative
    way = ((a[0] - b[0]) + (a[1] - b[1])) / jnp.asarray(domain.lengths, a.dtype)
    return jnp.where(np.asarray(domain.periodic), way - jax.lax.stop_gradient(jnp.round(way)), way)


def _squares(domain: AbstractDomain, a: Array, b: Array) -> Array:
    return (jax.lax.stop_gradient(traced_offset(domain, a, b)) ** 2).sum(-1)


def _scale(xp: Any, index: Any, offsets: Any, valid: Any) -> Stencils:
    # radius: the distance of the farthest neighbour, (b,)
    square = xp.where(valid, (offsets**2).sum(-1), 0).max(1)
    radius = xp.where(square > 0, xp.sqrt(xp.where(square > 0, square, 1)), 1)
    return Stencils(index, offsets / radius[:, None, None], valid, radius)
