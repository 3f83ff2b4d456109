"""The nodes of a grid as they are given: names, coordinates and sizes."""

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from riesz.domains._axes import NODES, AbstractAxis, Nodes
from riesz.domains._domain import AbstractDomain
from riesz.errors import DomainError

_WHERE = "Grid(domain, shape, nodes)"
UNEVEN = "Grid(domain, nodes=(x,)) for one axis, nodes=('vertex', x) for two"


def complete_nodes(
    domain: AbstractDomain, nodes: str | Sequence[Any] | np.ndarray | None
) -> tuple[Nodes, ...]:
    """The kind of nodes, or their coordinates, of every axis.

    **Raises:** `DomainError` for unknown kinds, kinds that do not fit the axis, and coordinates
    that do not increase or leave the axis.
    """
    if nodes is None or isinstance(nodes, str):
        entries: list[Any] = list(_spread(domain, nodes))
    else:
        entries = list(nodes)
        if entries and all(isinstance(x, int | float | np.number) for x in entries):
            entries = [entries]  # the coordinates of a single axis
    out = []
    for i, entry in enumerate(entries[: domain.dim]):
        if not isinstance(entry, str):
            out.append(_coordinates(domain, i, entry))
            continue
        periodic = domain.periodic[i]
        kind = "uniform" if periodic and entry == "left" and not isinstance(nodes, str) else entry
        if kind not in NODES or (kind == "uniform") != periodic:
            allowed = ["uniform"] if periodic else sorted(set(NODES) - {"uniform"})
            raise DomainError(
                f"unknown nodes {kind!r} for {'a periodic' if periodic else 'an'} axis of a grid",
                where=_WHERE,
                expected=" or ".join(allowed),
                found=f"nodes={nodes!r} on {domain}",
                repair="say where the samples lie: vertex (both ends), left (far end not "
                "stored), right, centre (cell centres), chebyshev; uniform on a torus",
            )
        out.append(kind)
    if len(entries) != domain.dim:
        raise DomainError(
            "a grid needs one size and one kind of nodes for each axis of its domain",
            where=_WHERE,
            expected=f"{domain.dim} entries of nodes",
            found=f"{len(entries)} on {domain}",
            repair="give one name for all axes, or one entry per axis: a name or coordinates",
        )
    return tuple(out)


def _spread(domain: AbstractDomain, nodes: str | None) -> list[str]:
    """One name for all axes: periodic ones are uniform."""
    if nodes == "uniform" and not all(domain.periodic):
        return ["uniform"] * domain.dim
    if all(domain.periodic) and nodes not in (None, "uniform", "left"):
        return [str(nodes)] * domain.dim
    ends = nodes if nodes not in (None, "uniform") else "vertex"
    return ["uniform" if p else str(ends) for p in domain.periodic]


def _coordinates(domain: AbstractDomain, axis: int, entry: Any) -> tuple[float, ...]:
    """Coordinates of the nodes of an axis, checked."""
    x = np.asarray(entry)
    low, high = domain.lower[axis], domain.upper[axis]
    problem = ""
    if domain.periodic[axis]:
        problem = "uneven nodes on a periodic axis"
    elif x.ndim != 1 or len(x) < 2 or not np.issubdtype(x.dtype, np.number):
        problem = f"{x.dtype} of shape {x.shape}"
    elif not (np.diff(x) > 0).all():
        row = int(np.flatnonzero(~(np.diff(x) > 0))[0])
        problem = f"node {row} at {x[row]:g} is followed by {x[row + 1]:g}"
    elif x[0] < low - 1e-9 * (high - low) or x[-1] > high + 1e-9 * (high - low):
        problem = f"nodes from {x[0]:g} to {x[-1]:g}"
    if problem:
        raise DomainError(
            f"the coordinates given as nodes of axis {axis} are not those of a grid",
            where=_WHERE,
            expected=f"2 or more strictly increasing numbers within [{low:g}, {high:g}], "
            "on an axis with ends",
            found=problem,
            repair="sort the nodes together with the values, and give a domain that contains "
            "them; a decreasing axis is turned round in the values, too: values[::-1]",
        )
    return tuple(np.clip(x.astype(float), low, high).tolist())


def sizes(domain: AbstractDomain, shape: Any, nodes: tuple[Nodes, ...]) -> tuple[int, ...]:
    """Number of nodes of every axis.

    **Raises:** `DomainError` for coordinates in place of sizes, or no size.
    """
    given = [len(k) if isinstance(k, tuple) else None for k in nodes]
    if shape is None:
        shape = given
    entries = np.asarray(shape, object)
    sizes = np.atleast_1d(entries).tolist()
    if entries.ndim == 0:
        sizes = sizes * domain.dim
    flat = np.ravel(np.asarray(sizes, object)).tolist()
    whole = entries.ndim <= 1 and all(isinstance(n, int | np.integer) for n in flat)
    if not whole or any(isinstance(n, bool) for n in flat):
        numbers = any(isinstance(n, float | np.floating) for n in flat)
        raise DomainError(
            "the shape of a grid is the number of nodes of each axis, not their coordinates"
            if numbers or entries.ndim > 1
            else "a grid needs the number of nodes of each axis",
            where=_WHERE,
            expected=f"{domain.dim} whole numbers, or coordinates of every axis as nodes",
            found=f"shape={_short(shape)}",
            repair=f"nodes at given coordinates x are written {UNEVEN}",
        )
    return tuple(index(n) for n in sizes)


def fits(size: int, nodes: Nodes) -> bool:
    """Whether an axis has enough nodes, and as many as there are coordinates."""
    return size == len(nodes) if isinstance(nodes, tuple) else size >= NODES[nodes]


def measured_from(nodes: Nodes, lower: float) -> Nodes:
    """Coordinates of nodes from the lower end of their axis."""
    return tuple(x - lower for x in nodes) if isinstance(nodes, tuple) else nodes


def axis_coordinates(axis: AbstractAxis, lower: float, upper: float) -> np.ndarray:
    """Coordinates of the nodes of an axis on [0, upper - lower], with the ends as they are."""
    x = lower + axis.coordinates()
    return np.where(axis.coordinates() == axis.upper, upper, x)


def _short(value: Any) -> str:
    text = repr(np.asarray(value).tolist())
    return text if len(text) <= 60 else f"{text[:57]}..."
