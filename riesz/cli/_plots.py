"""The figures of a run folder."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from riesz.evaluation import Band, Banded
    from riesz.functions import Function, Pairs
    from riesz.learning import Record

# Colours that differ in lightness too, for those who do not see the hues.
TRUTH, MODEL, BAND, THIRD = "#222222", "#d1495b", "#edae49", "#00798c"
_ROWS = 3  # channels of the example
_STRIP = 2.5  # width over height from which panels stand one below the other


def examples(folder: Path, banded: "Banded", pairs: "Pairs") -> list[tuple[str, str]]:
    """Input, target, prediction, error and band of one test pair, for up to three channels.

    A figure for each output that is kept apart, but for numbers, and one of the inputs.
    """
    import jax
    import jax.numpy as jnp

    one = jax.tree.map(jnp.asarray, pairs[:1])
    bands = banded.apply(one.inputs, one.outputs.discretization)
    a, target, band = jax.tree.map(lambda x: x[0], (one.inputs, one.outputs, bands))
    errors = _errors(banded, band.prediction, target)
    inside = "lies" if bool(band.contains(target)) else "does not lie"
    each = ", ".join(f"{name} {errors[c]:.2%}" for c, name in enumerate(target.space.names))
    text = "A test function the model was not trained on: error relative to the channel's "
    text += f"deviation {each}; the target {inside} in the {banded.level:.0%} band everywhere."
    figures = []
    if len(a.components) > 1:
        figures.append((_save(_inputs(a), folder, "inputs.png"), "The inputs of a test function."))
    for part in _apart(a, target, band, banded.level, errors):
        figure = _curves(part) if part.target.domain.dim == 1 else _fields(part)
        number = len([name for name, _ in figures if name.startswith("prediction")])
        name = f"prediction_{number + 1}.png" if number else "prediction.png"
        figures.append((_save(figure, folder, name), text))
        text = f"The same for {', '.join(part.target.space.labels)}."
    return figures


def _apart(
    a: "Function", target: "Function", band: "Band", level: float, errors: np.ndarray
) -> "list[_Example]":
    """An example for each output that is kept apart and no number, beside an input like it."""
    from riesz.evaluation import Band

    found, start = [], 0
    sides = [_components(f) for f in (target, band.prediction, band.lower, band.upper)]
    inputs = _components(a)
    for u, *edges in zip(*sides, strict=True):
        own = errors[start : start + u.channels]
        start += u.channels
        if len(sides[0]) > 1 and not u.domain.dim:
            continue
        like = [f for f in inputs if f.domain == u.domain] or [f for f in inputs if f.domain.dim]
        found.append(_Example((like or inputs)[0], u, Band(*edges), level, own))
    return found


def _components(f: "Function") -> "list[Function]":
    """The functions that are kept apart, with the names that channels have together."""
    from riesz.domains import Space
    from riesz.functions import Function

    found, start = [], 0
    for g in f.components:
        part = slice(start, start + g.channels)
        space = Space(g.domain, g.channels, f.space.names[part], f.space.units[part])
        found.append(Function(g.values, g.discretization, space))
        start += g.channels
    return found


def _inputs(a: "Function") -> Figure:
    """The functions that are kept apart; numbers are in the title."""
    parts = _components(a)
    fields = [f for f in parts if f.domain.dim]
    figure = Figure(figsize=(4.5 * max(1, len(fields)), 3.8), layout="constrained")
    for ax, f in zip(
        figure.subplots(1, max(1, len(fields)), squeeze=False)[0], fields, strict=False
    ):
        f.plot(ax)
        ax.set_title(", ".join(f.space.labels))
    numbers = [
        zip(f.space.names, np.asarray(f.values), strict=True) for f in parts if not f.domain.dim
    ]
    figure.suptitle(", ".join(f"{name} = {x:.4g}" for one in numbers for name, x in one))
    return figure


@dataclass(frozen=True)
class _Example:
    a: "Function"
    target: "Function"
    band: "Band"
    level: float
    errors: np.ndarray  # per channel

    @property
    def channels(self) -> list[int]:
        """The channels with the largest errors, in their order."""
        return sorted(np.argsort(-self.errors, kind="stable")[:_ROWS].tolist())


def _errors(banded: "Banded", prediction: "Function", target: "Function") -> np.ndarray:
    """Root mean square errors in deviations of the training data, or of the target without."""
    from riesz.operators import training_scale

    scale = training_scale(banded.operator)
    square, spread = [], []
    for f, g in zip(target.components, prediction.components, strict=True):
        weights = np.asarray(f.discretization.weights, np.float64)[..., None]
        u, v = (np.asarray(x.values, np.float64) for x in (f, g))
        square.append(_mean((u - v) ** 2, weights))
        spread.append(_mean((u - _mean(u, weights)) ** 2, weights))
    unit = np.sqrt(np.concatenate(spread)) if scale is None else np.asarray(scale.unit)
    return np.sqrt(np.concatenate(square)) / np.where(unit > 0, unit, 1)


def _mean(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    axes = tuple(range(weights.ndim - 1))
    return np.where(weights > 0, x * weights, 0).sum(axes) / weights.sum()


def _curves(shown: _Example) -> Figure:
    rows = len(shown.channels)
    figure = Figure(figsize=(13, 3.8 * rows), layout="constrained")
    grid = figure.subplots(rows, 3, squeeze=False)
    on = shown.target.discretization
    present = np.asarray(on.weights) > 0
    x = np.asarray(on.coordinates)[present, 0]
    order = np.argsort(x)
    for (left, middle, right), c in zip(grid, shown.channels, strict=True):
        one = shown.a.domain.dim == 1 and shown.a.channels == 1
        shown.a.plot(left, **({"color": TRUTH} if one else {}))
        left.set_title("input")
        band = shown.band
        u, v, low, high = (
            np.asarray(f.values)[present][order, c]
            for f in (shown.target, band.prediction, band.lower, band.upper)
        )
        label = f"{shown.level:.0%} band"
        middle.fill_between(x[order], low, high, color=BAND, alpha=0.45, lw=0, label=label)
        middle.plot(x[order], u, color=TRUTH, lw=2, label="target")
        middle.plot(x[order], v, color=MODEL, lw=1.6, ls="--", label="prediction")
        middle.set_title("target, prediction and band")
        half = (high - low) / 2
        right.fill_between(x[order], -half, half, color=BAND, alpha=0.45, lw=0, label=label)
        right.plot(x[order], v - u, color=MODEL, lw=1.6, label="prediction - target")
        right.axhline(0, color=TRUTH, lw=0.8)
        right.set_title(f"error, {shown.errors[c]:.2%} of the deviation")
        for ax in (middle, right):
            ax.set_xlabel(_axis(shown.target))
            ax.set_ylabel(_label(shown.target, c))
        middle.legend(frameon=False)
        right.legend(loc="upper right", framealpha=0.8)
    return figure


def _fields(shown: _Example) -> Figure:
    """Five panels for each channel: in a row, or one below the other for long strips."""
    count, ratio = len(shown.channels), _ratio(shown.target)
    if ratio > _STRIP:
        width = 13.0 if count == 1 else 9.0
        height = 5 * (0.85 * width / ratio + 1.5)  # title, ticks and colour bar beside the picture
        figure = Figure(figsize=(width * count, height), layout="constrained")
        axes = figure.subplots(5, count, squeeze=False).T
    else:
        figure = Figure(
            figsize=(18, 3.7 * count * float(np.clip(0.7 / ratio, 1, 2))), layout="constrained"
        )
        axes = figure.subplots(count, 5, squeeze=False)
    band, target = shown.band, shown.target
    for row, c in zip(axes, shown.channels, strict=True):
        both = np.concatenate([_present(f, c) for f in (target, band.prediction)])
        scale = {"vmin": float(both.min()), "vmax": float(both.max()), "cmap": "viridis"}
        error, half = abs(band.prediction - target), band.width() * 0.5
        shown.a.plot(
            row[0], **({"cmap": "cividis"} if shown.a.domain.dim > 1 else {"color": TRUTH})
        )
        for ax, f, style in zip(
            row[1:],
            (target, band.prediction, error, half),
            (scale, scale, {"cmap": "magma", "vmin": 0}, {"cmap": "magma", "vmin": 0}),
            strict=True,
        ):
            f.plot(ax, channel=c, **style)
        titles = (
            f"input {_label(shown.a)}",
            f"target {_label(target, c)}",
            f"prediction {_label(target, c)}",
            f"|error|, {shown.errors[c]:.2%} of the deviation",
            f"half-width of the {shown.level:.0%} band",
        )
        for ax, title in zip(row, titles, strict=True):
            ax.set_title(title, fontsize=12)
            if ratio <= _STRIP and ax not in (row[0], row[1]):
                ax.set_ylabel("")
            if ratio > _STRIP:
                ax.set_xlabel(ax.get_xlabel() if ax is row[-1] else "")
                ax.set_ylabel(ax.get_ylabel(), fontsize=7, rotation=0, ha="right", va="center")
    return figure


def solution(folder: Path, a: "Function", reference: "Function", u: "Function") -> str:
    """Input, reference solution, solution and error side by side."""
    figure = Figure(figsize=(16, 3.6), layout="constrained")
    row = figure.subplots(1, 4)
    curves = a.domain.dim == 1
    both = np.concatenate([_present(reference, 0), _present(u, 0)])
    ends = {"vmin": float(both.min()), "vmax": float(both.max())}
    scale = {} if curves else {**ends, "cmap": "viridis"}
    a.plot(row[0], **({} if curves else {"cmap": "cividis"}))
    for ax, f in zip(row[1:3], (reference, u), strict=True):
        f.plot(ax, **scale)
    abs(u - reference).plot(row[3], **({} if curves else {"cmap": "magma", "vmin": 0}))
    titles = ("input", "reference solver", "network", "|error|")
    for ax, title in zip(row, titles, strict=True):
        ax.set_title(title, fontsize=12)
    return _save(figure, folder, "solution.png")


def samples(folder: Path, given: "Function", drawn: "Function") -> str:
    """Some of the functions that were given, and as many samples, on one scale."""
    from riesz.functions import take

    flat, count = given.domain.dim == 1, 8 if given.domain.dim == 1 else 4
    count = min(count, len(given.values))
    figure = Figure(figsize=(13, 4) if flat else (3.3 * count, 6.4), layout="constrained")
    axes = figure.subplots(*((1, 2) if flat else (2, count)), sharey=flat, squeeze=False)
    both = np.concatenate([np.asarray(f.values)[:count, ..., 0].ravel() for f in (given, drawn)])
    ends = {"vmin": float(both.min()), "vmax": float(both.max())}
    for row, (functions, title) in enumerate(((given, "test function"), (drawn, "sample"))):
        for i in range(count):
            ax = axes[0, row] if flat else axes[row, i]
            take(functions, i).plot(ax, **({"lw": 1} if flat else {**ends, "cmap": "viridis"}))
            ax.set_title(f"{title}s" if flat else title, fontsize=12)
    return _save(figure, folder, "samples.png")


def _ratio(f: "Function") -> float:
    """Width over height of the function's picture."""
    ax = Figure().subplots()
    f.plot(ax)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    return abs((right - left) / (high - low))


