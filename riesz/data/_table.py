"""Tables of points and values: CSV, NPZ and HDF5 files."""

import csv
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

from riesz.data._dialects import open_source
from riesz.data._names import describe_arrays
from riesz.data._source import AbstractSource
from riesz.data._spec import Location, closest, listed, missing
from riesz.errors import DataError

_TEXT = (".csv", ".tsv", ".txt", ".dat")
_POINTS = ("x", "X", "points", "inputs", "input")
_VALUES = ("y", "Y", "values", "outputs", "output")
_DATE = re.compile(r"\s*\d{1,4}[-/. ]\w{1,9}[-/. ]\d{1,4}")
_MISSING = ("", "nan", "na")  # entries of a text file without a value, in small letters
_SHOWN = 5  # rows named in an error


class Table(eqx.Module):
    """Points and the values observed at them.

    `points` has shape (n, d) or `(n, *space, channels)`, `values` shape (n, c); `names` are those
    of the columns of a text file, else those of the arrays. `origins` has one entry for each
    column of points of a text file: the ISO date from which its days count, None where it holds
    numbers. `notes` say what was understood that could have been meant otherwise, `dropped` how
    many rows without values were left out.
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

    - `spec`: a file. Text (`.csv`, `.tsv`, `.txt`, `.dat`): one point a row, separated by commas,
      semicolons, tabs or blanks, with or without names in the first row; between semicolons 1,5
      is 1.5. A column of ISO dates, such as 1958-03-29 or 2020-01-01T12:00, is read as days
      since its first one. Otherwise NPZ or HDF5, `FILE::GROUP` for a group.
    - `points`: names of columns with commas between, or of an array. By default all columns but
      that of the values, or an array x, points or inputs.
    - `values`: likewise; by default the last column, or an array y, values or outputs.
    - `drop_missing`: leave out rows in which a value is missing (NaN, or in text an empty entry
      or NA), which are an error otherwise.

    **Raises:** `DataError` that names what cannot be read, with its row.
    """
    location = Location(spec)
    if Path(location.path).suffix.lower() in _TEXT:
        table = _from_text(location, points, values)
    else:
        table = _from_arrays(open_source(location), points, values)
    _require_finite(location, "points", table.points)
    missing = np.isnan(table.values).any(1)
    if drop_missing and missing.any() and not missing.all():
        kept = table.rows(np.flatnonzero(~missing))
        table = replace(kept, dropped=int(missing.sum()))
    _require_finite(location, "values", table.values, "--drop-missing leaves out rows without one")
    return table


def read_points(
    spec: str | os.PathLike[str], names: Sequence[str], origins: Sequence[str | None] = ()
) -> Float[np.ndarray, "n *features"]:
    """Read points like those of a `Table`, whose `names` and `origins` these are.

    Of a text file the columns of these names, or all of them where it has no names and as many
    columns; other columns are not read. Of another file the array of that name.

    **Raises:** `DataError` that names what cannot be read, with its row.
    """
    location = Location(spec)
    if Path(location.path).suffix.lower() in _TEXT:
        found, rows, headed = _cells(location)
        as_many = not headed and len(found) == len(names)
        columns = list(range(len(found))) if as_many else _columns(location, found, list(names))
        starts = [None if o is None else datetime.fromisoformat(o) for o in origins]
        out = _parsed(location, rows, len(found), columns, dict(zip(columns, starts, strict=True)))
    else:
        out = _read(open_source(location), names[0])
        out = out[:, None] if out.ndim == 1 else out
    _require_finite(location, "points", out)
    return out


def read_array(spec: str | os.PathLike[str], name: str | None = None) -> Float[np.ndarray, "n ..."]:
    """One array: of a file that holds one, of that name, or the points by their usual names.

    Text files are read as one array, a point a row.
    """
    location = Location(spec)
    if Path(location.path).suffix.lower() in _TEXT:
        names, rows, _ = _cells(location)
        every = range(len(names))
        out = _parsed(location, rows, len(names), every, _origins(rows, every))
    else:
        source = open_source(location)
        only = next(iter(source.arrays)) if len(source.arrays) == 1 else None
        out = _read(source, name or only or _usual(source, _POINTS, "points", "--input NAME"))
    _require_finite(location, "points", out)
    return out


def _from_arrays(source: AbstractSource, points: str | None, values: str | None) -> Table:
    points = points or _usual(source, _POINTS, "points", "--points NAME")
    values = values or _usual(source, _VALUES, "values", "--values NAME")
    x, y = _read(source, points), _read(source, values)
    x = x[:, None] if x.ndim == 1 else x
    y = y[:, None] if y.ndim == 1 else y
    if len(x) != len(y) or y.ndim != 2:
        raise DataError(
            "points and values do not fit together",
            where=str(source.location),
            expected="points of shape (n, d) and values of shape (n,) or (n, c)",
            found=f"{points} {x.shape}, {values} {y.shape}",
            repair="name the arrays that belong together with --points and --values",
        )
    return Table(x, y, ((points,), (values,)))


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


def _read(source: AbstractSource, name: str) -> Float[np.ndarray, "n ..."]:
    info = source.info(name)
    if not info.shape or not info.shape[0]:
        raise DataError(
            "an array of points or values is empty",
            where=source.location.to(name),
            expected="one row a point",
            found=f"shape {info.shape}",
        )
    (rows,) = source.blocks(name, [(0, info.shape[0])])
    return np.asarray(rows, float)


