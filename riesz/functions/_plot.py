"""Plots of functions."""

from typing import TYPE_CHECKING, Any

import numpy as np

from riesz.domains import AbstractTensorGrid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from riesz.functions._function import Function

_MARKED = 48  # samples of a line are marked up to this number


def plot(f: "Function", ax: "Axes | None" = None, channel: int = 0, **kwargs: Any) -> "Axes":
    """Draw a function: lines in 1-D, an image of one channel in 2-D and 3-D."""
    import matplotlib.pyplot as plt

    if ax is None:
        ax = plt.subplots(layout="constrained")[1]
    labels = [f"{n} [{u}]" if u else n for n, u in zip(f.space.names, f.space.units, strict=True)]
    if f.domain.dim == 1:
        _lines(f, ax, labels, kwargs)
        return ax
    if isinstance(f.discretization, AbstractTensorGrid):
        image, where = _cells(f, ax, channel, kwargs)
        shown = (f.domain.dim - 2, f.domain.dim - 1)
    else:
        keep = np.asarray(f.discretization.weights) > 0
        points = np.asarray(f.discretization.coordinates)[keep]
        colour = np.asarray(f.values)[keep, channel]
        image = ax.scatter(points[:, 0], points[:, 1], c=colour, **{"s": 24, **kwargs})
        where, shown = "", (0, 1)
    low, high, names = f.domain.lower, f.domain.upper, "xyz"
    i, j = shown
    ax.set(xlim=(low[i], high[i]), ylim=(low[j], high[j]), xlabel=names[i], ylabel=names[j])
    ratio = f.domain.lengths[i] / f.domain.lengths[j]
    ax.set_aspect("equal" if 0.25 <= ratio <= 4 else "auto")
    ax.set_title(labels[channel] + where)
    ax.figure.colorbar(image, ax=ax, shrink=0.8)
    return ax


def _lines(f: "Function", ax: "Axes", labels: list[str], kwargs: dict[str, Any]) -> None:
    keep = np.asarray(f.discretization.weights) > 0
    x = _wrapped(f, 0, np.asarray(f.discretization.coordinates)[keep, 0])
    order = np.argsort(x)
    marker = "." if len(x) <= _MARKED else ""
    for channel, label in enumerate(labels):
        values = np.asarray(f.values)[keep, channel]
        ax.plot(x[order], values[order], label=label, **{"marker": marker, **kwargs})
    ax.set(xlabel="x", ylabel=labels[0] if len(labels) == 1 else "")
    margin = 0.02 * f.domain.lengths[0]
    ax.set_xlim(f.domain.lower[0] - margin, f.domain.upper[0] + margin)
    if len(labels) > 1:
        ax.legend()


def _cells(f: "Function", ax: "Axes", channel: int, kwargs: dict[str, Any]):
    """One cell of even colour a sample, so that the picture shows what is known."""
    field = np.asarray(f.values)[..., channel]
    axes = []
    for i, x in enumerate(f.discretization.axis_coordinates):  # pyright: ignore[reportAttributeAccessIssue]
        x = _wrapped(f, i, np.asarray(x))
        order = np.argsort(x)
        field = np.take(field, order, axis=i)
        axes.append(x[order])
    where = ""
    if len(axes) == 3:
        middle = len(axes[0]) // 2
        where = f" at x = {axes[0][middle]:.3g}"
        field, axes = field[middle], axes[1:]
    first = f.domain.dim - 2
    edges = [_edges(f, first + i, x) for i, x in enumerate(axes)]
    return ax.pcolormesh(*edges, field.T, **kwargs), where


def _edges(f: "Function", axis: int, x: np.ndarray) -> np.ndarray:
    """Cell bounds half way between samples, from end to end of the domain."""
    ends = [f.domain.lower[axis]], [f.domain.upper[axis]]
    return np.concatenate([ends[0], (x[1:] + x[:-1]) / 2, ends[1]])


def _wrapped(f: "Function", axis: int, x: np.ndarray) -> np.ndarray:
    low, length = f.domain.lower[axis], f.domain.lengths[axis]
    return low + np.mod(x - low, length) if f.domain.periodic[axis] else x
