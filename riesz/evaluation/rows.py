"""A report as rows and lines of text, from its JSON values: one form for every kind of table."""

from typing import Any

BASELINE_HEADERS = ("", "error (95%)", "more than the operator's by (95%)")


def result_headers(report: dict[str, Any]) -> list[str]:
    """The columns of `result_rows`."""
    banded = ["half-width", "coverage (95%)"] if _banded(report) else []
    return ["resolution", "n", "channel", "error (95%)", "relative L2", "worst", *banded, "time"]


def result_rows(report: dict[str, Any]) -> list[list[str]]:
    """One row per resolution and channel, and one of all channels where there are several."""
    rows = []
    for r in report["results"]:
        parts = list(r["channels"])
        if len(parts) > 1:
            parts.append({**r, "name": "mean", "unit": "", "half_width": None})
        for i, c in enumerate(parts):
            first = [" x ".join(map(str, r["shape"])), str(r["n"])] if i == 0 else ["", ""]
            error = c["statistics"]["error"]
            row = [*first, c["name"], _interval(error), _percent(c["relative_l2"])]
            row.append(f"{error['worst']:.2%} (no. {error['worst_index']})")
            if _banded(report):
                row += [_half_width(c), _coverage(c)]
            row.append(f"{1000 * r['seconds_per_function']:.3g} ms" if i == 0 else "")
            rows.append(row)
    return rows


def baseline_rows(report: dict[str, Any]) -> list[list[str]]:
    """The operator and the baselines; empty where none were measured."""
    if not report["baselines"]:
        return []
    rows = [[report["operator"], _interval(report["results"][0]["statistics"]["error"]), ""]]
    for b in report["baselines"]:
        s = b["statistics"]
        rows.append([b["name"], _interval(s["error"]), _interval(s["difference"])])
    return rows


def title(report: dict[str, Any]) -> str:
    """What was measured against what."""
    return f"{report['operator']}, {report['parameters']:,} trained parameters, against " + str(
        report["reference"]
    )


def remarks(report: dict[str, Any]) -> list[str]:
    """How to read the table, what the band promises, what was found over time, and notes."""
    lines = [
        f"Errors are relative to the deviation of each channel in the "
        f"{report['scale']['source']}; worst: the largest, and its sample."
    ]
    lines += report["promise"]
    lines += [f"Warning: {text}" for text in report["warnings"]]
    lines += report["drift"]["words"] if report["drift"] else []
    return [*lines, *report["notes"], *speed_lines(report), *rollout_lines(report)]


def rollout_lines(report: dict[str, Any]) -> list[str]:
    """One line on the operator applied to its own answers, where that was measured."""
    found = report.get("rollout")
    if not found:
        return []
    steps = found["steps"]
    shown = sorted({0, len(steps) // 2, len(steps) - 1})
    errors = [
        f"{_interval(steps[k]['error'])} after {k + 1} "
        f"(standing still {steps[k]['persistence']['mean']:.2%})"
        for k in shown
    ]
    return [
        f"Rollout of {len(steps)} steps, error relative to the deviation of the states: "
        f"{', '.join(errors)}; better than the mean state for {found['lasts']} steps."
    ]


def speed_lines(report: dict[str, Any]) -> list[str]:
    """One line per resolution on the speed against the reference solver."""
    lines = []
    for r in report["results"]:
        speed = r.get("speed")
        if speed:
            lines.append(
                f"Speed at {r['resolution']}: {speed['ratio']:.2g} times that of the solver at "
                f"{speed['solver_resolution']}, where the solver is as accurate "
                f"({speed['solver_error']:.1%} with {speed['solver']})."
            )
    return lines


def _banded(report: dict[str, Any]) -> bool:
    return any(r["level"] for r in report["results"])


def _interval(s: dict[str, Any]) -> str:
    return f"{s['mean']:.2%} ({s['low']:.2%} to {s['high']:.2%})"


def _percent(value: float | None) -> str:
    return "none: zero" if value is None else f"{value:.2%}"


def _half_width(c: dict[str, Any]) -> str:
    return f"{c['half_width']['mean']:.3g} {c['unit']}".strip() if c["half_width"] else ""


def _coverage(c: dict[str, Any]) -> str:
    between = c["coverage_interval"]
    if not between:
        return "none: not calibrated"
    mark = "" if c["calibrated"] else "* "
    return f"{mark}{c['coverage']:.1%} ({between[0]:.1%} to {between[1]:.1%})"
