"""Tables of points and values, in files of any format."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

from riesz.data._format import open_source
from riesz.data._joined import names_in
from riesz.data._names import describe_arrays
from riesz.data._source import AbstractSource
from riesz.data._spec import Location, listed
from riesz.errors import DataError

_POINTS = ("x", "X", "points", "inputs", "input")
_VALUES = ("y", "Y", "values", "outputs", "output")
_SINCE = "days since "  # how the unit of a column of dates begins
_SHOWN = 5  # rows named in an error


class Table(eqx.Module):
    """Points and the values observed at them.

    `points` has shape (n, d) or `(n, *space, channels)`, `values` shape (n, c); `names` are those
    of the columns or arrays. `origins` has one entry for each column of points of a table of
    columns: the ISO date from which its days count, None where it holds numbers. `notes` say what
    was understood that could have been meant otherwise, `dropped` how many rows without values
    were left out.
    """

    points: Float[np.ndarray, "n *features"]
    values: Float[np.ndarray, "n c"]
    names: tuple[tuple[str, ...], tuple[str, ...]]
    origins: tuple[str | None, ...] = ()
    notes: tuple[str, ...] = ()
    dropped: int = 0

    def rows(self, index: Int[np.ndarray, " r"]) -> "Table":
        """Some of the points, with their values."""
        return replace(self, points=self.points[index], values=self.values[index])


def read_table(
    spec: str | os.PathLike[str],
    points: str | None = None,
    values: str | None = None,
    drop_missing: bool = False,
) -> Table:
    """Read points and values.

    **Arguments:**

    - `spec`: a file of any format, `FILE::GROUP` for a group. Of a table in text, a column of ISO
      dates is read as days since its first one.
    - `points`: names of columns with commas between, or of an array. By default all columns but
      those of the values, or an array x, points or inputs.
    - `values`: likewise; by default the last column, or an array y, values or outputs.
    - `drop_missing`: leave out rows in which a value is missing (NaN, or in text an empty entry
      or NA), which are an error otherwise.

    **Raises:** `DataError` that names what cannot be read, with its row.
    """
    source = open_source(Location(spec))
    names = _names(source, points, values)
    x, y = (_joined(source, some) for some in names)
    if len(x) != len(y) or y.ndim != 2:
        raise DataError(
            "points and values do not fit together",
            where=str(source.location),
            expected="points of shape (n, d) and values of shape (n,) or (n, c)",
            found=f"{','.join(names[0])} {x.shape}, {','.join(names[1])} {y.shape}",
            repair="name the arrays that belong together with --points and --values",
        )
    table = Table(x, y, names)
    if source.columns:
        origins = tuple(_origin(source, name) for name in names[0])
        table = replace(table, origins=origins, notes=_notes(source, table))
    _require_finite(source.location, "points", table.points)
    missing = np.isnan(table.values).any(1)
    if drop_missing and missing.any() and not missing.all():
        kept = table.rows(np.flatnonzero(~missing))
        table = replace(kept, dropped=int(missing.sum()))
    repair = "--drop-missing leaves out rows without one"
    _require_finite(source.location, "values", table.values, repair)
    return table


def read_points(
    spec: str | os.PathLike[str], names: Sequence[str], origins: Sequence[str | None] = ()
) -> Float[np.ndarray, "n *features"]:
    """Read points like those of a `Table`, whose `names` and `origins` these are.

    Of a table of columns those of these names, or all where it has no names and as many columns;
    other columns are not read.

    **Raises:** `DataError` that names what cannot be read, with its row.
    """
    source = open_source(Location(spec))
    unnamed = source.columns and list(source.arrays)[0] == "column 1"
    if unnamed and len(source.arrays) == len(names):
        names = list(source.arrays)
    out = _joined(source, names)
    for i, origin in enumerate(origins):
        out[:, i] += _days_between(source, names[i], origin)
    _require_finite(source.location, "points", out)
    return out


def read_array(spec: str | os.PathLike[str], name: str | None = None) -> Float[np.ndarray, "n ..."]:
    """One array: of a file that holds one, of that name, or the points by their usual names.

    A table of columns is read as one array, one point per row.
    """
    source = open_source(Location(spec))
    if source.columns and name is None:
        out = _joined(source, tuple(source.arrays))
    else:
        only = next(iter(source.arrays)) if len(source.arrays) == 1 else None
        out = _read(source, name or only or _usual(source, _POINTS, "points", "--input NAME"))
    _require_finite(source.location, "points", out)
    return out


def _names(
    source: AbstractSource, points: str | None, values: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the points and of the values."""
    if not source.columns:
        points = points or _usual(source, _POINTS, "points", "--points NAME")
        values = values or _usual(source, _VALUES, "values", "--values NAME")
    chosen = names_in(source, values) if values else tuple(source.arrays)[-1:]
    rest = tuple(name for name in source.arrays if name not in chosen)
    inputs = names_in(source, points) if points else rest
    if not inputs:
        raise DataError(
            "a table of points and values has two columns or more",
            where=str(source.location),
            expected="columns of points, then one of values",
            found=f"{len(source.arrays)} columns",
        )
    return inputs, chosen  # pyright: ignore[reportReturnType]


