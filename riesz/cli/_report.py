"""`report.md`: the run for people."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riesz.cli._output import markdown

if TYPE_CHECKING:
    from riesz.evaluation import Banded
    from riesz.functions import Pairs
    from riesz.learning import Record


def write_report(
    folder: Path,
    banded: "Banded",
    card: dict[str, Any],
    history: "tuple[Record, ...]",
    example: "Pairs",
) -> None:
    """The figures, then `report.md`."""
    from riesz._core.files import write_atomically
    from riesz.cli import _plots as plots

    figures = [*plots.examples(folder, banded, example), plots.loss(folder, history)]
    figures += plots.results(folder, card["metrics"])
    write_atomically(folder / "report.md", _report(folder, card, figures).encode())


def _report(folder: Path, card: dict[str, Any], figures: list[tuple[str, str]]) -> str:
    from riesz.evaluation import rows

    metrics, data, training = card["metrics"], card["data"], card["training"]
    split = card["split"]
    title = card["problem"] or Path(data["file"]).name
    baselines = rows.baseline_rows(metrics)
    lines = [
        f"# {metrics['operator']} for {title}",
        "",
        f"**{metrics['verdict']}.**",
        "",
        f"Made by `{card['command']}` on {card['created'][:10]}.",
        "",
        "## How good it is",
        "",
        markdown(rows.result_headers(metrics), rows.result_rows(metrics)),
        "",
        *([markdown(rows.BASELINE_HEADERS, baselines), ""] if baselines else []),
        f"Against {metrics['reference']}, with 95% bootstrap intervals of the mean. Half-width: "
        "half of the mean width of the band. Coverage: the share of functions that lie inside "
        f"their band at every point. {remark(card)}",
        "",
        *(f"- {line}" for line in rows.remarks(metrics)),
        "",
        *(f"![{text}]({name})\n\n{text}\n" for name, text in figures),
        "## How it was made",
        "",
        f"- Data: {data['pairs']} pairs, {data['file']}"
        f"{'::' + data['group'] if data['group'] else ''}, inputs on "
        f"{' x '.join(map(str, data['shape']))} points; SHA-256 {data['fingerprint'][:16]}...",
        f"- Split: {split['training']} for training, {split['validation']} for validation, "
        f"{split['calibration']} for calibration, {split['test']} for the test"
        f"{', the last two fresh samples' if card['resolution'] is not None else ''}; "
        f"{how_split(split)}, seed {card['seed']}.",
        *(f"- Of the split: {note}." for note in split["notes"]),
        f"- Training: {training['steps']} steps in {training['seconds']:.0f} s "
        f"({training['status']}), {metrics['parameters']:,} trained parameters, validation error "
        f"{training['validation_error']:.2%}.",
        *(f"- Of the training: {note}." for note in training["notes"]),
        f"- Inputs seen: {ranges(card)}. Outside of that neither errors nor band are known.",
        f"- On {card['hardware']['device']}, {card['hardware']['cores']} cores; "
        + ", ".join(f"{name} {version}" for name, version in card["versions"].items())
        + ".",
        "",
        "## What next",
        "",
        "```",
        *next_commands(folder, card),
        "```",
        "",
    ]
    return "\n".join(lines)


def how_split(split: dict[str, Any]) -> str:
    """How the pairs were split, in words."""
    if split["by"] == "time":
        return f"by time, {split['gap']} samples left out between parts"
    return "whole groups" if split["by"] == "group" else "at random"


def remark(card: dict[str, Any]) -> str:
    """On which functions the model was measured."""
    if card["resolution"] is not None:
        return "The test functions are fresh samples that nothing in the training has seen."
    split = card["split"]
    return (
        f"The test is on {split['test']} held-out pairs that neither training, validation nor "
        f"the calibration ({split['calibration']} other pairs) has seen."
    )


def ranges(card: dict[str, Any]) -> str:
    """The range of each input channel in words."""
    return ", ".join(
        f"{x['name']} from {x['min']:.4g} to {x['max']:.4g}" for x in card["input_range"]
    )


def next_commands(folder: Path, card: dict[str, Any]) -> list[str]:
    """Commands to try on the model."""
    run = shlex.quote(str(folder))
    commands = [f"riesz info {run}", f"riesz predict {run} input.npz -o output.npz"]
    if card["resolution"] is not None:
        commands.append(f"riesz evaluate {run} --grid {2 * card['resolution']} --samples 20")
    else:
        commands.append(f"riesz evaluate {run} --data FILE::HELD_OUT")
    return commands
