"""Tables of points and values: CSV, NPZ and HDF5 files."""

import csv
import os
import re
from collections.abc import Sequence
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
_SHOWN = 5  # rows named in an error


class Table(eqx.Module):
    """Points and the values observed at them.

    `points` has shape (n, d) or `(n, *space, channels)`, `values` shape (n, c); `names` are those
    of the columns of a text file, else those of the arrays. `notes` say what was understood that
    could have been meant otherwise.
    """

    points: Float[np.ndarray, "n *features"]
    values: Float[np.ndarray, "n c"]
    names: tuple[tuple[str, ...], tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def rows(self, index: Int[np.ndarray, " r"]) -> "Table":
        """Some of the points, with their values."""
        return Table(self.points[index], self.values[index], self.names, self.notes)


def read_table(
    spec: str | os.PathLike[str], points: str | None = None, values: str | None = None
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

    **Raises:** `DataError` that names what cannot be read, with its row.
    """
    location = Location(spec)
    if Path(location.path).suffix.lower() in _TEXT:
        table = _from_text(location, points, values)
    else:
        table = _from_arrays(open_source(location), points, values)
    _require_finite(location, "points", table.points)
    _require_finite(location, "values", table.values)
    return table


def read_array(spec: str | os.PathLike[str], name: str | None = None) -> Float[np.ndarray, "n ..."]:
    """One array: of a file that holds one, of that name, or the points by their usual names.

    Text files are read as one array, a point a row.
    """
    location = Location(spec)
    if Path(location.path).suffix.lower() in _TEXT:
        out = _numbers(location)[1]
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
    names, rows, notes = _numbers(location)
    chosen = _columns(location, names, values) if values else [len(names) - 1]
    others = [i for i in range(len(names)) if i not in chosen]
    inputs = _columns(location, names, points) if points else others
    if not inputs:
        raise DataError(
            "a table of points and values has two columns or more",
            where=str(location),
            expected="columns of points, then one of values",
            found=f"{len(names)} columns",
        )
    labels = (tuple(names[i] for i in inputs), tuple(names[i] for i in chosen))
    used = tuple(notes[i] for i in [*inputs, *chosen] if i in notes)
    return Table(rows[:, inputs], rows[:, chosen], labels, used)


def _columns(location: Location, names: list[str], wanted: str) -> list[int]:
    out = []
    for name in (part.strip() for part in wanted.split(",")):
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


def _numbers(
    location: Location,
) -> tuple[list[str], Float[np.ndarray, "n columns"], dict[int, str]]:
    """The names of the columns, the numbers of a text file, and notes on some columns."""
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
    headed = rows and not _is_number(rows[0][0]) and _date(rows[0][0]) is None
    names = [n.strip() for n in rows.pop(0)] if headed else None
    if not rows:
        raise DataError(
            "the table is empty", where=str(location), expected="one row of numbers a point"
        )
    names = names or [f"column {i + 1}" for i in range(len(rows[0]))]
    origins = {i: d for i, cell in enumerate(rows[0]) if (d := _date(cell)) is not None}
    notes = {i: f"{names[i]!r} holds dates, read as days since {d}" for i, d in origins.items()}
    numbers = _parsed(location, rows, len(names), origins)
    for i in set(range(len(names))) - set(origins):
        if _looks_like_dates(numbers[:, i]):
            notes[i] = (
                f"{names[i]!r} was read as numbers such as {numbers[0, i]:.0f}; if these are "
                "dates, write them as 1958-03-29"
            )
    return names, numbers, notes


def _parsed(
    location: Location, rows: list[list[str]], width: int, origins: dict[int, datetime]
) -> np.ndarray:
    out = np.empty((len(rows), width))
    for i, row in enumerate(rows):
        numbers = [_number(cell, origins.get(j)) for j, cell in enumerate(row)]
        if len(row) != width or None in numbers:
            bad = row[numbers.index(None)] if None in numbers else ""
            form = "dates as 1958-03-29 or 2020-01-01T12:00, in one time zone or none"
            raise DataError(
                f"row {i + 1} of the table cannot be read",
                where=str(location),
                expected=f"{width} numbers" + (f", {form}" if origins or _DATE.match(bad) else ""),
                found=f"the entry {bad[:40]!r}" if None in numbers else f"{len(row)} entries",
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


def _require_finite(location: Location, what: str, array: np.ndarray) -> None:
    finite = np.isfinite(array).reshape(len(array), -1).all(1)
    if not finite.all():
        rows = np.flatnonzero(~finite)
        shown = ", ".join(str(r + 1) for r in rows[:_SHOWN]) + ("..." if rows.size > _SHOWN else "")
        raise DataError(
            f"the {what} are not all finite",
            where=str(location),
            expected="numbers",
            found=f"NaN or infinity in {rows.size} of {len(array)} rows: {shown}",
            repair="remove those rows; missing values are not guessed",
        )
