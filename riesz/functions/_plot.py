"""Plots of functions."""

from typing import TYPE_CHECKING, Any

import numpy as np

from riesz.domains import AbstractTensorGrid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from riesz.functions._function import Function


def plot(f: "Function", ax: "Axes | None" = None, **kwargs: Any) -> "Axes":
    """Draw a function: lines in 1-D, an image of the first channel in 2-D and 3-D."""
    import matplotlib.pyplot as plt

    if ax is None:
        ax = plt.subplots()[1]
    labels = [f"{n} [{u}]" if u else n for n, u in zip(f.space.names, f.space.units, strict=True)]
    values, points = np.asarray(f.values), np.asarray(f.discretization.coordinates)
    if f.domain.dim == 1:
        order = np.argsort(points[..., 0])
        for channel, label in enumerate(labels):
            ax.plot(points[order, 0], values[order, channel], label=label, **kwargs)
        ax.set_xlabel("x")
        ax.set_ylabel(labels[0] if len(labels) == 1 else "")
        if len(labels) > 1:
            ax.legend()
        return ax
    field = values[..., 0]
    if isinstance(f.discretization, AbstractTensorGrid):
        while field.ndim > 2:
            middle = field.shape[0] // 2
            field, points = field[middle], points[middle]
        x, y = points[:, 0, -2], points[0, :, -1]
        image = ax.pcolormesh(x, y, field.T, shading="nearest", **kwargs)
    else:
        image = ax.scatter(points[:, 0], points[:, 1], c=field, **kwargs)
    ax.set_aspect("equal" if np.ptp(points[..., 0]) > 0 else "auto")
    ax.set_xlabel("x")
    ax.set_ylabel("y")
    ax.set_title(labels[0])
    ax.figure.colorbar(image, ax=ax, shrink=0.8)
    return ax
