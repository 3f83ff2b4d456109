"""Errors and coverage over time, and whether scores are exchangeable."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from riesz.evaluation._adaptive import follow
from riesz.evaluation._exchangeability import Exchangeability, exchangeability
from riesz.evaluation._statistics import clopper_pearson

_EACH = 5  # samples of a block, at least
_BLOCKS = 6  # at most


@dataclass(frozen=True)
class Block:
    """Consecutive samples: their first and last time, error, coverage and its 95 % interval.

    `half_width` is relative to the deviation of each channel, a mean over channels.
    """

    start: float
    end: float
    n: int
    error: float
    coverage: float | None
    low: float | None
    high: float | None
    half_width: float | None


@dataclass(frozen=True)
class Adaptive:
    """What `riesz.adapt` would have covered on these samples in order, each known after its step.

    `half_width` is relative to the deviation of each channel, a mean over channels.
    """

    coverage: float
    half_width: float


@dataclass(frozen=True)
class Drift:
    """How errors and coverage change over the samples; `blocks` is empty without times."""

    test: Exchangeability
    blocks: tuple[Block, ...]
    adaptive: Adaptive | None
    label: str = "time"

    def words(self) -> tuple[str, ...]:
        """What was found, one line per block, and the test."""
        lines = []
        for b in self.blocks:
            text = f"{self.label} {b.start:.6g} to {b.end:.6g}: {b.n} samples, error {b.error:.2%}"
            if b.coverage is not None:
                text += f", coverage {b.coverage:.0%} ({b.low:.0%} to {b.high:.0%})"
            lines.append(text)
        if self.test.p_value is not None:
            verb = "are not" if self.test.alarm else "may be"
            lines.append(f"Scores {verb} exchangeable (p = {self.test.p_value:.2g}){self._why()}.")
        if self.adaptive and self.test.alarm:
            lines.append(
                f"An adaptive band (riesz.adapt) would have covered {self.adaptive.coverage:.0%} "
                f"with a mean half-width of {self.adaptive.half_width:.1%} of the deviation."
            )
        return tuple(lines)

    def _why(self) -> str:
        test = self.test
        if not test.alarm:
            return ""
        parts = []
        if test.calibration is not None and 2 * test.calibration <= (test.p_value or 0) * 1.0001:
            parts.append("they differ from the calibration's")
        if test.trend is not None and test.tau is not None and 2 * test.trend < 0.01:
            parts.append(f"they {'grow' if test.tau > 0 else 'shrink'} with time")
        return ": " + " and ".join(parts or ["they differ from the calibration's"])

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        test = self.test
        return {
            "label": self.label,
            "exchangeable": not test.alarm,
            "p_value": test.p_value,
            "calibration": test.calibration,
            "trend": test.trend,
            "tau": test.tau,
            "blocks": [dict(vars(block)) for block in self.blocks],
            "adaptive": self.adaptive and dict(vars(self.adaptive)),
            "words": list(self.words()),
        }


def drift(
    errors: np.ndarray,
    *,
    times: np.ndarray | None,
    scores: np.ndarray | None = None,
    inside: np.ndarray | None = None,
    half_widths: np.ndarray | None = None,
    quantile: float = 1.0,
    level: float = 0.9,
    calibration: np.ndarray | None = None,
    label: str = "time",
) -> Drift | None:
    """The drift of some samples; None where neither times nor scores of a calibration are known.

    `errors` (n,) and, for a band, `scores`, `inside`, relative `half_widths` (n,) and its
    `quantile`; `calibration` are the scores of the calibration.
    """
    if times is None and calibration is None:
        return None
    test = exchangeability(
        errors if scores is None else scores, calibration=calibration, times=times
    )
    if times is None:
        return Drift(test, (), None, label)
    order = np.argsort(times, kind="stable")
    count = int(np.clip(len(order) // _EACH, 1, _BLOCKS))
    blocks = tuple(
        _block(part, times, errors, inside, half_widths) for part in np.array_split(order, count)
    )
    adaptive = None
    if calibration is not None and scores is not None and half_widths is not None and quantile > 0:
        # the band scales with its quantile: half-width_t = half-width q_t / q
        quantiles, covered = follow(scores[order], calibration, level)
        widths = half_widths[order] * quantiles / quantile
        adaptive = Adaptive(float(covered.mean()), float(widths.mean()))
    return Drift(test, blocks, adaptive, label)


def _block(part, times, errors, inside, half_widths) -> Block:
    share = low = high = width = None
    if inside is not None:
        k = int(inside[part].sum())
        share, (low, high) = k / len(part), clopper_pearson(k, len(part))
    if half_widths is not None:
        width = float(half_widths[part].mean())
    start, end = float(times[part[0]]), float(times[part[-1]])
    return Block(start, end, len(part), float(errors[part].mean()), share, low, high, width)
