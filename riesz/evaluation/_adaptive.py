"""Bands for sequences that drift: the level follows what was covered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz.domains import AbstractDiscretization
from riesz.errors import DataError
from riesz.evaluation._banded import Band, Banded
from riesz.evaluation._scale import Scale
from riesz.functions import Function

RATE = 0.03
WINDOW = 100
_MOST = 60  # doublings


@dataclass(frozen=True)
class AdaptiveBand:
    """A band whose quantile moves after each observation; made by `riesz.adapt`.

    With the score S_t of the target of step t (`Scale.score`) and miss_t = 1 where S_t > q_t,

        q_t = the (1 - alpha_t)-quantile of the recent scores,
        alpha_{t+1} = alpha_t + rate * (1 - level - miss_t),    alpha_1 = 1 - level.

    Where alpha_t is negative the published band is infinite; here it is the largest recent score,
    doubled for each `rate` that alpha_t lies below 0, so that bands are finite.

    Nothing is assumed about the sequence. Over T steps the share of misses differs from 1 - level
    by at most (1 / rate + 2 + log2 R) / T, where R is the largest ratio of a score to the largest
    recent one (less, where scores are exactly 0). The price is that it holds on average over time
    only, not at each step.

    Source: Gibbs and Candes, *Adaptive conformal inference under distribution shift* (2021),
    equation 2 and proposition 4.1.

    ```python
    band = riesz.adapt(banded)
    for a, u in sequence:
        answer = band(a)                # before u is known
        band = band.observe(a, u)       # afterwards
    ```
    """

    banded: Banded
    alpha: float
    recent: tuple[float, ...]  # scores
    rate: float
    window: int
    steps: int = 0
    misses: int = 0

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Band:
        """The band of one function at this step."""
        prediction = self.banded.operator(a, on)
        return _around(self.banded, a, prediction, jnp.asarray(self.quantile))

    @property
    def quantile(self) -> float:
        """The half-width at this step, in units of the scale."""
        return _quantile(self.recent, self.alpha, self.rate)

    def observe(self, a: Function, u: Function) -> "AdaptiveBand":
        """The band of the next step, after the target u of a became known."""
        prediction = self.banded.operator(a, u.discretization)
        return self.after(float(_score(self.banded.scale, a, prediction, u)))

    def after(self, score: float) -> "AdaptiveBand":
        """The band after the score of this step."""
        if np.isnan(score):
            raise DataError(
                "the score of an observation is not a number",
                where="AdaptiveBand.observe(a, u)",
                expected="finite values of u and of the prediction",
                found=score,
                repair="leave this observation out",
            )
        # alpha_{t+1} = alpha_t + rate (1 - level - miss_t)
        miss = score > self.quantile
        alpha = self.alpha + self.rate * (1 - self.banded.level - miss)
        recent = _recent(self.recent, score, self.window)
        steps, misses = self.steps + 1, self.misses + int(miss)
        return replace(self, alpha=alpha, recent=recent, steps=steps, misses=misses)

    @property
    def coverage(self) -> float | None:
        """The share of the observed targets that lay in their bands."""
        return 1 - self.misses / self.steps if self.steps else None

    def __repr__(self) -> str:
        seen = "" if not self.steps else f", {self.coverage:.1%} of {self.steps} covered"
        return f"AdaptiveBand(level={self.banded.level:.4g}, quantile={self.quantile:.3g}{seen})"


def adapt(banded: Banded, *, rate: float = RATE, window: int = WINDOW) -> AdaptiveBand:
    """A band for a sequence, whose long-run coverage is the level under any drift.

    **Arguments:**

    - `banded`: what `riesz.calibrate` returned; it gives the first scores and the scale.
    - `rate`: of the steps of the level. Larger values follow faster and vary more.
    - `window`: how many scores are recent.

    **Raises:** `DataError` for a rate or window that is not positive.
    """
    if not (rate > 0 and window >= 1):
        raise DataError(
            "an adaptive band needs a positive rate and window",
            where="riesz.adapt(banded, rate, window)",
            expected="rate > 0, window >= 1",
            found=f"rate={rate}, window={window}",
            repair=f"leave them out for {RATE} and {WINDOW}",
        )
    recent = _first(np.asarray(banded.scores[0].value), window)
    return AdaptiveBand(banded, 1 - banded.level, recent, rate, window)


def follow(
    scores: Float[np.ndarray, " n"], calibration: Float[np.ndarray, " m"], level: float
) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """The quantiles at which scores in order are met, and whether each is covered."""
    recent, alpha, quantiles = _first(calibration, WINDOW), 1 - level, np.empty(len(scores))
    for t, score in enumerate(scores):
        # q_t from what is known before step t, then alpha and the scores of step t
        quantiles[t] = _quantile(recent, alpha, RATE)
        alpha += RATE * (1 - level - float(score > quantiles[t]))
        recent = _recent(recent, float(score), WINDOW)
    return quantiles, scores <= quantiles


def _quantile(recent: Sequence[float], alpha: float, rate: float) -> float:
    # ceil((n + 1) (1 - alpha))-th smallest score; 1e-9 against rounding, as in `rank`
    rank = ceil((len(recent) + 1) * (1 - alpha) - 1e-9)
    if rank < 1:
        return 0.0
    # beyond n the largest, times 2^(-alpha / rate) for negative alpha
    doublings = min(max(0.0, -alpha / rate), _MOST)
    return float(np.sort(recent)[min(rank, len(recent)) - 1] * 2.0**doublings)


def _first(calibration: np.ndarray, window: int) -> tuple[float, ...]:
    """Scores of the calibration, evenly from the sorted ones, in no order of their size."""
    scores = np.asarray(calibration, np.float64)
    scores = np.sort(scores[np.isfinite(scores)])
    if not len(scores):
        return (1.0,)
    count = min(window, len(scores))
    # `count` quantiles of the calibration, in the order of frac(0.618 i)
    some = scores[np.linspace(0, len(scores) - 1, count).round().astype(int)]
    # multiples of the golden ratio modulo 1 fill [0, 1] evenly, so that large and small ones mix
    mixed = np.argsort(np.arange(count) * 0.6180339887 % 1)
    return tuple(some[mixed].tolist())


def _recent(recent: tuple[float, ...], score: float, window: int) -> tuple[float, ...]:
    return recent if np.isinf(score) else (*recent, score)[-window:]


@eqx.filter_jit
def _around(banded: Banded, a: Function, prediction: Function, quantile: Array) -> Band:
    return banded.around(a, prediction, quantile)


@eqx.filter_jit
def _score(scale: Scale, a: Function, prediction: Function, u: Function) -> Float[Array, ""]:
    return scale.score(a, prediction, u)
