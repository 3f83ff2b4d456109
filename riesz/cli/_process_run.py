"""What `riesz fit-process` computes: split, tune, condition, measure."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from riesz.data.internal import Table
from riesz.domains import Grid, Interval
from riesz.errors import DataError, UsageError
from riesz.functions import Embedding
from riesz.kernels import (
    AbstractKernel,
    Matern,
    RationalQuadratic,
    SquaredExponential,
    Standardise,
    Warped,
)
from riesz.kernels import parse as parse_kernel
from riesz.networks import parse as parse_network
from riesz.processes import (
    AbstractProcess,
    GaussianProcess,
    Normal,
    Rescaled,
    Tuned,
    Values,
    tune,
)

_SMOOTH = {
    "squared-exponential": SquaredExponential,
    "matern12": lambda length: Matern(0.5, length),
    "matern32": lambda length: Matern(1.5, length),
    "matern52": lambda length: Matern(2.5, length),
    "rational-quadratic": lambda length: RationalQuadratic(length),
}
_WIDE = ("nngp", "ntk")
LEVEL = 0.9


class Run(NamedTuple):
    """The tuned process and how it did on points it has not seen."""

    tuned: Tuned
    posterior: Rescaled
    noise: np.ndarray
    train: Table
    test: Table
    marginal: Normal
    metrics: dict[str, Any]


def make_kernel(
    text: str, network: str | None, curves: int | None, points: np.ndarray
) -> AbstractKernel:
    """The kernel of a text, or of a name, for points in the units of the file.

    A name stands for a kernel of one length for each column, about the spread of the points, or
    for that of a wide network of standardised points. With `curves` the points are curves on
    [0, 1], which are compared in L2 by their derivative of that order.
    """
    if curves is not None:
        return _of_curves(text, network, curves, points)
    if text in _WIDE:
        return _wide(text, network, points)
    if network is not None:
        raise UsageError(
            "--network belongs to the kernels nngp and ntk",
            where=f"riesz fit-process --kernel {text}",
            repair="leave --network out, or ask for --kernel ntk",
        )
    if points.ndim != 2:
        raise DataError(
            f"the kernel {text} compares points of shape (n, d)",
            where="riesz fit-process",
            found=f"points of shape {points.shape}",
            repair="use --kernel ntk with a convolutional --network, or flatten the points",
        )
    if text in _SMOOTH:
        return _SMOOTH[text](jnp.asarray(_spread(points.std(0)) * points.shape[1] ** 0.5))
    if text.strip().replace("-", "_").isidentifier():
        raise UsageError(
            "unknown kernel",
            where=f"riesz fit-process --kernel {text}",
            expected=f"{', '.join((*_SMOOTH, *_WIDE))}; or kernels of riesz.kernels with numbers, "
            'such as "SquaredExponential(50) + Matern(2.5, 3) * Periodic(1)"',
            found=text,
        )
    return parse_kernel(text)


def _of_curves(text: str, network: str | None, order: int, points: np.ndarray) -> AbstractKernel:
    """The kernel on vectors whose distances are those of the curves."""
    if text in _WIDE or points.ndim not in (2, 3):
        raise UsageError(
            "curves are compared by kernels of distances",
            where=f"riesz fit-process --kernel {text} --curves {order}",
            expected=f"{', '.join(_SMOOTH)} or a text, and points of shape (curves, values)",
            found=f"--kernel {text}, points of shape {points.shape}",
            repair="leave --curves out, or name another kernel",
        )
    line = Grid(Interval(0.0, 1.0), points.shape[1])
    embedding = Embedding(line, order)
    vectors = np.asarray(jax.vmap(embedding)(jnp.asarray(points)))
    one = np.sqrt(vectors.var(0).sum(keepdims=True))  # a typical distance, as the one length
    if text in _SMOOTH:
        return Warped(_SMOOTH[text](jnp.asarray(_spread(one)[0])), embedding)
    return Warped(make_kernel(text, network, None, vectors), embedding)


def _wide(name: str, network: str | None, points: np.ndarray) -> AbstractKernel:
    """A kernel of the network, with a free variance."""
    if network is None:
        raise UsageError(
            f"the kernel {name} is that of a network",
            where=f"riesz fit-process --kernel {name}",
            expected='--network TEXT, such as "Dense(512, w_std=1.4) >> Relu() >> Dense(1)"',
            repair="give --network, or another kernel: " + ", ".join(_SMOOTH),
        )
    description = parse_network(network)
    description.out_shape(points.shape[1:])
    axis = 0 if points.ndim == 2 else None  # columns have units of their own, pixels not
    standardise = Standardise(points.mean(axis), _spread(points.std(axis)))
    return 1.0 * Warped(getattr(description.kernel(), name), standardise)


def fit_process(
    table: Table,
    kernel: str,
    network: str | None,
    curves: int | None,
    test: float,
    restarts: int,
    seed: int,
) -> Run:
    """Split, tune by evidence on the training part, and measure on the other.

    Values are standardised for it, points are not, so that lengths have the units of the file.
    """
    _require_varying(table)
    train, held_out, _ = split_rows(table, test, seed)
    shift, scale = train.values.mean(0), _spread(train.values.std(0))
    process = GaussianProcess(
        make_kernel(kernel, network, curves, train.points), channels=train.values.shape[1]
    )
    seen = Values(jnp.asarray(train.points), jnp.asarray((train.values - shift) / scale), noise=0.1)
    tuned = tune(process, seen, key=jax.random.key(seed), restarts=restarts, progress=True)
    posterior = Rescaled(tuned.process.condition(tuned.observations), shift, scale)
    noise = float(np.asarray(tuned.noise[0])) * scale
    marginal = predictive(posterior, held_out.points, noise)
    metrics = _metrics(held_out.values, marginal)
    return Run(tuned, posterior, noise, train, held_out, marginal, metrics)


def predictive(process: AbstractProcess, points: np.ndarray, noise: np.ndarray) -> Normal:
    """The distribution of new values, observed with noise as those of the fit."""
    marginal: Any = process.marginal(on=points)
    return Normal(marginal.mean, marginal.variance + jnp.asarray(noise) ** 2)


def split_rows(
    table: Table, test: float, seed: int
) -> tuple[Table, Table, tuple[np.ndarray, np.ndarray]]:
    """A training and a test part at random, and the rows of both."""
    n = len(table.points)
    count = round(test * n)
    if count < 2 or n - count < 3:
        raise DataError(
            "too few points for a training and a test part",
            where="riesz fit-process",
            expected="at least 3 points for training and 2 for the test",
            found=f"{n} points, {test:.0%} of them for the test",
            repair="give more points, or another --test fraction",
        )
    order = np.random.default_rng(seed).permutation(n)
    rows = order[count:], order[:count]
    return table.rows(rows[0]), table.rows(rows[1]), rows


def _require_varying(table: Table) -> None:
    flat = table.values.std(0) == 0
    if len(table.values) and flat.any():
        raise DataError(
            "a column of values is constant, so that there is nothing to fit",
            where="riesz fit-process",
            expected="values that differ between points",
            found=f"{float(table.values[0, flat.argmax()]):g} at all {len(table.values)} points",
            repair="name the columns of the values with --values",
        )


def _spread(deviation: np.ndarray) -> np.ndarray:
    """One where a column is constant."""
    return np.where(deviation > 0, deviation, 1.0)


def _metrics(truth: np.ndarray, marginal: Normal) -> dict[str, Any]:
    mean, deviation = np.asarray(marginal.mean), np.asarray(marginal.standard_deviation)
    lower, upper = map(np.asarray, marginal.interval(LEVEL))
    density = -0.5 * ((truth - mean) / deviation) ** 2 - np.log(deviation) - 0.5 * np.log(2 * np.pi)
    rmse = np.sqrt(((truth - mean) ** 2).mean(0))
    return {
        "rmse": rmse.tolist(),
        "relative_rmse": (rmse / _spread(truth.std(0))).tolist(),
        "nlpd": float(-density.mean()),
        "coverage": float(((lower <= truth) & (truth <= upper)).mean()),
        "level": LEVEL,
        "n_test": len(truth),
    }
