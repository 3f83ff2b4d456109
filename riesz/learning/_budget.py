"""The seconds of a recipe's fit, and where they went."""

import time

_LEAST = 1.0  # seconds that a part of a fit has, however little is left


class Budget:
    """Seconds for several parts one after the other, from the time it is made; None: any number."""

    def __init__(self, seconds: float | None):
        self.seconds = seconds
        self.parts: dict[str, float] = {}
        self.last = time.monotonic()

    def lap(self, part: str, seconds: float | None = None) -> None:
        """End a part; `seconds` where some of it was spent before this process began."""
        now = time.monotonic()
        self.parts[part] = now - self.last if seconds is None else seconds
        self.last = now

    def left(self) -> float | None:
        """Seconds that the parts so far have left."""
        if self.seconds is None:
            return None
        return max(_LEAST, self.seconds - sum(self.parts.values()))

    def notes(self) -> tuple[str, ...]:
        """A sentence on where the time went, if it was limited."""
        if self.seconds is None:
            return ()
        spent = ", ".join(f"{seconds:.1f} s {part}" for part, seconds in self.parts.items())
        return (f"of a time budget of {self.seconds:.1f} s: {spent}",)
