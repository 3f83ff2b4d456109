"""The options of `riesz train`, checked."""

from dataclasses import dataclass
from pathlib import Path

from riesz.cli import _defaults as defaults
from riesz.cli._reading import Reading
from riesz.errors import UsageError


@dataclass(frozen=True)
class Options:
    """What the user asked for; None where the recipe decides."""

    source: str
    data: str | None = None
    input: str | None = None
    output: str | None = None
    lead: int | None = None
    domain: str | None = None
    channels: str | None = None
    periodic: str | None = None
    nodes: str | None = None
    apart: bool | None = None
    samples: int | None = None
    grid: int | None = None
    split: str | None = None
    gap: int | None = None
    operator: str | None = None
    rollout: int | None = None
    base: bool | None = None
    average: bool = True
    steps: int | None = None
    time_budget: float | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    level: float = 0.9
    seed: int = 0
    checkpoint_every: float = defaults.CHECKPOINT_SECONDS
    out: Path | None = None

    def __post_init__(self) -> None:
        checks = (
            ("split", self.split in (None, "random", "time", "group"), "random, time or group"),
            ("learning-rate", 0 < (self.learning_rate or 0.5) < 1, "a number between 0 and 1"),
            ("level", 0.5 <= self.level <= 0.99, "a probability from 0.5 to 0.99, such as 0.9"),
            ("seed", self.seed < 2**31, "a whole number below 2147483648"),
        )
        for name, good, expected in checks:
            if not good:
                raise UsageError(
                    f"--{name} has a value that makes no sense",
                    where="riesz train",
                    expected=expected,
                    found=getattr(self, name.replace("-", "_")),
                    repair=f"leave --{name} out to take the default",
                )

    @property
    def reading(self) -> Reading:
        """How a data file is read."""
        return Reading(
            self.input,
            self.output,
            self.lead,
            self.domain,
            self.channels,
            self.periodic,
            self.nodes,
            self.apart,
        )

    @property
    def folder(self) -> Path:
        """The run folder."""
        if self.out is not None:
            return self.out
        return Path("runs") / stem_of(self.source)


def stem_of(source: str) -> str:
    """The name of a run's folder: that of a file without its suffix, or of a problem."""
    name, called, _ = source.partition("::")[0].partition("(")
    return name.lower() if called else Path(name).stem or "run"
