"""Whether an operator is better than operators that anyone can have at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from riesz.evaluation._statistics import Statistic
from riesz.operators import OPERATORS

_OTHERWISE = "try to learn the residual over it, or keep it"


@dataclass(frozen=True)
class BaselineResult:
    """A baseline on the samples of the first result.

    `difference` is its error minus the operator's, sample by sample: below zero it is better.
    `channels` holds its error per channel.
    """

    name: str
    operator: str
    error: Statistic
    channels: tuple[Statistic, ...]
    difference: Statistic

    @property
    def better(self) -> bool:
        """Whether it is better than the operator, beyond the 95 % interval of the difference."""
        return self.difference.high < 0

    @property
    def same(self) -> bool:
        """Whether it has the operator's errors, because the operator is this baseline."""
        return self.error.mean > 0 and self.difference.low == self.difference.high == 0

    @property
    def worse(self) -> bool:
        """Whether it is worse than the operator, beyond the 95 % interval of the difference."""
        return self.difference.low > 0

    @classmethod
    def of(
        cls, name: str, operator: str, errors: np.ndarray, reference: np.ndarray
    ) -> "BaselineResult":
        """From errors (n, channels) of the baseline and of the operator."""
        channels = tuple(Statistic.of(column) for column in errors.T)
        # mean over channels, (n,); the interval is that of paired differences
        mean, other = errors.mean(1), reference.mean(1)
        return cls(name, operator, Statistic.of(mean), channels, Statistic.of(mean - other))

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "name": self.name,
            "operator": self.operator,
            "error": self.error.mean,
            "better": self.better,
            "worse": self.worse,
            "statistics": {
                "error": dict(vars(self.error)),
                "difference": dict(vars(self.difference)),
            },
            "channels": [dict(vars(channel)) for channel in self.channels],
        }


def verdict(
    operator: str, error: Statistic, source: str, baselines: Sequence[BaselineResult]
) -> str:
    """One line: the error, and how it compares with the best baseline."""
    here = f"{error.mean:.2%}"
    if not baselines:
        return (
            f"{operator}: error {here} ({error.low:.2%} to {error.high:.2%}) of the deviation in "
            f"the {source}; not compared with any baseline"
        )
    best = min(baselines, key=lambda b: b.error.mean)
    there = f"{best.error.mean:.2%}"
    same = next((b for b in baselines if b.same), None)
    if same is not None and best.error.mean == same.error.mean:
        return (
            f"{operator} is the baseline {same.name}, with error {here}: no network was surely "
            "better in validation; try more samples"
        )
    if best.better:
        return f"{best.name} is better: {there} against {here} of {operator}; {_advice(best)}"
    if not best.worse:
        return (
            f"{best.name} is as good: {there} against {here} of {operator}, a difference within "
            f"its 95 % interval; {_advice(best)}"
        )
    return (
        f"{operator} is better than every baseline: {here} against {there} of the best, {best.name}"
    )


def _advice(baseline: BaselineResult) -> str:
    """What to try where a baseline of this class is better, as the class says."""
    kinds = [kind for name, kind in OPERATORS.items() if name in baseline.operator]
    return next((kind.advice for kind in kinds if hasattr(kind, "advice")), _OTHERWISE)
