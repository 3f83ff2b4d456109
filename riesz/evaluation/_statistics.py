"""Means with honest intervals."""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

RESAMPLES = 2000
SEED = 0
_BLOCK = 2**20  # samples drawn at once


@dataclass(frozen=True)
class Statistic:
    """One error over all samples of a test set that have it.

    `low` and `high` are a 95 % interval of the mean: percentiles of the means of 2000 bootstrap
    samples, drawn with seed 0, so that a report is reproducible. With one sample they are its
    value. `worst_index` is the number of the sample with the largest error.
    """

    mean: float
    median: float
    worst: float
    worst_index: int
    low: float
    high: float

    @classmethod
    def of(cls, errors: np.ndarray) -> "Statistic":
        """The statistics of one error per sample, NaN for a sample that has none."""
        every = np.asarray(errors, np.float64)
        errors = every[~np.isnan(every)]
        draw = np.random.default_rng(SEED)
        count = len(errors)
        rows = max(1, _BLOCK // count)
        # (size, count) draws at a time, 2000 means in all
        sizes = [min(rows, RESAMPLES - start) for start in range(0, RESAMPLES, rows)]
        parts = [errors[draw.integers(count, size=(size, count))].mean(1) for size in sizes]
        means = np.concatenate(parts)
        low, high = np.quantile(means, [0.025, 0.975])
        worst = int(np.nanargmax(every))
        return cls(
            mean=float(errors.mean()),
            median=float(np.median(errors)),
            worst=float(every[worst]),
            worst_index=worst,
            low=float(low),
            high=float(high),
        )

    @classmethod
    def where_defined(cls, errors: np.ndarray) -> "Statistic | None":
        """As `of`; None where no sample has the error."""
        return None if np.isnan(errors).all() else cls.of(errors)


@dataclass(frozen=True)
class Coverage:
    """The share of functions inside their bands, with its 95 % Clopper-Pearson interval.

    `calibrated` says whether the band was calibrated on these points; elsewhere its level is no
    promise.
    """

    share: float
    low: float
    high: float
    level: float
    calibrated: bool

    @classmethod
    def of(cls, inside: int, count: int, level: float, calibrated: bool) -> "Coverage":
        """From `inside` of `count` functions; `level` is what the calibration promised."""
        low, high = clopper_pearson(inside, count)
        return cls(inside / count, low, high, level, calibrated)


def clopper_pearson(successes: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a probability (Clopper and Pearson 1934)."""
    tail, k, n = (1 - level) / 2, successes, count
    # quantiles (1 - level) / 2 of Beta(k, n - k + 1) and (1 + level) / 2 of Beta(k + 1, n - k)
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1 - tail))
    return low, high
