"""HDF5: the data sets of a group, plain or in a layout that says what their axes are."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from riesz.data._format import AbstractFormat, register
from riesz.data._layout import DESCRIPTION
from riesz.data._source import AbstractSource, ArrayInfo, require_plausible
from riesz.data._spec import Location, closest, listed
from riesz.errors import DataError

_DEEPEST, _MOST = 4, 50  # how far groups are listed for an error message
_CHUNK_BYTES = 2**18  # of values stored, checked and read together


class HDF5Source(AbstractSource):
    """The data sets of one group of an HDF5 file."""

    def rows(self, name: str, ranges: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
        with h5py.File(self.location.path, "r") as file:
            dataset = follow(file, f"{self.location.group}/{name}")
            for start, stop in ranges:
                yield np.asarray(dataset[start:stop])


Dialect = Callable[[HDF5Source, h5py.File], AbstractSource | None]
_DIALECTS: list[Dialect] = []


def dialect(reader: Dialect) -> Dialect:
    """Enter a reader of a layout within HDF5; a decorator.

    It takes the source of a file's plain arrays and the open file, and returns a source that says
    what the axes are, or None where the file is not of its kind.
    """
    _DIALECTS.append(reader)
    return reader


@register
class HDF5(AbstractFormat):
    """Arrays in groups, read in parts; NetCDF-4, MATLAB 7.3, PDEBench and The Well among them."""

    suffixes = (".h5", ".hdf5", ".hdf", ".he5")
    signatures = (b"\x89HDF\r\n\x1a\n",)
    grouped = True

    @classmethod
    def fits(cls, file: BinaryIO) -> bool:
        """The signature lies at 0 or at a power of two from 512 on."""
        start, size = 0, os.fstat(file.fileno()).st_size
        while start < size:
            file.seek(start)
            if file.read(8) == cls.signatures[0]:
                return True
            start = max(512, 2 * start)
        return False

    @classmethod
    def read(cls, location: Location) -> AbstractSource:
        with h5py.File(location.path, "r") as file:
            group = _group(file, location)
            arrays = {k: array_info(location, k, x) for k, x in _datasets(group)}
            groups = () if arrays else tuple(_groups_with_arrays(file))
            text = group.attrs.get(DESCRIPTION)
            source = HDF5Source(location, arrays, groups, text)
            told = (x for x in (reader(source, file) for reader in _DIALECTS) if x is not None)
            return source if text is not None else next(told, source)

    @classmethod
    def write(
        cls, path: Path, arrays: Mapping[str, np.ndarray], text: str, location: Location
    ) -> None:
        with h5py.File(path, "a") as file:
            if location.group and location.group in file:
                del file[location.group]
            group = file.require_group(location.group or "/")
            group.attrs[DESCRIPTION] = np.bytes_(text)
            for name, x in arrays.items():
                parts = {"chunks": chunks_of(x.shape), "fletcher32": True} if x.size else {}
                group.create_dataset(name, data=x, **parts if x.ndim else {})

    @classmethod
    def taken(cls, location: Location) -> bool:
        """Whether the group is there, or for none the file."""
        if not location.group or not os.path.exists(location.path):
            return os.path.exists(location.path)
        with h5py.File(location.path, "r") as file:
            return location.group in file


def chunks_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The samples of an array of 32-bit floats that are stored together."""
    return (max(1, min(shape[0], _CHUNK_BYTES // (prod(shape[1:]) * 4))), *shape[1:])


def follow(group: h5py.Group, path: str) -> Any:
    """The object at a path in this file. `KeyError` when there is none."""
    found: Any = group[path] if path.strip("/") else group
    if found.file.filename != group.file.filename:
        raise DataError(
            "a link that leads to another file is not followed",
            where=f"{group.file.filename}::{path.strip('/')}",
            expected="a group or data set that lies in this file",
            found=f"a link to {found.file.filename}",
            repair="copy the data into the file: h5py's file.copy(..., expand_external=True)",
        )
    return found


def array_info(location: Location, name: str, dataset: h5py.Dataset) -> ArrayInfo:
    """What a data set declares, once it is known to lie in this file and to be plausible."""
    shape, dtype = tuple(dataset.shape or ()), dataset.dtype
    if dataset.is_virtual or dataset.external:
        raise DataError(
            "a data set keeps its values in other files, which are not followed",
            where=location.to(name),
            expected="values that lie in this file",
            found="a virtual data set" if dataset.is_virtual else "external storage",
            repair="copy the values into the file with h5py: file[name] = array",
        )
    stored = dataset.id.get_storage_size()
    for part in (shape, dataset.chunks or ()):
        require_plausible(location, name, prod(part) * dtype.itemsize, stored)
    labels = tuple(str(dim.label or "") for dim in dataset.dims) if shape else ()
    labels = labels if any(labels) else ()
    return ArrayInfo(shape, dtype, dataset.chunks[0] if dataset.chunks else 1, labels=labels)


def _group(file: h5py.File, location: Location) -> h5py.Group:
    try:
        here = follow(file, location.group)
    except KeyError:
        here = None
    if isinstance(here, h5py.Group):
        return here
    groups = list(_groups_with_arrays(file))
    groups = closest(location.group, groups) if groups else []
    parent = location.group.rpartition("/")[0]
    hint = groups[0] if groups else ""
    raise DataError(
        f"the file has no group {location.group!r}"
        if here is None
        else f"{location.group!r} is a data set, not a group",
        where=location.path,
        expected=f"one of {listed(groups)}" if groups else "the root group, which has no name",
        found=location.group,
        repair=f"write {Location(f'{location.path}::{hint if here is None else parent}')}",
    )


def _members(group: h5py.Group) -> Iterator[tuple[str, Any]]:
    """What lies in a group of this file, by name."""
    for name in sorted(filter(None, group)):
        if not isinstance(group.get(name, getlink=True), h5py.ExternalLink):
            yield name, group.get(name)


def _datasets(group: h5py.Group) -> list[tuple[str, h5py.Dataset]]:
    return [(name, x) for name, x in _members(group) if isinstance(x, h5py.Dataset)]


def _groups_with_arrays(group: h5py.Group, prefix: str = "", depth: int = 0) -> Iterator[str]:
    for name, child in list(_members(group))[:_MOST]:
        if isinstance(child, h5py.Group):
            if _datasets(child):
                yield prefix + name
            if depth < _DEEPEST:
                yield from _groups_with_arrays(child, f"{prefix}{name}/", depth + 1)
