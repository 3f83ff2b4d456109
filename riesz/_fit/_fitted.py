"""What a fit returns."""

from enum import StrEnum
from typing import NamedTuple

import equinox as eqx

from riesz.operators import AbstractOperator


class Status(StrEnum):
    """Why a fit ended; the text is the explanation."""

    finished = "all steps were taken"
    time_spent = "the time budget was spent"
    stopped_early = "the validation error stopped falling"
    diverged = "the loss became infinite or NaN; the best weights before that are kept"
    interrupted = "interrupted; the same call with the same folder goes on from here"


class Record(NamedTuple):
    """One line of a fit's history."""

    step: int
    seconds: float
    loss: float
    validation: float


class Fitted(eqx.Module):
    """A fitted operator and how it came about.

    `operator` has the weights with the lowest validation error (mean relative L2 on members
    held out of training); `history` has one record a validation; `steps` and `seconds` count
    the whole fit, resumed parts included.
    """

    operator: AbstractOperator
    status: Status = eqx.field(static=True)
    history: tuple[Record, ...] = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    seconds: float = eqx.field(static=True)

    @property
    def validation_error(self) -> float:
        """The lowest validation error, mean relative L2; NaN when none was measured."""
        return min((r.validation for r in self.history), default=float("nan"))
