"""`riesz fit-process`."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from riesz._core.progress import say
from riesz.cli._app import AsJson, command, count
from riesz.cli._output import Answer
from riesz.errors import UsageError

_LITTLE = 0.5  # of the spread of the values: an error above it


@command(
    "fit-process",
    'riesz fit-process co2.csv --kernel "SquaredExponential(50) + Periodic(1)" --drop-missing',
    "riesz fit-process spectra.npz --points spectra --values fat --curves 1",
    'riesz fit-process curve.csv --kernel ntk --network "Dense(512) >> Erf() >> Dense(1)"',
)
def fit_process(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A data file of points and values.")],
    kernel: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Kernels of riesz.kernels, joined by + and *, with lengths in the units of the "
            "file; or a name, squared-exponential, matern12, matern32, matern52 or "
            "rational-quadratic; or nngp or ntk of a --network.",
        ),
    ] = "matern52",
    network: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Layers of riesz.networks, joined by >>.")
    ] = None,
    points: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Columns or the array of the points.")
    ] = None,
    values: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Columns or the array of the values.")
    ] = None,
    curves: Annotated[
        int | None,
        count(
            "Each point is a curve, a row of values at equal distances: compare them in L2 by "
            "their derivative of this order, 0 for themselves.",
            min=0,
            max=2,
        ),
    ] = None,
    classes: Annotated[
        bool, typer.Option("--classes", help="The values are classes, a number for each.")
    ] = False,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Leave out rows without a value.")
    ] = False,
    test: Annotated[
        float, typer.Option(metavar="SHARE", help="Of the points, to measure on.")
    ] = 0.2,
    restarts: Annotated[
        int, count("Of the tuning: further optima to climb to on all points.", min=0)
    ] = 2,
    seed: Annotated[int, count("Of the split and the starts.", min=0, max=2**31 - 1)] = 0,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to make.")] = None,
    as_json: AsJson = False,
) -> Answer:
    """Fit a Gaussian process to points and values, its hyperparameters by evidence.

    A random share of the points is set apart, on which the fit is measured. Lengths of the kernel
    have the units of the file, days where points are ISO dates; variances are relative to that of
    the values. Numbers of the kernel are starts, which are tuned. Computes in float64. The folder
    is a model, for riesz predict at new points and riesz info, and gets metrics.json,
    predictions.npz and figures of posterior, samples and test.
    """
    import jax

    from riesz.cli import _class_run
    from riesz.cli import _process_run as work
    from riesz.cli._folder import new_folder
    from riesz.cli._options import stem_of
    from riesz.cli._process_plots import draw
    from riesz.data.internal import read_table

    if not 0 < test < 1:
        raise UsageError(
            "--test is a share of the points",
            where="riesz fit-process",
            expected="0 < SHARE < 1",
            found=test,
        )
    folder = out or Path("runs") / stem_of(file)
    if folder.exists():
        raise UsageError(
            "the folder exists and was left untouched",
            where=str(folder),
            repair="choose another with --out, or remove it",
        )
    table = read_table(file, points, values, drop_missing)
    for note in table.notes:
        say(note)
    if table.dropped:
        say(f"{table.dropped} rows without a value are left out, {len(table.points)} are used")
    settings = kernel, network, curves, test, restarts, seed
    with jax.enable_x64(True):
        run: Any
        if classes:
            run = _class_run.fit_classes(table, *settings)
            value = _record(file, kernel, network, curves, seed, run)
            value |= {"classes": run.classes, **run.metrics}
        else:
            run = work.fit_process(table, *settings)
            value = _record(file, kernel, network, curves, seed, run)
            value |= {"noise": run.noise.tolist(), **run.metrics}
        with new_folder(folder):
            figures = _class_run.draw(folder, run) if classes else draw(folder, run, seed)
            _write(folder, value, run)
    return Answer(value, describe(folder, value, figures))


def _record(
    file: str, kernel: str, network: str | None, curves: int | None, seed: int, run: Any
) -> dict[str, Any]:
    """What is said of a fit, for machines."""
    from riesz._core.text import write

    tuned = run.tuned
    return {
        "file": file,
        "kernel": kernel,
        "network": network,
        "curves": curves,
        "seed": seed,
        "points": list(run.train.names[0]),
        "values": column_names(run.train.names[1], run.train.values.shape[1]),
        "origins": list(run.train.origins),
        "dropped": run.train.dropped,
        "n_train": len(run.train.points),
        "log_evidence": tuned.evidence,
        "evidence_of": tuned.used,
        "converged": tuned.converged,
        "status": tuned.status,
        "gradient": tuned.gradient,
        "tuned_kernel": write(tuned.process.kernel, digits=6),
    }


def column_names(names: Sequence[str], count: int) -> list[str]:
    """A name for each column; those of an array are numbered."""
    return list(names) if len(names) == count else [f"{names[0]} {i + 1}" for i in range(count)]


def _write(folder: Path, value: dict[str, Any], run: Any) -> None:
    from riesz import save
    from riesz._core.files import write_atomically
    from riesz.cli._output import to_json
    from riesz.data.internal import write_arrays

    arrays = {"points": run.test.points, "values": run.test.values}
    if "classes" in value:
        arrays |= {"probabilities": run.probabilities}
    else:
        arrays |= {"mean": run.marginal.mean, "standard_deviation": run.marginal.standard_deviation}
    write_arrays(folder / "predictions.npz", arrays, {})
    write_atomically(folder / "metrics.json", to_json(value).encode())
    save(folder, run.posterior, card={"process": value})


def describe(folder: Path, value: dict[str, Any], figures: list[str]) -> str:
    """What is said of a fit, for people."""
    where = shlex.quote(str(folder))
    lines = [*summary(value)]
    if not value["converged"]:
        lines[-1] += "; try --restarts 5"
    if max(value.get("relative_rmse", [0.0])) > _LITTLE:
        lines.append("this kernel explains little of the values: compare the evidence of others")
        if value["network"] and "b_std" not in value["tuned_kernel"]:
            lines[-1] += "; a network without biases is a rigid one, give its Dense a b_std=0.5"
    files = f"{where}: model, metrics.json, {', '.join(figures)}"
    again = f"riesz predict {where} POINTS.csv -o answers.csv gives values at new points"
    return "\n".join([*lines, files, again])


def summary(value: dict[str, Any]) -> list[str]:
    """How a process was fitted and how good it is."""
    if "classes" in value:
        return _summary_of_classes(value)
    shares = ", ".join(f"{r:.1%}" for r in value["relative_rmse"])
    noise = ", ".join(
        f"{n:.3g} of {name}" for n, name in zip(value["noise"], value["values"], strict=True)
    )
    return [
        f"{value['kernel']} on {value['n_train']} points: log evidence {value['log_evidence']:.2f}",
        f"test of {value['n_test']} points: error {shares} of the spread of the values "
        f"(root mean square), nlpd {value['nlpd']:.3f}",
        f"coverage {value['coverage']:.1%} of intervals of {value['level']:.0%}",
        f"kernel: {value['tuned_kernel']}",
        f"its lengths are in the units of {', '.join(_units(value))}; its variances are relative "
        f"to that of the values; noise {noise}",
        f"tuning: {value['status']}",
    ]


def _summary_of_classes(value: dict[str, Any]) -> list[str]:
    return [
        f"{value['kernel']} on {value['n_train']} points of {len(value['classes'])} classes: "
        f"approximate log evidence {value['log_evidence']:.2f}",
        f"test of {value['n_test']} points: {value['accuracy']:.1%} right, mean -log probability "
        f"{value['log_loss']:.3f}; the most frequent class {value['most_frequent']:.1%}, "
        f"the shares of the classes {value['log_loss_of_shares']:.3f}",
        f"kernel: {value['tuned_kernel']}",
        f"tuning: {value['status']}",
    ]


def _units(value: dict[str, Any]) -> list[str]:
    """The points, those that are dates in days."""
    origins = value["origins"] or [None] * len(value["points"])
    return [
        name if origin is None else f"{name} (days since {origin[:10]})"
        for name, origin in zip(value["points"], origins, strict=True)
    ]
