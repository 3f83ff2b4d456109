"""Which cell of a mesh a point lies in, inside compiled code.

A bounding box is divided into equal bins. For every bin that may meet the mesh the host lists the
cells that are nearest to some point of it: with r half the diagonal of a bin, c its centre and
delta the distance of c from one cell, these are among the cells within delta + 2 r of c. A point
then takes the nearest of the cells that its bin lists. Other bins take the list of the nearest
bin that has one.
"""

from itertools import combinations
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Float, Int

from riesz._core.blocks import fitting, mapped
from riesz._core.tracing import padded
from riesz.domains._mesh._cells import geometry

_NEAREST = 16  # cells looked at first; doubled where more may be near


class Bins(eqx.Module):
    """Bins of a mesh: where they are, and the cells that are near each of them.

    `lower` and `step` have shape (d,), as have the numbers of bins per axis, `counts`. `row`, one
    number per bin in C order, points into `cells`, whose rows hold one cell several times where a
    bin has fewer than others.
    """

    lower: Float[Array, " d"]
    step: Float[Array, " d"]
    counts: Int[Array, " d"]
    row: Int[Array, " b"]
    cells: Int[Array, "r q"]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of bins, of lists, and of cells in a list."""
        return (self.row.shape[0], *self.cells.shape)

    def pad(self, bins: int, rows: int, width: int) -> "Bins":
        """The same bins in larger arrays."""
        b, r, q = self.sizes
        cells = padded(self.cells, ((0, rows - r), (0, width - q)), "edge")
        row = padded(self.row, (0, bins - b))
        return eqx.tree_at(lambda x: (x.row, x.cells), self, (row, cells))


def make_bins(nodes: Float[np.ndarray, "n d"], cells: Int[np.ndarray, "m k"], dtype: Any) -> Bins:
    """The bins of a mesh, found on the host in float64."""
    corners = nodes[cells]
    low, high = corners.min((0, 1)), corners.max((0, 1))
    step, counts = _division(corners, low, high)
    index = np.indices(counts).reshape(len(counts), -1).T
    # r, half the diagonal of a bin
    centres, radius = low + (index + 0.5) * step, float(np.linalg.norm(step)) / 2
    tree, reach = scipy.spatial.KDTree(corners.mean(1)), _reach(corners)
    # a bin meets the mesh only if the middle of a cell is within r + reach of its centre
    rows = np.flatnonzero(tree.query(centres)[0] <= radius + reach)
    listed = _near(tree, corners, centres[rows], radius, reach)
    row = scipy.spatial.KDTree(centres[rows]).query(centres)[1]
    return Bins(
        jnp.asarray(low, dtype),
        jnp.asarray(step, dtype),
        jnp.asarray(counts, jnp.int32),
        jnp.asarray(row, jnp.int32),
        jnp.asarray(listed, jnp.int32),
    )


def _division(corners: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[Any, list[int]]:
    """Sides and numbers of bins: about two thirds of an edge, and at most some per cell."""
    # mean length of the edges at the first corner, over 1.5
    edge = np.linalg.norm(corners[:, 1:] - corners[:, :1], axis=-1).mean() / 1.5
    while True:
        counts = np.maximum(1, np.ceil((high - low) / edge)).astype(int)
        if counts.prod() <= 8 * len(corners) + 64:
            return np.where(high > low, (high - low) / counts, edge), counts.tolist()
        edge *= 1.2


def _reach(corners: np.ndarray) -> float:
    """The largest distance of a corner from the middle of its cell."""
    return float(np.linalg.norm(corners - corners.mean(1, keepdims=True), axis=-1).max())


def _near(
    tree: "scipy.spatial.KDTree",
    corners: np.ndarray,
    centres: np.ndarray,
    radius: float,
    reach: float,
) -> Int[np.ndarray, "r q"]:
    """The cells that may be nearest to a point within `radius` of each centre."""
    low, high = corners.min(1), corners.max(1)
    lists: list[np.ndarray] = [np.zeros(0, int)] * len(centres)
    todo, wanted = np.arange(len(centres)), min(_NEAREST, len(corners))
    while len(todo):
        at = centres[todo]
        distance, who = (x.reshape(len(todo), -1) for x in tree.query(at, k=wanted))
        # delta of the nearest of four cells bounds that of all; ball = delta + 2 r
        first = who[:, : min(4, wanted)]
        _, squared = closest(np, corners[first], np.repeat(at[:, None], first.shape[1], 1))
        ball = np.sqrt(squared.min(1)) + 2 * radius
        # a cell is no nearer than the box around it
        # distance to a box along each axis: max(0, low - x, x - high), (t, w, d)
        away = np.maximum(0, np.maximum(low[who] - at[:, None], at[:, None] - high[who]))
        near = np.linalg.norm(away, axis=-1) <= ball[:, None] * (1 + 1e-9)
        # cells that were not looked at lie beyond distance[-1] - reach
        done = (distance[:, -1] > ball + reach) | (wanted == len(corners))
        for i in np.flatnonzero(done):
            lists[todo[i]] = who[i, near[i]]
        todo, wanted = todo[~done], min(2 * wanted, len(corners))
    # all of one length, the last cell of each list repeated
    place = np.arange(max(map(len, lists)))
    return np.stack([x[np.minimum(place, len(x) - 1)] for x in lists])


def closest(xp: Any, corners: Any, x: Any) -> tuple[Any, Any]:
    """The points of simplices nearest to x: barycentric coordinates and squared distances.

    Shapes (..., k, d) and (..., d) give (..., k) and (...). The nearest point is the projection
    onto the plane of one of the faces, where that lies within the face.
    """
    k = corners.shape[-2]
    best, least = None, None
    for face in (f for size in range(k, 0, -1) for f in combinations(range(k), size)):
        part = corners[..., list(face), :]
        _, slopes = geometry(xp, part)
        # lambda_i(x) = grad lambda_i . (x - x_0) + delta_i0
        share = (slopes * (x - part[..., 0, :])[..., None, :]).sum(-1)
        share = share + xp.asarray([1.0] + [0.0] * (len(face) - 1), share.dtype)
        # sum_i lambda_i x_i - x, the nearest point where all lambda_i >= 0
        apart = (share[..., None] * part).sum(-2) - x
        squared = xp.where((share >= 0).all(-1), (apart**2).sum(-1), xp.inf)
        none = xp.zeros_like(squared)
        # lambda of the corners of the face, 0 of the others: (..., k)
        whole = xp.stack([share[..., face.index(i)] if i in face else none for i in range(k)], -1)
        better = None if least is None else squared < least
        # the nearest face so far: (..., k) and (...)
        best = whole if better is None else xp.where(better[..., None], whole, best)
        least = squared if better is None else xp.where(better, squared, least)
    return best, least


@jax.jit
def locate(
    bins: Bins,
    nodes: Float[Array, "n d"],
    cells: Int[Array, "m k"],
    points: Float[Array, "p d"],
) -> tuple[Int[Array, "p k"], Float[Array, "p k"], Float[Array, " p"]]:
    """Corners of the nearest cell; the nearest point in it, as shares, and its distance squared."""

    def one(x):
        place = jnp.floor((x - bins.lower) / bins.step).astype(jnp.int32)
        place = jnp.clip(place, 0, bins.counts - 1)
        # C order: (i_0 n_1 + i_1) n_2 + i_2
        flat = place[0]
        for axis in range(1, len(place)):
            flat = flat * bins.counts[axis] + place[axis]
        listed = cells[bins.cells[bins.row[flat]]]  # (q, k)
        share, squared = closest(jnp, nodes[listed], jnp.broadcast_to(x, (len(listed), len(x))))
        which = jnp.argmin(squared)
        return listed[which], share[which], squared[which]

    k, d = cells.shape[1], nodes.shape[1]
    corners, share, squared = mapped(one, points, fitting(bins.cells.shape[1] * 2**k * k * d))
    return corners, share, squared
