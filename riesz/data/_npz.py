"""NPZ files (zip archives of NumPy arrays) as sources of arrays. Nothing is unpickled."""

import zipfile
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from riesz.data._layout import read_description
from riesz.data._source import (
    BLOCK_BYTES,
    AbstractSource,
    ArrayInfo,
    reading,
    require_plausible,
    stamp,
)
from riesz.data._spec import Location
from riesz.errors import DataError

MOST_BYTES = 2**32  # declared size of one member
DESCRIPTION = "riesz"


class NPZSource(AbstractSource):
    """The arrays of an NPZ file. Compressed members are decompressed up to the rows wanted."""

    def blocks(self, name: str, ranges: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
        self.require_unchanged()
        with (
            reading(self.location, name),
            zipfile.ZipFile(self.location.path) as archive,
            archive.open(f"{name}.npy") as member,
        ):
            info = _header(member, self.location, name)
            row = prod(info.shape[1:]) * info.dtype.itemsize
            start_of_data = member.tell()
            for start, stop in ranges:
                member.seek(start_of_data + start * row)
                data = member.read((stop - start) * row)
                if len(data) != (stop - start) * row:
                    raise EOFError(f"{name!r} ends early")
                yield np.frombuffer(data, info.dtype).reshape(-1, *info.shape[1:])
            if ranges and ranges[-1][1] == info.shape[0]:
                member.read()  # to the end of the member, where its CRC-32 is verified


def open_npz(location: Location) -> NPZSource:
    """List the arrays of an NPZ file by their headers."""
    if location.group:
        raise DataError(
            "an NPZ file has no groups",
            where=str(location),
            found=f"group {location.group!r}",
            repair=f"write {location.path}; arrays are chosen by input=... and output=...",
        )
    with reading(location):
        seen = stamp(location.path)
        arrays: dict[str, ArrayInfo] = {}
        description = None
        with zipfile.ZipFile(location.path) as archive:
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                if name == entry.filename:
                    continue
                if name in arrays:
                    raise ValueError(f"two arrays are named {name!r}")
                require_plausible(location, name, entry.file_size, entry.compress_size)
                with archive.open(entry) as member:
                    info = _header(member, location, name, entry.file_size)
                    arrays[name] = info
                    if name == DESCRIPTION:
                        text = member.read() if info.dtype.kind == "S" else None
                        description = read_description(text, str(location))
    arrays.pop(DESCRIPTION, None)
    return NPZSource(location, arrays, (), description, False, seen)


def _header(member: Any, location: Location, name: str, size: int = 0) -> ArrayInfo:
    version = np.lib.format.read_magic(member)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"unknown NPY version {version}")
    shape, fortran, dtype = readers[version](member, max_header_size=10_000)
    if any(n < 0 for n in shape):
        raise ValueError(f"negative shape {shape}")
    declared = prod(shape) * dtype.itemsize
    if max(declared, size) > MOST_BYTES:
        raise DataError(
            "an array is too large for an NPZ file",
            where=location.to(name),
            expected=f"at most {MOST_BYTES:,} bytes",
            found=f"shape {shape} of {dtype}, {max(declared, size):,} bytes",
            repair="store large data in HDF5, which is read in parts",
        )
    if size and not dtype.hasobject and member.tell() + declared != size:
        raise DataError(
            "an array's header does not fit the bytes that follow it",
            where=location.to(name),
            expected=f"{declared:,} bytes for shape {shape} of {dtype}",
            found=f"{size - member.tell():,} bytes",
            repair="the file is damaged: copy it again, or save the array anew",
        )
    if fortran and len(shape) > 1:
        raise DataError(
            "an array is stored in Fortran order, column by column",
            where=location.to(name),
            expected="C order, sample by sample",
            repair="save it again: numpy.savez(path, name=numpy.ascontiguousarray(array))",
        )
    each = max(1, prod(shape[1:]) * dtype.itemsize)
    return ArrayInfo(tuple(shape), dtype, max(1, BLOCK_BYTES // each))
