"""NPZ files (zip archives of NumPy arrays) as sources of arrays. Nothing is unpickled."""

import json
import shlex
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from riesz.data._format import AbstractFormat, register
from riesz.data._layout import DESCRIPTION
from riesz.data._source import BLOCK_BYTES, AbstractSource, ArrayInfo, require_plausible
from riesz.data._spec import Location
from riesz.errors import DataError


class NPZSource(AbstractSource):
    """The arrays of an NPZ file. Compressed members are decompressed up to the rows wanted."""

    def rows(self, name: str, ranges: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
        path = self.location.path
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
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


@register
class NPZ(AbstractFormat):
    """A zip archive of NumPy arrays. Nothing is unpickled."""

    suffixes = (".npz",)
    signatures = (b"PK\x03\x04",)

    @classmethod
    def read(cls, location: Location) -> AbstractSource:
        arrays: dict[str, ArrayInfo] = {}
        text = None
        with zipfile.ZipFile(location.path) as archive:
            _require_no_torch(location, archive.namelist())
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                if name == entry.filename:
                    continue
                if name in arrays:
                    raise ValueError(f"two arrays are named {name!r}")
                require_plausible(location, name, entry.file_size, entry.compress_size)
                with archive.open(entry) as member:
                    arrays[name] = _header(member, location, name, entry.file_size)
                    if name == DESCRIPTION:
                        text = member.read() if arrays[name].dtype.kind == "S" else b""
        arrays.pop(DESCRIPTION, None)
        return NPZSource(location, arrays, description=text)

    @classmethod
    def write(
        cls, path: Path, arrays: Mapping[str, np.ndarray], text: str, location: Location
    ) -> None:
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **{DESCRIPTION: np.array(text.encode()), **arrays})


def _require_no_torch(location: Location, names: Sequence[str]) -> None:
    """Raise for an archive that `torch.save` wrote, with the line that converts it."""
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        raise DataError(
            "this is a PyTorch file, which can run code when it is opened",
            where=str(location),
            expected="an NPZ or HDF5 file; Riesz never unpickles objects",
            found="a zip archive with data.pkl, as torch.save writes",
            repair="where the file is trusted, convert it (keys such as x, y):\n"
            f"python -c {shlex.quote(_conversion(location))}",
        )


def _conversion(location: Location) -> str:
    """Python that writes data.npz; quotes are double, so that a shell shows it in single ones."""
    path = json.dumps(str(location.path))
    return (
        f"import numpy, torch; d = torch.load({path}); "
        'numpy.savez("data.npz", **{k: v.numpy() for k, v in d.items()})'
    )


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
