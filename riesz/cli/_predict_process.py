"""`riesz predict` for a process: its law at new points."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riesz.cli._fit_process import column_names
from riesz.cli._output import Answer
from riesz.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from riesz.cli._reading import Reading


def predict_process(
    run: Path, file: str, output: Path, reading: "Reading", on: str | None
) -> Answer:
    """Mean and interval of the values at the points of a file."""
    import jax
    import numpy as np

    from riesz.cli._models import load_model
    from riesz.cli._process_run import LEVEL, predictive
    from riesz.data import Location
    from riesz.data.internal import format_to_write, read_array, read_points, write_arrays
    from riesz.io import read_card

    given = {**reading.given(), **({} if on is None else {"on": on})}
    given.pop("input", None)
    if given:
        raise UsageError(
            "these options are for operators",
            where=f"riesz predict {run}",
            expected="a file of points, with --input NAMES where its columns have other names",
            found=", ".join(f"--{name}" for name in given),
            repair="leave them out",
        )
    fitted = read_card(run).get("process")  # which columns the process was fitted to
    if fitted is not None:
        names = reading.input.split(",") if reading.input else fitted["points"]
        points = read_points(file, names, fitted["origins"])
    else:
        points = read_array(file, reading.input)
        points = points[:, None] if points.ndim == 1 else points
    with jax.enable_x64(True):
        process = load_model(run)
        if fitted is not None:
            law = predictive(process, points, np.asarray(fitted["noise"]))
        else:
            law = process.marginal(on=points)
        mean, lower, upper = (np.asarray(x) for x in (law.mean, *law.interval(LEVEL)))
    names = column_names(["value"], mean.shape[-1])
    card = fitted or {"points": ["x"], "values": names, "origins": []}
    answers = {"mean": mean, "lower": lower, "upper": upper}
    if format_to_write(Location(output), columns=True).columns:
        write_arrays(output, _columns(card, points, answers), {})
    else:
        about = {"values": card["values"], "level": LEVEL}
        write_arrays(output, {**answers, "points": points}, about)
    value = {
        "output": str(output),
        "points": len(points),
        "values": card["values"],
        "level": LEVEL,
        "half_width": ((upper - lower) / 2).mean(0).tolist(),
    }
    parts = zip(card["values"], value["half_width"], strict=True)
    widths = ", ".join(f"{name} {h:.3g}" for name, h in parts)
    text = f"{output}: {len(points)} points; mean half-width of the {LEVEL:.0%} intervals: {widths}"
    return Answer(value, text)


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
