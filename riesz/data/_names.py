"""Which arrays of a file are the inputs and the outputs."""

from riesz.data._coordinates import fields_of, has_time
from riesz.data._joined import names_in
from riesz.data._source import AbstractSource
from riesz.data._spec import listed
from riesz.errors import DataError

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
    named = {name for text in given for name in names_in(source, text)}
    others = [name for name in fields if name not in named]
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
    if not any(given) and len(fields) == 2 and len(set(shapes)) == 1 and not series:
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
