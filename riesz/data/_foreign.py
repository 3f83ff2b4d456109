"""Arrays that Riesz did not write: which are the inputs, and on which points they lie."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from riesz.data._axes import Axis, grid_of
from riesz.data._coordinates import (
    axes_of,
    coordinates_of,
    labels_of,
)
from riesz.data._given import Given
from riesz.data._joined import numbers_of
from riesz.data._layout import Samples, stacked
from riesz.data._settle import Settled, settle
from riesz.data._source import AbstractSource, located
from riesz.data._spec import listed
from riesz.domains import AbstractDiscretization, AbstractDomain, Box, Points, Space
from riesz.errors import DataError


def foreign_samples(
    source: AbstractSource, given: dict[str, Given], lead: int | None = None
) -> tuple[dict[str, Samples], dict[str, Settled], tuple[str, ...]]:
    """Where the arrays of a file are sampled, per role, with what was decided.

    Points of one set that have no domain of their own take that of the other set, where they lie
    in it.
    """
    out: dict[str, Samples] = {}
    notes: list[str] = []
    for role, one in given.items():
        numbers = numbers_of(source, str(one.name), one.side.channels)
        if numbers is not None:
            out[role] = numbers
            count = numbers.space.channels
            what = "a number" if count == 1 else f"{count} numbers"
            notes.append(f"{one.name!r} is {what} per sample")
    settled = {r: _settled(source, r, one, lead) for r, one in given.items() if r not in out}
    for role in sorted(settled, key=lambda r: settled[r].points is not None):
        one, layout = given[role], settled[role]
        where = source.location.to(str(one.name))
        each = None
        if one.discretization is not None:
            discretization = _fitting(one, layout, where)
        elif layout.points is not None and one.side.periodic and one.domain is None:
            raise DataError(
                "the domain of points on a closed axis is not known",
                where=where,
                expected="domain=..., whose length is the period",
                found=f"periodic={one.side.periodic} and points named {layout.points}",
                repair="give domain=Torus(0, L), or --domain 0:L --periodic yes",
            )
        elif layout.points is not None:
            others = [s.space.domain for s in out.values()]
            peers = [s.points for s in settled.values() if s.points is not None]
            discretization, each = _points(one.domain, layout.points, others, peers, where)
        else:
            side = one.side._replace(domain=one.domain)
            with located(where):
                discretization, found = grid_of(layout.axes, layout.sizes, side, where)
            notes += found
        space = _space(source, one, layout, discretization.domain, where)
        out[role] = Samples(str(one.name), space, discretization, each, stored=layout.stored)
        notes += layout.notes
    return {role: out[role] for role in given}, settled, tuple(dict.fromkeys(notes))


def _settled(source: AbstractSource, role: str, given: Given, lead: int | None) -> Settled:
    name = str(given.name)
    info, side = source.info(name), given.side._replace(domain=given.domain)
    replaced = given.discretization is not None or (given.side.domain is not None and side.nodes)
    axes = (info.axes or labels_of(info)) if replaced else axes_of(source, name, role)
    dim = len(given.discretization.shape) if given.discretization is not None else side.dim()
    settled = settle(info, axes, side, dim, lead, source.location.to(name))
    if not replaced:
        return settled
    unused = [str(a) for a in settled.axes if a.values is not None] or coordinates_of(source)
    plain = tuple(a._replace(role="space", values=None) for a in settled.axes)
    note = f"domain and nodes of the call; the coordinates {listed(unused)} are not used"
    return replace(settled, axes=plain, notes=(*settled.notes, *([note] if unused else [])))


def _fitting(given: Given, layout: Settled, where: str) -> AbstractDiscretization:
    nodes = given.discretization
    assert nodes is not None
    if layout.sizes != nodes.shape or given.domain != nodes.domain:
        raise DataError(
            f"data set {given.name!r} does not fit the discretization it is given with",
            where=where,
            expected=f"{nodes.shape} points of {given.domain}",
            found=f"{layout.sizes} points, and points of {nodes.domain}",
            repair="the first axis counts samples, the last one channels",
        )
    return nodes


def _space(
    source: AbstractSource, given: Given, layout: Settled, domain: AbstractDomain, where: str
) -> Space:
    name, channels = str(given.name), layout.channels
    if given.space is not None:
        if channels != given.space.channels:
            raise DataError(
                f"data set {name!r} has another number of channels than the problem",
                where=where,
                expected=f"{given.space.channels} channels ({listed(given.space.names)})",
                found=f"{channels} channels on {layout.sizes} points",
                repair="choose the data set that belongs to the problem, or leave problem= out",
            )
        return given.space
    names = (name,) if channels == 1 else tuple(f"{name}{i}" for i in range(channels))
    return Space(domain, channels, names, (source.info(name).unit,) * channels)


def _points(
    domain: AbstractDomain | None, axis: Axis, others: list[AbstractDomain], peers: list[Axis],
    where: str,
) -> tuple[AbstractDiscretization, AbstractDiscretization | None]:  # fmt: skip
    x = np.asarray(axis.values, np.float64)
    if domain is None:
        low, high = _bounds([x])
        around = [d for d in others if d.dim == x.shape[-1] and _within(d, low, high)]
        alike = [
            p for p in map(np.asarray, (p.values for p in peers)) if p.shape[-1] == x.shape[-1]
        ]
        names = axis.name.split(", ")
        names = names if len(names) == x.shape[-1] else None
        repair = "give the domain of the points: domain=Box(...), --domain 0:1,0:1"
        with located(where, repair=repair):
            domain = around[0] if around else Box(*map(tuple, _bounds(alike)), names=names)
    with located(where):
        parts = [_one_set(domain, row) for row in (x[None] if x.ndim == 2 else x)]
    return parts[0], None if x.ndim == 2 else stacked(parts)


def _one_set(domain: AbstractDomain, x: np.ndarray) -> Points:
    there = np.asarray(np.isfinite(x).all(-1))
    return Points(domain, np.where(there[:, None], x, domain.lower), mask=there)


def _bounds(sets: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    flat = np.concatenate([x.reshape(-1, x.shape[-1]) for x in sets]).astype(np.float64)
    flat = flat[np.isfinite(flat).all(1)]
    return (flat.min(0), flat.max(0)) if len(flat) else (np.zeros(1), np.zeros(1))


def _within(domain: AbstractDomain, low: np.ndarray, high: np.ndarray) -> bool:
    return bool(
        (low >= np.asarray(domain.lower)).all() and (high <= np.asarray(domain.upper)).all()
    )


def require_rows(source: AbstractSource, names: Sequence[str]) -> int:
    """The common number of stored rows, at least one."""
    shapes = {name: source.info(name).shape for name in names}
    counts = {shape[0] if shape else 0 for shape in shapes.values()}
    found = ", ".join(f"{name!r} has shape {shape}" for name, shape in shapes.items())
    if len(counts) > 1:
        raise DataError(
            "inputs and outputs have different numbers of samples",
            where=str(source.location),
            expected="the first axes to have the same length",
            found=found,
            repair="check that both sets were written completely, and that the first axis counts "
            "samples",
        )
    if 0 in counts:
        raise DataError(
            "the data has no samples",
            where=str(source.location),
            expected="at least one pair",
            found=found,
            repair="check the program that wrote it",
        )
    return counts.pop()
