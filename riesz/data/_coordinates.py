"""Which arrays of a file without a dialect are coordinates of the others."""

from collections.abc import Iterable

import numpy as np

from riesz.data._axes import Axis, role_of
from riesz.data._source import AbstractSource, ArrayInfo
from riesz.errors import DataError

# Names of arrays of places, (m, d) or (n, m, d); also behind the name of the array they belong to.
_PLACES = ("coordinates", "coords", "points", "nodes", "positions", "pos", "vertices", "sensors")
_ALONE = (*_PLACES, "xy", "xyz", "mesh", "grid")
_MESHES = ("x", "y", "z", "xx", "yy", "lat", "lon", "latitude", "longitude", "depth")
_GROUPS = ("group", "groups", "trajectory", "trajectories", "case", "geometry")
_CONNECTIVITY = ("cells", "elements", "triangles", "faces", "edges", "connectivity", "tri")


def fields_of(source: AbstractSource) -> dict[str, ArrayInfo]:
    """The arrays that may hold functions: those that are no coordinates of others.

    Coordinates are arrays of one axis; mesh grids named like axes (x, lat, depth, t) that have
    the shape of other arrays; places `(m, d)` or `(n, m, d)`; and `NAME_mask`, `NAME_weights`.
    Arrays `x` and `y` without others beside them are data.
    """
    if any(info.axes for info in source.arrays.values()):
        return {k: v for k, v in source.arrays.items() if v.axes}
    fields = {k: v for k, v in source.arrays.items() if len(v.shape) > 1}
    fields = {k: v for k, v in fields.items() if not _is_companion(k, v, fields)}
    meshes = {k: v.shape for k, v in fields.items() if k.lower() in _MESHES}
    rest = [v.shape for k, v in fields.items() if k not in meshes]
    alike = [s for s in meshes.values() if list(meshes.values()).count(s) >= len(s) - 1]
    of_mesh = {k for k, s in meshes.items() if any(_static(s, o) for o in rest)}
    of_mesh |= {k for k, s in meshes.items() if rest.count(s) > 1 and s in alike}
    return {k: v for k, v in fields.items() if k not in of_mesh}


def labels_of(info: ArrayInfo) -> tuple[Axis, ...]:
    """What the names of an array's axes say of them."""
    return tuple(Axis(role_of(k), k) for k in info.labels)


def coordinates_of(source: AbstractSource) -> list[str]:
    """The names of arrays that are coordinates in space."""
    fields = fields_of(source)
    rest = [name for name in source.arrays if name not in fields]
    return [k for k in rest if role_of(k) == "space" or k.lower() in _ALONE]


def axes_of(source: AbstractSource, name: str, role: str) -> tuple[Axis, ...]:
    """What the other arrays of a file say of the axes of one of them."""
    info = source.info(name)
    if info.axes or len(info.shape) < 2:
        return info.axes
    axes = list(labels_of(info)) or [Axis() for _ in info.shape]
    found = _places(source, name, role)
    if found is not None:
        at, places = found
        axes[at] = places
    else:
        meshes = _meshes(source, name)
        for at, axis in meshes or _lines(source, name):
            axes[at] = axis
    times = _along_samples(source, info, lambda key: role_of(key) == "time")
    if times is not None and axes[0].role != "sample":
        axes[0] = Axis("time", times, source.whole(times))
    return tuple(axes) if any(axes[i] != Axis() for i in range(len(axes))) else ()


def has_time(source: AbstractSource, name: str) -> bool:
    """Whether one axis of an array is time."""
    info = source.info(name)
    lines = {v.shape for k, v in source.arrays.items() if role_of(k) == "time"}
    return any(a.role == "time" for a in info.axes) or any((n,) in lines for n in info.shape)


def groups_of(source: AbstractSource, length: int) -> np.ndarray | None:
    """The group of each sample (its trajectory or geometry), when an array of the file says it."""
    for name in _GROUPS:
        info = source.arrays.get(name)
        if info and info.shape == (length,) and info.dtype.kind in "iub":
            return source.whole(name)
    return None


def _is_companion(name: str, info: ArrayInfo, fields: dict[str, ArrayInfo]) -> bool:
    lower = name.lower()
    if lower in _CONNECTIVITY:
        return info.dtype.kind in "iu"
    if lower in _ALONE:
        return any(_matches(info.shape, other.shape) for k, other in fields.items() if k != name)
    stem, _, last = lower.rpartition("_")
    return bool(stem) and (last in (*_PLACES, "mask", "weights") or stem.endswith("_coordinates"))


def _matches(places: tuple[int, ...], values: tuple[int, ...]) -> bool:
    """Whether places (m, d), (n, m, d) or (n, m) can be those of values (n, m, ...)."""
    if len(places) == 3 and places[:2] == values[:2] and places[2] <= 3:
        return True
    return len(places) == 2 and places[0] in values[1:] and places[1] <= 3


def _static(mesh: tuple[int, ...], values: tuple[int, ...]) -> bool:
    """Whether a mesh grid has the grid of values (n, *grid) or (n, *grid, channels)."""
    return values[1 : 1 + len(mesh)] == mesh or values[-len(mesh) :] == mesh != values


