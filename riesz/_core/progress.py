"""How far a long computation is: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from contextlib import suppress

# Nothing is shown of what is done sooner; plain lines are that far apart.
_PATIENCE = 2.0
_LINE_SECONDS = 10.0


def say(text: str) -> None:
    """A line for people on standard error: progress, notes, warnings."""
    with suppress(OSError):  # a log on a full disk, a reader that is gone: the work goes on
        print(text, file=sys.stderr, flush=True)


class Progress:
    """Shows the part done on standard error once that takes a while. A context manager.

    The time left is found from the second part on: the first one includes compilation.

    - `show`: whether anything is shown.
    - `name`: of the computation.
    - `total`: of the parts, or 1.0 for fractions, and `done`, those done before.
    - `unit`: of the parts, to show their numbers.
    """

    def __init__(
        self, show: bool, name: str, total: int | float, unit: str = "", done: int | float = 0
    ):
        self._show, self._name, self._total, self._unit = show, name, total, unit
        self._done, self._note, self._first = done, "", None
        self._start = self._last_line = time.monotonic()
        self._bar = self._task = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, note: str) -> None:
        """Show a bar at once on a terminal, as before a compilation, which takes a while."""
        self._note = note
        if self._show and sys.stderr.isatty():
            self._draw()

    def advance(self) -> None:
        """One more part is done."""
        self.update(self._done + 1)

    def tell(self, note: str) -> None:
        """Something to show beside the part that is done."""
        self.update(self._done, note)

    def update(self, done: int | float, note: str | None = None) -> None:
        """So much is done, and what to show beside it."""
        now = time.monotonic()
        self._done, self._note = done, self._note if note is None else note
        self._first = self._first or (done, now)
        if not self._show or now - self._start < _PATIENCE:
            return
        if sys.stderr.isatty():
            self._draw()
        elif now - self._last_line >= _LINE_SECONDS and done > self._first[0]:
            self._last_line = now
            parts = f"{done} of {self._total} {self._unit}" if self._unit else ""
            text = "  ".join(filter(None, (self._name, parts, self._note)))
            say(f"{text}  {self._left(now):.0f} s left")

    def _left(self, now: float) -> float:
        since, begun = self._first or (0, self._start)
        return (now - begun) * (self._total - self._done) / (self._done - since)

    def _draw(self) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn(self._name),
                BarColumn(),
                TextColumn("{task.description}"),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("", total=self._total)
            self._bar.start()
        if self._task is not None:
            self._bar.update(self._task, completed=self._done, description=self._note)
