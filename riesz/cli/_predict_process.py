"""`riesz predict` for a process: its law at new points."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

    from riesz.cli._process_run import LEVEL, predictive
    from riesz.data import Location
    from riesz.data.internal import format_to_write, read_points, write_arrays
    from riesz.io import load, read_card

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
    card = read_card(run).get("process")
    if card is None:
        raise UsageError(
            "the folder does not say which columns this process was fitted to",
            where=str(run),
            expected="a folder of riesz fit-process",
            found="a process that was saved without its card",
            repair="in Python: riesz.load(folder).marginal(on=points)",
        )
    names = reading.input.split(",") if reading.input else card["points"]
    points = read_points(file, names, card["origins"])
    with jax.enable_x64(True):
        law = predictive(load(run), points, np.asarray(card["noise"]))
        ends = law.interval(LEVEL)
        mean, lower, upper = (np.asarray(x) for x in (law.mean, *ends))
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

    from riesz.cli._fit_process import column_names

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
