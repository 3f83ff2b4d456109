"""What a mesh is given, checked."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from riesz._core.tracing import traced
from riesz.domains._domain import AbstractDomain, AbstractProductDomain
from riesz.domains._mesh._cells import geometry
from riesz.errors import DomainError

_WHERE = "Mesh(domain, nodes, cells, boundary)"
_FLAT = 1e-7  # smallest measure of a cell, in units of its longest edge to the power


def checked_parts(
    domain: AbstractDomain, nodes: Any, cells: Any, boundary: Any
) -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, "m k"], Int[np.ndarray, " n"] | None]:
    """Nodes in float64, cells and markers of a mesh.

    **Raises:** `DomainError` for anything that is no mesh of the domain.
    """
    if traced(nodes, cells):
        raise _wrong(
            "a mesh is made outside compiled functions",
            "known nodes and cells",
            "traced ones",
            "make the mesh before, and pass it to the compiled function: it is a pytree",
        )
    if isinstance(domain, AbstractProductDomain) and (any(domain.periodic) or domain.dim > 3):
        raise _wrong(
            "a mesh is one of a region or of a box",
            "a Region or a Box in 1 to 3 dimensions",
            repr(domain),
            "write Mesh(Region(2), nodes, cells)",
        )
    nodes, cells = np.asarray(nodes, np.float64), np.asarray(cells)
    d = domain.dim
    if nodes.ndim != 2 or nodes.shape[1] != d:
        raise _wrong(
            f"the nodes of a mesh of a {domain} have {d} coordinates",
            f"shape (n, {d})",
            f"shape {nodes.shape}",
            "put one node per row",
        )
    inside = np.asarray(domain.contains(nodes))
    if not inside.all():
        first = int(np.flatnonzero(~inside)[0])
        raise _wrong(
            f"{int((~inside).sum())} nodes do not lie in the domain of the mesh",
            f"finite points of {domain}",
            f"node {first} at {nodes[first].tolist()}",
            "give a larger domain, or Region(d), which holds any mesh",
        )
    whole = np.issubdtype(cells.dtype, np.integer) and cells.ndim == 2 and len(cells) > 0
    if not whole or not 2 <= cells.shape[1] <= d + 1:
        raise _wrong(
            "the cells of a mesh are lines, triangles or tetrahedra, given by numbers of nodes",
            f"whole numbers of shape (m, k), k from 2 to {d + 1}",
            f"{cells.dtype} of shape {cells.shape}",
            "corners only: leave out the midpoints of cells of higher order",
        )
    if cells.min() < 0 or cells.max() >= len(nodes):
        raise _wrong(
            "the cells of a mesh name nodes that do not exist",
            f"numbers from 0 to {len(nodes) - 1}",
            f"numbers from {cells.min()} to {cells.max()}",
            "count nodes from 0",
        )
    _require_extent(nodes, cells)
    if boundary is None:
        return nodes, cells, None
    boundary = np.asarray(boundary)
    if boundary.shape != (len(nodes),) or not np.issubdtype(boundary.dtype, np.integer):
        raise _wrong(
            "the boundary of a mesh is marked by one whole number per node",
            f"whole numbers of shape ({len(nodes)},), 0 in the interior",
            f"{boundary.dtype} of shape {boundary.shape}",
            "leave it out, and nodes of the boundary are marked 1",
        )
    return nodes, cells, boundary


def _require_extent(nodes: np.ndarray, cells: np.ndarray) -> None:
    corners = nodes[cells]
    measure, _ = geometry(np, corners)
    edge = np.abs(corners - corners[:, :1]).max((1, 2))
    flat = measure <= _FLAT * edge ** (cells.shape[1] - 1)
    if flat.any():
        first = int(np.flatnonzero(flat)[0])
        raise _wrong(
            f"{int(flat.sum())} cells of the mesh have no extent",
            "corners in general position",
            f"cell {first} with corners {corners[first].tolist()}",
            "leave these cells out; merge nodes that lie in one place",
        )


def _wrong(message: str, expected: str, found: str, repair: str) -> DomainError:
    return DomainError(message, where=_WHERE, expected=expected, found=found, repair=repair)
