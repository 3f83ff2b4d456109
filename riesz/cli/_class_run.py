"""What `riesz fit-process --classes` computes: split, tune, condition on labels, measure."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from riesz.cli._process_run import make_kernel, split_rows
from riesz.data.internal import Table
from riesz.errors import DataError
from riesz.processes import AbstractProcess, GaussianProcess, Labels, Tuned, tune

_LEAST = 1e-12  # probability in a logarithm
_MOST = 20  # classes


class ClassRun(NamedTuple):
    """The tuned process of classes and how it did on points it has not seen."""

    tuned: Tuned
    posterior: AbstractProcess
    classes: list[float]
    train: Table
    test: Table
    probabilities: Float[np.ndarray, "n classes"]
    metrics: dict[str, Any]


def fit_classes(
    table: Table,
    kernel: str,
    network: str | None,
    curves: int | None,
    test: float,
    restarts: int,
    seed: int,
) -> ClassRun:
    """Split, tune by the approximate evidence of the training labels, and measure on the others."""
    classes, labels = _numbered(table)
    train, held_out, order = split_rows(table, test, seed)
    seen, truth = (labels[rows] for rows in order)
    if len(np.unique(seen)) < len(classes):
        raise DataError(
            "a class has no point in the training part",
            where="riesz fit-process --classes",
            expected="several points of each class",
            found=f"{len(classes)} classes among {len(labels)} points",
            repair="leave rare classes out, or give another --test share or --seed",
        )
    channels = 1 if len(classes) == 2 else len(classes)
    process = GaussianProcess(make_kernel(kernel, network, curves, train.points), channels=channels)
    observed = Labels(jnp.asarray(train.points), seen)
    tuned = tune(process, observed, key=jax.random.key(seed), restarts=restarts, progress=True)
    posterior = tuned.process.condition(tuned.observations)
    p = probabilities(posterior, held_out.points)
    metrics = _metrics(truth, p, np.bincount(seen, minlength=len(classes)) / len(seen))
    return ClassRun(tuned, posterior, classes, train, held_out, p, metrics)


def probabilities(posterior: Any, points: Float[Any, "n ..."]) -> Float[np.ndarray, "n classes"]:
    """The probability of each class, of two classes as well."""
    p = np.asarray(posterior.probabilities(on=points))
    return np.concatenate([1 - p, p], 1) if p.shape[1] == 1 else p


def _numbered(table: Table) -> tuple[list[float], Int[np.ndarray, " n"]]:
    """The classes in order, and the number of that of each point."""
    if table.values.shape[1] != 1:
        raise DataError(
            "classes are one column of values",
            where="riesz fit-process --classes",
            expected="--values with one name",
            found=f"{table.values.shape[1]} columns: {', '.join(table.names[1])}",
        )
    classes, labels = np.unique(table.values[:, 0], return_inverse=True)
    if not 2 <= len(classes) <= _MOST:
        raise DataError(
            f"between 2 and {_MOST} classes can be told apart",
            where="riesz fit-process --classes",
            expected="a column with one number for each class",
            found=f"{len(classes)} different values of {table.names[1][0]}",
            repair="leave --classes out where the values are quantities",
        )
    return classes.tolist(), labels


def _metrics(
    truth: Int[np.ndarray, " n"], p: Float[np.ndarray, "n classes"], shares: np.ndarray
) -> dict[str, Any]:
    def score(p: np.ndarray) -> float:
        return float(-np.log(np.maximum(p[np.arange(len(truth)), truth], _LEAST)).mean())

    return {
        "accuracy": float((p.argmax(1) == truth).mean()),
        "log_loss": score(p),
        "most_frequent": float((truth == shares.argmax()).mean()),
        "log_loss_of_shares": score(np.broadcast_to(shares, p.shape)),
        "n_test": len(truth),
    }


def draw(folder: Path, run: ClassRun) -> list[str]:
    """How often points of each class are taken for each."""
    from matplotlib.figure import Figure

    from riesz.cli._plots import _save

    truth = np.searchsorted(run.classes, run.test.values[:, 0])
    counts = np.zeros((len(run.classes),) * 2, int)
    np.add.at(counts, (truth, run.probabilities.argmax(1)), 1)
    figure = Figure(figsize=(4.8, 4.4), layout="constrained")
    ax = figure.subplots()
    ax.imshow(counts, cmap="Blues")
    for (i, j), n in np.ndenumerate(counts):
        dark = n > counts.max() / 2
        ax.text(j, i, str(n), ha="center", va="center", color="white" if dark else "black")
    names = [f"{c:g}" for c in run.classes]
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("predicted class")
    ax.set_ylabel(f"{run.test.names[1][0]} of test points")
    ax.set_title(f"{run.metrics['accuracy']:.0%} of {run.metrics['n_test']} right")
    return [_save(figure, folder, "test.png")]
