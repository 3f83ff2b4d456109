"""What an evaluation found."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from riesz.evaluation import rows
from riesz.evaluation._baselines import BaselineResult, verdict
from riesz.evaluation._drift import Drift
from riesz.evaluation._error_scale import ErrorScale
from riesz.evaluation._statistics import Coverage, Statistic

_NO_ENERGY = 1e-12  # share of the target's mean square below which a shell holds only rounding
_ERRORS = ("error", "relative_l2", "relative_h1", "relative_linf")
_WIDTH = 140  # of a printed report, at least


@dataclass(frozen=True)
class Spectrum:
    """Mean squared error and mean square of the target by wave number 0, 1, 2, ...

    Summed over channels, each in units of its deviation (`Report.scale`). See
    `riesz.evaluation._spectrum` for the modes: Fourier on tori, cosines on boxes.
    """

    error: tuple[float, ...]
    target: tuple[float, ...]

    @property
    def relative(self) -> tuple[float | None, ...]:
        """Error over target; None at wave numbers that the target does not have."""
        least = _NO_ENERGY * sum(self.target)
        parts = zip(self.error, self.target, strict=True)
        return tuple(e / t if t > least else None for e, t in parts)


@dataclass(frozen=True)
class Speed:
    """The operator against the reference solver at the same accuracy.

    `solver_resolution` is the coarsest of 7/8, 3/4, 5/8, 1/2, 7/16, ... of the finest at which the
    solver is at least as accurate as the operator (mean relative L2 error against the finest
    reference). There its settings are made cheaper as long as it stays so (`cheaper` of
    `riesz.problems.AbstractReferenceSolver`), which gives `solver`. `ratio` is its time for one
    function over the operator's for one prediction: both compiled, medians of interleaved runs.
    """

    ratio: float
    solver_resolution: int
    solver: str
    solver_error: float
    solver_seconds: float


@dataclass(frozen=True)
class HalfWidth:
    """Half of the mean width of the bands: in the units of the channel, and in its deviations."""

    mean: float
    relative: float


@dataclass(frozen=True)
class ChannelResult:
    """The errors of one output channel.

    `error` is the root mean square over the domain of prediction - target, in units of `scale`,
    the deviation of the channel in the training data. The relative errors are divided by the
    norm of each target, and None where all targets vanish (`vanishing` counts these). `coverage`
    is the share of functions whose channel lies in the band everywhere.
    """

    name: str
    unit: str
    scale: float
    error: Statistic
    relative_l2: Statistic | None
    relative_h1: Statistic | None
    relative_linf: Statistic | None
    vanishing: int
    coverage: Coverage | None
    half_width: HalfWidth | None

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "name": self.name,
            "unit": self.unit,
            "scale": self.scale,
            **_errors(self),
            "vanishing": self.vanishing,
            **_coverage(self.coverage),
            "half_width": self.half_width and dict(vars(self.half_width)),
        }


@dataclass(frozen=True)
class ResolutionResult:
    """The errors at one resolution.

    `resolution` is what was asked for, one number per axis; `shape` that of the outputs' points.
    `error` and the relative errors are means over the channels, which stand in `channels` one by
    one. `coverage` is of all channels together. `seconds_per_function` is the median time of one
    prediction, without a band.
    """

    resolution: tuple[int, ...]
    shape: tuple[int, ...]
    n: int
    error: Statistic
    relative_l2: Statistic | None
    relative_h1: Statistic | None
    relative_linf: Statistic | None
    channels: tuple[ChannelResult, ...]
    coverage: Coverage | None
    spectrum: Spectrum | None
    seconds_per_function: float
    speed: Speed | None

    def to_json(self) -> dict[str, Any]:
        """JSON values: means under the plain names, details under `statistics`."""
        square = len(set(self.resolution)) == 1
        return {
            "resolution": self.resolution[0] if square else list(self.resolution),
            "shape": list(self.shape),
            "n": self.n,
            **_errors(self),
            "channels": [channel.to_json() for channel in self.channels],
            **_coverage(self.coverage),
            "spectrum": self.spectrum
            and {
                "wave_number": list(range(len(self.spectrum.target))),
                "error": list(self.spectrum.error),
                "target": list(self.spectrum.target),
                "relative": list(self.spectrum.relative),
            },
            "seconds_per_function": self.seconds_per_function,
            "speed": self.speed and dict(vars(self.speed)),
        }


@dataclass(frozen=True)
class Report:
    """What `riesz.evaluate` returns: one result per resolution, coarse to fine as asked.

    `reference` says what the target was: the data, or the solver at the finest resolution.
    `scale` is what errors are measured by. `baselines` were measured on the samples of the first
    result. `meaning` says what the level of the band stands on, `warnings` why its level is not
    to be relied on here, `notes` what was left out.
    """

    operator: str
    parameters: int
    reference: str
    results: tuple[ResolutionResult, ...]
    scale: ErrorScale
    baselines: tuple[BaselineResult, ...] = ()
    drift: Drift | None = None
    meaning: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The first line: the error, and whether it beats the baselines."""
        name = self.operator.removeprefix("Banded(").removesuffix(
            ")" * ("Banded(" in self.operator)
        )
        return verdict(name, self.results[0].error, self.scale.source, self.baselines)

    @property
    def promise(self) -> tuple[str, ...]:
        """What the band promises for these samples; nothing without a band."""
        covered = [r.coverage for r in self.results if r.coverage]
        if not covered:
            return ()
        level = f"{covered[0].level:.1%}".replace(".0%", "%")
        lines = []
        if self.warnings or (self.drift and self.drift.test.alarm):
            because = "these inputs are unlike those of the calibration"
            if self.drift and self.drift.test.alarm:
                because = "the scores of these samples are not exchangeable with the calibration's"
            lines.append(f"The level of {level} is not promised here: {because}.")
        elif any(c.calibrated for c in covered):
            lines.append(f"Coverage promised: {level} ({self.meaning}).")
        if not all(c.calibrated for c in covered):
            lines.append("* The band was not calibrated on these points: nothing is promised.")
        return tuple(lines)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "verdict": self.verdict,
            "operator": self.operator,
            "parameters": self.parameters,
            "reference": self.reference,
            "scale": self.scale.to_json(),
            "results": [result.to_json() for result in self.results],
            "baselines": [baseline.to_json() for baseline in self.baselines],
            "drift": self.drift and self.drift.to_json(),
            "promise": list(self.promise),
            "meaning": self.meaning,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }

    def table(self) -> Table:
        """The errors per resolution and channel, as a table that `rich.print` shows."""
        record = self.to_json()
        return _table(rows.title(record), rows.result_headers(record), rows.result_rows(record))

    def baseline_table(self) -> Table | None:
        """The baselines beside the operator; None where none were measured."""
        found = rows.baseline_rows(self.to_json())
        return _table("on the same samples", rows.BASELINE_HEADERS, found) if found else None

    def __rich__(self) -> Group:
        parts = [Text(self.verdict, style="bold"), self.table(), self.baseline_table()]
        return Group(*filter(None, parts), *map(Text, rows.remarks(self.to_json())))

    def __str__(self) -> str:
        text, wide = StringIO(), Console(width=10_000)
        tables = [t for t in (self.table(), self.baseline_table()) if t is not None]
        width = max(_WIDTH, *(wide.measure(table).maximum for table in tables))
        Console(file=text, width=width, color_system=None).print(self)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _errors(result: ResolutionResult | ChannelResult) -> dict[str, Any]:
    found = {name: getattr(result, name) for name in _ERRORS}
    return {
        **{name: error and error.mean for name, error in found.items()},
        "statistics": {name: error and dict(vars(error)) for name, error in found.items()},
    }


def _coverage(coverage: Coverage | None) -> dict[str, Any]:
    return {
        "coverage": coverage and coverage.share,
        "coverage_interval": coverage and [coverage.low, coverage.high],
        "level": coverage and coverage.level,
        "calibrated": coverage and coverage.calibrated,
    }


def _table(title: str, headers: Sequence[str], found: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD)
    for name in headers:
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for row in found:
        table.add_row(*row)
    return table
