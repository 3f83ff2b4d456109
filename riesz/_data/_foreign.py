"""Arrays that Riesz did not write: which are the inputs, and on which points they lie."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool

from riesz._data._axes import Axis, Side, grid_of
from riesz._data._coordinates import (
    axes_of,
    coordinates_of,
    fields_of,
    has_time,
    labels_of,
)
from riesz._data._layout import Samples, stacked
from riesz._data._settle import Settled, settle
from riesz._data._source import AbstractSource
from riesz._data._spec import listed
from riesz.domains import AbstractDiscretization, AbstractDomain, Box, MaskedGrid, Points, Space
from riesz.errors import DataError, DomainError

Nodes = str | Sequence[str] | AbstractDiscretization | None

# Names of inputs and outputs that are understood without being told, in this order.
KNOWN_NAMES = (
    ("input", "output"),
    ("inputs", "outputs"),
    ("a", "u"),
    ("coefficient", "pressure"),
    ("coeff", "sol"),
    ("source", "solution"),
    ("nu", "tensor"),
    ("x_train", "y_train"),
    ("x_test", "y_test"),
)


@runtime_checkable
class HasSpaces(Protocol):
    """What is needed of a problem here."""

    @property
    def input_space(self) -> Space: ...  # noqa: D102

    @property
    def output_space(self) -> Space: ...  # noqa: D102


class Given(NamedTuple):
    """What a call says of the inputs, or of the outputs."""

    name: str | None = None
    side: Side = Side()
    discretization: AbstractDiscretization | None = None
    space: Space | None = None

    @property
    def domain(self) -> AbstractDomain | None:
        """The domain of the space, of the call or of the points that it gives."""
        if self.space is not None:
            return self.space.domain
        if self.side.domain is None and self.discretization is not None:
            return self.discretization.domain
        return self.side.domain


def choose_names(
    source: AbstractSource, given: tuple[str | None, str | None], lead: int | None
) -> tuple[str, str, int | None, tuple[str, ...]]:
    """The names of the input and output sets and the lead, with a note on each guess."""
    first, second = given
    fields = fields_of(source)
    if lead is not None or (first is not None and first == second):
        name = first or second or (next(iter(fields)) if len(fields) == 1 else None)
        if name is not None:
            lead = _require_lead(source, name, lead)
            return first or name, second or name, lead, ()
    if first is not None and second is not None:
        return first, second, lead, ()
    others = [name for name in fields if name not in given]
    series = [name for name in fields if has_time(source, name)]
    if len(fields) == 1 and series and first in (None, *series) and second in (None, *series):
        note = f"each time of {series[0]!r} and the next one are a pair, lead=1"
        return series[0], series[0], 1, (note,)
    names = {name.lower(): name for name in (*source.arrays, *fields)}
    alone = {name.lower() for name in fields} == {"x", "y"}  # otherwise they may be coordinates
    for a, u in (*KNOWN_NAMES, ("x", "y")) if alone else KNOWN_NAMES:
        a, u = names.get(a), names.get(u)
        if a and u and first in (None, a) and second in (None, u):
            return a, u, lead, (f"input={a!r} and output={u!r} by their names",)
    if len(others) == 1 and (first or second):
        a, u = first or others[0], second or others[0]
        role = "output" if first else "input"
        return a, u, lead, (f"{role}={others[0]!r}, the other of two arrays",)
    shapes = [info.shape[:1] for info in fields.values()]
    if len(fields) == 2 and len(set(shapes)) == 1 and not series:
        a, u = fields
        guess = f"input={a!r} and output={u!r}, the only two arrays, in the order of the file"
        return a, u, lead, (guess,)
    if not source.arrays:
        raise DataError(
            "the group holds no data sets"
            if source.location.group
            else "the file holds no data sets outside groups",
            where=str(source.location),
            expected="data sets of inputs and outputs",
            found=f"the groups {listed(source.groups)}" if source.groups else "nothing",
            repair=source.group_hint(),
        )
    raise DataError(
        "it is not clear which data sets are the inputs and the outputs",
        where=str(source.location),
        expected="input=... and output=..., or names such as input/output, a/u, x/y",
        found=describe_arrays(source),
        repair=_name_them(list(fields) or list(source.arrays), bool(series)),
    )


def _require_lead(source: AbstractSource, name: str, lead: int | None) -> int:
    if lead is None and not has_time(source, name):
        raise DataError(
            "the input and the output are the same array",
            where=source.location.to(name),
            expected="two arrays, or lead=K for pairs of an array's samples K steps apart in time",
            found=f"input={name!r}, output={name!r}, and no axis of time",
            repair="name the array of the outputs; if the samples are times in order, lead=1 "
            "(--lead 1) learns from each one the next",
        )
    if lead is not None and lead < 1:
        raise DataError(
            "a lead is a number of steps ahead",
            where=source.location.to(name),
            expected="lead=1, 2, ...",
            found=f"lead={lead}",
            repair="swap input and output to learn the past from the future",
        )
    return lead or 1


def _name_them(names: list[str], series: bool) -> str:
    if series:
        return f"for steps in time name one variable, input={names[0]!r} with lead=1; for a map "
        "between variables name both, input=... and output=..."
    if len(names) == 1:
        return (
            "pairs need two data sets in one group or file; save inputs and outputs together. If "
            "the samples are times in order, lead=1 (--lead 1) learns from each one the next"
        )
    first, second = names[:2]
    return f"say which is which: input={first!r}, output={second!r} (or the other way round)"


def describe_arrays(source: AbstractSource) -> str:
    """One array a line: its name, shape and type."""
    items = list(source.arrays.items())
    lines = [f"{name}: shape {info.shape}, {info.dtype}" for name, info in items[:12]]
    return "\n".join([*lines, f"and {len(items) - 12} more"] if len(items) > 12 else lines)


def foreign_samples(
    source: AbstractSource, given: dict[str, Given], lead: int | None = None
) -> tuple[dict[str, Samples], dict[str, Settled], tuple[str, ...]]:
    """Where the arrays of a file are sampled, per role, with what was decided.

    Points of one set that have no domain of their own take that of the other set, where they lie
    in it.
    """
    settled = {role: _settled(source, role, one, lead) for role, one in given.items()}
    out: dict[str, Samples] = {}
    notes: list[str] = []
    for role in sorted(given, key=lambda r: settled[r].points is not None):
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
        try:
            domain = around[0] if around else Box(*map(tuple, _bounds(alike)), names=names)
        except DomainError as error:
            raise DataError(
                error.message, where=where, expected=error.expected, found=error.found,
                repair="give the domain of the points: domain=Box(...), --domain 0:1,0:1",
            ) from None  # fmt: skip
    if x.ndim == 2:
        return _one_set(domain, x, where), None
    parts = [_one_set(domain, row, where) for row in x]
    return parts[0], stacked(parts)


def _one_set(domain: AbstractDomain, x: np.ndarray, where: str) -> Points:
    there = np.asarray(np.isfinite(x).all(-1))
    try:
        return Points(domain, np.where(there[:, None], x, domain.lower), mask=there)
    except DomainError as error:
        parts = {"expected": error.expected, "found": error.found, "repair": error.repair}
        raise DataError(error.message, where=where, **parts) from None


def _bounds(sets: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    flat = np.concatenate([x.reshape(-1, x.shape[-1]) for x in sets]).astype(np.float64)
    flat = flat[np.isfinite(flat).all(1)]
    return (flat.min(0), flat.max(0)) if len(flat) else (np.zeros(1), np.zeros(1))


def _within(domain: AbstractDomain, low: np.ndarray, high: np.ndarray) -> bool:
    return bool(
        (low >= np.asarray(domain.lower)).all() and (high <= np.asarray(domain.upper)).all()
    )


def with_holes(
    samples: Samples, missing: Bool[np.ndarray, "n ..."] | None
) -> tuple[Samples, tuple[str, ...]]:
    """The samples with their missing values as masks: one for all, or one for each sample."""
    if missing is None:
        return samples, ()
    there = ~missing
    where: Any = samples.discretization
    each: Any = samples.each
    padding = isinstance(each, Points) and bool((missing <= ~np.asarray(each.mask)).all())
    if padding:  # NaN only in places that are no places
        return replace(samples, holes=True), ()
    shared = bool((there == there[:1]).all())
    if isinstance(where, Points):
        xs = np.broadcast_to(
            (each or where).exact() + where.domain.lower, (*there.shape, where.domain.dim)
        )
        masks = there if each is None else there & np.asarray(each.mask)
        count = 1 if shared and each is None else len(there)
        parts = [Points(where.domain, xs[i], mask=masks[i]) for i in range(count)]
    else:
        count = 1 if shared else len(there)
        parts = [MaskedGrid(where, there[i]) for i in range(count)]
    each = None if count == 1 else stacked(parts)
    kind = "the same in all samples" if count == 1 else "others in each sample"
    note = f"NaN in {samples.name!r} are missing values, {kind}"
    if samples.space.channels > 1:
        note += "; a place where one channel is missing counts as missing for all"
    return replace(samples, discretization=parts[0], each=each, holes=True), (note,)


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
