"""`riesz fit-process`."""

import shlex
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
    'riesz fit-process curve.csv --kernel ntk --network "Dense(512) >> Erf() >> Dense(1)"',
    "riesz fit-process houses.npz --kernel matern52 --out runs/houses --json",
)
def fit_process(
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV, NPZ or HDF5: points, values.")],
    kernel: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="nngp or ntk of a --network; squared-exponential, matern12, matern32, matern52 or "
            "rational-quadratic.",
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

    Points and values are standardised; a random share of them is set apart, on which the fit is
    measured. Points given as ISO dates are read as days. Computes in float64. Writes
    metrics.json, predictions.npz and figures of posterior, samples and test.
    """
    import jax

    from riesz.cli import _process_run as work
    from riesz.cli._folder import new_folder
    from riesz.cli._process_plots import draw
    from riesz.data.internal import read_table

    if kernel not in work.KERNELS or not 0 < test < 1:
        raise UsageError(
            "unknown kernel" if kernel not in work.KERNELS else "--test is a share of the points",
            where="riesz fit-process",
            expected=", ".join(work.KERNELS) if kernel not in work.KERNELS else "0 < SHARE < 1",
            found=kernel if kernel not in work.KERNELS else test,
        )
    folder = out or Path("runs") / Path(file.partition("::")[0]).stem
    if folder.exists():
        raise UsageError(
            "the folder exists and was left untouched",
            where=str(folder),
            repair="choose another with --out, or remove it",
        )
    table = read_table(file, points, values)
    for note in table.notes:
        say(note)
    with jax.enable_x64(True):
        run = work.fit_process(table, kernel, network, test, restarts, seed)
        value = _record(file, kernel, network, seed, run)
        with new_folder(folder):
            figures = draw(folder, run, seed)
            _write(folder, value, run)
    return Answer(value, describe(folder, value, figures))


def _record(file: str, kernel: str, network: str | None, seed: int, run: Any) -> dict[str, Any]:
    """What is said of a fit, for machines."""
    from riesz._core.text import write

    tuned = run.tuned
    return {
        "file": file,
        "kernel": kernel,
        "network": network,
        "seed": seed,
        "n_train": len(run.train.points),
        "log_evidence": tuned.evidence,
        "evidence_of": tuned.used,
        "converged": tuned.converged,
        "status": tuned.status,
        "gradient": tuned.gradient,
        "tuned_kernel": write(tuned.process.kernel, digits=6),
        "noise": float(tuned.noise[0]) * run.scales.values[1].tolist()[0],
        **run.metrics,
    }


def _write(folder: Path, value: dict[str, Any], run: Any) -> None:
    from riesz._core.files import write_atomically
    from riesz.cli._arrays import write_arrays
    from riesz.cli._output import to_json

    arrays = {
        "points": run.test.points,
        "values": run.test.values,
        "mean": run.mean,
        "standard_deviation": run.deviation,
    }
    write_arrays(folder / "predictions.npz", arrays, {})
    write_atomically(folder / "metrics.json", to_json(value).encode())


def describe(folder: Path, value: dict[str, Any], figures: list[str]) -> str:
    """What is said of a fit, for people."""
    shares = ", ".join(f"{r:.1%}" for r in value["relative_rmse"])
    lines = [
        f"{value['kernel']} on {value['n_train']} points: log evidence {value['log_evidence']:.2f}",
        f"test of {value['n_test']} points: error {shares} of the spread of the values "
        f"(root mean square), nlpd {value['nlpd']:.3f}",
        f"coverage {value['coverage']:.1%} of intervals of {value['level']:.0%}",
        f"kernel of the standardised points: {value['tuned_kernel']}; noise {value['noise']:.3g}",
        f"tuning: {value['status']}",
    ]
    if not value["converged"]:
        lines[-1] += "; try --restarts 5"
    if max(value["relative_rmse"]) > _LITTLE:
        lines.append("this kernel explains little of the values: compare the evidence of others")
        if value["network"] and "b_std" not in value["tuned_kernel"]:
            lines[-1] += "; a network without biases is a rigid one, give its Dense a b_std=0.5"
    return "\n".join([*lines, f"{shlex.quote(str(folder))}: metrics.json, {', '.join(figures)}"])