def _present(f: "Function", channel: int) -> np.ndarray:
    present = np.asarray(f.discretization.weights) > 0
    return np.asarray(f.values)[present, channel]


def loss(folder: Path, history: "Sequence[Record]") -> tuple[str, str]:
    """Loss and validation error against the step."""
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    ax = figure.subplots()
    steps = [r.step for r in history]
    marker = "o" if len(history) < 10 else ""
    ax.semilogy(steps, [r.loss for r in history], color=THIRD, marker=marker, label="training loss")
    validation = [r.validation for r in history]
    label = "validation error"
    ax.semilogy(steps, validation, color=MODEL, marker=marker, label=label)
    best = int(np.argmin(validation))
    ax.plot(steps[best], validation[best], "*", color=TRUTH, ms=11, label="weights that were kept")
    ax.set_xlabel("step")
    ax.set_title("training")
    _finish(ax)
    return _save(figure, folder, "loss.png"), "Loss and validation error during the training."


def results(folder: Path, metrics: dict[str, Any]) -> list[tuple[str, str]]:
    """Baselines, coverage over time, error against resolution, and error by wave number."""
    found = []
    if metrics["baselines"]:
        found.append(_baselines(folder, metrics))
    if metrics["drift"] and len(metrics["drift"]["blocks"]) > 1:
        found.append(_drift(folder, metrics))
    if len(metrics["results"]) > 1:
        found.append(_resolution(folder, metrics["results"]))
    if all(r["spectrum"] for r in metrics["results"]):
        found.append(_spectrum(folder, metrics["results"][0]))
    return found


