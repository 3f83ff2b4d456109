"""Compares kernels of networks with stationary ones by evidence, and with trained networks.

    make bench-evidence                   # writes docs/tables/evidence.md

Every Gaussian process has its variance, length scales, noise, and the standard deviations of the
layers of its network chosen by the evidence of the training points alone, and so is the network
among those of NETWORKS. The trained network has the description of the largest evidence and 512
neurons a layer; a tenth of the training points chooses its learning rate and stops its training.
All see the same points. Digits of scikit-learn, 8 x 8, stand in for MNIST; their classes are
values 0 and 1 of ten functions.
"""

import argparse
import time
from statistics import mean
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from commands import TABLES, footer, load
from sklearn import datasets

from riesz.kernels import Matern, SquaredExponential, Stretched
from riesz.networks import parse
from riesz.processes import GaussianProcess, Values, tune

SPLITS, POINTS = 3, 500  # of the Friedman sets
NETWORKS = {
    f"{depth} x {name}": f"Dense(512, w_std=1.4, b_std=0.5) >> {name}() >> " * depth
    + "Dense({outputs})"
    for depth, name in ((1, "Relu"), (3, "Relu"), (1, "Erf"))
}
STEPS, BATCH, RATES = 3000, 100, (1e-3, 3e-3, 1e-2, 3e-2)  # of the trained network


class Data(NamedTuple):
    """One split, standardised by its training part; `classes` are those of the test points."""

    x: np.ndarray
    y: np.ndarray
    at: np.ndarray
    truth: np.ndarray
    classes: np.ndarray | None = None


def split(x: np.ndarray, y: np.ndarray, share: float, seed: int, classes: Any = None) -> Data:
    order = np.random.default_rng(seed).permutation(len(x))
    train, test = np.split(order, [round(share * len(x))])
    axis = None if classes is not None else 0  # pixels have one unit
    centre, spread = x[train].mean(axis), x[train].std(axis)
    level, height = y[train].mean(0), y[train].std(0)
    x, y = (x - centre) / spread, (y - level) / height
    return Data(x[train], y[train], x[test], y[test], None if classes is None else classes[test])


def problems() -> dict[str, list[Data]]:
    """Splits of every set of data."""
    x, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    found = {"diabetes": [split(x, y[:, None], 0.8, seed) for seed in range(SPLITS)]}
    for number, noise in ((1, 1.0), (2, 125.0), (3, 0.1)):  # the last two: a third of the signal
        make = getattr(datasets, f"make_friedman{number}")
        sets = [make(POINTS, noise=noise, random_state=seed) for seed in range(SPLITS)]
        found[f"Friedman {number}"] = [split(x, y[:, None], 0.8, 0) for x, y in sets]
    x, y = datasets.load_digits(return_X_y=True)
    found["digits"] = [split(x, np.eye(10)[y], 1000 / len(x), 0, y)]
    return found


def process(kernel: Any, data: Data) -> tuple[float, dict[str, float]]:
    """The evidence of a tuned process, and its scores on the test points."""
    start = time.perf_counter()
    prior = GaussianProcess(kernel, channels=data.y.shape[1])
    tuned = tune(prior, Values(data.x, data.y, noise=0.3), key=jax.random.key(0), restarts=0)
    law = tuned.process.condition(tuned.observations).marginal(on=data.at)
    variance = np.asarray(law.variance) + float(tuned.noise[0]) ** 2
    scores = measure(np.asarray(law.mean), variance, data)
    return tuned.evidence, scores | {"seconds": time.perf_counter() - start}


def measure(found: np.ndarray, variance: np.ndarray | float, data: Data) -> dict[str, float]:
    """Root mean square error and negative log density, in units of the training deviation."""
    squares = (found - data.truth) ** 2
    density = 0.5 * np.mean(squares / variance + np.log(2 * np.pi * variance))
    wrong = {} if data.classes is None else {"wrong": np.mean(found.argmax(1) != data.classes)}
    return {"rmse": np.sqrt(squares.mean()), "nlpd": density, **wrong}


def kernels(data: Data) -> dict[str, list[tuple[str, Any]]]:
    """By row of the table: candidates, of which the one of largest evidence is kept."""
    d = data.x.shape[1]
    lengths = jnp.ones(d if data.classes is None else ())  # one for each input, or for all pixels
    rows = {
        "squared exponential": [("", SquaredExponential(d**0.5 * lengths))],
        "Matern 5/2": [("", Matern(2.5, d**0.5 * lengths))],
    }
    for kind in ("nngp", "ntk"):
        listed = candidates(kind, data)
        if data.classes is None:
            listed = [(name, Stretched(kernel, lengths)) for name, kernel in listed]
        rows[kind.upper()] = listed
    return rows


