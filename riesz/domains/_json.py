"""Domains, spaces and discretizations as JSON values, for the files that Riesz writes."""

from functools import reduce
from typing import Any

import numpy as np

from riesz.domains._discretization import DISCRETIZATIONS, AbstractDiscretization
from riesz.domains._domain import (
    AbstractDomain,
    AbstractProductDomain,
    Box,
    Interval,
    Point,
    Torus,
)
from riesz.domains._region import Region
from riesz.domains._space import Space
from riesz.domains._union import DisjointUnion
from riesz.errors import DomainError


def domain_to_json(domain: AbstractDomain) -> dict[str, Any]:
    """`{"lower": [...], "upper": [...], "periodic": [...]}`, one entry per axis.

    A region is `{"region": dim}`, a disjoint union `{"union": [spaces with a "name"]}`.
    Where axes have names or units, the object has `{"axis_names": [...], "axis_units": [...]}`,
    too.
    """
    if isinstance(domain, AbstractProductDomain):
        ends = {"lower": domain.lower, "upper": domain.upper, "periodic": domain.periodic}
        record: dict[str, Any] = {name: list(entries) for name, entries in ends.items()}
    elif isinstance(domain, DisjointUnion):
        return {"union": [{"name": name, **space_to_json(s)} for name, s in domain.spaces]}
    else:
        record = {"region": domain.dim}
    if any(domain.names + domain.units):
        record |= {"axis_names": list(domain.names), "axis_units": list(domain.units)}
    return record


def domain_from_json(record: Any) -> AbstractDomain:
    """The domain that `domain_to_json` described.

    **Raises:** `DomainError` for anything else.
    """
    if isinstance(record, dict) and "union" in record:
        spaces = entries(record, "union")[0]
        if not all(isinstance(s, dict) and isinstance(s.get("name"), str) for s in spaces):
            raise damaged("spaces with names", record)
        return DisjointUnion({s["name"]: space_from_json(s) for s in spaces})
    labels: dict[str, Any] = {}
    if isinstance(record, dict) and "axis_names" in record:
        labels["names"], labels["units"] = entries(record, "axis_names", "axis_units")
        if not all(isinstance(x, str) for x in (*labels["names"], *labels["units"])):
            raise damaged("axis_names and axis_units as lists of texts", record)
    if isinstance(record, dict) and "region" in record:
        if type(record["region"]) is not int:
            raise damaged("the number of coordinates of a region", record)
        return Region(record["region"], **labels)
    lower, upper, periodic = entries(record, "lower", "upper", "periodic")
    numbers = all(type(x) in (int, float) for x in (*lower, *upper))
    same = len(lower) == len(upper) == len(periodic)
    if not (numbers and same and all(type(x) is bool for x in periodic)):
        raise damaged("one lower and upper end and one true or false per axis", record)
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
    names, units = entries(record, "channels", "units")
    if not all(isinstance(x, str) for x in (*names, *units)):
        raise damaged("channels and units as lists of texts", record)
    return Space(domain_from_json(record), len(names), names, units)


def discretization_to_json(on: AbstractDiscretization) -> dict[str, Any]:
    """The domain's entries, `kind`, `shape` and what the kind itself records.

    **Raises:** `DomainError` for a discretization whose class is not registered.
    """
    kind = DISCRETIZATIONS.name_of(type(on))
    if kind is None:
        raise DomainError(
            "functions on points of this kind cannot be written",
            where=repr(on),
            expected=", ".join(DISCRETIZATIONS),
            found=type(on).__name__,
            repair="resample them onto a grid: jax.vmap(lambda f: f.resample(grid))",
        )
    return {**domain_to_json(on.domain), "kind": kind, "shape": list(on.shape), **on.record()}


def kind_of(record: Any) -> type[AbstractDiscretization]:
    """The class of the discretization that `discretization_to_json` described.

    **Raises:** `DomainError` for an unknown one.
    """
    kind = record.get("kind") if isinstance(record, dict) else None
    if not isinstance(kind, str) or kind not in DISCRETIZATIONS:
        raise DomainError(
            "points of an unknown kind",
            expected=", ".join(DISCRETIZATIONS),
            found=repr(kind)[:80],
            repair="import the module that registers it, or upgrade riesz",
        )
    return DISCRETIZATIONS[kind]


def discretization_from_json(
    record: Any, arrays: dict[str, np.ndarray] | None = None
) -> AbstractDiscretization:
    """The discretization that `discretization_to_json` described, with its `arrays()`.

    **Raises:** `DomainError` for anything else.
    """
    on = kind_of(record).restored(domain_from_json(record), record, arrays or {})
    if list(on.shape) != record.get("shape"):
        raise damaged(f"points of shape {on.shape}", record.get("shape"))
    return on


def entries(record: Any, *names: str) -> list[list[Any]]:
    """The lists of these names in a JSON object.

    **Raises:** `DomainError` for anything else.
    """
    if not isinstance(record, dict) or not all(isinstance(record.get(k), list) for k in names):
        raise damaged(f"an object with the lists {', '.join(names)}", record)
    return [record[k] for k in names]


def damaged(expected: str, found: Any) -> DomainError:
    """The error for JSON that describes no domain, space or grid."""
    return DomainError(
        "this is not the description of a domain, space or grid",
        expected=expected,
        found=repr(found)[:80],
        repair="write the file again with this version of riesz",
    )
