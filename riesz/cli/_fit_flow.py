"""`riesz fit-flow`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riesz.cli._app import AsJson, Channels, Domain, Input, Nodes, Periodic, command, count
from riesz.cli._output import Answer
from riesz.errors import DataError, UsageError

if TYPE_CHECKING:
    from riesz.cli._folder import RunFolder
    from riesz.cli._options import stem_of
    from riesz.cli._reading import Reading
    from riesz.functions import Function
    from riesz.learning import Fitted
    from riesz.processes import Rescaled

_DRAWS = 500  # samples that are scored


@command(
    "fit-flow",
    "riesz fit-flow fields.npz --nodes left --periodic yes --out runs/fields",
    'riesz fit-flow fields.h5 --velocity "FNO(modes=16, width=32)" --noise "Matern(1.5, 0.1)"',
)
def fit_flow(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A data file of functions.")],
    input: Input = None,
    domain: Domain = None,
    channels: Channels = None,
    periodic: Periodic = None,
    nodes: Nodes = None,
    velocity: Annotated[
        str, typer.Option(metavar="TEXT", help="Operator of the velocity, see riesz operators.")
    ] = "FNO(modes=12, width=16, layers=2)",
    noise: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Stationary kernel of the noise, rougher than the functions; by default "
            "Matern(0.5, a twentieth of the shortest side).",
        ),
    ] = None,
    test: Annotated[
        float, typer.Option(metavar="SHARE", help="Of the functions, to score on.")
    ] = 0.2,
    steps: Annotated[int | None, count("Training steps; 2000 by default.", min=1)] = None,
    time_budget: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Of the fit.", min=1)
    ] = None,
    seed: Annotated[int, count("Of the split and the weights.", min=0, max=2**31 - 1)] = 0,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Run folder.")] = None,
    as_json: AsJson = False,
) -> Answer:
    """Fit a process to functions by flow matching.

    Functions on one grid; a random share of them is set apart. The energy score of the fitted
    process on these stands beside that of the training functions as samples, which is what a
    perfect fit would have, and that of a Gaussian process with their mean and covariance. The
    folder is a model, which riesz predict conditions on values (--given) and evaluates at points,
    and gets a figure. The same command in the same folder goes on with a run that was interrupted.
    """
    from riesz.cli._folder import RunFolder
    from riesz.cli._reading import Reading

    if not 0 < test < 1:
        raise UsageError(
            "--test is a share of the functions",
            where="riesz fit-flow",
            expected="0 < SHARE < 1",
            found=test,
        )
    reading = Reading(input, None, None, domain, channels, periodic, nodes)
    functions = _functions(file, reading)
    if steps is None and time_budget is None:
        steps = 2000
    settings = {
        "file": file,
        **reading.given(),
        "shape": list(functions.values.shape),
        "velocity": velocity,
        "noise": noise,
        "test": test,
        "steps": steps,
        "time_budget": time_budget,
        "seed": seed,
    }
    folder = RunFolder(out or Path("runs") / stem_of(file), settings)
    folder.run(lambda: _run(functions, settings, folder))
    return _answer(folder)


def _functions(file: str, reading: "Reading") -> "Function":
    from riesz.data import load_functions

    functions = load_functions(file, name=reading.input, **reading.options())
    if functions.discretization.whole is None:
        raise DataError(
            "a flow is fitted to functions on one grid, without missing values",
            where=file,
            expected="an array (samples, points...) on a grid",
            found=f"functions on {functions.discretization}",
            repair="resample them to a grid: riesz.functions.Function.resample",
        )
    return functions


def _run(functions: "Function", settings: dict[str, Any], folder: "RunFolder") -> None:
    import jax
    import numpy as np

    from riesz import save
    from riesz.cli._plots import samples

    keys = jax.random.split(jax.random.key(settings["seed"]), 4)
    order = np.asarray(jax.random.permutation(keys[0], len(functions.values)))
    held = max(1, round(settings["test"] * len(order)))
    if len(order) - held < 2:
        raise DataError(
            "too few functions for a training and a test part",
            where=settings["file"],
            expected="at least 3 functions",
            found=f"{len(order)} functions",
        )
    training, test = (
        jax.tree.map(lambda x, rows=rows: x[rows], functions)
        for rows in (order[held:], order[:held])
    )
    fitted, process = _fit(training, settings, folder, keys[1])
    drawn = process.sample(_DRAWS, on=test.discretization, key=keys[2])
    value = {
        **settings,
        "n_train": len(order) - held,
        "n_test": held,
        "scores": _scores(training, test, drawn, keys[3]),
        "status": fitted.status.name,
        "steps": fitted.steps,
        "fit_seconds": round(fitted.seconds, 2),
    }
    samples(folder.path, test, drawn)
    save(folder.path, process, card={"flow": value})


def _fit(
    training: "Function", settings: dict[str, Any], folder: "RunFolder", key: Any
) -> "tuple[Fitted, Rescaled]":
    """The process of standardised functions, back in their units."""
    import jax
    import numpy as np

    from riesz import fit
    from riesz.domains import Space
    from riesz.functions import batch
    from riesz.kernels import Matern, parse
    from riesz.operators import parse as parse_operator
    from riesz.processes import FlowProcess, Rescaled, random_field

    grid, space = training.discretization.whole, training.space
    assert grid is not None
    values, axes = np.asarray(training.values), tuple(range(training.values.ndim - 1))
    shift, scale = values.mean(axes), values.std(axes)
    if not (scale > 0).all():
        raise DataError(
            "a channel is constant, so that there is nothing to fit",
            where=settings["file"],
            found=f"{space.names[int(np.argmin(scale))]} = {shift[int(np.argmin(scale))]:g}",
        )
    inner = Space(space.domain, space.channels)
    text = settings["noise"]
    kernel = Matern(0.5, min(grid.domain.lengths) / 20) if text is None else parse(text)
    keys = jax.random.split(key)
    source = Space(space.domain, space.channels + 1)
    start = FlowProcess(
        random_field(inner, kernel),  # pyright: ignore[reportArgumentType]
        parse_operator(settings["velocity"], source, inner, key=keys[0]),
        grid,
    )
    fitted = fit(
        start,
        batch((values - shift) / scale, grid, inner),
        steps=settings["steps"],
        time_budget=settings["time_budget"],
        folder=folder.path / "fit",
        key=keys[1],
    )
    folder.usable(fitted)
    return fitted, Rescaled(fitted.model, shift, scale)


def _scores(
    training: "Function", test: "Function", drawn: "Function", key: Any
) -> dict[str, float]:
    """Mean energy scores of the test functions, by what samples come from."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from riesz.evaluation import energy_score
    from riesz.functions import batch

    # draws mean + sum_i xi_i (f_i - mean) / sqrt(n - 1) have the covariance of the functions
    values = np.asarray(training.values)
    centred = (values - values.mean(0)).reshape(len(values), -1)
    weights = np.asarray(jax.random.normal(key, (_DRAWS, len(values)))) / (len(values) - 1) ** 0.5
    gaussian = values.mean(0) + (weights @ centred).reshape(_DRAWS, *values.shape[1:])
    kinds = {
        "the fitted process": drawn.values,
        "a Gaussian process": gaussian,
        "the training functions": values[:_DRAWS],
    }
    on, space = test.discretization, test.space
    return {
        name: float(jnp.mean(energy_score(batch(np.asarray(x, np.float32), on, space), test)))
        for name, x in kinds.items()
    }


def _answer(folder: "RunFolder") -> Answer:
    from riesz import read_card

    value = read_card(folder.path)["flow"]
    where = shlex.quote(str(folder.path))
    text = [
        *summary(value),
        f"{where}: model, samples.png",
        f"riesz predict {where} POINTS.csv --given SEEN.csv -o answers.csv gives values at points,"
        " given others",
    ]
    return Answer({"out": str(folder.path), **value}, "\n".join(text))


def summary(value: dict[str, Any]) -> list[str]:
    """How a flow was fitted and how good it is."""
    scores = ", ".join(f"{score:.4g} for {name}" for name, score in value["scores"].items())
    return [
        f"{value['velocity']} on {value['n_train']} functions of {value['file']}",
        f"energy score of {value['n_test']} test functions, lower is better: {scores}",
        f"{value['steps']} steps, {value['fit_seconds']:.0f} s, {value['status']}",
    ]
