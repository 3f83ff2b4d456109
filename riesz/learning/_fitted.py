"""What a fit returns."""

from enum import StrEnum
from typing import Any, NamedTuple

import equinox as eqx


class Status(StrEnum):
    """Why a fit ended; the text is the explanation."""

    finished = "all steps were taken"
    time_spent = "the time budget was spent"
    stopped_early = "the validation error stopped falling"
    diverged = "the loss became infinite or NaN; the best weights before that are kept"
    interrupted = "interrupted; the same call with the same folder goes on from here"


class Record(NamedTuple):
    """One line of a fit's history: the mean training loss since the line before, and errors.

    `parts`: name and mean of each part of the loss, where the objective has parts.
    """

    step: int
    seconds: float
    loss: float
    validation: float
    parts: tuple[tuple[str, float], ...] = ()


class Fitted(eqx.Module):
    """A fitted model and how it came about.

    `model` has the weights with the lowest validation error; `history` has one record per
    validation, the first before any step; `kept` is the step whose weights are kept; `steps` and
    `seconds` count the whole fit, resumed parts included; `notes` name what is unusual in the
    data, such as channels and samples that are constant.

    The validation error of an operator on a pair is the mean over channels of
    rms(G(a) - u) / s_c, the root mean square over the domain relative to the deviation of the
    training outputs from their mean. Of other objectives it is their value on the sample, with a
    fixed key. It is averaged over the samples held out of training; without data it is the value
    for eight fixed keys.
    """

    model: Any
    status: Status = eqx.field(static=True)
    history: tuple[Record, ...] = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    seconds: float = eqx.field(static=True)
    kept: int = eqx.field(static=True, default=0)
    notes: tuple[str, ...] = eqx.field(static=True, default=())

    @property
    def validation_error(self) -> float:
        """The validation error of the weights that are kept; NaN when none was measured."""
        return next((r.validation for r in self.history if r.step == self.kept), float("nan"))
