"""Where the search for hyperparameters starts."""

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from riesz._core.parameters import POSITIVE
from riesz.kernels import AbstractKernel, Product
from riesz.kernels.internal import LENGTH, VARIANCE
from riesz.processes._hyperparameters import Hyperparameters, Position
from riesz.processes._observations import AbstractObservation

_AMPLITUDES = (0.1, 10.0)  # times the mean square of the values
_NOISES = (1e-3, 1.0)  # times the deviation of the values
_CLUSTERS = 8  # of neighbours, in half of a subset


class Range(NamedTuple):
    """Logarithms of a positive leaf, between which starts are drawn uniformly."""

    low: np.ndarray
    high: np.ndarray


def draw_starts(
    free: Hyperparameters, count: int, key: PRNGKeyArray
) -> Float[np.ndarray, "count p"]:
    """Starts about the given one, quasi-random in all free positive numbers.

    Length scales are log-uniform from the median gap of the inputs to their range, for each axis;
    variances about the mean square of the values, noise from a thousandth of their deviation;
    other positive numbers are log-normal about the given ones. In every second start all axes of
    a length scale have the same place in their ranges. Numbers of either sign start as given.
    """
    import scipy.stats  # takes a second

    process, observations = free.tree
    start, slices = free.get(), free.slices()
    ranges = dict(_ranges(process, observations, free))
    places = scipy.stats.qmc.Sobol(max(1, start.size), rng=_generator(key)).random(count)
    # the normal quantile is infinite at 0 and 1
    places = np.clip(places, 1e-6, 1 - 1e-6)
    out = np.tile(start, (count, 1))
    for leaf, where in slices.items():
        if free.kinds[leaf] != POSITIVE:
            continue
        part = places[:, where]
        if leaf in ranges:
            low, high = (np.broadcast_to(r, part.shape[1:]) for r in ranges[leaf])
            part = np.where(np.arange(count)[:, None] % 2, part, part[:, :1])
            out[:, where] = low + part * (high - low)
        else:
            # log theta + Phi^-1(place)
            out[:, where] += scipy.stats.norm.ppf(part)
    return out


def choose_rows(points: list[np.ndarray], most: int, key: PRNGKeyArray) -> np.ndarray:
    """At most that many rows of all points, half at random, half clusters of neighbours.

    Clusters tell short length scales, which random rows of many are too far apart for.
    """
    rng = _generator(key)
    total = sum(map(len, points))
    order = rng.permutation(total)
    flat = [p.reshape(len(p), -1) for p in points]
    if total <= most or len({p.shape[1] for p in flat}) != 1:
        return np.sort(order[:most])
    x = np.concatenate(flat)
    # distances in units of the standard deviation along each axis
    spread = x.std(0)
    x = x / np.where(spread > 0, spread, 1)
    chosen = dict.fromkeys(order[: most // 2].tolist())
    for centre in order[-_CLUSTERS:]:
        # the smallest |x - x_centre|^2
        near = np.argsort(((x - x[centre]) ** 2).sum(1))[: most // 2 // _CLUSTERS]
        chosen.update(dict.fromkeys(near.tolist()))
    return np.sort(np.asarray(list(chosen)))


def _generator(key: PRNGKeyArray) -> np.random.Generator:
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())


def _ranges(process: Any, observations: Any, free: Hyperparameters) -> Iterator[tuple[int, Range]]:
    leaves, structure = jax.tree.flatten(free.tree)
    marked, seen = jax.tree.unflatten(structure, [Position(i) for i in range(len(leaves))])
    points = [np.asarray(o.points) for o in observations if hasattr(o, "points")]
    x = np.concatenate(points) if len({p.shape[1:] for p in points}) == 1 else None
    values = [o.values for o in observations if isinstance(o, AbstractObservation)]
    square = _mean_square(process, values)
    is_kernel = lambda node: isinstance(node, AbstractKernel)  # noqa: E731
    kernels, positions = (
        [k for k in jax.tree.leaves(p, is_leaf=is_kernel) if is_kernel(k)]
        for p in (process, marked)
    )
    for kernel, position in zip(kernels, positions, strict=True):
        yield from _visit(kernel, position, x, square)
    for o, position in zip(observations, seen, strict=True):
        noise = getattr(position, "noise", None)
        if isinstance(noise, Position) and float(np.std(o.values)) > 0:
            low, high = np.log(np.asarray(_NOISES) * float(np.std(o.values)))
            yield noise.index, Range(low, high)


def _mean_square(process: Any, values: list[Any]) -> float | None:
    """The mean square of the values less a mean that is a number."""
    mean = getattr(process, "mean", getattr(getattr(process, "process", None), "mean", 0.0))
    shift = 0.0 if callable(mean) else float(mean)
    numbers = np.concatenate([np.zeros(0), *(np.asarray(v, float).ravel() for v in values)])
    square = float(np.mean((numbers - shift) ** 2)) if numbers.size else 0.0
    return square if square > 0 else None


def _visit(
    kernel: Any, position: Any, x: np.ndarray | None, square: float | None
) -> Iterator[tuple[int, Range]]:
    """Ranges of the leaves of a kernel of inputs x whose values have this mean square.

    `square` is None where another factor has the amplitude already.
    """
    scaled = square is not None and any(
        f.metadata.get("role") == VARIANCE["role"] for f in dataclasses.fields(kernel)
    )
    for field in dataclasses.fields(kernel):
        value, mark = getattr(kernel, field.name), getattr(position, field.name)
        role = field.metadata.get("role")
        if isinstance(value, AbstractKernel):
            second = isinstance(kernel, Product) and field.name == "right"
            image = None if x is None else np.asarray(kernel.inputs_of(field.name, _array(x)))
            yield from _visit(value, mark, image, None if scaled or second else square)
        elif not isinstance(mark, Position):
            continue
        elif role == LENGTH["role"] and x is not None and x.ndim == 2:
            low, high = _gaps(x)
            one = np.ndim(value) == 0
            yield mark.index, Range(*np.log((low.min(), high.max()) if one else (low, high)))
        elif role == VARIANCE["role"] and square is not None and x is not None:
            # mean of k(x, x) = unit * value, which is that of y^2 at value = square / unit
            unit = np.asarray(kernel.diagonal(_array(x))).mean() / np.mean(np.asarray(value))
            yield mark.index, Range(*np.log(np.asarray(_AMPLITUDES) * square / unit))


def _array(x: np.ndarray) -> Any:
    return jax.numpy.asarray(x)


def _gaps(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The median distance of neighbours and the range along each axis."""
    n, d = x.shape
    extent = np.ptp(x, axis=0)
    extent = np.where(extent > 0, extent, 1.0)
    # gaps of the projections on each axis
    steps: list[Any] = [np.diff(np.unique(column)) for column in x.T]
    median = np.array([float(np.median(s)) if s.size else 1.0 for s in steps])
    # points of R^d are n^(-1/d) of the range apart, projected on an axis 1 / n of it
    low = median if d == 1 else np.maximum(median, extent / n ** (1 / d))
    return np.minimum(low, extent / 2), extent
