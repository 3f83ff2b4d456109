"""Plots of functions."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from riesz.domains import AbstractDomain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from riesz.functions._function import Function

_MARKED = 48  # samples of a line are marked up to this number
_LONGEST = 16.0  # ratio of the sides of a picture
_HOLE = "0.8"  # grey of cells without a value

# Beginnings of the names of axes, from those that go across to those that go up.
_ORDER = ("lon", "", "lat", ("depth", "pressure", "level", "height", "altitude"))


class Picture(NamedTuple):
    """How a function of two or three axes is drawn: axes `across` and `up`, width over height.

    `ratio` is None where the axes have different units, so that any shape is right.
    """

    across: int
    up: int
    ratio: float | None

    def size(self, longest: float = 12.0) -> tuple[float, float]:
        """Inches of a figure of one such picture with its title and colour bar."""
        if self.ratio is None:
            return 6.4, 4.8
        if self.ratio >= 1:
            width = min(longest, 3.6 * self.ratio + 1.6)
            return width, (width - 1.0) / self.ratio + 1.4
        height = min(longest, 3.6 / self.ratio + 1.0)
        return (height - 1.0) * self.ratio + 2.2, height


def picture(f: "Function") -> Picture:
    """The axes and the shape of the picture of a function of two or three axes.

    Longitude goes across and latitude, depth or height up, whatever their order in the array;
    otherwise the first of the axes goes across, or that along which a strip is long.
    """
    domain = f.domain
    first = domain.dim - 2
    across, up = sorted((first, first + 1), key=lambda i: (_rank(domain.names[i]), i))
    ratio = domain.lengths[across] / domain.lengths[up]
    if not _alike(domain, across, up):
        return Picture(across, up, None)
    grid = f.discretization.grid
    if grid is not None and ratio == 1 and not any(domain.names):
        # a strip of cells on a square that no one named: its true shape is that of the cells
        cells = grid.shape[across] / grid.shape[up]
        ratio = ratio if 0.25 <= cells <= 4 else cells
    if ratio < 0.25 and not any(domain.names):
        across, up, ratio = up, across, 1 / ratio
    return Picture(across, up, float(np.clip(ratio, 1 / _LONGEST, _LONGEST)))


def _rank(name: str) -> int:
    for rank, beginnings in enumerate(_ORDER):
        if beginnings and name.lower().startswith(beginnings):
            return rank
    return 1


def _alike(domain: AbstractDomain, i: int, j: int) -> bool:
    """Whether two axes are measured in one unit."""
    a, b = domain.units[i], domain.units[j]
    return a == b or a.startswith("deg") and b.startswith("deg")


def plot(f: "Function", ax: "Axes | None" = None, channel: int = 0, **kwargs: Any) -> "Axes":
    """Draw a function: lines in 1-D, an image of one channel in 2-D and 3-D, meshes as such."""
    import matplotlib.pyplot as plt

    triangles = f.discretization.triangles
    if triangles is not None:
        return _mesh(f, triangles, ax, channel, kwargs)
    if f.domain.dim == 1:
        ax = plt.subplots(layout="constrained")[1] if ax is None else ax
        _lines(f, ax, list(f.space.labels), kwargs)
        return ax
    shape = picture(f)
    if ax is None:
        ax = plt.subplots(layout="constrained", figsize=shape.size())[1]
    image, where = _image(f, ax, shape, channel, kwargs)
    low, high = f.domain.lower, f.domain.upper
    i, j = shape.across, shape.up
    ax.set(xlim=(low[i], high[i]), ylim=(low[j], high[j]))
    wide = shape.ratio is not None and shape.ratio > 2.5
    ax.set_xlabel(f.domain.axis_label(i))
    ax.set_ylabel(f.domain.axis_label(j).replace(" [", "\n[" if wide else " ["))
    if shape.ratio is not None:
        ax.set_box_aspect(1 / shape.ratio)
    ax.set_title(f.space.labels[channel] + where)
    bar: dict[str, Any] = (
        {"location": "bottom", "aspect": 40, "shrink": 0.5} if wide else {"shrink": 0.8}
    )
    ax.figure.colorbar(image, ax=ax, **bar)
    return ax


def _mesh(
    f: "Function", triangles: np.ndarray, ax: Any, channel: int, kwargs: dict[str, Any]
) -> "Axes":
    """Triangles coloured by the values at their corners; in space by the mean of these."""
    import matplotlib.pyplot as plt

    points = np.asarray(f.discretization.coordinates)
    values = np.asarray(f.values)[:, channel]
    if ax is None:
        projection = {"projection": "3d"} if points.shape[1] == 3 else {}
        ax = plt.subplots(layout="constrained", subplot_kw=projection)[1]
    if points.shape[1] == 2:
        options = {"shading": "gouraud", **kwargs}
        image = ax.tripcolor(*points.T, values, triangles=triangles, **options)
        ax.set_aspect("equal")
    else:
        image = ax.plot_trisurf(*points.T, triangles=triangles, **{"cmap": "viridis", **kwargs})
        image.set_array(values[triangles].mean(1))
        image.autoscale()
        ax.set(aspect="equal", zlabel=f.domain.axis_label(2))
    ax.set(xlabel=f.domain.axis_label(0), ylabel=f.domain.axis_label(1))
    ax.set_title(f.space.labels[channel])
    ax.figure.colorbar(image, ax=ax, shrink=0.8)
    return ax


def _lines(f: "Function", ax: "Axes", labels: list[str], kwargs: dict[str, Any]) -> None:
    keep = np.asarray(f.discretization.weights) > 0
    x = _wrapped(f, 0, np.asarray(f.discretization.coordinates)[:, 0])
    values = np.asarray(f.values)
    if f.discretization.grid is None:
        x, values = x[keep], values[keep]
    else:
        values = np.where(keep[:, None], values, np.nan)  # the line is broken at a hole
    order = np.argsort(x)
    marker = "." if len(x) <= _MARKED else ""
    for channel, label in enumerate(labels):
        ax.plot(x[order], values[order, channel], label=label, **{"marker": marker, **kwargs})
    ax.set(xlabel=f.domain.axis_label(0), ylabel=labels[0] if len(labels) == 1 else "")
    margin = 0.02 * f.domain.lengths[0]
    ax.set_xlim(f.domain.lower[0] - margin, f.domain.upper[0] + margin)
    if len(labels) > 1:
        ax.legend()


def _image(
    f: "Function", ax: "Axes", shape: Picture, channel: int, kwargs: dict[str, Any]
) -> tuple[Any, str]:
    """A cell of even colour per sample, so that the picture shows what is known."""
    grid = f.discretization.grid
    keep = np.asarray(f.discretization.weights) > 0
    field = np.asarray(f.values)[..., channel]
    if grid is None:
        points = np.asarray(f.discretization.coordinates)[keep]
        across, up = points[:, shape.across], points[:, shape.up]
        return ax.scatter(across, up, c=field[keep], **{"s": 24, **kwargs}), ""
    field = np.ma.masked_array(field, ~keep)
    axes = []
    for i, x in enumerate(grid.axis_coordinates):
        x = _wrapped(f, i, np.asarray(x))
        order = np.argsort(x)
        field = np.ma.take(field, order, axis=i)
        axes.append(x[order])
    where = ""
    if len(axes) == 3:
        middle = len(axes[0]) // 2
        unit = f" {f.domain.units[0]}" if f.domain.units[0] else ""
        where = f" at {f.domain.names[0] or 'x'} = {axes[0][middle]:.3g}{unit}"
        field = field[middle]
    if not keep.all():
        ax.set_facecolor(_HOLE)
    edges = [_edges(f, i, axes[i]) for i in (shape.across, shape.up)]
    turned = field.T if shape.across < shape.up else field
    return ax.pcolormesh(*edges, turned, **kwargs), where


def _edges(f: "Function", axis: int, x: np.ndarray) -> np.ndarray:
    """Cell bounds half way between samples, from end to end of the domain."""
    ends = [f.domain.lower[axis]], [f.domain.upper[axis]]
    return np.concatenate([ends[0], (x[1:] + x[:-1]) / 2, ends[1]])


def _wrapped(f: "Function", axis: int, x: np.ndarray) -> np.ndarray:
    low, length = f.domain.lower[axis], f.domain.lengths[axis]
    return low + np.mod(x - low, length) if f.domain.periodic[axis] else x
