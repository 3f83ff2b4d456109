"""NetCDF through xarray: named dimensions, coordinates, units, packed and missing values.

Conventions: CF 1.11, sections 3.1 (units), 4 (coordinate types), 7.1 (cell bounds) and 8.1
(packed data).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import h5py
import numpy as np

from riesz.data._axes import Axis, Role, role_of
from riesz.data._format import AbstractFormat, register
from riesz.data._formats._hdf5 import HDF5Source, dialect, follow
from riesz.data._source import AbstractSource, ArrayInfo, require_plausible
from riesz.data._spec import Location
from riesz.errors import DataError

_PACKED = ("scale_factor", "add_offset", "_FillValue", "missing_value")
_SPACE = {
    "latitude": "space", "longitude": "space", "height": "space", "depth": "space",
    "altitude": "space", "air_pressure": "space", "projection_x_coordinate": "space",
    "projection_y_coordinate": "space", "grid_latitude": "space", "grid_longitude": "space",
    "time": "time", "realization": "sample",
}  # fmt: skip


@dataclass(frozen=True)
class NetCDFSource(AbstractSource):
    """The variables of one group of a NetCDF file, with the axes sample, time, space, channel."""

    engine: str = "h5netcdf"
    dims: Mapping[str, tuple[str, ...]] = ()  # pyright: ignore[reportAssignmentType]

    def rows(self, name: str, ranges: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
        with _opened(self.location, self.engine) as data:
            variable = data[name].squeeze([d for d in data[name].dims if d not in self.dims[name]])
            variable = variable.transpose(*self.dims[name])
            low, high = _valid(variable)
            for start, stop in ranges:
                values = np.asarray(variable[start:stop].values)
                wrong = (values < low) | (values > high)
                yield np.where(wrong, np.nan, values) if wrong.any() else values


@register
class NetCDF(AbstractFormat):
    """Fields with named axes, coordinates and units; version 3 here, version 4 is HDF5."""

    suffixes = (".nc", ".nc4", ".cdf")
    signatures = (b"CDF\1", b"CDF\2", b"CDF\5")
    grouped = True

    @classmethod
    def read(cls, location: Location) -> AbstractSource:
        with open(location.path, "rb") as file:
            version = file.read(4)[3]
        if version == 5:
            raise DataError(
                "this kind of NetCDF file, CDF-5 with 64-bit data, is not read",
                where=str(location),
                expected="NetCDF-4, or NetCDF-3 in its classic or 64-bit offset format",
                found="the signature CDF 5",
                repair="convert it: nccopy -k nc4 FILE NEW.nc",
            )
        return _source(location, "scipy")


@dialect
def netcdf_hdf5(source: HDF5Source, file: h5py.File) -> AbstractSource | None:
    """The variables of a NetCDF-4 file, or of an HDF5 file with the attributes of one."""
    group = follow(file, source.location.group)
    attributes = [group[name].attrs for name in source.arrays]
    named = any(a.get("CLASS") == b"DIMENSION_SCALE" for a in attributes)
    packed = any(key in a for a in attributes for key in _PACKED)
    if not (named or packed or "_NCProperties" in file.attrs) or not source.arrays:
        return None
    return _source(source.location, "h5netcdf")


def _source(location: Location, engine: str) -> NetCDFSource:
    arrays, dims = {}, {}
    with _opened(location, engine) as data:
        for name, variable in data.data_vars.items():
            info = _variable(location, data, str(name), variable, engine)
            if info is not None:
                arrays[str(name)], dims[str(name)] = info
    return NetCDFSource(location, arrays, engine=engine, dims=dims)


def _opened(location: Location, engine: str) -> Any:
    try:
        import xarray

        if engine == "h5netcdf":
            import h5netcdf  # noqa: F401
    except ImportError:
        raise DataError(
            "NetCDF files need xarray and h5netcdf, which are not installed",
            where=str(location),
            expected="the extra io of riesz",
            found="a NetCDF file",
            repair="pip install xarray h5netcdf",
        ) from None
    options: dict[str, Any] = {"phony_dims": "sort"} if engine == "h5netcdf" else {}
    return xarray.open_dataset(
        location.path,
        group=location.group or None,
        engine=engine,  # pyright: ignore[reportArgumentType]
        decode_times=False,  # numbers and their unit serve every calendar
        decode_coords="all",
        cache=False,
        **options,
    )


def _variable(
    location: Location, data: Any, name: str, variable: Any, engine: str
) -> tuple[ArrayInfo, tuple[str, ...]] | None:
    """What the file says of one variable, its axes put in order; None for no field."""
    encoded = variable.encoding.get("dtype", variable.dtype)
    if variable.dtype.kind not in "biuf" or variable.ndim < 2:
        return None
    if engine == "scipy":
        stored = os.path.getsize(location.path)
        require_plausible(location, name, prod(variable.shape) * encoded.itemsize, stored)
    axes = {d: _axis(data, d, variable) for d in variable.dims} | _places(data, variable)
    single = [d for d in axes if variable.sizes[d] == 1 and axes[d].role not in ("sample", "time")]
    axes = {d: a for d, a in axes.items() if d not in single}
    roles = [a.role for a in axes.values()]
    unsaid = [d for d, a in axes.items() if not a.role]
    if unsaid and "sample" not in roles and "time" not in roles and unsaid[0] == variable.dims[0]:
        axes[unsaid[0]] = axes[unsaid[0]]._replace(role="sample")
        unsaid = unsaid[1:]
    for d in unsaid:
        axes[d] = axes[d]._replace(role="space")
    kinds = ("sample", "time", "space", "points", "channel")
    order = sorted(axes, key=lambda d: kinds.index(axes[d].role))
    if len(order) < 2 or axes[order[0]].role not in ("sample", "time"):
        return None
    shape = tuple(variable.sizes[d] for d in order)
    chunks = variable.encoding.get("preferred_chunks") or {}
    dtype = variable.dtype if variable.dtype.itemsize <= 8 else np.dtype("f8")
    ready = tuple(axes[d] for d in order)
    unit = str(variable.attrs.get("units", ""))
    info = ArrayInfo(shape, dtype, int(chunks.get(order[0], 1)), ready, "" if unit == "1" else unit)
    return info, tuple(map(str, order))


def _axis(data: Any, dim: str, variable: Any) -> Axis:
    """A dimension with its coordinate variable, when it has one."""
    name = str(dim)
    if dim not in data.coords:
        role = role_of(name)
        return Axis(role if role in ("sample", "time", "channel") else "", name)
    line = data.coords[dim]
    attributes, unit = line.attrs, str(line.attrs.get("units", ""))
    role = _said(name, attributes) or "space"
    if line.dtype.kind not in "iuf":
        return Axis("sample" if role == "sample" else "channel", name)
    label = f"{unit} ({attributes['calendar']})" if "calendar" in attributes else unit
    label = "" if label == "1" else label
    values = np.asarray(line.values)
    if role != "space":
        return Axis(role, name, values, label)
    closed = attributes.get("standard_name") == "longitude" or unit.startswith("degrees_e")
    bounds = data.coords.get(attributes.get("bounds", "") or line.encoding.get("bounds", ""))
    cells = None
    if bounds is not None and bounds.shape == (len(values), 2):
        cells = (float(bounds.min()), float(bounds.max()))
    return Axis("space", name, values, label, cells, 360.0 if closed or _is_lon(name) else None)


def _places(data: Any, variable: Any) -> dict[Any, Axis]:
    """Axes of stations, or of a curved grid, whose places are auxiliary coordinates (CF 5)."""
    found: dict[tuple[Any, ...], list[Any]] = {}
    names: dict[tuple[Any, ...], list[str]] = {}
    for name, line in data.variables.items():
        inside = line.ndim and set(line.dims) <= set(variable.dims) and name not in line.dims
        if inside and line.dtype.kind in "if" and _said(str(name), line.attrs) == "space":
            found.setdefault(line.dims, []).append(line)
            names.setdefault(line.dims, []).append(str(name))
    out: dict[Any, Axis] = {}
    for dims, lines in found.items():
        gridded = [d for d in dims if d in data.coords and _said(str(d), data.coords[d].attrs)]
        if len(lines) < len(dims) or len(gridded) == len(dims) or len(lines) > 3:
            continue
        places = np.stack([np.asarray(line.values, np.float64).reshape(-1) for line in lines], -1)
        out |= {d: Axis("points", str(d)) for d in dims}
        out[dims[0]] = Axis("points", ", ".join(names[dims]), places)
    return out


def _said(name: str, attributes: Mapping[str, Any]) -> Role:
    """The role of a coordinate, where its attributes or its name say one."""
    unit = str(attributes.get("units", ""))
    known = _SPACE.get(str(attributes.get("standard_name", "")))
    if " since " in unit or attributes.get("axis") == "T":
        return "time"
    if known or attributes.get("axis") in ("X", "Y", "Z") or unit.startswith("degrees_"):
        return known or "space"  # pyright: ignore[reportReturnType]
    return role_of(name)


def _valid(variable: Any) -> tuple[float, float]:
    """The range outside of which values are missing (CF 2.5.1), of the values as they are read."""
    attributes = variable.attrs
    ends = attributes.get("valid_range", (attributes.get("valid_min"), attributes.get("valid_max")))
    scale = float(variable.encoding.get("scale_factor", 1.0))
    offset = float(variable.encoding.get("add_offset", 0.0))
    low, high = (None if x is None else float(x) * scale + offset for x in ends)
    rounding = 1e-6 * max(abs(x) for x in (low or 0.0, high or 0.0, 1e-30))
    return (-np.inf if low is None else low - rounding, np.inf if high is None else high + rounding)


def _is_lon(name: str) -> bool:
    return name.lower() in ("lon", "longitude")
