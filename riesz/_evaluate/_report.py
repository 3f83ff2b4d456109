"""What an evaluation found."""

from dataclasses import dataclass
from typing import Any

from rich.table import Table

from riesz._evaluate._statistics import Coverage, Statistic

_NO_ENERGY = 1e-12  # share of the truth's mean square below which a shell holds only rounding


@dataclass(frozen=True)
class Spectrum:
    """Mean squared error and mean square of the truth by wave number 0, 1, 2, ...

    See `riesz._evaluate._spectrum` for the modes: Fourier on tori, cosines on boxes.
    """

    error: tuple[float, ...]
    truth: tuple[float, ...]

    @property
    def relative(self) -> tuple[float | None, ...]:
        """Error over truth; None at wave numbers that the truth does not have."""
        least = _NO_ENERGY * sum(self.truth)
        parts = zip(self.error, self.truth, strict=True)
        return tuple(e / t if t > least else None for e, t in parts)


@dataclass(frozen=True)
class Speed:
    """The operator against the reference solver at the same accuracy.

    `solver_resolution` is the coarsest at which the solver is at least as accurate as the
    operator (mean relative L2 error against the finest reference); `ratio` is the solver's time
    for one function there over the operator's. Medians of interleaved runs.
    """

    ratio: float
    solver_resolution: int
    solver_error: float
    solver_seconds: float


@dataclass(frozen=True)
class ResolutionResult:
    """The errors at one resolution.

    `resolution` is what was asked for, one number an axis; `shape` that of the outputs' points.
    `seconds_per_function` is the median time of one call with one function.
    """

    resolution: tuple[int, ...]
    shape: tuple[int, ...]
    n: int
    relative_l2: Statistic
    relative_h1: Statistic
    relative_linf: Statistic
    coverage: Coverage | None
    spectrum: Spectrum | None
    seconds_per_function: float
    speed: Speed | None

    def to_json(self) -> dict[str, Any]:
        """JSON values: means under the plain names, details under `statistics`."""
        errors = {k: getattr(self, k) for k in ("relative_l2", "relative_h1", "relative_linf")}
        square = len(set(self.resolution)) == 1
        return {
            "resolution": self.resolution[0] if square else list(self.resolution),
            "shape": list(self.shape),
            "n": self.n,
            **{name: error.mean for name, error in errors.items()},
            "statistics": {name: dict(vars(error)) for name, error in errors.items()},
            "coverage": self.coverage and self.coverage.share,
            "coverage_interval": self.coverage and [self.coverage.low, self.coverage.high],
            "level": self.coverage and self.coverage.level,
            "calibrated": self.coverage and self.coverage.calibrated,
            "spectrum": self.spectrum
            and {
                "wave_number": list(range(len(self.spectrum.truth))),
                "error": list(self.spectrum.error),
                "truth": list(self.spectrum.truth),
                "relative": list(self.spectrum.relative),
            },
            "seconds_per_function": self.seconds_per_function,
            "speed": self.speed and dict(vars(self.speed)),
        }


@dataclass(frozen=True)
class Report:
    """What `riesz.evaluate` returns: one result a resolution, coarse to fine as asked.

    `reference` says what the truth was: the data, or the solver at the finest resolution.
    """

    operator: str
    parameters: int
    reference: str
    results: tuple[ResolutionResult, ...]

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "operator": self.operator,
            "parameters": self.parameters,
            "reference": self.reference,
            "results": [result.to_json() for result in self.results],
        }

    def table(self) -> Table:
        """The report for people, as a table that `rich.print` shows."""
        title = f"{self.operator}, {self.parameters:,} parameters, against {self.reference}"
        table = Table(title=title)
        names = ["resolution", "n", "relative L2 (95 %)", "worst L2", "H1", "Linf"]
        for name in [*names, "coverage (95 %)", "time", "speed-up"]:
            table.add_column(name, justify="right")
        for r in self.results:
            table.add_row(*_row(r))
        return table


def _row(r: ResolutionResult) -> list[str]:
    error, cover, speed = r.relative_l2, r.coverage, r.speed
    return [
        " x ".join(map(str, r.resolution)),
        str(r.n),
        f"{error.mean:.2%} ({error.low:.2%} to {error.high:.2%})",
        f"{error.worst:.2%} (no. {error.worst_index})",
        f"{r.relative_h1.mean:.2%}",
        f"{r.relative_linf.mean:.2%}",
        f"{cover.share:.1%} ({cover.low:.1%} to {cover.high:.1%})" if cover else "",
        f"{1000 * r.seconds_per_function:.3g} ms",
        f"{speed.ratio:.3g} x solver at {speed.solver_resolution}" if speed else "",
    ]
