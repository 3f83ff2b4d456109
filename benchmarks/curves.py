"""Measures processes and operators from curves to a number or a class on public sets of curves.

python benchmarks/curves.py DATA      # ten minutes; writes docs/tables/curves.md

DATA holds NAME/NAME_TRAIN.ts and NAME/NAME_TEST.ts as the packages sktime 1.2 (Tecator) and aeon
1.6 (the others) ship them, unpacked and without running the packages.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
from commands import TABLES, hardware, today

import riesz
from riesz.domains import Grid, Interval, Point, Points
from riesz.functions import Function, Pairs, batch, embed, stack
from riesz.kernels import Linear, SquaredExponential
from riesz.processes import GaussianProcess, Labels, Values, tune

KEY = jax.random.key(0)
LEVEL, NORMAL = 0.9, 1.6448536
CLASSES = {"ItalyPowerDemand": None, "GunPoint": None, "JapaneseVowels": 24}  # nodes, if ragged
LENGTHS = (0.5, 1.0, 2.0, 4.0)  # of which the evidence chooses
VARIANCE = 64.0


def read(path: Path) -> tuple[list[np.ndarray], list[str]]:
    """Curves (times, channels) and their labels, of a .ts file."""
    lines = path.read_text(errors="replace").splitlines()
    start = next(i for i, line in enumerate(lines) if line.lower().startswith("@data"))
    rows = [line.strip().split(":") for line in lines[start + 1 :] if line.strip()]
    curves = [np.array([[float(x) for x in d.split(",")] for d in row[:-1]]).T for row in rows]
    return curves, [row[-1] for row in rows]


def both(folder: Path, name: str) -> Iterator[tuple[list[np.ndarray], list[str]]]:
    for part in ("TRAIN", "TEST"):
        yield read(folder / name / f"{name}_{part}.ts")


def standardised(first: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
    mean = first.mean(0)
    scale = np.sqrt(((first - mean) ** 2).sum(1).mean())
    return tuple((np.asarray(x) - mean) / scale for x in (first, *others))


def nearest(a: np.ndarray, y: np.ndarray, b: np.ndarray) -> np.ndarray:
    return y[np.stack([((a - x) ** 2).sum(1).argmin() for x in b])]


def ridge(a: np.ndarray, y: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Ridge regression on the values, its strength by leave-one-out."""
    mean = a.mean(0)
    u, s, vt = np.linalg.svd(a - mean, full_matrices=False)
    best = (np.inf, 0.0)
    for strength in np.logspace(-10, 2, 49) * s[0] ** 2:
        hat = (u * (s**2 / (s**2 + strength))) @ u.T + 1 / len(y)
        left = ((y - hat @ y) / (1 - np.diag(hat))) ** 2
        best = min(best, (left.mean(), strength))
    weights = vt.T @ ((s / (s**2 + best[1])) * (u.T @ (y - y.mean())))
    return y.mean() + (b - mean) @ weights


