"""Edges, boundaries and uniform refinement of meshes, on the host."""

from itertools import combinations

import numpy as np
from jaxtyping import Int

# The halves of a line, the quarters of a triangle and the eighths of a tetrahedron (Bey 1995) by
# numbers of corners, followed by those of the midpoints of the edges 01, 02, ... in this order.
_CHILDREN = {
    2: [(0, 2), (2, 1)],
    3: [(0, 3, 4), (3, 1, 5), (4, 5, 2), (3, 5, 4)],
    4: [
        (0, 4, 5, 6),
        (4, 1, 7, 8),
        (5, 7, 2, 9),
        (6, 8, 9, 3),
        (4, 5, 6, 8),
        (4, 5, 7, 8),
        (5, 6, 8, 9),
        (5, 7, 8, 9),
    ],
}


def faces(cells: Int[np.ndarray, "m k"], size: int) -> Int[np.ndarray, "f s"]:
    """All faces of so many corners, cell by cell, each with its corners in ascending order."""
    chosen = list(combinations(range(cells.shape[1]), size))
    return np.sort(cells[:, chosen].reshape(-1, size), axis=1)


def boundary_faces(cells: Int[np.ndarray, "m k"]) -> Int[np.ndarray, "f s"]:
    """The faces that belong to exactly one cell."""
    found, count = np.unique(faces(cells, cells.shape[1] - 1), axis=0, return_counts=True)
    return found[count == 1]


def boundary_markers(cells: Int[np.ndarray, "m k"], n: int) -> Int[np.ndarray, " n"]:
    """1 for nodes of boundary faces, 0 for others."""
    markers = np.zeros(n, np.int32)
    markers[boundary_faces(cells).ravel()] = 1
    return markers


def refined(
    nodes: np.ndarray, cells: Int[np.ndarray, "m k"], boundary: Int[np.ndarray, " n"]
) -> tuple[np.ndarray, Int[np.ndarray, "m2 k"], Int[np.ndarray, " n2"]]:
    """Nodes, followed by the midpoints of all edges; cells; markers.

    The midpoint of an edge of the boundary has the smaller marker of the ends: corners between
    parts of a boundary carry the larger one.
    """
    k, n = cells.shape[1], len(nodes)
    # edges (e, 2) with ascending ends, each once; which: (m k (k - 1) / 2,)
    edges, which = np.unique(faces(cells, 2), axis=0, return_inverse=True)
    # midpoint of edge i is node n + i
    middles = n + which.reshape(len(cells), -1)
    whole = np.concatenate([cells, middles], 1)
    children = np.concatenate([whole[:, child] for child in _CHILDREN[k]])
    # edges of boundary faces; a line mesh has none
    outer = np.unique(faces(boundary_faces(cells), 2), axis=0) if k > 2 else edges[:0]
    on_boundary = _rows_in(edges, outer, n)
    markers = np.where(on_boundary, boundary[edges].min(1), 0)
    moved = np.concatenate([nodes, nodes[edges].mean(1)])
    return moved, children, np.concatenate([boundary, markers])


def _rows_in(rows: np.ndarray, among: np.ndarray, n: int) -> np.ndarray:
    """Which pairs of numbers below n occur among others."""
    # the pair (i, j) as the number i n + j
    return np.isin(rows[:, 0] * n + rows[:, 1], among[:, 0] * n + among[:, 1])
