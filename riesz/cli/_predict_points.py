"""`riesz predict` for processes and fields, which are evaluated at points."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riesz.cli._fit_process import column_names
from riesz.cli._output import Answer
from riesz.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from riesz.cli._reading import Reading


def predict_points(
    run: Path,
    file: str,
    output: Path,
    reading: "Reading",
    given: str | None,
    noise: float | None,
) -> Answer:
    """The values of a field, or mean and interval of those of a process, at the points of a file.

    The process is first conditioned on the values of the file `given`.
    """
    import jax
    import numpy as np

    from riesz.cli._models import has_double_numbers, load_model
    from riesz.cli._process_run import LEVEL
    from riesz.data import Location
    from riesz.data.internal import format_to_write, write_arrays
    from riesz.io import read_card

    fitted = read_card(run).get("process", {})
    points, origins = _points(file, reading, fitted)
    with jax.enable_x64(has_double_numbers(run)):
        model = load_model(run)
        if given is not None:
            model = _conditioned(model, run, given, noise, fitted)
        answers = {k: np.asarray(x) for k, x in _answers(model, points, fitted).items()}
    first = next(iter(answers.values()))
    card = {"points": fitted.get("points", ["x"]), "origins": origins}
    card["values"] = fitted.get("values") or column_names(_channels(model), first.shape[-1])
    if "classes" in fitted:
        card["values"] = [f"{card['values'][0]} {c:g}" for c in fitted["classes"]]
    about = {"values": card["values"], **({"level": LEVEL} if "lower" in answers else {})}
    if format_to_write(Location(output), columns=True).columns:
        write_arrays(output, _columns(card, points, answers), {})
    else:
        write_arrays(output, {**answers, "points": points}, about)
    value = {"output": str(output), "points": len(points), **about}
    text = f"{output}: {len(points)} points"
    if "lower" in answers:
        value["half_width"] = ((answers["upper"] - answers["lower"]) / 2).mean(0).tolist()
        parts = zip(card["values"], value["half_width"], strict=True)
        widths = ", ".join(f"{name} {h:.3g}" for name, h in parts)
        text += f"; mean half-width of the {LEVEL:.0%} intervals: {widths}"
    return Answer(value, text)


def _points(
    file: str, reading: "Reading", fitted: dict[str, Any]
) -> "tuple[np.ndarray, list[str | None]]":
    """The points that are asked for, and of each column the date from which its days count.

    In the columns that a process was fitted to, or else all of an array.
    """
    from riesz.data.internal import read_array, read_points

    if not fitted.get("points"):
        points = read_array(file, reading.input)
        return (points[:, None] if points.ndim == 1 else points), []
    names = reading.input.split(",") if reading.input else fitted["points"]
    return read_points(file, names, fitted["origins"]), fitted["origins"]


def _conditioned(
    model: Any, run: Path, given: str, noise: float | None, fitted: dict[str, Any]
) -> Any:
    """The process given the values of a file, of the noise of the fit where no other is given."""
    import numpy as np

    from riesz.data.internal import read_table
    from riesz.processes import AbstractProcess, Values

    if not isinstance(model, AbstractProcess):
        raise UsageError(
            "only a process is conditioned on values",
            where=f"riesz predict {run} --given {given}",
            expected="a process, as riesz fit-process makes it",
            found=type(model).__name__,
            repair="leave --given out",
        )
    columns = [",".join(fitted.get(side, ())) or None for side in ("points", "values")]
    table = read_table(given, points=columns[0], values=columns[1])
    if noise is None and "noise" in fitted:
        noise = float(np.max(fitted["noise"]))
    return model.condition(Values(table.points, table.values, noise=noise or 0.0))


def _answers(model: Any, points: "np.ndarray", fitted: dict[str, Any]) -> dict[str, Any]:
    """The arrays that are written, of shape (points, values)."""
    import numpy as np

    from riesz.cli._process_run import LEVEL, predictive
    from riesz.functions import Field

    if isinstance(model, Field):
        return {"prediction": model.at(points)}
    if "classes" in fitted:
        from riesz.cli._class_run import probabilities

        return {"probability": probabilities(model, points)}
    if "noise" in fitted:
        marginal = predictive(model, points, np.asarray(fitted["noise"]))
    else:
        marginal = model.marginal(on=points)
    lower, upper = marginal.interval(LEVEL)
    return {"mean": marginal.mean, "lower": lower, "upper": upper}


def _channels(model: Any) -> "Sequence[str]":
    """The names of the channels of a field; `value` of others."""
    space = getattr(model, "space", None)
    return ["value"] if space is None else space.names


def _columns(
    card: dict[str, Any], points: "np.ndarray", answers: dict[str, "np.ndarray"]
) -> dict[str, "np.ndarray"]:
    """The columns of a table: the points, as dates where the fit had dates, then the answers."""
    import numpy as np

    flat, several = points.reshape(len(points), -1), len(card["values"]) > 1
    names = column_names(card["points"], flat.shape[1])
    origins = card["origins"] or [None] * len(names)
    columns = {
        name: np.array([_written(x, origin) for x in column.tolist()])
        for name, column, origin in zip(names, flat.T, origins, strict=True)
    }
    for i, name in enumerate(card["values"]):
        columns |= {f"{name} {k}" if several else k: x[:, i] for k, x in answers.items()}
    return columns


def _written(number: float, origin: str | None) -> float | str:
    """A coordinate as in the file of the fit."""
    if origin is None:
        return number
    return (datetime.fromisoformat(origin) + timedelta(days=number)).isoformat()