def candidates(kind: str, data: Data) -> list[tuple[str, Any]]:
    outputs = data.y.shape[1]
    parsed = ((name, parse(text.format(outputs=outputs))) for name, text in NETWORKS.items())
    return [(name, getattr(network.kernel(), kind)) for name, network in parsed]


def trained(name: str, data: Data) -> dict[str, float]:
    """A finite network in the same parametrisation, by Adam, at the rate and the step at which it
    errs least on a tenth of the training points."""
    start = time.perf_counter()
    network = parse(NETWORKS[name].format(outputs=data.y.shape[1]))
    model = network.init(data.x.shape[1], key=jax.random.key(1))
    arrays, rest = eqx.partition(model, eqx.is_inexact_array)
    held = len(data.x) // 10
    epoch = epochs(rest, jnp.asarray(data.x), jnp.asarray(data.y), held)
    best, kept = np.inf, arrays
    for rate in RATES:
        found, state = arrays, (optax.scale_by_adam().init(arrays), 0)
        for key in jax.random.split(jax.random.key(2), STEPS * BATCH // (len(data.x) - held)):
            found, state, error = epoch(found, state, rate, key)
            if float(error) < best:
                best, kept = float(error), found
    values = np.asarray(jax.vmap(eqx.combine(kept, rest))(jnp.asarray(data.at)))
    return measure(values, best, data) | {"seconds": time.perf_counter() - start}


def epochs(rest: Any, x: Any, y: Any, held: int) -> Any:
    """A compiled epoch of Adam on all but the first `held` points, and the error on these."""

    def loss(arrays: Any, x: Any, y: Any) -> Any:
        return jnp.mean((jax.vmap(eqx.combine(arrays, rest))(x) - y) ** 2)

    @jax.jit
    def epoch(arrays: Any, state: Any, rate: Any, key: Any) -> Any:
        def step(carry: Any, rows: Any) -> Any:
            arrays, (moments, count) = carry
            slope = jax.grad(loss)(arrays, x[rows], y[rows])
            change, moments = optax.scale_by_adam().update(slope, moments)
            size = rate * optax.cosine_decay_schedule(1.0, STEPS)(count)
            arrays = jax.tree.map(lambda a, c: a - size * c, arrays, change)
            return (arrays, (moments, count + 1)), None

        count = len(x) - held
        order = held + jax.random.permutation(key, count)[: count // BATCH * BATCH]
        (arrays, state), _ = jax.lax.scan(step, (arrays, state), order.reshape(-1, BATCH))
        return arrays, state, loss(arrays, x[:held], y[:held])

    return epoch


def rows(name: str, splits: list[Data]) -> list[str]:
    """The rows of one set of data: means over its splits."""
    scores: dict[str, list[dict[str, float]]] = {}
    chosen: dict[str, list[str]] = {}
    for data in splits:
        best = ("", -np.inf)
        for row, listed in kernels(data).items():
            found = [(kind, *process(1.0 * kernel, data)) for kind, kernel in listed]
            kind, evidence, score = max(found, key=lambda f: f[1])
            score["evidence"] = evidence
            score["seconds"] = sum(f[2]["seconds"] for f in found)
            scores.setdefault(row, []).append(score)
            chosen.setdefault(row, []).append(kind)
            best = max(best, (kind, evidence) if kind else best, key=lambda b: b[1])
        scores.setdefault("trained network", []).append(trained(best[0], data))
        chosen.setdefault("trained network", []).append(best[0])
    lines = []
    for row, found in scores.items():
        cells = [name, row, ", ".join(dict.fromkeys(chosen[row]))]
        for column, digits in (("evidence", 1), ("rmse", 3), ("nlpd", 3), ("wrong", 4)):
            values = [float(score[column]) for score in found if column in score]
            cells.append(f"{mean(values):.{digits}f}" if values else "")
        cells.append(f"{mean(score['seconds'] for score in found):.0f}")
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="sets of data with this in their names")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    busy = [load()]
    lines = [
        "| data | model | network | evidence | rmse | nlpd | wrong | seconds |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for name, splits in problems().items():
        if options.only in name:
            lines += rows(name, splits)
    if not options.only:
        note = (
            f"\n\nMeans over {SPLITS} splits (digits: one, 1000 for training). Values are divided "
            "by their deviation over the training points, so that an rmse of 1 is that of their "
            "mean. `nlpd` is the mean negative log density of the test values, noise included. "
            "Kernels have a length scale for each input (digits: one for all pixels, networks "
            "none). Seconds are for all networks that "
            "evidence chooses from, compilation included. Digits of scikit-learn stand in for "
            "MNIST; `wrong` is the share of test digits whose largest value is another's."
        )
        (TABLES / "evidence.md").write_text("\n".join(lines) + note + footer(busy))


if __name__ == "__main__":
    main()
