"""Spaces and grids as JSON values, for the files that Riesz writes."""

from functools import reduce
from math import prod
from typing import Any

import numpy as np

from riesz.domains._domain import (
    AbstractDomain,
    AbstractProductDomain,
    Box,
    Interval,
    Point,
    Torus,
)
from riesz.domains._grid import Grid
from riesz.domains._masked import MaskedGrid
from riesz.domains._region import Region
from riesz.domains._space import Space
from riesz.errors import DomainError


def domain_to_json(domain: AbstractDomain) -> dict[str, Any]:
    """`{"lower": [...], "upper": [...], "periodic": [...]}`, one entry per axis.

    A region is `{"region": dim}`. Where axes have names or units, the object has
    `{"axis_names": [...], "axis_units": [...]}`, too.
    """
    if isinstance(domain, AbstractProductDomain):
        ends = {"lower": domain.lower, "upper": domain.upper, "periodic": domain.periodic}
        record: dict[str, Any] = {name: list(entries) for name, entries in ends.items()}
    else:
        record = {"region": domain.dim}
    if any(domain.names + domain.units):
        record |= {"axis_names": list(domain.names), "axis_units": list(domain.units)}
    return record


def domain_from_json(record: Any) -> AbstractDomain:
    """The domain that `domain_to_json` described.

    **Raises:** `DomainError` for anything else.
    """
    labels: dict[str, Any] = {}
    if isinstance(record, dict) and "axis_names" in record:
        labels["names"], labels["units"] = _entries(record, "axis_names", "axis_units")
        if not all(isinstance(x, str) for x in (*labels["names"], *labels["units"])):
            raise _damaged("axis_names and axis_units as lists of texts", record)
    if isinstance(record, dict) and "region" in record:
        if type(record["region"]) is not int:
            raise _damaged("the number of coordinates of a region", record)
        return Region(record["region"], **labels)
    lower, upper, periodic = _entries(record, "lower", "upper", "periodic")
    numbers = all(type(x) in (int, float) for x in (*lower, *upper))
    same = len(lower) == len(upper) == len(periodic)
    if not (numbers and same and all(type(x) is bool for x in periodic)):
        raise _damaged("one lower and upper end and one true or false per axis", record)
    if not lower:
        return Point()
    if not any(periodic):
        if len(lower) == 1:
            return Interval(lower[0], upper[0], **labels)
        return Box(lower, upper, **labels)
    if all(periodic):
        return Torus(lower, upper, **labels)
    axes = []
    for i, (a, b, circle) in enumerate(zip(lower, upper, periodic, strict=True)):
        label = {k: [v[i]] for k, v in labels.items()}
        axes.append(Torus(a, b, **label) if circle else Interval(a, b, **label))
    return reduce(lambda a, b: a * b, axes)


def space_to_json(space: Space) -> dict[str, Any]:
    """The domain's entries and `{"channels": [names], "units": [...]}`."""
    parts = {"channels": list(space.names), "units": list(space.units)}
    return {**domain_to_json(space.domain), **parts}


def space_from_json(record: Any) -> Space:
    """The space that `space_to_json` described.

    **Raises:** `DomainError` for anything else.
    """
    names, units = _entries(record, "channels", "units")
    if not all(isinstance(x, str) for x in (*names, *units)):
        raise _damaged("channels and units as lists of texts", record)
    return Space(domain_from_json(record), len(names), names, units)


def grid_to_json(grid: Grid) -> dict[str, Any]:
    """The domain's entries and `{"shape": [...], "nodes": [...]}`, one entry per axis.

    Nodes given by coordinates are the list of them.
    """
    nodes = [list(k) if isinstance(k, tuple) else k for k in grid.nodes]
    return {**domain_to_json(grid.domain), "shape": list(grid.shape), "nodes": nodes}


def grid_from_json(record: Any) -> Grid:
    """The grid that `grid_to_json` described.

    **Raises:** `DomainError` for anything else.
    """
    shape, nodes = _entries(record, "shape", "nodes")
    if not all(type(n) is int for n in shape) or not all(map(_is_nodes, nodes)):
        raise _damaged("shape and nodes: whole numbers, and names or lists of numbers", record)
    return Grid(domain_from_json(record), shape, nodes)


def _is_nodes(entry: Any) -> bool:
    numbers = isinstance(entry, list) and all(type(x) in (int, float) for x in entry)
    return isinstance(entry, str) or numbers


def masked_grid_to_json(grid: Grid | MaskedGrid) -> dict[str, Any]:
    """The entries of the grid and, where it is masked, `{"mask": [...]}`.

    `mask` holds the lengths of the runs of equal entries in C order, beginning with masked ones.
    """
    if isinstance(grid, Grid):
        return grid_to_json(grid)
    mask = np.asarray(grid.mask).ravel()
    if not isinstance(grid.base, Grid) or mask.size != prod(grid.shape):
        raise DomainError(
            "a single masked grid is written, neither a batch nor a moved one",
            expected="MaskedGrid(Grid, mask)",
            found=f"{type(grid.base).__name__}, mask of shape {grid.mask.shape}",
            repair="write one grid per mask",
        )
    changes = np.flatnonzero(np.diff(mask, prepend=False))
    runs = np.diff(np.concatenate([[0], changes, [mask.size]]))
    return {**grid_to_json(grid.base), "mask": runs.tolist()}


def masked_grid_from_json(record: Any) -> Grid | MaskedGrid:
    """The grid that `masked_grid_to_json` described.

    **Raises:** `DomainError` for anything else.
    """
    grid = grid_from_json(record)
    if "mask" not in record:
        return grid
    (runs,) = _entries(record, "mask")
    if not all(type(n) is int and n >= 0 for n in runs) or sum(runs) != prod(grid.shape):
        raise _damaged(f"lengths of runs that sum to {prod(grid.shape)}", record)
    mask = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return MaskedGrid(grid, mask.reshape(grid.shape))


def _entries(record: Any, *names: str) -> list[list[Any]]:
    if not isinstance(record, dict) or not all(isinstance(record.get(k), list) for k in names):
        raise _damaged(f"an object with the lists {', '.join(names)}", record)
    return [record[k] for k in names]


def _damaged(expected: str, found: Any) -> DomainError:
    return DomainError(
        "this is not the description of a domain, space or grid",
        expected=expected,
        found=repr(found)[:80],
        repair="write the file again with this version of riesz",
    )
