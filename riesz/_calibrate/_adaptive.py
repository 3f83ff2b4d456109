"""Bands for sequences that drift: the quantile follows what was covered."""

from dataclasses import dataclass, replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz._calibrate._banded import Band, Banded
from riesz._calibrate._scale import Scale
from riesz.domains import AbstractDiscretization
from riesz.errors import DataError
from riesz.functions import Function

RATE = 0.1
WINDOW = 50


@dataclass(frozen=True)
class AdaptiveBand:
    """A band whose quantile q moves after each observation; made by `riesz.adapt`.

    With the score S_t of the target of step t (`Banded`), level l and miss_t = 1 where S_t > q_t,

        q_{t+1} = q_t + eta_t (miss_t - (1 - l)),    eta_t = rate * largest of recent scores.

    Nothing is assumed about the sequence. While scores stay in [0, b] and eta is constant, the
    share of misses over T steps differs from 1 - l by at most (b + eta) / (eta T): about
    (1 / rate + 1) / T. The price is that it holds on average over time only, not at each step.

    Source: Angelopoulos, Candes and Tibshirani, *Conformal PID control for time series
    prediction* (2023), quantile tracking with their step size, after Gibbs and Candes,
    *Adaptive conformal inference under distribution shift* (2021). Unlike the latter's its bands
    are never infinite.

    ```python
    band = riesz.adapt(banded)
    for a, u in sequence:
        answer = band(a)                # before u is known
        band = band.observe(a, u)       # afterwards
    ```
    """

    banded: Banded
    quantile: float
    recent: tuple[float, ...]  # scores
    rate: float
    window: int
    steps: int = 0
    misses: int = 0

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Band:
        """The band of one function at this step."""
        return _around(self.banded, self.banded.operator(a, on), jnp.asarray(self.quantile))

    def observe(self, a: Function, u: Function) -> "AdaptiveBand":
        """The band of the next step, after the target u of a became known."""
        prediction = self.banded.operator(a, u.discretization)
        return self.after(float(_score(self.banded.scale, prediction, u)))

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
        miss, level = score > self.quantile, self.banded.level
        quantile = _next(self.quantile, miss, level, self.rate * max(self.recent))
        recent = _recent(self.recent, score, self.window)
        steps, misses = self.steps + 1, self.misses + int(miss)
        return replace(self, quantile=quantile, recent=recent, steps=steps, misses=misses)

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

    - `banded`: what `riesz.calibrate` returned; it gives the first quantile and the scale.
    - `rate`: of the steps, relative to recent scores. Larger values follow faster and vary more.
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
    quantile = float(banded.quantile_at(banded.sizes[0]))
    recent = _first(np.asarray(banded.scores[0].value), window)
    return AdaptiveBand(banded, quantile, recent, rate, window)


def follow(
    scores: Float[np.ndarray, " n"],
    calibration: Float[np.ndarray, " m"],
    quantile: float,
    level: float,
    rate: float,
    window: int,
) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """The quantiles at which scores in order are met, and whether each is covered."""
    recent, quantiles = _first(calibration, window), np.empty(len(scores))
    for t, score in enumerate(scores):
        quantiles[t] = quantile
        quantile = _next(quantile, score > quantile, level, rate * max(recent))
        recent = _recent(recent, float(score), window)
    return quantiles, scores <= quantiles


def _next(quantile: float, miss: bool, level: float, step: float) -> float:
    return max(quantile + step * (miss - (1 - level)), 0.0)


def _first(calibration: np.ndarray, window: int) -> tuple[float, ...]:
    finite = np.asarray(calibration, np.float64)
    return tuple(finite[np.isfinite(finite)][-window:].tolist()) or (1.0,)


def _recent(recent: tuple[float, ...], score: float, window: int) -> tuple[float, ...]:
    return recent if np.isinf(score) else (*recent, score)[-window:]


@eqx.filter_jit
def _around(banded: Banded, prediction: Function, quantile: Array) -> Band:
    return banded.around(prediction, quantile)


@eqx.filter_jit
def _score(scale: Scale, prediction: Function, u: Function) -> Float[Array, ""]:
    return scale.score(prediction, u)
