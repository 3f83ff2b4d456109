"""HDF5 files as sources of arrays."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import h5py
import numpy as np

from riesz.data._layout import read_description
from riesz.data._seal import check_seal
from riesz.data._source import (
    AbstractSource,
    ArrayInfo,
    reading,
    require_plausible,
    stamp,
)
from riesz.data._spec import Location, closest, listed
from riesz.errors import DataError

_DEEPEST, _MOST = 4, 50  # how far groups are listed for an error message


class HDF5Source(AbstractSource):
    """The data sets of one group of an HDF5 file."""

    def blocks(self, name: str, ranges: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
        self.require_unchanged()
        with reading(self.location, name), h5py.File(self.location.path, "r") as file:
            dataset = follow(file, self.location, f"{self.location.group}/{name}")
            for start, stop in ranges:
                yield np.asarray(dataset[start:stop])


def open_hdf5(location: Location) -> HDF5Source:
    """List the data sets of a group, after the file's seal, when it has one, was checked."""
    with reading(location):
        seen = stamp(location.path)
        verified = check_seal(location)
        with h5py.File(location.path, "r") as file:
            group = _group(file, location)
            attributes: Any = group.attrs
            text = attributes.get("riesz")
            description = None
            if text is not None:
                description = read_description(text, str(location))
                _require_complete(location, group, description["length"], verified)
                description["fingerprint"] = attributes["fingerprint"].decode()
            arrays = {}
            for name in sorted(group):
                if _is_hard(group, name) and isinstance(member := group[name], h5py.Dataset):
                    arrays[name] = array_info(location, name, member)
            groups = () if arrays else tuple(_groups_with_arrays(file))
    return HDF5Source(location, arrays, groups, description, verified, seen)


def follow(file: h5py.Group, location: Location, path: str) -> Any:
    """The object at a path, through hard links only. `KeyError` when there is none."""
    here: Any = file
    for part in filter(None, path.split("/")):
        if not isinstance(here, h5py.Group) or part not in here:
            raise KeyError(part)
        if not _is_hard(here, part):
            raise DataError(
                "a link that leads elsewhere is not followed",
                where=f"{location.path}::{path.strip('/')}",
                expected="a group or data set that lies in this file",
                found=f"a soft or external link at {part!r}",
                repair="copy the data into the file: h5py's file.copy(..., expand_external=True)",
            )
        here = here[part]
    return here


def _group(file: h5py.File, location: Location) -> h5py.Group:
    try:
        here = follow(file, location, location.group)
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
    declared, stored = prod(shape) * dtype.itemsize, dataset.id.get_storage_size()
    require_plausible(location, name, declared, stored)
    if dataset.chunks:
        require_plausible(location, name, prod(dataset.chunks) * dtype.itemsize, stored)
    labels = tuple(str(dim.label or "") for dim in dataset.dims) if shape else ()
    labels = labels if any(labels) else ()
    return ArrayInfo(shape, dtype, dataset.chunks[0] if dataset.chunks else 1, labels=labels)


def _is_hard(group: h5py.Group, name: str) -> bool:
    return isinstance(group.get(name, getlink=True), h5py.HardLink)


def _groups_with_arrays(group: h5py.Group, prefix: str = "", depth: int = 0) -> Iterator[str]:
    for name in sorted(group)[:_MOST]:
        if _is_hard(group, name) and isinstance(child := group[name], h5py.Group):
            names = filter(None, child)
            if any(_is_hard(child, n) and isinstance(child[n], h5py.Dataset) for n in names):
                yield prefix + name
            if depth < _DEEPEST:
                yield from _groups_with_arrays(child, f"{prefix}{name}/", depth + 1)


def _require_complete(location: Location, group: h5py.Group, length: int, verified: bool) -> None:
    if verified:
        return
    attributes: Any = group.attrs
    complete = int(attributes.get("complete", 0))
    if complete < length or location.path.endswith(".partial"):
        raise DataError(
            "the generation of this data was interrupted",
            where=str(location),
            expected=f"{length} samples",
            found=f"{complete} samples",
            repair="repeat the command that started it: it continues where it stopped",
        )
    raise DataError(
        "the data file has lost the checksum at its start",
        where=str(location),
        expected="the first line that Riesz wrote, 'RIESZ DATA 1 ...'",
        found="none",
        repair="the file was changed or rewritten by another program: copy the original again, "
        "or copy its arrays to a new file with h5py and read them with input=..., output=...",
    )
