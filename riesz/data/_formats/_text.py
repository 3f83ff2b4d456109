"""Tables in text files: one row per line, the first with or without names."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from riesz.data._format import AbstractFormat, register
from riesz.data._source import AbstractSource, ArrayInfo
from riesz.data._spec import Location
from riesz.errors import DataError

_DATE = re.compile(r"\s*\d{1,4}[-/. ]\w{1,9}[-/. ]\d{1,4}")
_MISSING = ("", "nan", "na")  # entries without a value, in small letters


@dataclass(frozen=True)
class TextSource(AbstractSource):
    """The columns of a table, which become numbers when they are read."""

    cells: tuple[tuple[str, ...], ...] = ()  # of each column

    def rows(self, name: str, ranges: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
        cells = self.cells[list(self.arrays).index(name)]
        origin = _date(cells[0])
        numbers = [_number(cell, origin) for cell in cells]
        if None in numbers:
            i = numbers.index(None)
            dates = origin is not None or _DATE.match(cells[i])
            raise DataError(
                f"row {i + 1} of the table cannot be read",
                where=self.location.to(name),
                expected="a number"
                if not dates
                else "dates as 1958-03-29 or 2020-01-01T12:00, in one time zone or none",
                found=f"the entry {cells[i][:40]!r}",
                repair="write dates in the order year-month-day (ISO 8601)"
                if _DATE.match(cells[i])
                else "remove the row or fill it in; missing values are not guessed",
            )
        values = np.asarray(numbers, float)
        return (values[start:stop] for start, stop in ranges)


@register
class Text(AbstractFormat):
    """A table: one row per line, separated by commas, semicolons, tabs or blanks.

    Between semicolons 1,5 is 1.5. A column whose first entry is an ISO date, such as 1958-03-29
    or 2020-01-01T12:00, holds days since that date, which is its unit.
    """

    suffixes = (".csv", ".tsv", ".txt", ".dat")
    columns = True

    @classmethod
    def read(cls, location: Location) -> AbstractSource:
        names, rows = _cells(location)
        columns = tuple(zip(*rows, strict=True))
        origins = [_date(cells[0]) for cells in columns]
        units = ["" if date is None else f"days since {date}" for date in origins]
        arrays = {
            name: ArrayInfo((len(rows),), np.dtype(float), unit=unit)
            for name, unit in zip(names, units, strict=True)
        }
        return TextSource(location, arrays, cells=columns)

    @classmethod
    def write(
        cls, path: Path, arrays: Mapping[str, np.ndarray], text: str, location: Location
    ) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            tabs = location.suffix == ".tsv"
            rows = csv.writer(file, delimiter="\t" if tabs else ",", lineterminator="\n")
            rows.writerow(arrays)
            rows.writerows(zip(*(x.tolist() for x in arrays.values()), strict=True))


def _cells(location: Location) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and the entries of all rows."""
    try:
        text = Path(location.path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(
            "the file is not text",
            where=str(location),
            expected="numbers with commas between",
            repair="give files of other formats their own suffix, such as .h5 or .npz",
        ) from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    first = lines[0] if lines else ""
    separator = next((s for s in (";", ",", "\t") if s in first), None)
    if separator == ";":  # then commas between digits are decimal marks
        lines = [re.sub(r"(?<=\d),(?=\d)", ".", line) for line in lines]
    rows = list(csv.reader(lines, delimiter=separator)) if separator else [r.split() for r in lines]
    headed = bool(rows) and not _is_number(rows[0][0]) and _date(rows[0][0]) is None
    names = [n.strip() for n in rows.pop(0)] if headed else []
    if not rows:
        raise DataError(
            "the table is empty", where=str(location), expected="one row of numbers per point"
        )
    names = names or [f"column {i + 1}" for i in range(len(rows[0]))]
    wrong = next((i for i, row in enumerate(rows) if len(row) != len(names)), None)
    if wrong is not None or len(set(names)) < len(names):
        row = f"row {wrong + 1} of the table cannot be read" if wrong is not None else ""
        raise DataError(
            row or "two columns of the table have the same name",
            where=str(location),
            expected=f"{len(names)} numbers" if row else "a name for each column",
            found=f"{len(rows[wrong])} entries" if wrong is not None else ", ".join(names),
            repair="remove the row or fill it in; missing values are not guessed"
            if row
            else "rename one of them in the first row",
        )
    return names, rows


def _number(cell: str, origin: datetime | None) -> float | None:
    """A number, or the days since the origin; NaN for no entry, None for what is neither."""
    if cell.strip().lower() in _MISSING:
        return np.nan
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


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
