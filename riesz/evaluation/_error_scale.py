"""What errors are measured by: the deviation of each channel in the training data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from riesz.domains import Space
from riesz.operators import Affine
from riesz.operators.internal import training_scale


@dataclass(frozen=True)
class ErrorScale:
    """Mean and deviation of each output channel, and where they come from.

    An error relative to the deviation does not change with the unit or its zero: it is the same
    in Kelvin and in degrees Celsius. A channel that was constant has its absolute value as scale.
    """

    names: tuple[str, ...]
    unit_names: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    source: str  # "training data" or "test data"

    @property
    def units(self) -> Float[np.ndarray, " c"]:
        """The deviation; |mean|, or 1 for a channel that is zero, where it is constant."""
        mean, deviation = np.abs(self.mean), np.asarray(self.deviation)
        return np.where(deviation > 0, deviation, np.where(mean > 0, mean, 1.0))

    @property
    def constant(self) -> tuple[str, ...]:
        """Names of the channels without deviation."""
        return tuple(n for n, s in zip(self.names, self.deviation, strict=True) if s == 0)

    @classmethod
    def of(cls, operator: Any, space: Space, tally: Any) -> "ErrorScale":
        """The scale that the model was trained with, or else that of the targets of the test."""
        affine = training_scale(operator)
        if isinstance(affine, Affine) and not _identity(affine):
            mean, deviation = (
                np.asarray(x.value, np.float64) for x in (affine.mean, affine.deviation)
            )
            return cls(space.names, space.units, _tuple(mean), _tuple(deviation), "training data")
        volume, means = tally.all("volume"), tally.all("mean")
        # m = sum_i V_i m_i / sum_i V_i over samples i, (c,)
        mean = (volume * means).sum(0) / volume.sum(0)
        # s^2 = sum_i V_i (s_i^2 + (m_i - m)^2) / sum_i V_i
        square = volume * (tally.all("deviation") ** 2 + (means - mean) ** 2)
        deviation = np.sqrt(square.sum(0) / volume.sum(0))
        deviation = np.where(deviation > 1e-6 * np.abs(mean), deviation, 0)  # only rounding
        return cls(space.names, space.units, _tuple(mean), _tuple(deviation), "test data")

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        parts = zip(self.names, self.unit_names, self.mean, self.deviation, strict=True)
        keys = ("name", "unit", "mean", "deviation")
        return {"source": self.source, "channels": [dict(zip(keys, p, strict=True)) for p in parts]}


def _identity(affine: Affine) -> bool:
    """Whether nothing was measured: mean 0 and deviation 1 exactly in every channel."""
    mean, deviation = np.asarray(affine.mean.value), np.asarray(affine.deviation.value)
    return bool((mean == 0).all() and (deviation == 1).all())


def _tuple(x: np.ndarray) -> tuple[float, ...]:
    return tuple(map(float, x))