def _usual(source: AbstractSource, names: Sequence[str], what: str, option: str) -> str:
    for name in names:
        if name in source.arrays:
            return name
    raise DataError(
        f"the file does not say which array holds the {what}",
        where=str(source.location),
        expected=f"an array named {listed(names)}",
        found=describe_arrays(source),
        repair=f"give its name: {option}",
    )


def _joined(source: AbstractSource, names: Sequence[str]) -> Float[np.ndarray, "n ..."]:
    """Arrays beside each other, (n,) as (n, 1)."""
    parts = [_read(source, name) for name in names]
    parts = [x[:, None] if x.ndim == 1 else x for x in parts]
    return np.concatenate(parts, -1)


def _read(source: AbstractSource, name: str) -> Float[np.ndarray, "n ..."]:
    info = source.info(name)
    if not info.shape or not info.shape[0]:
        raise DataError(
            "an array of points or values is empty",
            where=source.location.to(name),
            expected="one row per point",
            found=f"shape {info.shape}",
        )
    return np.asarray(source.whole(name), float)


def _origin(source: AbstractSource, name: str) -> str | None:
    """The date from which the days of a column count."""
    unit = source.info(name).unit
    if not unit.startswith(_SINCE):
        return None
    return datetime.fromisoformat(unit.removeprefix(_SINCE)).isoformat()


def _days_between(source: AbstractSource, name: str, origin: str | None) -> float:
    """How many days later the days of a column begin to count than those of the fit."""
    own = _origin(source, name)
    dates = [None if o is None else datetime.fromisoformat(o) for o in (origin, own)]
    zones = {None if d is None else d.tzinfo is None for d in dates}
    if len(zones) > 1:
        raise DataError(
            f"the column {name!r} does not count as in the fit",
            where=str(source.location),
            expected="numbers" if origin is None else f"dates, as {origin} in the fit",
            found="numbers" if own is None else f"dates, the first one {own}",
            repair="write dates as 1958-03-29 or 2020-01-01T12:00, in one time zone or none",
        )
    start, first = dates
    return 0.0 if start is None or first is None else (first - start).total_seconds() / 86400


def _notes(source: AbstractSource, table: Table) -> tuple[str, ...]:
    """What was understood of the columns that could have been meant otherwise."""
    out = []
    names = (*table.names[0], *table.names[1])
    for name, column in zip(names, np.concatenate([table.points, table.values], 1).T, strict=True):
        unit = source.info(name).unit
        if unit:
            out.append(f"{name!r} holds dates, read as {unit}")
        elif _looks_like_dates(column):
            out.append(
                f"{name!r} was read as numbers such as {column[0]:.0f}; if these are "
                "dates, write them as 1958-03-29"
            )
    return tuple(out)


def _looks_like_dates(column: np.ndarray) -> bool:
    """Whether all numbers are like 19580329."""
    month, day = column // 100 % 100, column % 100
    whole = (column == np.round(column)) & (column >= 1e7) & (column < 1e8)
    return bool((whole & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())


def _require_finite(
    location: Location,
    what: str,
    array: np.ndarray,
    repair: str = "remove those rows; missing values are not guessed",
) -> None:
    finite = np.isfinite(array).reshape(len(array), -1).all(1)
    if not finite.all():
        rows = np.flatnonzero(~finite)
        shown = ", ".join(str(r + 1) for r in rows[:_SHOWN]) + ("..." if rows.size > _SHOWN else "")
        raise DataError(
            f"the {what} are not all finite",
            where=str(location),
            expected="numbers",
            found=f"NaN or infinity in {rows.size} of {len(array)} rows: {shown}",
            repair=repair,
        )