def _places(source: AbstractSource, name: str, role: str) -> tuple[int, Axis] | None:
    shape = source.info(name).shape
    owned = [f"{owner}_{p}" for owner in dict.fromkeys((name, role)) for p in _PLACES]
    for key in (*owned, *_ALONE):
        info = source.arrays.get(key)
        if info is None or key == name or info.dtype.kind not in "iuf":
            continue
        mine = key in owned
        if info.shape in ((shape[1],), (shape[-1],)):
            at = 1 if info.shape[0] == shape[1] else len(shape) - 1
            x = source.whole(key)
            if len(np.unique(x)) == len(x) and (np.diff(x) > 0).all():
                return at, Axis("space", key, x)
            return at, Axis("points", key, x[:, None])
        if mine and info.shape == shape[:2]:
            return 1, Axis("points", key, source.whole(key)[..., None])
        if _matches(info.shape, shape):
            at = 1 if len(info.shape) == 3 else 1 + shape[1:].index(info.shape[0])
            places = source.whole(key).astype(np.float64)
            mask = next((m for m in (f"{name}_mask", f"{role}_mask") if m in source.arrays), None)
            if mask is not None:
                places[~source.whole(mask).astype(bool)] = np.nan
            return at, Axis("points", key, places)
    return None


def _meshes(source: AbstractSource, name: str) -> list[tuple[int, Axis]]:
    """Axes of mesh grids named like coordinates, or the points that they make."""
    info = source.info(name)
    if name.lower() in _MESHES:
        return []
    found = {
        k: v.shape for k, v in source.arrays.items() if k.lower() in _MESHES and len(v.shape) > 1
    }
    shapes = {s for s in found.values() if s == info.shape or _static(s, info.shape)}
    if len(shapes) != 1:
        return []
    (shape,) = shapes
    names = [k for k, s in found.items() if s == shape]
    grids = [source.whole(k).astype(np.float64) for k in names]
    if shape == info.shape:  # (n, *grid): one mesh for each sample, or the same one each time
        if any((g != g[:1]).any() for g in grids):
            places = np.stack([g.reshape(len(g), -1) for g in grids], -1)
            return _spread(1, len(shape) - 1, ", ".join(names), places)
        grids = [g[0] for g in grids]
    start = (
        1 if info.shape[1 : 1 + grids[0].ndim] == grids[0].shape else len(info.shape) - len(shape)
    )
    lines = {}
    for key, grid in zip(names, grids, strict=True):
        along = [i for i in range(grid.ndim) if np.ptp(grid, axis=i).max() > 0]
        if len(along) == 1:
            first = tuple(slice(None) if i == along[0] else 0 for i in range(grid.ndim))
            lines[along[0]] = Axis("space", key, grid[first])
    if len(lines) == grids[0].ndim == len(grids):
        return [(start + i, axis) for i, axis in lines.items()]
    places = np.stack([g.reshape(-1) for g in grids], -1)
    return _spread(start, grids[0].ndim, ", ".join(names), places)


def _spread(start: int, count: int, name: str, places: np.ndarray) -> list[tuple[int, Axis]]:
    """Scattered points that take several axes of the array."""
    rest = [(start + i, Axis("points", name)) for i in range(1, count)]
    return [(start, Axis("points", name, places)), *rest]


def _lines(source: AbstractSource, name: str) -> list[tuple[int, Axis]]:
    """Axes of arrays of one axis named like coordinates: x, lat, depth, t."""
    shape = source.info(name).shape
    lines = {
        k: v.shape[0]
        for k, v in source.arrays.items()
        if role_of(k) in ("space", "time") and len(v.shape) == 1 and v.dtype.kind in "iuf"
    }
    lines = {k: n for k, n in lines.items() if n in shape[1:] and n > 1}
    out: list[tuple[int, Axis]] = []
    for size in dict.fromkeys(lines.values()):
        names = [k for k, n in lines.items() if n == size]
        at = [i for i, n in enumerate(shape) if i and n == size]
        values = [source.whole(k) for k in names]
        if len(names) == len(at) == 1:
            out.append((at[0], _line(names[0], values[0])))
            continue
        same = all(np.array_equal(v, values[0]) for v in values)
        scattered = len(names) > len(at) == 1 and all(role_of(k) == "space" for k in names)
        if scattered:  # (m,) arrays x and y of the places of (n, m) values
            out.append((at[0], Axis("points", ", ".join(names), np.stack(values, -1))))
        elif same and len(names) <= len(at):
            names = names if len(names) == len(at) else names * len(at)
            out += [(i, _line(k, values[0])) for i, k in zip(at, names, strict=False)]
        else:
            raise _ambiguous(source, name, names, at)
    return out


def _line(name: str, values: np.ndarray) -> Axis:
    period = 360.0 if name.lower() in ("lon", "longitude", "long") else None
    return Axis(role_of(name), name, values, period=period)


def _ambiguous(source: AbstractSource, name: str, names: Iterable[str], at: list[int]) -> DataError:
    sizes = " and ".join(str(i) for i in at)
    return DataError(
        f"the coordinates {', '.join(names)} fit more than one axis of {name!r}",
        where=source.location.to(name),
        expected="coordinates of different lengths, or the domain and the nodes of each axis",
        found=f"shape {source.info(name).shape}: they may belong to the axes {sizes}",
        repair="give both in the order of the array, such as domain=Box((0, 0), (1, 2)) and "
        "nodes='vertex' (--domain 0:1,0:2 --nodes vertex)",
    )


def _along_samples(source: AbstractSource, info: ArrayInfo, good) -> str | None:
    n, *rest = info.shape
    for key, other in source.arrays.items():
        if good(key) and other.shape == (n,) and n not in rest and other.dtype.kind in "iuf":
            return key
    return None
