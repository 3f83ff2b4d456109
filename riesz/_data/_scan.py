"""One pass over the values of a data set: its fingerprint, and whether they are finite."""

import hashlib
from collections.abc import Iterable, Iterator
from math import prod

import numpy as np

from riesz._data._source import BLOCK_BYTES, AbstractSource
from riesz.errors import DataError
from riesz.functions import Function, Pairs


class Fingerprint:
    """SHA-256 of values as little-endian 32-bit floats, and of the shape of a member."""

    def __init__(self, shape: tuple[int, ...]):
        self._digest = hashlib.sha256(f"{shape}\n".encode())

    def update(self, values: np.ndarray) -> None:
        """Add some members, of shape `(n, *shape)`, in order."""
        self._digest.update(np.ascontiguousarray(values, "<f4").data)

    def hexdigest(self) -> str:
        """The fingerprint of all members so far."""
        return self._digest.hexdigest()


def combine(parts: Iterable[str]) -> str:
    """The fingerprint of several sets, such as inputs and outputs."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def fingerprint(data: Pairs | Function) -> str:
    """The SHA-256 of pairs, or of a batch of functions, in memory.

    It says which data a model has seen: the same values, in the same order, have the same
    fingerprint in memory, in an HDF5 file and in an NPZ file (`PairsFile.fingerprint`).
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


def scan(source: AbstractSource, name: str, shape: tuple[int, ...]) -> str:
    """The fingerprint of one data set, whose members have `shape` with the channel axis.

    **Raises:** `DataError` when values are not finite: how many, and the first of them.
    """
    info = source.info(name)
    length = info.shape[0]
    each = prod(shape) * max(4, info.dtype.itemsize)
    rows = max(1, BLOCK_BYTES // each // info.chunk) * info.chunk
    digest, bad = Fingerprint(shape), 0
    first: list[int] = []
    spans = list(ranges(length, rows))
    for (start, _), block in zip(spans, source.blocks(name, spans), strict=True):
        values = to_float32(block)
        digest.update(values)
        finite = np.isfinite(values)
        if not finite.all():
            if not bad:
                index = np.argwhere(~finite)[0].tolist()
                first = [start + index[0], *index[1:]]
            bad += int((~finite).sum())
    if bad:
        raise DataError(
            f"data set {name!r} has values that are not finite",
            where=source.location.to(name),
            expected="no NaN, no infinity, nothing beyond the range of 32-bit floats (3.4e38)",
            found=f"{bad:,} of {length * prod(shape):,} values, the first one at index "
            f"[{', '.join(map(str, first))}]",
            repair=f"drop the members concerned, starting with member {first[0]}, or rescale; a "
            "missing value cannot be learned from",
        )
    return digest.hexdigest()


def to_float32(values: np.ndarray) -> np.ndarray:
    """The same numbers as 32-bit floats; what does not fit becomes infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)