def _baselines(folder: Path, metrics: dict[str, Any]) -> tuple[str, str]:
    rows = [(metrics["operator"], metrics["results"][0]["statistics"]["error"], MODEL)]
    rows += [(b["name"], b["statistics"]["error"], THIRD) for b in metrics["baselines"]]
    rows.sort(key=lambda row: -row[1]["mean"])
    figure = Figure(figsize=(7.5, 1.2 + 0.45 * len(rows)), layout="constrained")
    ax = figure.subplots()
    for i, (_, s, colour) in enumerate(rows):
        reach = [[s["mean"] - s["low"]], [s["high"] - s["mean"]]]
        ax.barh(i, 100 * s["mean"], color=colour, alpha=0.75, height=0.6)
        ax.errorbar(100 * s["mean"], i, xerr=100 * np.abs(reach), color=TRUTH, capsize=4)
    ax.set_yticks(range(len(rows)), [name for name, *_ in rows])
    ax.set_xlim(left=0)
    ax.set_xlabel("mean error in percent of the deviation, with 95% interval")
    ax.set_title("the operator and the baselines, on the same samples")
    ax.grid(alpha=0.3, axis="x", lw=0.5)
    return _save(figure, folder, "baselines.png"), metrics["verdict"] + "."


def _drift(folder: Path, metrics: dict[str, Any]) -> tuple[str, str]:
    drift, level = metrics["drift"], metrics["results"][0]["level"]
    blocks = drift["blocks"]
    x = [(b["start"] + b["end"]) / 2 for b in blocks]
    covered = level is not None
    figure = Figure(figsize=(7.5, 6 if covered else 3.4), layout="constrained")
    axes = figure.subplots(2 if covered else 1, 1, sharex=True, squeeze=False)[:, 0]
    axes[0].plot(x, [100 * b["error"] for b in blocks], color=MODEL, marker="o", label="error")
    axes[0].set_ylabel("percent of the deviation")
    axes[0].set_ylim(0, 120 * max(b["error"] for b in blocks))
    axes[0].set_title(f"over {drift['label']}")
    if covered:
        share = 100 * np.array([[b["coverage"], b["low"], b["high"]] for b in blocks])
        reach = np.abs(share[:, 1:].T - share[:, 0])
        axes[1].errorbar(
            x, share[:, 0], reach, color=THIRD, marker="o", capsize=4, label="coverage"
        )
        axes[1].axhline(100 * level, color=TRUTH, lw=0.8, ls="--", label="nominal level")
        axes[1].set_ylim(-2, 102)
        axes[1].set_ylabel("percent")
    for ax in axes:
        _finish(ax)
    axes[-1].set_xlabel(drift["label"])
    text = "Error and coverage of blocks of the test samples in order of time, with 95% intervals."
    return _save(figure, folder, "drift.png"), text


