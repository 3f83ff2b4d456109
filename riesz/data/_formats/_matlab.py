"""MATLAB files: version 7.3 (HDF5 with reversed axes), and versions 5 to 7 through SciPy."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import h5py
import numpy as np

from riesz.data._format import AbstractFormat, register
from riesz.data._formats._hdf5 import HDF5Source, dialect, follow
from riesz.data._source import BLOCK_BYTES, AbstractSource, ArrayInfo
from riesz.data._spec import Location

_SIGNATURE = b"MATLAB 7.3"


class MatlabHDF5Source(HDF5Source):
    """Variables of a MATLAB 7.3 file, whose axes HDF5 shows in reverse."""

    def rows(self, name: str, ranges: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
        with h5py.File(self.location.path, "r") as file:
            dataset = follow(file, f"{self.location.group}/{name}")
            for start, stop in ranges:
                if len(self.arrays[name].shape) == 1:
                    yield np.asarray(dataset[...]).reshape(-1)[start:stop]
                else:
                    yield np.asarray(dataset[..., start:stop]).T


@dialect
def matlab_hdf5(source: HDF5Source, file: h5py.File) -> AbstractSource | None:
    """The variables of a MATLAB 7.3 file in MATLAB's order of axes."""
    arrays = {}
    with open(source.location.path, "rb") as start:
        signed = start.read(len(_SIGNATURE)) == _SIGNATURE
    group = follow(file, source.location.group)
    kinds = {k: _text(group[k].attrs.get("MATLAB_class")) for k in source.arrays}
    if not signed and not any(kinds.values()):
        return None
    for name, info in source.arrays.items():
        if kinds[name] in ("cell", "struct", "function_handle", "char"):
            info = info._replace(dtype=np.dtype(object))
        chunks = group[name].chunks
        last = chunks[-1] if chunks else max(1, BLOCK_BYTES // _row(info))
        arrays[name] = info._replace(shape=_shape(info.shape[::-1]), chunk=last)
    return MatlabHDF5Source(source.location, arrays, source.groups)


class MatlabSource(AbstractSource):
    """Variables of a MATLAB file of version 5 to 7, read whole."""

    def rows(self, name: str, ranges: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
        from scipy.io import loadmat

        values = loadmat(self.location.path, variable_names=[name])[name]
        for start, stop in ranges:
            yield np.ascontiguousarray(values.reshape(self.arrays[name].shape)[start:stop])


@register
class MATLAB(AbstractFormat):
    """Variables of a file of version 5 to 7; version 7.3 is HDF5."""

    suffixes = (".mat",)
    signatures = (b"MATLAB 5.0",)

    @classmethod
    def read(cls, location: Location) -> AbstractSource:
        from scipy.io import whosmat

        arrays = {}
        for name, shape, kind in whosmat(location.path):
            number = {"logical": "?", "single": "f4", "double": "f8"}.get(kind, kind)
            plain = kind.rstrip("0123456789") in ("int", "uint", "single", "double", "logical")
            dtype = np.dtype(number) if plain else np.dtype(object)
            arrays[name] = ArrayInfo(_shape(tuple(shape)), dtype, max(1, shape[0]))
        return MatlabSource(location, arrays)


def _shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """MATLAB has no arrays of one axis: a column or a row is one here."""
    return (prod(shape),) if len(shape) == 2 and 1 in shape else shape


def _row(info: ArrayInfo) -> int:
    return max(1, prod(info.shape[:-1]) * info.dtype.itemsize)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
