"""`riesz info`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from riesz.cli._app import AsJson, command
from riesz.cli._output import Answer, result_table


@command("info", "riesz info runs/darcy", "riesz info runs/darcy --json")
def info(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder or model folder.")],
    as_json: AsJson = False,
) -> Answer:
    """Show the card of a model.

    What it is, where it comes from, how good it is.
    """
    from riesz._io import read_model
    from riesz.cli._models import require_model

    require_model(run)
    model = read_model(run)
    return Answer(_value(model), _text(run, model))


def _value(model: dict[str, Any]) -> dict[str, Any]:
    names = ("architecture", "parameters", "input_space", "output_space", "riesz", "jax", "python")
    return {**model["card"], **{name: model.get(name) for name in names}}


def _text(run: Path, model: dict[str, Any]) -> str:
    from riesz.cli._report import ranges, remark

    card = model["card"]
    rows = [
        ("model", f"{run}, {describe(model['architecture'])}"),
        ("parameters", f"{model['parameters']:,}"),
        ("input", _space(model["input_space"])),
        ("output", _space(model["output_space"])),
    ]
    if "training" in card:
        data, split, training = card["data"], card["split"], card["training"]
        group = f"::{data['group']}" if data["group"] else ""
        points = " x ".join(map(str, data["shape"]))
        rows += [
            ("problem", card["problem"] or "none: data of a file"),
            ("data", f"{data['pairs']} pairs on {points} points ({' '.join(data['nodes'])})"),
            ("", f"{data['file']}{group}"),
            ("", f"SHA-256 {data['fingerprint'][:16]}..."),
            (
                "split",
                f"{split['training']} training, {split['validation']} validation, "
                f"{split['calibration']} calibration, {split['test']} test; seed {card['seed']}",
            ),
            (
                "training",
                f"{training['steps']} steps, {training['seconds']:.0f} s, {training['status']}; "
                f"{training['loss']}",
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


def describe(architecture: dict[str, Any]) -> str:
    """Such as `Banded(ZeroDirichlet(FNO))`, and the arguments of the innermost one."""
    inner = architecture.get("inner")
    if isinstance(inner, dict):
        name, _, rest = describe(inner).partition(": ")
        return f"{architecture['operator']}({name}){': ' + rest if rest else ''}"
    arguments = ", ".join(f"{k}={v}" for k, v in architecture.items() if k != "operator")
    return f"{architecture['operator']}: {arguments}"


def _space(space: dict[str, Any]) -> str:
    ends = zip(space["lower"], space["upper"], space["periodic"], strict=True)
    axes = " x ".join(f"[{a:g}, {b:g}{')' if circle else ']'}" for a, b, circle in ends)
    periodic = ", periodic" if all(space["periodic"]) else ""
    return f"{', '.join(space['channels'])} on {axes}{periodic}"