def _resolution(folder: Path, rows: list[dict[str, Any]]) -> tuple[str, str]:
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    ax = figure.subplots()
    x = np.arange(len(rows))
    kinds = (("error", "error / deviation", MODEL), ("relative_h1", "relative H1", THIRD))
    for (name, label, colour), shift in zip(kinds, (-0.04, 0.04), strict=True):
        parts = [r["statistics"][name] for r in rows]
        if None in parts:
            continue
        mean = np.array([p["mean"] for p in parts])
        reach = np.abs(np.array([[p["low"], p["high"]] for p in parts]).T - mean)
        ax.errorbar(x + shift, 100 * mean, 100 * reach, color=colour, marker="o", capsize=4,
                    label=label)  # fmt: skip
    ax.set_xticks(x, [" x ".join(map(str, r["shape"])) for r in rows])
    ax.set_xlim(-0.4, len(rows) - 0.6)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("points of the test functions; the first is the training resolution")
    ax.set_ylabel("mean error in percent, with 95% interval")
    ax.set_title("error against resolution")
    _finish(ax)
    text = "The same weights at the training resolution and at finer ones."
    return _save(figure, folder, "resolution.png"), text


def _spectrum(folder: Path, row: dict[str, Any]) -> tuple[str, str]:
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    ax = figure.subplots()
    spectrum = row["spectrum"]
    k = np.array(spectrum["wave_number"])
    target, error = np.array(spectrum["target"]), np.array(spectrum["error"])
    floor = 1e-14 * target.sum()
    ax.semilogy(k, np.maximum(target, floor), color=TRUTH, label="target")
    ax.semilogy(k, np.maximum(error, floor), color=MODEL, label="error")
    ax.set_xlabel("wave number, cycles along an axis")
    ax.set_ylabel("mean square, in squares of the deviation")
    ax.set_title(f"error by wave number, {' x '.join(map(str, row['shape']))} points")
    _finish(ax)
    text = "Which scales the error lives on: where it meets the target, nothing is resolved."
    return _save(figure, folder, "spectrum.png"), text


def _finish(ax: Axes) -> None:
    ax.grid(alpha=0.3, which="both", lw=0.5)
    ax.legend(frameon=False)


def _label(f: "Function", channel: int = 0) -> str:
    name, unit = f.space.names[channel], f.space.units[channel]
    return f"{name} [{unit}]" if unit else name


def _axis(f: "Function") -> str:
    """The label of the first axis, as the function's own plot writes it."""
    ax = Figure().subplots()
    f.plot(ax)
    return ax.get_xlabel()


def _save(figure: Figure, folder: Path, name: str) -> str:
    from riesz._core.files import write_atomically

    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    write_atomically(folder / name, content.getvalue())
    return name
