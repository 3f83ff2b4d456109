"""Which axes of a stored array are samples, time, space and channels."""

from dataclasses import dataclass
from math import prod

import numpy as np

from riesz.data._axes import Axis, Side
from riesz.data._source import ArrayInfo
from riesz.errors import DataError

_MOST_CHANNELS = 64  # a longer axis is not taken for channels


@dataclass(frozen=True)
class Stored:
    """How samples are taken out of the rows of a stored array.

    The axes are put in the `order` (sample, [time,] *space, [channel]); those of `picks`, of the
    ordered array, are rearranged so that their coordinates ascend. With `steps` times per stored
    sample, sample `i * steps + j` is time j of the stored sample i.
    """

    order: tuple[int, ...] = ()
    picks: tuple[tuple[int, tuple[int, ...]], ...] = ()
    steps: int = 1

    def arrange(self, block: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Samples of the given shape, `(*grid, channels)`, from some stored rows."""
        if self.order:
            block = np.transpose(block, self.order)
        for axis, index in self.picks:
            block = np.take(block, index, axis)
        return block.reshape(-1, *shape)


@dataclass(frozen=True)
class Settled:
    """An array whose axes are known: those of space, and what stands along the samples."""

    stored: Stored
    axes: tuple[Axis, ...]
    sizes: tuple[int, ...]
    channels: int
    samples: Axis
    time: Axis | None
    notes: tuple[str, ...] = ()

    @property
    def points(self) -> Axis | None:
        """The axis of scattered points, when the places of the samples are such."""
        return next((a for a in self.axes if a.role == "points" and a.values is not None), None)


def settle(
    info: ArrayInfo, axes: tuple[Axis, ...], side: Side, dim: int | None, lead: int | None,
    where: str,
) -> Settled:  # fmt: skip
    """What each axis of an array is: by the file, then by the call; raises where neither says.

    `dim` is the number of axes of space, where the call says it.
    """
    if len(info.shape) < 2:
        raise _no_fit(info, dim or 1, where)
    known = list(axes) or [Axis()] * len(info.shape)
    notes: list[str] = []
    if not known[0].role:
        series = lead is not None and _is_series(info, known, side, dim, where)
        role = "time" if series else "sample"
        known[0] = known[0]._replace(role=role)
    if not axes or any(not a.role for a in known):
        known = _by_call(info, known, side, dim, lead, where, notes)
    if side.channels == "none" and any(a.role == "channel" for a in known):
        known = [a._replace(role="space") if a.role == "channel" else a for a in known]
    if known[0].role == "sample" and lead is None and not info.axes:
        known = _time_as_axis(known, notes)
    by_role = {r: [i for i, a in enumerate(known) if a.role == r] for r in ("sample", "time")}
    along = by_role["sample"] + by_role["time"]
    space = [i for i, a in enumerate(known) if a.role in ("space", "points")]
    channel = [i for i, a in enumerate(known) if a.role == "channel"]
    if len(along) > 2 or along[:1] != [0] or not space or len(channel) > 1:
        raise _no_fit(info, dim or 1, where)
    order = (*along, *space, *channel)
    picks, sorted_axes = [], []
    for place, i in enumerate(space, len(along)):
        axis, index, note = _ascending(known[i], where)
        sorted_axes.append(axis)
        if index is not None:
            picks.append((place, tuple(index.tolist())))
            notes.append(note)
    return Settled(
        Stored(
            () if order == tuple(range(len(order))) else order,
            tuple(picks),
            info.shape[along[1]] if len(along) > 1 else 1,
        ),
        tuple(sorted_axes),
        tuple(info.shape[i] for i in space),
        prod(info.shape[i] for i in channel),
        known[along[0]],
        known[by_role["time"][0]] if by_role["time"] else None,
        tuple(notes),
    )


def _is_series(info: ArrayInfo, axes: list[Axis], side: Side, dim: int | None, where: str) -> bool:
    """Whether the first axis of an array to be paired with itself is time, not trajectories."""
    if any(a.role == "time" for a in axes[1:]):
        return False
    rest = len(info.shape) - 1
    known = sum(a.role == "space" for a in axes)
    if rest == 1 or any(a.role == "points" for a in axes) or known == rest:
        return True
    dim = dim or (known or None)
    if dim is not None and rest == dim:
        return True
    if dim is not None and rest == dim + 2:
        return False
    if dim is not None and rest == dim + 1 and side.channels is not None:
        return side.channels != "none"
    raise DataError(
        f"axis 0 of {info.shape} could be time or count trajectories",
        where=where,
        expected="an array of times named t, or the domain and channels=..., which say how many "
        "axes are space",
        found=f"shape {info.shape} and a lead",
        repair="give the domain, such as --domain 0:1,0:1, and --channels none, first or last",
    )


def _by_call(
    info: ArrayInfo, axes: list[Axis], side: Side, dim: int | None, lead: int | None,
    where: str, notes: list[str],
) -> list[Axis]:  # fmt: skip
    """Roles for the axes of which the file says nothing."""
    axes = list(axes)
    unknown = [i for i, a in enumerate(axes) if not a.role]
    spatial = sum(a.role in ("space", "points") for a in axes)
    points = any(a.role == "points" for a in axes)
    if lead is not None and axes[0].role == "sample" and unknown and not _has_time(axes):
        axes[unknown.pop(0)] = Axis("time")
    if spatial and unknown and side.channels != "none":
        if len(unknown) == 1 and (points or dim is None or dim == spatial):
            i = unknown.pop()
            axes[i] = axes[i]._replace(role="channel")
            if side.channels is None:
                notes.append(f"axis {i} of {info.shape} is channels: the others have coordinates")
    elif unknown and (channel := _channel(info, unknown, side, dim, where, notes)) is not None:
        unknown.remove(channel)
        axes[channel] = axes[channel]._replace(role="channel")
    for i in unknown:
        axes[i] = axes[i]._replace(role="space")
    spaces = sum(a.role == "space" for a in axes)
    if not points and (spaces != dim if dim is not None else not 1 <= spaces <= 3):
        raise _no_fit(info, dim or min(max(spaces, 1), 3), where)
    return axes


def _has_time(axes: list[Axis]) -> bool:
    return any(a.role == "time" for a in axes)


def _channel(
    info: ArrayInfo, unknown: list[int], side: Side, dim: int | None, where: str, notes: list[str]
) -> int | None:
    """The axis of channels, or None; raises where it could be either."""
    first, last = unknown[0], unknown[-1]
    if side.channels in ("first", "last"):
        return first if side.channels == "first" else last
    if side.channels == "none" or len(unknown) < 2 or len(unknown) == dim:
        return None
    sizes = {i: info.shape[i] for i in unknown}
    others = {i: min(n for j, n in sizes.items() if j != i) for i in (first, last)}
    if dim is not None:
        if len(unknown) == dim + 1 and sizes[first] == 1 < sizes[last]:
            notes.append(f"axis {first} of {info.shape} is one channel, in front of the grid")
            return first
        if len(unknown) == dim + 1 and sizes[first] < others[first] and sizes[last] >= others[last]:
            raise _ask(info, [first, last], unknown, where)
        return last if len(unknown) == dim + 1 else None
    single = [i for i in (last, first) if sizes[i] == 1]
    if single:
        if single[0] == first:
            notes.append(f"axis {first} of {info.shape} is one channel, in front of the grid")
        return single[0]
    small = [i for i in others if sizes[i] <= _MOST_CHANNELS and 2 * sizes[i] < others[i]]
    if small:
        raise _ask(info, small, unknown, where)
    return None


def _ask(info: ArrayInfo, could: list[int], unknown: list[int], where: str) -> DataError:
    lines = []
    for i in could:
        grid = " x ".join(str(info.shape[j]) for j in unknown if j != i)
        word = "first" if i == unknown[0] else "last"
        lines.append(
            f"for {info.shape[i]} channels on {grid} points channels={word!r} (--channels {word})"
        )
    grid = " x ".join(str(info.shape[j]) for j in unknown)
    if len(unknown) <= 3:
        lines.append(f"for one channel on a grid of {grid} channels='none' (--channels none)")
    axes = " or ".join(str(i) for i in could)
    return DataError(
        f"axis {axes} of {info.shape} could be channels or an axis of the grid",
        where=where,
        expected="channels=..., the domain, or coordinates in the file, which say which it is",
        found=f"shape {info.shape}, and nothing that says so",
        repair="\n".join(lines),
    )


def _time_as_axis(axes: list[Axis], notes: list[str]) -> list[Axis]:
    """Without a lead, an axis of time behind the samples is an axis of the domain."""
    out = list(axes)
    for i, axis in enumerate(axes):
        if i and axis.role == "time":
            out[i] = axis._replace(role="space")
            notes.append(
                f"{axis} is an axis of the domain, time x space; with lead=1 (--lead 1) each "
                "time and the next one are a pair instead"
            )
    return out


def _ascending(axis: Axis, where: str) -> tuple[Axis, np.ndarray | None, str]:
    """The axis with coordinates that ascend, and the order in which they do."""
    if axis.role != "space" or axis.values is None:
        return axis, None, ""
    x = np.asarray(axis.values)
    order = np.argsort(x, kind="stable")
    if axis.period is not None and len(x) > 2:  # start behind the widest gap of the circle
        gaps = np.diff(x[order], append=x[order[0]] + axis.period)
        widest = int(gaps[:-1].argmax())
        if gaps[widest] > 1.5 * gaps[-1]:
            order = np.roll(order, -(widest + 1))
            x = x - axis.period * (np.arange(len(x))[:, None] == order[: len(x) - widest - 1]).any(
                1
            )
    if (order == np.arange(len(x))).all():
        return axis._replace(values=x), None, ""
    ascending = x[order]
    where_from = f"{axis.values[0]:g} .. {axis.values[-1]:g} in the file"
    note = f"{axis} is turned to ascend, {ascending[0]:g} .. {ascending[-1]:g}; {where_from}"
    return axis._replace(values=ascending), order, note


def _no_fit(info: ArrayInfo, dim: int, where: str) -> DataError:
    axes = ", ".join(f"n{i + 1}" for i in range(dim))
    return DataError(
        "the shape of a data set does not fit its domain",
        where=where,
        expected=f"(samples, {axes}) or (samples, {axes}, channels) on a domain of {dim} axes",
        found=f"shape {info.shape}",
        repair="give the domain that the data lives on (domain=, --domain 0:1,0:1) and where the "
        "channels are (channels=, --channels first, last or none), or reorder the axes with "
        "numpy.moveaxis",
    )