def fat(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Relative errors, root mean square over deviation, of the fat of meat from its spectrum."""
    (x, y), (z, t) = both(folder, "Tecator")
    y, t = np.array(y, float), np.array(t, float)
    grid = Grid(Interval(850.0, 1050.0, units="nm"), 100)
    train, test = batch(np.stack(x), grid), batch(np.stack(z), grid)
    raw = [np.stack(c)[..., 0] for c in (x, z)]

    def error(mean: np.ndarray) -> str:
        return f"{np.sqrt(np.mean((mean - t) ** 2)) / t.std():.3f}"

    yield "training mean", error(np.full(len(t), y.mean())), ""
    yield "1-NN on values", error(nearest(raw[0], y, raw[1])), ""
    yield "ridge on values", error(ridge(raw[0], y, raw[1])), ""
    scale, centre = y.std(), y.mean()
    for order in (0, 1, 2):
        a, b = standardised(embed(train, derivative=order), embed(test, derivative=order))
        prior = GaussianProcess(SquaredExponential(1.0) + Linear(1.0))
        seen = Values(a, ((y - centre) / scale)[:, None], noise=0.05)
        found = tune(prior, seen, key=KEY)
        law = found.process.condition(found.observations).marginal(on=b)
        mean = np.asarray(law.mean)[:, 0] * scale + centre
        deviation = np.sqrt(np.asarray(law.variance)[:, 0] + float(found.noise[0]) ** 2) * scale
        inside = np.mean(np.abs(mean - t) <= NORMAL * deviation)
        name = f"Gaussian process, derivative {order}, log evidence {found.evidence:.0f}"
        yield name, error(mean), f"{inside:.0%}"
    yield operator(train, y, test, t, error)


def operator(train, y, test, t, error) -> tuple[str, str, str]:
    """The recipe of the library, with an output on a point, and a band by conformal prediction."""
    point = Grid(Point())
    pairs = Pairs({"spectrum": train}, {"fat": batch(y[:, None], point)})
    held = Pairs({"spectrum": test}, {"fat": batch(t[:, None], point)})
    left, calibration = pairs.split(0.25, key=KEY)
    model = riesz.recipe(left).fit(left, key=KEY, progress=False).model
    banded = riesz.calibrate(model, calibration, level=LEVEL, key=KEY)
    band = banded.apply(held.inputs)
    read_out = model.parts[1].split
    mean, low, high = (
        np.asarray(read_out(f)["fat"].values)[:, 0]
        for f in (band.prediction, band.lower, band.upper)
    )
    inside = np.mean((low <= t) & (t <= high))
    kind = type(model.inner.inner).__name__
    return f"riesz.recipe: {kind}, output on Point", error(mean), f"{inside:.0%}"


def classes(folder: Path, name: str, size: int | None) -> Iterator[tuple[str, str, str]]:
    (x, y), (z, t) = both(folder, name)
    names = sorted(set(y))
    y, t = (np.array([names.index(label) for label in labels]) for labels in (y, t))
    line = Interval(0.0, 1.0)
    if size is None:
        sides, on = [batch(np.stack(c), Grid(line, len(c[0]))) for c in (x, z)], None
    else:  # each curve has its own length
        sides, on = [stack([_ragged(line, c) for c in side]) for side in (x, z)], Grid(line, size)
    a, b = standardised(*(np.asarray(embed(side, on)) for side in sides))
    yield f"{name}: 1-NN in L2", f"{np.mean(nearest(a, y, b) == t):.1%}", ""
    channels, seen = 1 if len(names) == 2 else len(names), Labels(a, y)
    priors = [
        GaussianProcess(SquaredExponential(length, variance=VARIANCE), channels=channels)
        for length in LENGTHS
    ]
    best = max(priors, key=lambda prior: float(prior.log_density(seen)))
    p = np.asarray(best.condition(seen).probabilities(on=b))
    guess = p.argmax(-1) if p.shape[-1] > 1 else (p[:, 0] > 0.5).astype(int)
    likely = np.clip(
        p[np.arange(len(t)), t] if p.shape[-1] > 1 else np.where(t, p[:, 0], 1 - p[:, 0]), 1e-12, 1
    )
    yield f"{name}: Gaussian process", f"{np.mean(guess == t):.1%}", f"{-np.log(likely).mean():.3f}"


def _ragged(line: Interval, curve: np.ndarray) -> Function:
    return Function(curve, Points(line, np.linspace(0, 1, len(curve))[:, None]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    folder = parser.parse_args().data
    jax.config.update("jax_enable_x64", True)
    start = time.monotonic()
    lines = [
        "| Tecator, fat from 100 wavelengths | relative error | inside 90 % |",
        "|---|---|---|",
    ]
    for row in fat(folder):
        print(*row, flush=True)
        lines.append(f"| {' | '.join(row)} |")
    lines += ["", "| classes of curves | accuracy | mean -log p |", "|---|---|---|"]
    for name, size in CLASSES.items():
        for row in classes(folder, name, size):
            print(*row, flush=True)
            lines.append(f"| {' | '.join(row)} |")
    seconds = time.monotonic() - start
    lines += ["", f"{today()}, {seconds:.0f} s, {hardware()}."]
    (TABLES / "curves.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
