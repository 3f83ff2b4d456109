"""Holes of inputs: where values are missing, and how unlike the holes of a calibration they are."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter

from riesz.domains import AbstractDiscretization, Grid
from riesz.evaluation._latent import split_nodes, sums

_ROUNDING = 1e-3  # share of a node


@dataclass(frozen=True)
class Holes:
    """The least and the largest share of missing points at each node, over some inputs.

    `always` is the share that all lack: `least`, unless `widened`.
    """

    least: np.ndarray  # (p,)
    most: np.ndarray  # (p,)
    always: np.ndarray  # (p,)
    grid: AbstractDiscretization

    @classmethod
    def of(cls, absent: np.ndarray, grid: AbstractDiscretization) -> "Holes":
        """From the shares `absence` (n, p) of n inputs."""
        least = absent.min(0)
        return cls(least, absent.max(0), least, grid)

    def widened(self) -> "Holes":
        """With the extremes among neighbouring nodes: on another grid an edge lies elsewhere."""

        def around(extreme, x: np.ndarray) -> np.ndarray:
            parts = []
            for grid, part in split_nodes(self.grid, x):
                modes = ["wrap" if p else "nearest" for p in grid.domain.periodic]
                parts.append(extreme(part.reshape(grid.shape), 3, mode=modes).reshape(-1))
            return np.concatenate(parts)

        least, most = around(minimum_filter, self.least), around(maximum_filter, self.most)
        return Holes(least, most, around(maximum_filter, self.always), self.grid)

    def statistics(self, absent: np.ndarray) -> np.ndarray:
        """Of inputs with the shares `absent` (n, p), three numbers each, in nodes of the grid.

        The number of holes, and of values, where none of the inputs has one; the number of holes
        that not all have; and the distance of the farthest of these from a present node.
        """
        # sum over nodes of the excess over `most` and of the shortfall below `least`, (n,)
        new = np.maximum(absent - self.most, 0).sum(1) + np.maximum(self.least - absent, 0).sum(1)
        # holes beyond those of all inputs, (n,)
        some = np.maximum(absent - self.always, 0).sum(1)
        # the deepest over the domains, (n,)
        depth = np.max([_depths(*part) for part in self._parts(absent)], 0)
        return np.stack([new, some, depth], 1)

    def _parts(self, absent: np.ndarray) -> list[tuple[Grid, np.ndarray, np.ndarray]]:
        """The grids, and the shares and `always` at the nodes of each."""
        both = zip(split_nodes(self.grid, absent), split_nodes(self.grid, self.always), strict=True)
        return [(grid, one, always) for (grid, one), (_, always) in both]

    def box(self, absent: np.ndarray) -> np.ndarray:
        """Opposite corners of boxes around the nodes of the two counts, (n, 2, 2, d).

        NaN where there are none.
        """
        places = np.asarray(self.grid.coordinates, np.float64).reshape(absent.shape[1], -1)
        out = np.full((len(absent), 2, 2, places.shape[1]), np.nan)
        new, some = (absent > self.most) | (absent < self.least), absent > self.always
        for k, counted in enumerate((new, some)):
            for number in np.flatnonzero(counted.any(1)):
                # lower and upper corner, (2, d)
                inside = places[counted[number]]
                out[number, k] = inside.min(0), inside.max(0)
        return out


def _depths(grid: Grid, absent: np.ndarray, always: np.ndarray) -> list[float]:
    return [_depth(grid, one, always) for one in absent]


def _depth(grid: Grid, absent: np.ndarray, always: np.ndarray) -> float:
    hole = (absent > 0.5).reshape(grid.shape)
    if not hole.any() or hole.all():
        return float(np.prod(hole.shape)) * hole.all()
    periodic, shape = grid.domain.periodic, hole.shape
    # half a period on both sides, so that distances go around circles
    around = [n // 2 * p for n, p in zip(shape, periodic, strict=True)]
    far = distance_transform_edt(np.pad(hole, [(n, n) for n in around], mode="wrap"))
    inner = tuple(slice(a, a + n) for a, n in zip(around, shape, strict=True))
    # among nodes that not all inputs lack
    return float((np.asarray(far)[inner].reshape(-1) * (always <= 0.5)).max())


def absence(
    number: np.ndarray, on: AbstractDiscretization, grid: AbstractDiscretization
) -> np.ndarray:
    """The share of missing points at each node of `grid`, (n, p), from their counts (see `sums`).

    Where a coarser grid has no point, masked or not, none is missing. Scattered points are missing
    where there are none.
    """
    parts = zip(split_nodes(grid, number), on.parts, strict=True)
    return np.concatenate([_absence(x, part, nodes) for (nodes, x), part in parts], -1)


def _absence(number: np.ndarray, on: AbstractDiscretization, grid: Grid) -> np.ndarray:
    below = on.tensor
    if below is None:
        return (number <= _ROUNDING).astype(np.float64)
    # share = 1 - count of present points / count of all points
    full = sums(jnp.ones((*below.shape, 1)), grid, below)[1]
    full = np.asarray(full, np.float64).reshape(-1)
    share = np.where(full > _ROUNDING, 1 - number / np.maximum(full, _ROUNDING), 0)
    return np.where(share > _ROUNDING, share, 0)
