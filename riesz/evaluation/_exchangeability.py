"""A test of whether scores are exchangeable: with those of the calibration, and over time."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Real

ALARM = 0.01  # the probability below which it is said that scores are not exchangeable
_LEAST = 5


@dataclass(frozen=True)
class Exchangeability:
    """Two rank tests of scores, and what they say together.

    `calibration`: the probability, by the Mann-Whitney test, that scores of a test differ as much
    from those of the calibration if all are exchangeable. `trend`: that scores rank as much with
    time (Kendall's tau; Mann 1945). `p_value` is twice the smaller one (Bonferroni), so that an
    alarm below `ALARM` is false for at most 1 % of exchangeable data. None where there are fewer
    than five scores, or no times.

    Both are exact for few scores without ties. Scores of a stationary series that are correlated
    from one time to the next are not exchangeable either, and give alarms more often.
    """

    calibration: float | None
    trend: float | None
    tau: float | None

    @property
    def p_value(self) -> float | None:
        """The smaller of the probabilities times their number."""
        found = [p for p in (self.calibration, self.trend) if p is not None]
        return min(1.0, len(found) * min(found)) if found else None

    @property
    def alarm(self) -> bool:
        """Whether scores are not exchangeable, at a false-alarm rate of 1 %."""
        return self.p_value is not None and self.p_value < ALARM


def exchangeability(
    scores: Real[np.ndarray, " n"],
    *,
    calibration: Real[np.ndarray, " m"] | None = None,
    times: Real[np.ndarray, " n"] | None = None,
) -> Exchangeability:
    """Test scores (or errors) against those of a calibration, and for a trend over time."""
    from scipy.stats import kendalltau, mannwhitneyu  # takes a second to import

    between = trend = tau = None
    if calibration is not None and min(len(scores), len(calibration)) >= _LEAST:
        between = float(mannwhitneyu(scores, calibration).pvalue)
    if times is not None and len(scores) >= _LEAST and len(np.unique(times)) > 1:
        tau, trend = (float(x) for x in np.asarray(kendalltau(times, scores)))
        if np.isnan(trend):  # all scores are equal
            tau = trend = None
    return Exchangeability(between, trend, tau)
