"""`riesz info`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riesz.cli._app import (
    Apart,
    AsJson,
    Channels,
    Domain,
    Input,
    Lead,
    Nodes,
    Output,
    Periodic,
    command,
)
from riesz.cli._output import Answer, result_table
from riesz.errors import UsageError

if TYPE_CHECKING:
    from riesz.cli._reading import Reading


@command("info", "riesz info runs/darcy", "riesz info sst_monthly.nc --lead 1")
def info(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN|FILE", help="A run folder, a model folder or a data file."),
    ],
    input: Input = None,
    output: Output = None,
    lead: Lead = None,
    domain: Domain = None,
    channels: Channels = None,
    periodic: Periodic = None,
    nodes: Nodes = None,
    apart: Apart = None,
    as_json: AsJson = False,
) -> Answer:
    """Show the card of a model, or what a data file is taken for.

    Of a model: what it is, where it comes from, how good it is. Of a file: its arrays, and what
    riesz train would take them for with these options.
    """
    from riesz.cli._models import require_model
    from riesz.cli._reading import Reading
    from riesz.io import read_model

    reading = Reading(input, output, lead, domain, channels, periodic, nodes, apart)
    if "::" in str(run) or run.is_file():
        return _of_data(str(run), reading)
    if reading.given():
        raise UsageError(
            "options of reading are for data files",
            where=f"riesz info {run}",
            expected="a data file",
            found=", ".join(f"--{name}" for name in reading.given()),
            repair="leave them out, or name the file",
        )
    require_model(run)
    model = read_model(run)
    return Answer(_value(model), _text(run, model))


def _of_data(spec: str, reading: "Reading") -> Answer:
    from riesz.data import Location, open_pairs
    from riesz.data.internal import open_source

    source = open_source(Location(spec))
    arrays = {k: {"shape": list(v.shape), "type": str(v.dtype)} for k, v in source.arrays.items()}
    file = open_pairs(spec, **reading.arguments())
    understood = file.understood()
    value = {"file": spec, "arrays": arrays, "understood": understood, "pairs": len(file)}
    width = max(map(len, arrays), default=0)
    rows = [
        f"{k:<{width}}  {' x '.join(map(str, v['shape']))}  {v['type']}" for k, v in arrays.items()
    ]
    return Answer(value, "\n".join([*rows, "", *understood]))


def _value(model: dict[str, Any]) -> dict[str, Any]:
    names = ("text", "spaces", "parameters", "riesz", "jax", "python")
    return {**model["card"], **{name: model.get(name) for name in names}}


def _text(run: Path, model: dict[str, Any]) -> str:
    from riesz.cli._report import how_split, ranges, remark

    card = model["card"]
    if "process" in card:
        from riesz.cli._fit_process import summary

        names = ", ".join(card["process"]["points"]), ", ".join(card["process"]["values"])
        lines = [f"model  {run}", f"data   {card['process']['file']}: {names[1]} at {names[0]}"]
        return "\n".join([*lines, *summary(card["process"])])
    if "solution" in card or "flow" in card:
        from riesz.cli import _fit_flow, _solve

        found = (
            _solve.summary(card["solution"])
            if "solution" in card
            else _fit_flow.summary(card["flow"])
        )
        return "\n".join([f"model  {run}", *found])
    rows = [
        ("model", str(run)),
        ("", model["text"]),
        ("parameters", f"{model['parameters']:,}"),
        *((name.replace("_space", ""), text) for name, text in model["spaces"].items()),
    ]
    if "training" in card:
        data, split, training = card["data"], card["split"], card["training"]
        group = f"::{data['group']}" if data["group"] else ""
        points = " x ".join(map(str, data["shape"]))
        nodes = f" ({' '.join(data['nodes'])})" if isinstance(data["nodes"], list) else ""
        rows += [
            ("problem", card["problem"] or "none: data of a file"),
            ("data", f"{data['pairs']} pairs on {points} points{nodes}"),
            ("", f"{data['file']}{group}"),
            ("", f"SHA-256 {data['fingerprint'][:16]}..."),
            (
                "split",
                f"{split['training']} training, {split['validation']} validation, "
                f"{split['calibration']} calibration, {split['test']} test; "
                f"{how_split(split)}, seed {card['seed']}",
            ),
            (
                "training",
                f"{training['steps']} steps, {training['seconds']:.0f} s, {training['status']}; "
                f"validation error {training['validation_error']:.2%}",
            ),
            ("inputs seen", ranges(card)),
            ("made", f"{card['created'][:10]} on {card['hardware']['device']}"),
            ("by", card["command"]),
        ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    if "metrics" in card:
        lines += ["", result_table(card["metrics"]), remark(card)]
    elif "training" in card:
        lines += ["", "Not measured yet: the run is unfinished."]
    return "\n".join(lines)
