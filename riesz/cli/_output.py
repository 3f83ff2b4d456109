"""What a command prints: an answer on standard output, everything else on standard error."""

import json
import math
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """The result of a command: JSON values for machines, text for people."""

    value: Any
    text: str


def say(text: str) -> None:
    """A line for people on standard error: progress, notes, warnings."""
    with suppress(OSError):  # a log on a full disk, a reader that is gone: the work goes on
        print(text, file=sys.stderr, flush=True)


def to_json(value: Any) -> str:
    """One JSON value; numbers that JSON does not have become null."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(x) for name, x in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(x) for x in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    item = getattr(value, "item", None)  # a number of NumPy or JAX
    return _plain(item()) if item is not None and getattr(value, "ndim", 1) == 0 else str(value)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: bool = False) -> str:
    """Aligned columns as plain text; without rows the headers alone."""
    lines = [list(headers), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headers))]
    lines.insert(1, ["-" * width for width in widths])
    adjust = str.rjust if right else str.ljust
    parts = [
        "  ".join(adjust(cell, w) for cell, w in zip(line, widths, strict=True)) for line in lines
    ]
    return "\n".join(part.rstrip() for part in parts)


def markdown(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same table in Markdown, numbers to the right."""
    lines = [headers, ["---:"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


RESULT_HEADERS = ("resolution", "n", "relative L2 (95%)", "H1", "coverage (95%)", "time")


def result_rows(report: dict[str, Any]) -> list[list[str]]:
    """The results of an evaluation, as `Report.to_json` gives them, for a table."""
    rows = []
    for r in report["results"]:
        error, between = r["statistics"]["relative_l2"], r["coverage_interval"]
        cover = "none: not calibrated"
        if between:
            mark = "" if r["calibrated"] else "* "
            cover = f"{mark}{r['coverage']:.1%} ({between[0]:.1%} to {between[1]:.1%})"
        rows.append(
            [
                " x ".join(map(str, r["shape"])),
                str(r["n"]),
                f"{r['relative_l2']:.2%} ({error['low']:.2%} to {error['high']:.2%})",
                f"{r['relative_h1']:.2%}",
                cover,
                f"{1000 * r['seconds_per_function']:.3g} ms",
            ]
        )
    return rows


def result_table(report: dict[str, Any]) -> str:
    """The results of an evaluation as text."""
    head = f"{report['operator']}, {report['parameters']:,} parameters, against "
    rows = result_rows(report)
    lines = [head + report["reference"], table(RESULT_HEADERS, rows, right=True)]
    return "\n".join([*lines, *promise(report), *speed_lines(report)])


def promise(report: dict[str, Any]) -> list[str]:
    """What the band promises, and for which results; nothing without a band."""
    results = [r for r in report["results"] if r["level"]]
    lines = [f"Coverage promised: {results[0]['level']:.0%}."] if results else []
    if not all(r["calibrated"] for r in results):
        lines.append("* The band was not calibrated on this many points: nothing is promised.")
    return lines


def speed_lines(report: dict[str, Any]) -> list[str]:
    """One line a resolution on the speed against the reference solver."""
    lines = []
    for r in report["results"]:
        speed = r.get("speed")
        if speed:
            cells, at = r["resolution"], speed["solver_resolution"]
            lines.append(
                f"Speed at {cells}: {speed['ratio']:.2g} times that of the solver at {at}, where "
                f"the solver is as accurate ({speed['solver_error']:.1%})."
            )
    return lines
