"""What a command prints: an answer on standard output, everything else on standard error."""

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """The result of a command: JSON values for machines, text for people."""

    value: Any
    text: str


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


def result_table(report: dict[str, Any]) -> str:
    """An evaluation, as `Report.to_json` gives it, as text; the first line is the verdict."""
    from riesz.evaluation import rows

    head, found = rows.result_headers(report), rows.result_rows(report)
    lines = [report["verdict"], "", rows.title(report), table(head, found, right=True)]
    baselines = rows.baseline_rows(report)
    if baselines:
        lines += ["", "On the same samples:", table(rows.BASELINE_HEADERS, baselines)]
    return "\n".join([*lines, "", *rows.remarks(report)])
