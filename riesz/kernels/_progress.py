"""How far a long computation is: a bar on a terminal, plain lines elsewhere."""

import sys
import time

# Nothing is shown of what is done sooner; plain lines are that far apart.
_PATIENCE = 2.0
_LINE_SECONDS = 10.0


class Progress:
    """Shows the part done on standard error once that takes a while. A context manager."""

    def __init__(self, show: bool, name: str, total: int, unit: str = "tiles"):
        self._show, self._name, self._total, self._done = show, name, total, 0
        self._unit, self._note = unit, ""
        self._start = self._last_line = time.monotonic()
        self._bar = self._task = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self) -> None:
        """One more part is done."""
        self._done += 1
        self._update()

    def tell(self, note: str) -> None:
        """Something to show beside the part that is done."""
        self._note = "  " + note
        self._update()

    def _update(self) -> None:
        now = time.monotonic()
        if not self._show or now - self._start < _PATIENCE:
            return
        if sys.stderr.isatty():
            self._draw()
        elif now - self._last_line >= _LINE_SECONDS:
            self._last_line = now
            left = (now - self._start) * (self._total / max(1, self._done) - 1)
            text = f"{self._name}  {self._done} of {self._total} {self._unit}"
            print(f"{text}{self._note}  {left:.0f} s left", file=sys.stderr, flush=True)

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
