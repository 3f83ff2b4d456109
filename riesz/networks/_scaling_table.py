"""Scalings as text."""

from collections.abc import Sequence

from riesz.networks._scaling_rules import ParameterScaling

_HEAD = ("layer", "kind", "shape", "init std", "multiplier", "lr SGD", "lr Adam")
_WIDEST = 32  # characters of a layer's description


def write_table(rows: Sequence[ParameterScaling]) -> str:
    """One line for each array, columns aligned."""
    lines = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEAD))]
    aligned = ("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in aligned)


def _cells(row: ParameterScaling) -> tuple[str, ...]:
    layer = row.layer if len(row.layer) <= _WIDEST else row.layer[: _WIDEST - 3] + "..."
    size = " x ".join(map(str, row.shape))
    return (layer, row.kind, size, *(f"{x:.4g}" for x in row[3:]))
