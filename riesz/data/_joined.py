"""Several arrays of a file as one set of functions."""

from riesz.data._layout import Samples
from riesz.data._source import AbstractSource
from riesz.domains import Grid, Point, Space
from riesz.functions import Assembly

SIDES = ("input", "output")


def names_in(source: AbstractSource, text: str | None) -> tuple[str | None, ...]:
    """The names in a text such as `"a,nu"`, unless it is that of one array."""
    if text is None or text in source.arrays:
        return (text,)
    return tuple(part.strip() for part in text.split(","))


def numbers_of(source: AbstractSource, name: str, channels: str | None) -> Samples | None:
    """The samples of an array `(n,)`, or `(n, k)` whose last axis is said to be channels."""
    info = source.info(name)
    sizes = info.shape[1:]
    if len(sizes) > 1 or (sizes and channels != "last"):
        return None
    count = sizes[0] if sizes else 1
    names = (name,) if count == 1 else tuple(map(str, range(count)))
    return Samples(name, Space(Point(), count, names, (info.unit,) * count), Grid(Point()))


def joined(sets: dict[str, Samples]) -> dict[str, Samples]:
    """One set of functions a side, of sets whose keys are `input`, `input 1`, ..., `output`, ..."""
    sides = {s: [x for key, x in sets.items() if key.split()[0] == s] for s in SIDES}
    sides = {side: members for side, members in sides.items() if members}
    fields = [x for members in sides.values() for x in members if x.space.domain != Point()]
    if not fields or len(fields) == len(sides) == len(sets):
        return sets
    out = {}
    for side, members in sides.items():
        own = [x for x in members if x.space.domain != Point()]
        first = (own or fields)[0]
        spaces = {x.name: x.space for x in members}
        assembly = Assembly(spaces, None if own else first.space.domain)
        out[side] = Samples(
            ",".join(spaces),
            assembly.space,
            first.discretization,
            first.each,
            stored=first.stored,
            members=tuple(members),
            assembly=assembly,
        )
    return out
