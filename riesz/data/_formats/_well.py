"""The Well: fields of trajectories in groups by their tensor order, time in front of space."""

from dataclasses import replace
from typing import Any

import h5py
import numpy as np

from riesz.data._axes import Axis
from riesz.data._formats._hdf5 import HDF5Source, array_info, dialect, follow
from riesz.data._source import AbstractSource, ArrayInfo
from riesz.errors import DataError

_ORDERS = ("t0_fields", "t1_fields", "t2_fields")


@dialect
def well(source: HDF5Source, file: h5py.File) -> AbstractSource | None:
    """The fields of a file of The Well, named like `t0_fields/density`."""
    location = source.location
    if "n_spatial_dims" not in file.attrs or "dimensions" not in file:
        return None
    if location.group:
        raise DataError(
            "the fields of a file of The Well are read together with its dimensions",
            where=str(location),
            expected="the file, and the name of a field",
            found=f"group {location.group!r}",
            repair=f"write {location.path} and input='{location.group}/NAME', lead=1",
        )
    space = _space(source, file)
    arrays = {}
    for order in _ORDERS:
        members: Any = file.get(order, {})
        for name in sorted(members):
            dataset = follow(file, f"{order}/{name}")
            if isinstance(dataset, h5py.Dataset):
                info = _field(source, dataset, f"{order}/{name}", space, file)
                arrays |= {f"{order}/{name}": info} if info else {}
    return replace(source, arrays=arrays, groups=())


def _space(source: HDF5Source, file: Any) -> tuple[Axis, ...]:
    names = [_text(x) for x in np.atleast_1d(file["dimensions"].attrs["spatial_dims"])]
    axes = []
    for i, name in enumerate(names):
        line = follow(file, f"dimensions/{name}")
        x = np.asarray(line[...])
        if x.ndim > 1 and x.shape[0] == 1:
            x = x[0]
        if x.ndim != 1:
            raise DataError(
                "the coordinates of this file of The Well change between samples or times",
                where=source.location.to(f"dimensions/{name}"),
                expected="one coordinate per grid line",
                found=f"shape {x.shape}",
                repair="resample the fields onto one grid, and write them with numpy.savez",
            )
        period = len(x) * float(x[-1] - x[0]) / (len(x) - 1) if _closed(file, i) else None
        axes.append(Axis("space", name, x, period=period))
    return tuple(axes)


def _closed(file: Any, axis: int) -> bool:
    """Whether a boundary condition of type PERIODIC covers this axis."""
    for condition in file.get("boundary_conditions", {}).values():
        dims = [_text(x) for x in np.atleast_1d(condition.attrs.get("associated_dims", []))]
        names = [_text(x) for x in np.atleast_1d(file["dimensions"].attrs["spatial_dims"])]
        if _text(condition.attrs.get("bc_type", "")).upper() == "PERIODIC" and names[axis] in dims:
            return True
    return False


def _field(
    source: HDF5Source, dataset: h5py.Dataset, name: str, space: tuple[Axis, ...], file: Any
) -> ArrayInfo | None:
    """A field that has values at each place of the grid and in each sample; None for others."""
    varying = np.atleast_1d(dataset.attrs.get("dim_varying", [True] * len(space)))
    if not dataset.attrs.get("sample_varying", True) or not all(varying):
        return None
    time = ()
    if dataset.attrs.get("time_varying", True):
        t = np.asarray(follow(file, "dimensions/time")[...])
        time = (Axis("time", "time", t if t.ndim == 1 else None),)
    components = (Axis("channel"),) * int(name[1])
    axes = (Axis("sample"), *time, *space, *components)
    info = array_info(source.location, name, dataset)
    if len(info.shape) != len(axes):
        raise DataError(
            "a field of The Well has other axes than its attributes say",
            where=source.location.to(name),
            expected=f"{len(axes)} axes",
            found=f"shape {info.shape}",
            repair="check the attributes dim_varying, sample_varying and time_varying",
        )
    return info._replace(axes=axes)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
