"""Several arrays of a file as one set of functions."""

import jax
import numpy as np

from riesz.data._layout import Samples
from riesz.data._source import AbstractSource
from riesz.domains import AbstractDiscretization, Grid, Point, Space
from riesz.errors import DataError
from riesz.functions import Assembly
from riesz.functions.internal import common_points, kept_apart, same_nodes

SIDES = ("input", "output")


def names_in(source: AbstractSource, text: str | None) -> tuple[str | None, ...]:
    """The names in a text such as `"a,nu"`, unless it is that of one array."""
    if text is None or text in source.arrays:
        return (text,)
    names = tuple(part.strip() for part in text.split(","))
    if len(set(names)) < len(names):
        raise DataError(
            "an array is named twice",
            where=str(source.location),
            expected="different names, separated by commas",
            found=text,
        )
    return names


def numbers_of(source: AbstractSource, name: str, channels: str | None) -> Samples | None:
    """The samples of an array `(n,)`, or `(n, k)` whose last axis is said to be channels."""
    info = source.info(name)
    sizes = info.shape[1:]
    if len(sizes) > 1 or (sizes and channels != "last"):
        return None
    count = sizes[0] if sizes else 1
    names = (name,) if count == 1 else tuple(map(str, range(count)))
    return Samples(name, Space(Point(), count, names, (info.unit,) * count), Grid(Point()))


def joined(
    sets: dict[str, Samples], apart: bool = False
) -> tuple[dict[str, Samples], tuple[str, ...]]:
    """One set of functions a side, of sets with keys `input`, `input 1`, ..., `output`, ...

    With a note on each array that is resampled to the points of another one, and on functions that
    are kept apart.
    """
    sides = {s: [x for key, x in sets.items() if key.split()[0] == s] for s in SIDES}
    sides = {side: members for side, members in sides.items() if members}
    kinds = {x.space.domain == Point() for x in sets.values()}
    if len(sides) == len(sets) and len(kinds) == 1:
        return dict(zip(sides, sets.values(), strict=True)), ()
    out: dict[str, Samples] = {}
    notes: list[str] = []
    kept = kept_apart([[x.space.domain for x in members] for members in sides.values()], apart)
    united = dict(zip(sides, kept, strict=True))
    # numbers alone lie where the functions of the other side do
    for side in sorted(sides, key=lambda s: not _fields(sides[s])):
        members, own = sides[side], _fields(sides[side])
        if united[side]:
            out[side] = _united(members)
            names = ", ".join(repr(x.name) for x in members)
            notes.append(f"{names} are kept apart, each on its own domain and points")
            continue
        where = own or (list(out.values()) if not any(kept) else []) or members
        out[side] = _join(members, where)
        places = where[0].discretization
        others = [x.name for x in own if not same_nodes(x.discretization, places)]
        notes += [f"{name!r} is resampled to the points of {own[0].name!r}" for name in others]
    return {side: out[side] for side in sides}, tuple(notes)


def _fields(members: list[Samples]) -> list[Samples]:
    return [x for x in members if x.space.domain != Point()]


def _united(members: list[Samples]) -> Samples:
    """The members as one set, each at its own points."""
    first = (_fields(members) or members)[0]
    _require_times(members, first)
    assembly = Assembly({x.name: x.space for x in members}, apart=True)
    counts = [len(leaf) for x in members for leaf in jax.tree.leaves(x.each)]
    each = None
    if counts:
        each = assembly.on([_in_each(x, counts[0]) for x in members])
    return Samples(
        ",".join(assembly.names),
        assembly.space,
        assembly.on([x.discretization for x in members]),
        each,
        stored=first.stored,
        members=tuple(members),
        assembly=assembly,
    )


def _in_each(samples: Samples, count: int) -> AbstractDiscretization:
    """The points of each of `count` samples."""
    if samples.each is not None:
        return samples.each
    on = samples.discretization
    return jax.tree.map(lambda x: np.broadcast_to(x, (count, *x.shape)), on)


def _require_times(members: list[Samples], first: Samples) -> None:
    """Check that functions have times, or none has; numbers may belong to whole trajectories."""
    steps = {x.stored.steps for x in (*members, first)}
    if len(steps - {1}) > 1 or any(x.stored.steps == 1 for x in _fields(members)) > (steps == {1}):
        raise DataError(
            "some of the functions have an axis of time and others have none",
            where=", ".join(x.name for x in members),
            expected="times in all of them, or in none; numbers may belong to whole trajectories",
            found=", ".join(f"{x.name!r}: {x.stored.steps} times" for x in members),
            repair="read those of one kind, or write the others at each time",
        )


def _join(members: list[Samples], where: list[Samples]) -> Samples:
    """The members as one set, at the points of others."""
    first = where[0]
    _require_times(members, first)
    at = common_points([x.discretization if x.each is None else x.each for x in where])
    assembly = Assembly({x.name: x.space for x in members}, first.space.domain)
    return Samples(
        ",".join(assembly.names),
        assembly.space,
        jax.tree.map(lambda leaf: leaf[0], at) if at.stacked else at,
        at if at.stacked else None,
        stored=first.stored,
        members=tuple(members),
        assembly=assembly,
    )
