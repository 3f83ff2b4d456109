"""The figures of a run folder."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from riesz._calibrate import Banded
    from riesz._fit import Record
    from riesz.functions import Function, Pairs

# Colours that differ in lightness too, for those who do not see the hues.
TRUTH, MODEL, BAND, THIRD = "#222222", "#d1495b", "#edae49", "#00798c"


def example(folder: Path, banded: "Banded", pairs: "Pairs") -> tuple[str, str]:
    """Input, truth, prediction, error and band of one test pair."""
    import jax
    import jax.numpy as jnp

    from riesz.functions import relative_error, take

    a, truth = jax.tree.map(jnp.asarray, (take(pairs.inputs, 0), take(pairs.outputs, 0)))
    band = banded(a, truth.discretization)
    share = float(relative_error(band.prediction, truth))
    inside = bool(band.contains(truth))
    error, half = band.prediction - truth, band.width() * 0.5
    draw = _curves if truth.domain.dim == 1 else _fields
    figure = draw(a, truth, band.prediction, error, half, banded.level, share)
    text = f"A test function the model has not seen: relative L2 error {share:.2%}; the truth "
    text += f"{'lies' if inside else 'does not lie'} in the {banded.level:.0%} band everywhere."
    return _save(figure, folder, "prediction.png"), text


def _curves(
    a: "Function",
    truth: "Function",
    prediction: "Function",
    error: "Function",
    half: "Function",
    level: float,
    share: float,
) -> Figure:
    figure = Figure(figsize=(13, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    if a.domain.dim == 1:
        a.plot(left, color=TRUTH)
    else:
        a.plot(left)
    left.set_title("input")
    x = np.asarray(truth.discretization.coordinates)[:, 0]
    order = np.argsort(x)
    x = x[order]

    def first(f: "Function") -> np.ndarray:
        return np.asarray(f.values)[order, 0]

    u, v, e, h = first(truth), first(prediction), first(error), first(half)
    middle.fill_between(x, v - h, v + h, color=BAND, alpha=0.45, lw=0, label=f"{level:.0%} band")
    middle.plot(x, u, color=TRUTH, lw=2, label="truth")
    middle.plot(x, v, color=MODEL, lw=1.6, ls="--", label="prediction")
    middle.set_title("truth, prediction and band")
    right.fill_between(x, -h, h, color=BAND, alpha=0.45, lw=0, label=f"{level:.0%} band")
    right.plot(x, e, color=MODEL, lw=1.6, label="prediction - truth")
    right.axhline(0, color=TRUTH, lw=0.8)
    right.set_title(f"error, relative L2 {share:.2%}")
    for ax in (middle, right):
        ax.set_xlabel("x")
        ax.set_ylabel(_label(truth))
        ax.legend(frameon=False)
    return figure


def _fields(
    a: "Function",
    truth: "Function",
    prediction: "Function",
    error: "Function",
    half: "Function",
    level: float,
    share: float,
) -> Figure:
    figure = Figure(figsize=(18, 3.7), layout="constrained")
    axes = figure.subplots(1, 5)
    both = np.concatenate([np.ravel(truth.values[..., 0]), np.ravel(prediction.values[..., 0])])
    scale = {"vmin": float(both.min()), "vmax": float(both.max()), "cmap": "viridis"}
    a.plot(axes[0], **({"cmap": "cividis"} if a.domain.dim > 1 else {"color": TRUTH}))
    truth.plot(axes[1], **scale)
    prediction.plot(axes[2], **scale)
    abs(error).plot(axes[3], cmap="magma", vmin=0)
    half.plot(axes[4], cmap="magma", vmin=0)
    name = _label(truth)
    titles = (
        f"input {_label(a)}",
        f"truth {name}",
        f"prediction {name}",
        f"|error|, relative L2 {share:.2%}",
        f"half-width of the {level:.0%} band",
    )
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, fontsize=12)
    for ax in axes[2:]:
        ax.set_ylabel("")
    return figure


def loss(folder: Path, history: "Sequence[Record]") -> tuple[str, str]:
    """Loss and validation error against the step."""
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    ax = figure.subplots()
    steps = [r.step for r in history]
    marker = "o" if len(history) < 10 else ""
    ax.semilogy(steps, [r.loss for r in history], color=THIRD, marker=marker, label="training loss")
    validation = [r.validation for r in history]
    label = "validation error, relative L2"
    ax.semilogy(steps, validation, color=MODEL, marker=marker, label=label)
    best = int(np.argmin(validation))
    ax.plot(steps[best], validation[best], "*", color=TRUTH, ms=11, label="weights that were kept")
    ax.set_xlabel("step")
    ax.set_title("training")
    _finish(ax)
    return _save(figure, folder, "loss.png"), "Loss and validation error during the training."


def results(folder: Path, metrics: dict[str, Any]) -> list[tuple[str, str]]:
    """Error against resolution, and error by wave number."""
    found = []
    if len(metrics["results"]) > 1:
        found.append(_resolution(folder, metrics["results"]))
    if all(r["spectrum"] for r in metrics["results"]):
        found.append(_spectrum(folder, metrics["results"][0]))
    return found


def _resolution(folder: Path, rows: list[dict[str, Any]]) -> tuple[str, str]:
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    ax = figure.subplots()
    x = np.arange(len(rows))
    kinds = (("relative_l2", "relative L2", MODEL), ("relative_h1", "relative H1", THIRD))
    for (name, label, colour), shift in zip(kinds, (-0.04, 0.04), strict=True):
        parts = [r["statistics"][name] for r in rows]
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
    truth, error = np.array(spectrum["truth"]), np.array(spectrum["error"])
    floor = 1e-14 * truth.sum()
    ax.semilogy(k, np.maximum(truth, floor), color=TRUTH, label="truth")
    ax.semilogy(k, np.maximum(error, floor), color=MODEL, label="error")
    ax.set_xlabel("wave number, cycles along an axis")
    ax.set_ylabel("mean square")
    ax.set_title(f"error by wave number, {' x '.join(map(str, row['shape']))} points")
    _finish(ax)
    text = "Which scales the error lives on: where it meets the truth, nothing is resolved."
    return _save(figure, folder, "spectrum.png"), text


def _finish(ax: Axes) -> None:
    ax.grid(alpha=0.3, which="both", lw=0.5)
    ax.legend(frameon=False)


def _label(f: "Function") -> str:
    name, unit = f.space.names[0], f.space.units[0]
    return f"{name} [{unit}]" if unit else name


def _save(figure: Figure, folder: Path, name: str) -> str:
    from riesz._fit._checkpoint import write_atomically

    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    write_atomically(folder / name, content.getvalue())
    return name
