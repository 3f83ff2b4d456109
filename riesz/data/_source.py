"""Reading arrays out of files that may be damaged or hostile."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from riesz.data._axes import Axis
from riesz.data._spec import Location, closest, listed
from riesz.errors import DataError, DomainError, RieszError

MOST_EXPANSION = 2000  # declared over stored bytes; coefficients of two values reach 300
SMALL = 2**16  # bytes below which no expansion raises
BLOCK_BYTES = 2**24  # working set of a pass over a data set


class ArrayInfo(NamedTuple):
    """What a file says of one array before anything of it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk: int = 1  # samples that are stored, and best read, together
    axes: tuple[Axis, ...] = ()  # one for each axis, where a dialect says what they are
    unit: str = ""
    labels: tuple[str, ...] = ()  # names of the axes, where the file has them


Stamp = tuple[int, int, int]


def stamp(path: str) -> Stamp:
    """What changes when a file is written or replaced."""
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns


@dataclass(frozen=True)
class AbstractSource(ABC):
    """The arrays of one group of one file. Holds no open file: each call opens it anew.

    `groups` are those of the file that hold arrays. `description` is the text of Riesz' own
    layout, where the file has one. `stamp`, `columns` (the arrays are the columns of one table)
    and the parsed description are filled in by `open_source`.
    """

    location: Location
    arrays: dict[str, ArrayInfo]
    groups: tuple[str, ...] = ()
    description: Any = None
    stamp: Stamp | None = None
    columns: bool = False

    @abstractmethod
    def rows(self, name: str, ranges: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
        """The rows `start:stop` of one array for each range, in ascending order."""

    def blocks(self, name: str, ranges: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
        """What `rows` reads, of a file that was not changed since it was opened.

        **Raises:** `DataError` for whatever cannot be read.
        """
        self._require_unchanged()
        with reading(self.location, name):
            yield from self.rows(name, ranges)

    def whole(self, name: str) -> np.ndarray:
        """One array."""
        shape = self.info(name).shape
        if not shape or not shape[0]:
            return np.zeros(shape)
        return np.concatenate(list(self.blocks(name, [(0, shape[0])])))

    def info(self, name: str) -> ArrayInfo:
        """Shape and type of an array that holds real numbers."""
        if name not in self.arrays:
            near = closest(name, self.arrays)
            raise DataError(
                f"there is no {'column' if self.columns else 'data set'} {name!r}",
                where=str(self.location),
                expected=f"one of {listed(near)}" if near else "a group that holds arrays",
                found=f"{listed(self.arrays)} in this group",
                repair=f"give the name that is meant, such as {near[0]!r}"
                if near
                else self.group_hint(),
            )
        info = self.arrays[name]
        if info.dtype.kind not in "biuf" or info.dtype.itemsize > 8:
            kind = {"O": "Python objects", "c": "complex numbers"}.get(info.dtype.kind, "text")
            kind = "records" if info.dtype.names else kind
            raise DataError(
                "a data set does not hold real numbers",
                where=self.location.to(name),
                expected="floats, integers or booleans of at most 64 bits",
                found=f"{kind} (type {info.dtype})",
                repair="save real and imaginary parts as two channels"
                if info.dtype.kind == "c"
                else "save it again as an array of float32; Riesz never unpickles objects",
            )
        return info

    def group_hint(self) -> str:
        """What to do when the group holds no arrays."""
        if not self.groups:
            return "the file holds no arrays; check that it was written completely"
        return f"write {self.location.path}::{self.groups[0]}" + (
            f", or one of {listed(self.groups[1:])}" if self.groups[1:] else ""
        )

    def _require_unchanged(self) -> None:
        """Check that the file was not written to since it was opened."""
        if self.stamp is None:  # still being opened
            return
        try:
            same = stamp(self.location.path) == self.stamp
        except OSError:
            same = False
        if not same:
            raise DataError(
                "the data file was changed, replaced or removed since it was opened",
                where=str(self.location),
                repair="open it again with open_pairs",
            )


@dataclass(frozen=True)
class ArraySource(AbstractSource):
    """Arrays in memory, as the reader of a small format makes them by `of`.

    **Arguments of `of`:**

    - `values`: arrays by name, `(n, ...)` with the samples along the first axis.
    - `axes`: for names of arrays, what each axis is: `Axis("sample")`, `Axis("space", "x", x)`.
    - `units`: for names of arrays, the unit of the values.
    - `description`: the text that was given to the format's `write`.
    """

    values: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        location: Location,
        values: Mapping[str, np.ndarray],
        *,
        axes: Mapping[str, Sequence[Axis]] | None = None,
        units: Mapping[str, str] | None = None,
        description: str | None = None,
    ) -> "ArraySource":
        """The source of these arrays."""
        axes, units = axes or {}, units or {}
        arrays = {
            name: ArrayInfo(
                x.shape, x.dtype, axes=tuple(axes.get(name, ())), unit=units.get(name, "")
            )
            for name, x in values.items()
        }
        return cls(location, arrays, description=description, values=values)

    def rows(self, name: str, ranges: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
        return (self.values[name][start:stop] for start, stop in ranges)


@contextmanager
def reading(location: Location, name: str | None = None) -> Iterator[None]:
    """Turn whatever a file library raises on a bad file into a `DataError`."""
    try:
        yield
    except RieszError:
        raise
    except BlockingIOError:
        raise DataError(
            "another process is writing to the data file",
            where=str(location),
            repair="wait until it is done, or stop it",
        ) from None
    except Exception as error:
        text = str(error).splitlines()[0][:200] if str(error) else ""
        raise DataError(
            "the data file cannot be read; it is damaged or was not written completely",
            where=location.to(name) if name else str(location),
            expected="an intact file",
            found=f"{type(error).__name__}: {text}",
            repair="copy or download the file again, or repeat the command that made it",
        ) from None


@contextmanager
def located(where: str, message: str = "", repair: str | None = None) -> Iterator[None]:
    """Turn a `DomainError` about what a file or a call says into a `DataError` that names it."""
    try:
        yield
    except DomainError as error:
        raise DataError(
            message + error.message,
            where=where,
            expected=error.expected,
            found=error.found,
            repair=repair or error.repair,
        ) from None


def require_plausible(location: Location, name: str, declared: int, stored: int) -> None:
    """Raise for an array that would unfold to far more memory than the file has bytes for it."""
    if declared > SMALL and declared > MOST_EXPANSION * stored:
        raise DataError(
            "a data set declares far more values than the file stores",
            where=location.to(name),
            expected=f"at most {MOST_EXPANSION} bytes in memory for each stored byte",
            found=f"{declared:,} bytes declared, {stored:,} stored",
            repair="if the data is really that regular, save it again without compression "
            "(numpy.savez, or h5py without compression=); otherwise the file was not written "
            "completely, or is damaged",
        )
