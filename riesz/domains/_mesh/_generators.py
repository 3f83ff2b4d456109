"""Nodes, cells and boundary markers of simple shapes."""

from itertools import permutations
from math import factorial
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from riesz.domains._mesh._refine import boundary_markers, refined

Parts = tuple[Float[np.ndarray, "n d"], Int[np.ndarray, "m k"], Int[np.ndarray, " n"]]


def blocks(counts: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of the unit cube with so many cubes per axis, each cut into d! simplices (Kuhn).

    The simplices of a cube are the paths from its lowest to its highest corner, one per order of
    the axes.
    """
    d = len(counts)
    shape = tuple(n + 1 for n in counts)
    # nodes in C order, (prod(n + 1), d)
    nodes = np.indices(shape).reshape(d, -1).T / np.asarray(counts)
    corner = np.indices(counts).reshape(d, -1).T
    steps = np.zeros((factorial(d), d + 1, d), int)
    for path, order in zip(steps, permutations(range(d)), strict=True):
        # 0, e_{p_1}, e_{p_1} + e_{p_2}, ..., (1, ..., 1) for the order p of the axes
        path[1:] = np.cumsum(np.eye(d, dtype=int)[list(order)], 0)
    # (cubes, 1, 1, d) + (d!, d + 1, d) -> (cubes, d!, d + 1, d)
    places = corner[:, None, None] + steps
    cells = np.ravel_multi_index(tuple(np.moveaxis(places, -1, 0)), shape)
    return nodes, cells.reshape(-1, d + 1)


def box_parts(lower: Any, upper: Any, counts: tuple[int, ...]) -> Parts:
    """A box of 1 to 3 axes; the faces across axis i are marked 2 i + 1 and 2 i + 2."""
    unit, cells = blocks(counts)
    boundary = np.zeros(len(unit), np.int32)
    for axis in range(unit.shape[1]):
        boundary[unit[:, axis] == 0] = 2 * axis + 1
        boundary[unit[:, axis] == 1] = 2 * axis + 2
    lower, upper = np.asarray(lower, float), np.asarray(upper, float)
    return lower + unit * (upper - lower), cells, boundary


def disk_parts(radius: float, refinements: int) -> Parts:
    """A square, refined, with the nodes of its boundary moved to the circle each time."""
    nodes = np.asarray([(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)], float)
    # (0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 1)
    cells = np.asarray([(0, i, i % 4 + 1) for i in range(1, 5)])
    boundary = boundary_markers(cells, 5)
    for _ in range(refinements):
        nodes, cells, boundary = refined(nodes, cells, boundary)
        rim = boundary > 0
        # onto the unit circle
        nodes[rim] /= np.linalg.norm(nodes[rim], axis=1, keepdims=True)
    return radius * nodes, cells, boundary


def annulus_parts(inner: float, outer: float, counts: tuple[int, int]) -> Parts:
    """A ring: nodes on circles, marked 1 on the inner and 2 on the outer one."""
    radial, around = counts
    unit, cells = blocks(counts)
    steps = np.rint(unit * np.asarray(counts)).astype(int)
    numbers = steps[:, 0] * around + steps[:, 1] % around  # the last column is the first
    cells = numbers[cells]
    _, kept = np.unique(numbers, return_index=True)
    r = inner + (outer - inner) * unit[kept, 0]
    # x = r (cos, sin)
    angle = 2 * np.pi * unit[kept, 1]
    nodes = np.stack([r * np.cos(angle), r * np.sin(angle)], -1)
    boundary = np.zeros(len(nodes), np.int32)
    boundary[steps[kept, 0] == 0], boundary[steps[kept, 0] == radial] = 1, 2
    return nodes, cells, boundary


def l_parts(size: int) -> Parts:
    """(-1, 1)^2 without the quarter x > 0, y < 0, with `size` squares along each long side."""
    unit, cells = blocks((size, size))
    nodes = 2 * unit - 1
    middle = nodes[cells].mean(1)
    cells = cells[~((middle[:, 0] > 0) & (middle[:, 1] < 0))]
    used, cells = np.unique(cells, return_inverse=True)
    cells = cells.reshape(-1, 3)
    return nodes[used], cells, boundary_markers(cells, len(used))


def icosphere_parts(radius: float, refinements: int) -> Parts:
    """The icosahedron, refined and projected onto the sphere; it has no boundary."""
    golden = (1 + 5**0.5) / 2
    signs = [(a, b) for a in (-1, 1) for b in (-1, 1)]
    # (0, +-1, +-golden) and its cyclic permutations
    nodes = np.asarray(
        [np.roll((0, a, b * golden), turn) for turn in range(3) for a, b in signs], float
    )
    # the 20 triples of corners at mutual distance 2
    near = np.linalg.norm(nodes[:, None] - nodes, axis=-1) < 2.1
    cells = np.asarray(
        [
            (i, j, k)
            for i in range(12)
            for j in range(i)
            for k in range(j)
            if near[i, j] and near[j, k] and near[i, k]
        ]
    )
    boundary = np.zeros(12, np.int32)
    for _ in range(refinements):
        nodes = nodes / np.linalg.norm(nodes, axis=1, keepdims=True)
        nodes, cells, boundary = refined(nodes, cells, boundary)
    nodes = radius * nodes / np.linalg.norm(nodes, axis=1, keepdims=True)
    # x_0 . (x_1 x x_2) > 0: counter-clockwise seen from outside
    outward = np.linalg.det(nodes[cells]) > 0
    cells = np.where(outward[:, None], cells, cells[:, [0, 2, 1]])
    return nodes, cells, boundary