def _from_text(location: Location, points: str | None, values: str | None) -> Table:
    names, rows, _ = _cells(location)
    chosen = _columns(location, names, values.split(",")) if values else [len(names) - 1]
    others = [i for i in range(len(names)) if i not in chosen]
    inputs = _columns(location, names, points.split(",")) if points else others
    if not inputs:
        raise DataError(
            "a table of points and values has two columns or more",
            where=str(location),
            expected="columns of points, then one of values",
            found=f"{len(names)} columns",
        )
    origins = _origins(rows, [*inputs, *chosen])
    numbers = _parsed(location, rows, len(names), [*inputs, *chosen], origins, chosen)
    x, y = numbers[:, : len(inputs)], numbers[:, len(inputs) :]
    labels = (tuple(names[i] for i in inputs), tuple(names[i] for i in chosen))
    starts = tuple(origins[i].isoformat() if i in origins else None for i in inputs)
    return Table(x, y, labels, starts, _notes(names, numbers, [*inputs, *chosen], origins))


def _columns(location: Location, names: list[str], wanted: Sequence[str]) -> list[int]:
    out = []
    for name in (part.strip() for part in wanted):
        if name not in names:
            near = closest(name, names)
            raise DataError(
                f"there is no column {name!r}",
                where=str(location),
                expected=f"one of {listed(near)}" if near else "a name of the first row",
                found=f"columns {listed(names)}",
            )
        out.append(names.index(name))
    return out


def _cells(location: Location) -> tuple[list[str], list[list[str]], bool]:
    """The names of the columns, the entries of all rows, and whether the names are of the file."""
    try:
        text = Path(location.path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise missing(location) from None
    except UnicodeDecodeError:
        raise DataError(
            "the file is not text",
            where=str(location),
            expected="numbers with commas between",
            repair="give HDF5 and NPZ files their own suffix, .h5 or .npz",
        ) from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    first = lines[0] if lines else ""
    separator = next((s for s in (";", ",", "\t") if s in first), None)
    if separator == ";":  # then commas between digits are decimal marks
        lines = [re.sub(r"(?<=\d),(?=\d)", ".", line) for line in lines]
    rows = list(csv.reader(lines, delimiter=separator)) if separator else [r.split() for r in lines]
    headed = bool(rows) and not _is_number(rows[0][0]) and _date(rows[0][0]) is None
    names = [n.strip() for n in rows.pop(0)] if headed else None
    if not rows:
        raise DataError(
            "the table is empty", where=str(location), expected="one row of numbers a point"
        )
    return names or [f"column {i + 1}" for i in range(len(rows[0]))], rows, headed


def _origins(rows: list[list[str]], columns: Sequence[int]) -> dict[int, datetime]:
    """The first entries of the columns that hold dates."""
    found = {i: _date(rows[0][i]) for i in columns if i < len(rows[0])}
    return {i: date for i, date in found.items() if date is not None}


def _notes(
    names: list[str], numbers: np.ndarray, columns: Sequence[int], origins: dict[int, datetime]
) -> tuple[str, ...]:
    """What was understood of the columns that could have been meant otherwise."""
    out = []
    for column, i in zip(numbers.T, columns, strict=True):
        if i in origins:
            out.append(f"{names[i]!r} holds dates, read as days since {origins[i]}")
        elif _looks_like_dates(column):
            out.append(
                f"{names[i]!r} was read as numbers such as {column[0]:.0f}; if these are "
                "dates, write them as 1958-03-29"
            )
    return tuple(out)


def _parsed(
    location: Location,
    rows: list[list[str]],
    width: int,
    columns: Sequence[int],
    origins: Mapping[int, datetime | None],
    missing: Sequence[int] = (),
) -> Float[np.ndarray, "n columns"]:
    """The numbers of some columns; NaN for missing entries of those in `missing`."""
    out = np.empty((len(rows), len(columns)))
    for i, row in enumerate(rows):
        cells = [row[j] if j < len(row) else "" for j in columns]
        numbers = [
            np.nan if j in missing and cell.strip().lower() in _MISSING
            else _number(cell, origins.get(j))
            for j, cell in zip(columns, cells, strict=True)
        ]  # fmt: skip
        if len(row) != width or None in numbers:
            short = len(row) != width
            bad = "" if short else cells[numbers.index(None)]
            dates = any(origins.values()) or _DATE.match(bad)
            form = "dates as 1958-03-29 or 2020-01-01T12:00, in one time zone or none"
            raise DataError(
                f"row {i + 1} of the table cannot be read",
                where=str(location),
                expected=f"{width if short else len(columns)} numbers"
                + (f", {form}" if dates else ""),
                found=f"{len(row)} entries" if short else f"the entry {bad[:40]!r}",
                repair="write dates in the order year-month-day (ISO 8601)"
                if _DATE.match(bad)
                else "remove the row or fill it in; missing values are not guessed",
            )
        out[i] = numbers
    return out


def _number(cell: str, origin: datetime | None) -> float | None:
    """A number, or the days since the origin; None where it is neither."""
    if origin is None:
        return float(cell) if _is_number(cell) else None
    date = _date(cell)
    if date is None or (date.tzinfo is None) != (origin.tzinfo is None):
        return None
    return (date - origin).total_seconds() / 86400


def _date(cell: str) -> datetime | None:
    """An ISO date that is no number."""
    try:
        return None if _is_number(cell) else datetime.fromisoformat(cell.strip())
    except ValueError:
        return None


def _looks_like_dates(column: np.ndarray) -> bool:
    """Whether all numbers are like 19580329."""
    month, day = column // 100 % 100, column % 100
    whole = (column == np.round(column)) & (column >= 1e7) & (column < 1e8)
    return bool((whole & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


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
