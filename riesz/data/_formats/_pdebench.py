"""PDEBench: trajectories on cell centres, in one array per variable or in one group per sample."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import h5py
import numpy as np

from riesz.data._axes import Axis
from riesz.data._formats._hdf5 import HDF5Source, array_info, dialect, follow
from riesz.data._source import AbstractSource, ArrayInfo
from riesz.data._spec import Location
from riesz.errors import DataError

_AXES = ("x", "y", "z")


@dialect
def pdebench(source: HDF5Source, file: h5py.File) -> AbstractSource | None:
    """The arrays of a PDEBench file, with what its coordinates say of their axes."""
    if "x-coordinate" in source.arrays:
        return replace(source, arrays=_one_array_each(source))
    if source.arrays or source.location.group or not source.groups:
        return None
    return _one_group_each(source.location, file)


def _one_array_each(source: HDF5Source) -> dict[str, ArrayInfo]:
    """`tensor`, `density`, ... of shape (n, [t,] x, [y, z]) beside `x-coordinate`, ..."""
    lines = {
        k: source.whole(f"{k}-coordinate")
        for k in (*_AXES, "t")
        if f"{k}-coordinate" in source.arrays
    }
    space = tuple(_centres(k, lines[k]) for k in _AXES if k in lines)
    sizes = tuple(len(axis.values) for axis in space if axis.values is not None)
    out = {}
    for name, info in source.arrays.items():
        if name.endswith("-coordinate"):
            continue
        lead = info.shape[: -len(sizes)]
        if info.shape[-len(sizes) :] != sizes or len(lead) not in (1, 2):
            continue
        time = ()
        if len(lead) == 2:  # one time of a steady problem is no axis
            t = lines.get("t")
            t = t[: lead[1]] if t is not None and len(t) >= lead[1] else None
            time = (Axis("time", "t", t) if lead[1] > 1 else Axis("channel"),)
        out[name] = info._replace(axes=(Axis("sample"), *time, *space))
    if not out:
        raise DataError(
            "no array has the axes that the coordinates of this PDEBench file have",
            where=str(source.location),
            expected=f"shape (samples, times, {', '.join(map(str, sizes))})",
            found=", ".join(f"{k}: {v.shape}" for k, v in source.arrays.items()),
            repair="write the arrays anew: numpy.savez(path, input=a, output=u)",
        )
    return out


class _Groups(HDF5Source):
    """The array `data` of the groups 0000, 0001, ..., one sample each."""

    def rows(self, name: str, ranges: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
        with h5py.File(self.location.path, "r") as file:
            for start, stop in ranges:
                rows = (f"{self.groups[i]}/{name}" for i in range(start, stop))
                yield np.stack([np.asarray(follow(file, row)[...]) for row in rows])


def _one_group_each(location: Location, file: Any) -> AbstractSource | None:
    """Groups of `data` (t, x, [y,] channels) with `grid/x`, `grid/y`, `grid/t`."""
    groups = tuple(sorted(k for k in file if re.fullmatch(r"\d+", k)))
    if not groups or "data" not in file[groups[0]] or "grid" not in file[groups[0]]:
        return None
    infos = {array_info(location, f"{k}/data", follow(file, f"{k}/data")) for k in groups}
    grid = follow(file, f"{groups[0]}/grid")
    lines = {k: np.asarray(follow(grid, k)) for k in (*_AXES, "t") if k in grid}
    if len({(i.shape, i.dtype) for i in infos}) > 1:
        raise DataError(
            "the samples of this PDEBench file have different shapes",
            where=str(location),
            expected="data of one shape in all groups",
            found=", ".join(sorted({str(i.shape) for i in infos})[:4]),
            repair="put the samples of one shape into a file of their own",
        )
    info = infos.pop()
    space = tuple(_centres(k, lines[k]) for k in _AXES if k in lines)
    axes = (Axis("sample"), Axis("time", "t", lines.get("t")), *space, Axis("channel"))
    full = (len(groups), *info.shape)
    if len(full) != len(axes):
        return None
    arrays = {"data": ArrayInfo(full, info.dtype, 1, axes)}
    return _Groups(location, arrays, groups)


def _centres(name: str, x: np.ndarray) -> Axis:
    """An axis of cell centres, with the ends of the cells."""
    half = float(x[-1] - x[0]) / max(len(x) - 1, 1) / 2
    return Axis("space", name, x, cells=(float(x[0]) - half, float(x[-1]) + half))
