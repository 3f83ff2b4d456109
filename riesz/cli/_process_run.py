"""What `riesz fit-process` computes: split, tune, condition, measure."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from riesz.data.internal import Table
from riesz.errors import DataError, UsageError
from riesz.kernels import AbstractKernel, Matern, RationalQuadratic, SquaredExponential
from riesz.networks import parse
from riesz.processes import GaussianProcess, Tuned, Values, tune

STATIONARY = {
    "squared-exponential": SquaredExponential,
    "matern12": lambda scale: Matern(0.5, scale),
    "matern32": lambda scale: Matern(1.5, scale),
    "matern52": lambda scale: Matern(2.5, scale),
    "rational-quadratic": lambda scale: RationalQuadratic(scale),
}
KERNELS = ("nngp", "ntk", *STATIONARY)
LEVEL = 0.9
_NORMAL = 1.6448536269514722  # half-width of the central 90 % of a standard normal law


class Scales(NamedTuple):
    """Mean and standard deviation of the training points and values, which are removed."""

    points: tuple[np.ndarray, np.ndarray]
    values: tuple[np.ndarray, np.ndarray]

    def inputs(self, points: np.ndarray) -> np.ndarray:
        """Points of mean zero and variance one."""
        return (points - self.points[0]) / self.points[1]

    def outputs(self, values: np.ndarray) -> np.ndarray:
        """Values of mean zero and variance one."""
        return (values - self.values[0]) / self.values[1]


class Run(NamedTuple):
    """The tuned process and how it did on points it has not seen."""

    tuned: Tuned
    posterior: Any
    scales: Scales
    train: Table
    test: Table
    mean: np.ndarray
    deviation: np.ndarray
    metrics: dict[str, Any]


def make_kernel(name: str, network: str | None, points: np.ndarray) -> AbstractKernel:
    """The kernel of that name with a free variance, one length scale a column."""
    if name in STATIONARY:
        if network is not None:
            raise UsageError(
                "--network belongs to the kernels nngp and ntk",
                where=f"riesz fit-process --kernel {name}",
                repair="leave --network out, or ask for --kernel ntk",
            )
        if points.ndim != 2:
            raise DataError(
                f"the kernel {name} compares points of shape (n, d)",
                where="riesz fit-process",
                found=f"points of shape {points.shape}",
                repair="use --kernel ntk with a convolutional --network, or flatten the points",
            )
        return STATIONARY[name](jnp.full(points.shape[1], points.shape[1] ** 0.5))
    if network is None:
        raise UsageError(
            f"the kernel {name} is that of a network",
            where=f"riesz fit-process --kernel {name}",
            expected='--network TEXT, such as "Dense(512, w_std=1.4) >> Relu() >> Dense(1)"',
            repair="give --network, or another kernel: " + ", ".join(STATIONARY),
        )
    description = parse(network)
    description.out_shape(points.shape[1:])
    return 1.0 * getattr(description.kernel(), name)


def fit_process(
    table: Table, kernel: str, network: str | None, test: float, restarts: int, seed: int
) -> Run:
    """Split, standardise, tune by evidence on the training part, and measure on the other."""
    _require_varying(table)
    train, held_out = _split(table, test, seed)
    scales = _scales(train)
    key = jax.random.key(seed)
    process = GaussianProcess(
        make_kernel(kernel, network, train.points), channels=train.values.shape[1]
    )
    inputs = jnp.asarray(scales.inputs(train.points))
    seen = Values(inputs, jnp.asarray(scales.outputs(train.values)), noise=0.1)
    tuned = tune(process, seen, key=key, restarts=restarts, progress=True)
    posterior = tuned.process.condition(tuned.observations)
    law = posterior.marginal(on=jnp.asarray(scales.inputs(held_out.points)))
    noise = float(np.asarray(tuned.noise[0]))
    mean = np.asarray(law.mean) * scales.values[1] + scales.values[0]
    deviation = np.sqrt(np.asarray(law.variance) + noise**2) * scales.values[1]
    metrics = _metrics(held_out.values, mean, deviation)
    return Run(tuned, posterior, scales, train, held_out, mean, deviation, metrics)


def _split(table: Table, test: float, seed: int) -> tuple[Table, Table]:
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
    parts = order[count:], order[:count]
    return tuple(table.rows(i) for i in parts)  # pyright: ignore[reportReturnType]


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


def _scales(train: Table) -> Scales:
    axis = 0 if train.points.ndim == 2 else None  # columns have units of their own, pixels not
    points = train.points.mean(axis), _spread(train.points.std(axis))
    values = train.values.mean(0), _spread(train.values.std(0))
    return Scales(points, values)


def _spread(deviation: np.ndarray) -> np.ndarray:
    """One where a column is constant."""
    return np.where(deviation > 0, deviation, 1.0)


def _metrics(truth: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> dict[str, Any]:
    z = (truth - mean) / deviation
    density = -0.5 * z**2 - np.log(deviation) - 0.5 * np.log(2 * np.pi)
    spread = truth.std(0)
    rmse = np.sqrt(((truth - mean) ** 2).mean(0))
    return {
        "rmse": rmse.tolist(),
        "relative_rmse": (rmse / _spread(spread)).tolist(),
        "nlpd": float(-density.mean()),
        "coverage": float((np.abs(z) <= _NORMAL).mean()),
        "level": LEVEL,
        "n_test": len(truth),
    }
