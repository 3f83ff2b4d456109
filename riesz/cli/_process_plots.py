"""The figures of `riesz fit-process`."""

from pathlib import Path

import jax
import numpy as np
from matplotlib.figure import Figure

from riesz.cli._plots import BAND, MODEL, THIRD, TRUTH, _finish, _save
from riesz.cli._process_run import LEVEL, Run

_DRAWS, _POINTS = 5, 300


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
    marginal = run.posterior.marginal(on=x[:, None])
    lower, upper = (np.asarray(end)[:, 0] for end in marginal.interval(LEVEL))
    samples = run.posterior.sample(_DRAWS, on=x[:, None], key=jax.random.key(seed))
    label = f"{LEVEL:.0%} of the posterior"
    ax.fill_between(x, lower, upper, color=BAND, alpha=0.45, lw=0, label=label)
    for i, sample in enumerate(np.asarray(samples)[:, :, 0]):
        ax.plot(x, sample, color=THIRD, lw=0.7, alpha=0.8, label=None if i else "samples")
    ax.plot(x, np.asarray(marginal.mean)[:, 0], color=MODEL, lw=1.8, label="mean")
    ax.plot(run.train.points[:, 0], run.train.values[:, 0], ".", color=TRUTH, label="training")
    ax.plot(run.test.points[:, 0], run.test.values[:, 0], "x", color=TRUTH, ms=5, label="test")
    ax.set_xlabel(run.train.names[0][0])
    ax.set_ylabel(run.train.names[1][0])
    _finish(ax)
    return _save(figure, folder, "posterior.png")


def _test(folder: Path, run: Run) -> str:
    figure = Figure(figsize=(5.6, 5), layout="constrained")
    ax = figure.subplots()
    truth, mean = run.test.values[:, 0], np.asarray(run.marginal.mean)[:, 0]
    half = np.asarray(run.marginal.interval(LEVEL)[1])[:, 0] - mean
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
