"""Live progress on standard error: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from riesz._fit._fitted import Record

_LINE_SECONDS = 10.0


class Progress:
    """Shows step, loss, validation error, speed and time left."""

    def __init__(self, show: bool):
        self._show = show
        self._bar = self._task = None
        self._first: tuple[int, float] | None = None
        self._last_line = (0, 0.0)
        if show and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("fit"), BarColumn(), TextColumn("{task.description}"))
            self._bar = Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True))
            self._task = self._bar.add_task("compiling", total=1.0)
            self._bar.start()

    def update(
        self, step: int, fraction: float, history: Sequence[Record], left: Callable[[float], float]
    ) -> None:
        """Show the state after `step` steps; plain lines are at least ten seconds apart."""
        now = time.monotonic()
        if self._first is None:  # compilation is over
            self._first = self._last_line = (step, now)
        since, begun = self._first
        if not self._show or step == since:
            return
        rate = (step - since) / (now - begun)
        errors = ""
        if history:
            errors = f"loss {history[-1].loss:.4f}  validation {history[-1].validation:.4f}  "
        text = f"step {step}  {errors}{rate:.1f} steps/s"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=fraction, description=text)
        elif now - self._last_line[1] >= _LINE_SECONDS:
            self._last_line = (step, now)
            say(f"{text}  {left(rate):.0f} s left")

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.stop()


def say(message: str) -> None:
    """A line on standard error."""
    with suppress(OSError):  # a log on a full disk, a reader that is gone: the work goes on
        print(message, file=sys.stderr, flush=True)
