"""The figures of `riesz fit-process`."""

from pathlib import Path

import jax
import numpy as np
from matplotlib.figure import Figure

from riesz.cli._plots import BAND, MODEL, THIRD, TRUTH, _finish, _save
from riesz.cli._process_run import LEVEL, Run

_DRAWS, _POINTS = 5, 300
_HALF = 1.6448536269514722


def draw(folder: Path, run: Run, seed: int) -> list[str]:
    """Posterior and samples along a line of inputs, and predictions against the test values."""
    names = [_test(folder, run)]
    if run.train.points.ndim == 2 and run.train.points.shape[1] == 1:
        names.insert(0, _curve(folder, run, seed))
    return names


def _curve(folder: Path, run: Run, seed: int) -> str:
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    ax = figure.subplots()
    every = np.concatenate([run.train.points, run.test.points])[:, 0]
    margin = 0.05 * np.ptp(every)
    x = np.linspace(every.min() - margin, every.max() + margin, _POINTS)
    inputs = run.scales.inputs(x[:, None])
    law = run.posterior.marginal(on=inputs)
    shift, scale = run.scales.values[0][0], run.scales.values[1][0]
    mean = np.asarray(law.mean)[:, 0] * scale + shift
    half = _HALF * np.asarray(law.standard_deviation)[:, 0] * scale
    samples = run.posterior.sample(_DRAWS, on=inputs, key=jax.random.key(seed))
    label = f"{LEVEL:.0%} of the posterior"
    ax.fill_between(x, mean - half, mean + half, color=BAND, alpha=0.45, lw=0, label=label)
    for i, sample in enumerate(np.asarray(samples)[:, :, 0] * scale + shift):
        ax.plot(x, sample, color=THIRD, lw=0.7, alpha=0.8, label=None if i else "samples")
    ax.plot(x, mean, color=MODEL, lw=1.8, label="mean")
    ax.plot(run.train.points[:, 0], run.train.values[:, 0], ".", color=TRUTH, label="training")
    ax.plot(run.test.points[:, 0], run.test.values[:, 0], "x", color=TRUTH, ms=5, label="test")
    ax.set_xlabel(run.train.names[0][0])
    ax.set_ylabel(run.train.names[1][0])
    _finish(ax)
    return _save(figure, folder, "posterior.png")


def _test(folder: Path, run: Run) -> str:
    figure = Figure(figsize=(5.6, 5), layout="constrained")
    ax = figure.subplots()
    truth, mean = run.test.values[:, 0], run.mean[:, 0]
    half = _HALF * run.deviation[:, 0]
    ends = [min(truth.min(), mean.min()), max(truth.max(), mean.max())]
    ax.plot(ends, ends, color=TRUTH, lw=0.8)
    label = f"prediction with its {LEVEL:.0%} interval"
    ax.errorbar(truth, mean, half, fmt="o", ms=3.5, color=MODEL, ecolor=BAND, lw=1, label=label)
    name = run.train.names[1][0]
    ax.set_xlabel(f"{name}, test values")
    ax.set_ylabel(f"{name}, predicted")
    ax.set_title(f"{run.metrics['coverage']:.0%} of {run.metrics['n_test']} inside the interval")
    _finish(ax)
    return _save(figure, folder, "test.png")
