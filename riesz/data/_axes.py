"""The axes of a stored array: what a file says of them, and the discretization that follows."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from riesz.domains import AbstractDomain, Grid
from riesz.domains.internal import domain_from_json
from riesz.errors import DataError

Role = Literal["", "sample", "time", "space", "points", "channel"]

_NAMES: dict[str, Role] = {
    **dict.fromkeys(("sample", "samples", "batch", "member", "members", "realization"), "sample"),
    **dict.fromkeys(("ensemble", "number", "run", "case", "trial", "trajectory"), "sample"),
    **dict.fromkeys(("time", "t", "valid_time", "date", "t-coordinate"), "time"),
    **dict.fromkeys(("channel", "channels", "component", "components", "variable"), "channel"),
    **dict.fromkeys(("x", "y", "z", "r", "s", "theta", "phi", "eta", "xi"), "space"),
    **dict.fromkeys(("lat", "latitude", "lon", "longitude", "long", "rlat", "rlon"), "space"),
    **dict.fromkeys(("depth", "level", "lev", "plev", "height", "altitude", "alt"), "space"),
    **dict.fromkeys(("x-coordinate", "y-coordinate", "z-coordinate"), "space"),
}


class Axis(NamedTuple):
    """One axis of an array, as far as the file says what it is.

    `values` are coordinates: `(n,)` along an axis of space or time; `(m, d)` or, for other places
    in each sample, `(n, m, d)` on an axis of scattered points, where rows that hold NaN are
    padding. `cells` are the outer ends where the values are centres of cells; `period` is the
    length of a closed axis.
    """

    role: Role = ""
    name: str = ""
    values: np.ndarray | None = None
    unit: str = ""
    cells: tuple[float, float] | None = None
    period: float | None = None

    def __str__(self) -> str:
        return self.name + (f" [{self.unit}]" if self.unit else "")


def role_of(name: str) -> Role:
    """What an axis of this name usually is; `""` when the name says nothing."""
    return _NAMES.get(name.lower(), "")


class Side(NamedTuple):
    """What a call says of the inputs, or of the outputs, per axis where there are several."""

    domain: AbstractDomain | None = None
    channels: str | None = None
    periodic: bool | Sequence[bool] | None = None
    nodes: str | Sequence[str] | None = None

    def dim(self) -> int | None:
        """The number of axes of space, when the call says it."""
        if self.domain is not None:
            return self.domain.dim
        for given in (self.nodes, self.periodic):
            if isinstance(given, Sequence) and not isinstance(given, str):
                return len(given)
        return None


class _Placed(NamedTuple):
    lower: float
    upper: float
    periodic: bool
    nodes: str | tuple[float, ...]
    note: str = ""


def grid_of(
    axes: Sequence[Axis], sizes: tuple[int, ...], side: Side, where: str
) -> tuple[Grid, tuple[str, ...]]:
    """The grid of an array's axes of space, with a note on each thing that was decided.

    What the call gives comes first, then the coordinates of the file. Where neither says where
    the samples of an axis with ends lie, it raises.
    """
    dim = len(sizes)
    periodic = _per_axis(side.periodic, dim, "periodic", where)
    nodes = _per_axis(side.nodes, dim, "nodes", where)
    placed = []
    for i, (axis, size) in enumerate(zip(axes, sizes, strict=True)):
        ends = (side.domain.lower[i], side.domain.upper[i]) if side.domain else None
        closed = periodic[i] if side.domain is None else side.domain.periodic[i]
        kind = None if nodes[i] == "uniform" else nodes[i]
        if nodes[i] == "uniform" and side.domain is None:
            closed = True
        named = axis._replace(name=axis.name or f"axis {i + 1}")
        if axis.values is None:
            placed.append(_unknown(named, size, ends, closed, kind, where))
        else:
            placed.append(_known(named, ends, closed, kind, where))
    domain = side.domain or domain_of(axes, placed)
    grid = Grid(domain, sizes, [p.nodes for p in placed])
    return grid, tuple(p.note for p in placed if p.note)


def domain_of(axes: Sequence[Axis], placed: Sequence[_Placed]) -> AbstractDomain:
    """The product of intervals and circles, with the names that the file gives to its axes."""
    return domain_from_json(
        {
            "lower": [p.lower for p in placed],
            "upper": [p.upper for p in placed],
            "periodic": [p.periodic for p in placed],
            "axis_names": [axis.name for axis in axes],
            "axis_units": [axis.unit for axis in axes],
        }
    )


def _per_axis(given, dim: int, what: str, where: str) -> list:
    if given is None or isinstance(given, str | bool):
        return [given] * dim
    if len(given) != dim:
        raise DataError(
            f"{what} needs one entry for each axis of space",
            where=where,
            expected=f"{dim} entries, or one for all axes",
            found=f"{what}={tuple(given)}",
            repair="the sample axis and the channels are not counted",
        )
    return list(given)


def _unknown(
    axis: Axis, size: int, ends: tuple[float, float] | None, closed: bool | None,
    kind: str | None, where: str,
) -> _Placed:  # fmt: skip
    """An axis without coordinates."""
    lower, upper = ends or (0.0, 1.0)
    if not closed and kind is None:
        raise DataError(
            f"where the samples of {where.rpartition('::')[2]!r} lie is not known",
            where=where,
            expected="nodes=... : vertex (both ends are samples), left (the far end is not "
            "stored), right, centre (cell centres) or chebyshev; or coordinates in the file",
            found=f"{size} samples along {axis} from {lower:g} to {upper:g}, and no nodes",
            repair="ask where sample 0 and the last sample of an axis lie; "
            "numpy.linspace(0, 1, n) is nodes='vertex', numpy.arange(n) / n is nodes='left' "
            "(in the command line --nodes vertex, --nodes left; --periodic yes for a closed axis)",
        )
    return _Placed(lower, upper, bool(closed), "uniform" if closed else kind or "vertex")


def _known(
    axis: Axis, ends: tuple[float, float] | None, closed: bool | None, kind: str | None, where: str
) -> _Placed:
    """An axis whose nodes are decided by its coordinates."""
    x = np.asarray(axis.values, np.float64)
    _require_ascending(axis, x, where)
    first, last = float(x[0]), float(x[-1])
    step = (last - first) / max(len(x) - 1, 1)
    slack = _slack(axis, step)
    even = len(x) > 1 and bool(np.abs(x - np.linspace(first, last, len(x))).max() <= slack)
    if closed is None and ends is None and kind is None and axis.period is not None:
        closed = even and abs(len(x) * step - axis.period) <= 2 * len(x) * slack
    if closed:
        lower, upper = ends or (first, first + (axis.period or len(x) * step))
        fits = even and abs(first - lower) <= slack and abs(last + step - upper) <= 2 * slack
        if not fits:
            raise _contradiction(axis, x, f"a closed axis from {lower:g} to {upper:g}", where)
        return _Placed(lower, upper, True, "uniform", f"{axis} is closed: {lower:g} .. {upper:g}")
    exact = tuple(x.tolist())
    if ends is not None:
        lower, upper = ends
        if first < lower - slack or last > upper + slack:
            raise _contradiction(axis, x, f"coordinates from {lower:g} to {upper:g}", where)
        kinds = {
            "vertex": (lower, upper),
            "centre": (lower + step / 2, upper - step / 2),
            "left": (lower, upper - step),
            "right": (lower + step, upper),
        }
        match = [k for k, (a, b) in kinds.items() if max(abs(first - a), abs(last - b)) <= slack]
        exact = tuple(np.clip(x, lower, upper).tolist())
        if kind == "chebyshev" and _is_chebyshev(x, lower, upper, slack):
            return _Placed(lower, upper, False, kind)
        if kind is not None and not (even and kind in match):
            raise _contradiction(axis, x, f"nodes={kind!r} from {lower:g} to {upper:g}", where)
        return _Placed(lower, upper, False, match[0] if match and even else exact)
    if kind is not None:
        before = {"vertex": 0, "left": 0, "right": step, "centre": step / 2}.get(kind, 0)
        after = {"vertex": 0, "right": 0, "left": step, "centre": step / 2}.get(kind, 0)
        if not (_is_chebyshev(x, first, last, slack) if kind == "chebyshev" else even):
            raise _contradiction(axis, x, f"the spacing of nodes={kind!r}", where)
        return _Placed(first - before, last + after, False, kind)
    if axis.cells is not None:
        lower, upper = axis.cells
        centred = abs(first - lower - step / 2) <= slack and abs(upper - last - step / 2) <= slack
        return _Placed(lower, upper, False, "centre" if even and centred else exact)
    if even:
        return _Placed(first, last, False, "vertex")
    return _Placed(first, last, False, exact, f"{axis} is spaced unevenly")


def _is_chebyshev(x: Float[np.ndarray, " n"], lower: float, upper: float, slack: float) -> bool:
    angles = np.pi * np.arange(len(x)) / max(len(x) - 1, 1)
    nodes = (lower + upper) / 2 - (upper - lower) / 2 * np.cos(angles)
    return bool(np.abs(x - nodes).max() <= slack)


def _slack(axis: Axis, step: float) -> float:
    """How far coordinates may be off by rounding: of their type, and 1e-4 of a step."""
    values = np.asarray(axis.values)
    eps = np.finfo(values.dtype).eps if values.dtype.kind == "f" else 0.0
    return float(1e-4 * step + 4 * eps * np.abs(values).max())


def _require_ascending(axis: Axis, x: Float[np.ndarray, " n"], where: str) -> None:
    wrong = ~(np.diff(x) > 0)  # also where one is NaN
    if wrong.any() or not np.isfinite(x).all():
        i = int(wrong.argmax())
        raise DataError(
            f"the coordinates of {axis} do not ascend",
            where=where,
            expected="finite coordinates, each one larger than the last",
            found=f"{x[i]:g} at {i} and {x[i + 1]:g} at {i + 1}" if len(x) > i + 1 else f"{x}",
            repair="sort the axis and the arrays with it: order = numpy.argsort(x); "
            "u = numpy.take(u, order, axis)",
        )


def _contradiction(axis: Axis, x: np.ndarray, expected: str, where: str) -> DataError:
    return DataError(
        f"the call and the coordinates of {axis} in the file disagree",
        where=where,
        expected=expected,
        found=f"{len(x)} coordinates, {x[0]:g}, {x[1] if len(x) > 1 else x[0]:g} .. {x[-1]:g}",
        repair="leave domain, nodes and periodic out of the call, since the file has coordinates; "
        "domain= and nodes= together replace them",
    )
