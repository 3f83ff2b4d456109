"""One pass over the values of a data set: its fingerprint, and which values are missing."""

import hashlib
from collections.abc import Iterable, Iterator
from math import prod

import numpy as np
from jaxtyping import Bool

from riesz.data._layout import Samples
from riesz.data._source import BLOCK_BYTES, AbstractSource
from riesz.errors import DataError
from riesz.functions import Function, Pairs

# Numbers that programs write where a value is missing, and that no file can be asked about.
_FILL = (1e20, 1e30, 1e35, 9.969209968386869e36, -1e30, -9999.0, -32768.0, -99999.0, -999.0)


class Fingerprint:
    """SHA-256 of values as little-endian 32-bit floats, and of the shape of a sample."""

    def __init__(self, shape: tuple[int, ...]):
        self._digest = hashlib.sha256(f"{shape}\n".encode())

    def update(self, values: np.ndarray) -> None:
        """Add some samples, of shape `(n, *shape)`, in order."""
        self._digest.update(np.ascontiguousarray(values, "<f4").data)

    def hexdigest(self) -> str:
        """The fingerprint of all samples so far."""
        return self._digest.hexdigest()


def combine(parts: Iterable[str]) -> str:
    """The fingerprint of several sets, such as inputs and outputs."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def fingerprint(data: Pairs | Function) -> str:
    """The SHA-256 of pairs, or of a batch of functions, in memory.

    It says which data a model has seen: the same values, in the same order, have the same
    fingerprint in memory, in an HDF5 file and in an NPZ file (`PairsFile.fingerprint`). Missing
    values count as 0.
    """
    parts = []
    for functions in (data.inputs, data.outputs) if isinstance(data, Pairs) else (data,):
        values = np.asarray(functions.values)
        one = Fingerprint(values.shape[1:])
        one.update(values)
        parts.append(one.hexdigest())
    return combine(parts)


def ranges(length: int, rows: int) -> Iterator[tuple[int, int]]:
    """`0:rows`, `rows:2 rows`, ..., up to `length`."""
    for start in range(0, length, rows):
        yield start, min(start + rows, length)


def scan(source: AbstractSource, samples: Samples) -> tuple[str, Bool[np.ndarray, "n ..."] | None]:
    """The fingerprint of one data set, and where values of its samples are missing (NaN).

    A place where one channel is missing is missing. `None` when nothing is.

    **Raises:** `DataError`, for files of other programs, where values are infinite, where a
    sample has no value, and for numbers that stand for missing values in a file that does not
    say so.
    """
    name, shape = samples.name, samples.shape
    info, where = source.info(name), source.location.to(name)
    length = info.shape[0]
    each = prod(info.shape[1:]) * max(4, info.dtype.itemsize)
    rows = max(1, BLOCK_BYTES // each // info.chunk) * info.chunk
    digest = Fingerprint(shape)
    masks: list[np.ndarray | None] = []  # of each block; None where nothing is missing
    counts: list[int] = []
    spans = list(ranges(length, rows))
    for (start, _), block in zip(spans, source.blocks(name, spans), strict=True):
        values = samples.stored.arrange(to_float32(block), shape)
        if source.description is not None:  # checked when written; the fingerprint says if changed
            digest.update(values)
            continue
        first = start * samples.stored.steps
        _require_no_fill(values, name, where)
        missing = np.isnan(values)
        if np.isinf(values).any():
            raise _infinite(np.argwhere(np.isinf(values)), first, name, where)
        gone = missing.reshape(len(values), -1).all(1)
        if gone.any():
            raise _empty(np.flatnonzero(gone) + first, name, where)
        holes = np.asarray(missing.any(-1))
        masks.append(holes if holes.any() else None)
        counts.append(len(values))
        digest.update(np.where(holes[..., None], 0, values) if holes.any() else values)
    if all(mask is None for mask in masks):
        return digest.hexdigest(), None
    full = zip(masks, counts, strict=True)
    parts = [np.zeros((n, *shape[:-1]), bool) if m is None else m for m, n in full]
    return digest.hexdigest(), np.concatenate(parts)


def _infinite(found: np.ndarray, first: int, name: str, where: str) -> DataError:
    index = [first + int(found[0][0]), *map(int, found[0][1:])]
    return DataError(
        f"data set {name!r} has infinite values",
        where=where,
        expected="numbers within the range of 32-bit floats (3.4e38), NaN where a value is missing",
        found=f"{len(found):,} or more, the first one in sample {index[0]} at {tuple(index[1:])}",
        repair=f"drop the samples concerned, starting with sample {index[0]}, or rescale; for "
        "missing values write NaN",
    )


def _empty(rows: np.ndarray, name: str, where: str) -> DataError:
    shown = ", ".join(map(str, rows[:5].tolist())) + (", ..." if len(rows) > 5 else "")
    return DataError(
        f"samples of {name!r} have no value at all",
        where=where,
        expected="at least one value that is not missing in each sample",
        found=f"only NaN in sample {shown}",
        repair="drop these samples from the file, in all arrays: numpy.delete(u, rows, axis=0)",
    )


def _require_no_fill(values: np.ndarray, name: str, where: str) -> None:
    """Raise for a number that is far from all others, occurs again and again, and is well known."""
    if not values.size:
        return
    ends = {float(values.min()), float(values.max())}  # NaN where there is one: then the file says
    for fill in (f for f in _FILL if float(np.float32(f)) in ends):
        hit = values == np.float32(fill)
        rest = values[~hit]
        if hit.sum() > 1 and rest.size and abs(fill) > 10 * np.abs(rest).max():
            raise DataError(
                f"data set {name!r} seems to mark missing values by a number",
                where=where,
                expected="NaN where a value is missing, or the attribute _FillValue",
                found=f"{int(hit.sum()):,} times {fill:g}, and otherwise {rest.min():g} .. "
                f"{rest.max():g}",
                repair=f"write NaN there: u = numpy.where(u == {fill:g}, numpy.nan, u)",
            )


def to_float32(values: np.ndarray) -> np.ndarray:
    """The same numbers as 32-bit floats; what does not fit becomes infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)
