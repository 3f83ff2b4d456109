"""The errors Riesz raises: what happened, what was expected, what came, and the repair."""

from typing import Any


class RieszError(Exception):
    """Base of every error that Riesz raises on purpose.

    The text is the message, then one aligned line for each part that was given:

        the function and the operator live on different domains
          where:    FNO.__call__
          expected: Torus(2)
          found:    Box(2)
          repair:   build the operator on the function's domain

    **Arguments:**

    - `message`: what happened, in one sentence.
    - `expected`: what the call needs.
    - `found`: what it was given.
    - `where`: the call, class or file concerned.
    - `repair`: what to do about it.

    Each part may be any object, and is shown as `str` shows it. `None` and blank text are left out.
    The parts stay readable as attributes.
    """

    def __init__(
        self,
        message: str,
        *,
        expected: Any = None,
        found: Any = None,
        where: Any = None,
        repair: Any = None,
    ) -> None:
        self.message = message
        self.expected = expected
        self.found = found
        self.where = where
        self.repair = repair
        super().__init__(message)

    def __str__(self) -> str:
        lines = [self.message]
        for name in ("where", "expected", "found", "repair"):
            value = getattr(self, name)
            text = "" if value is None else str(value).strip()
            if text:
                label = f"  {name + ':':<10}"
                lines.append(label + text.replace("\n", "\n" + " " * len(label)))
        return "\n".join(lines)


class DataError(RieszError, ValueError):
    """Data cannot be read, or its shape, type or values do not fit the call."""


class DomainError(RieszError, ValueError):
    """Functions, discretizations or operators live on domains that do not fit together."""


class ModelError(RieszError):
    """A model cannot be built, saved, loaded or used as asked."""


class SolverError(RieszError):
    """A numerical solver did not reach its declared accuracy."""


class RunError(RieszError):
    """A fit, an evaluation or a recorded run could not start, resume or finish."""


class UsageError(RieszError):
    """The command line was called in a way it does not understand."""


class InputRangeWarning(UserWarning):
    """An input leaves the range of the training data, where its errors are unknown."""


class DriftWarning(UserWarning):
    """Scores of a test are not exchangeable with those of the calibration, or change with time."""
