"""What a paper claims, and what was measured here last."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from riesz.papers._results import read_results

if TYPE_CHECKING:
    import jax

    from riesz.functions import Pairs
    from riesz.problems import AbstractProblem


@dataclass(frozen=True)
class Paper:
    """A paper whose claim runs in miniature.

    - `name`: what `riesz reproduce` takes. `title`: the paper's own.
    - `claim`: one sentence, with numbers.
    - `published`: the paper's figures, with their source.
    - `run`: measures the claim through the public interface. `run(scale)` with `scale` below 1
      takes that fraction of the data and of the steps: it runs, but proves nothing.

    `measured`, `seconds` and `date` are those of the last recorded run, None before the first.
    """

    name: str
    title: str
    claim: str
    published: str
    run: Callable[..., dict[str, float]]

    @property
    def record(self) -> Mapping[str, Any]:
        """All of the last record: also hardware, load and version."""
        return read_results().get(self.name, {})

    @property
    def measured(self) -> dict[str, float] | None:
        """The figures of the last run."""
        return self.record.get("measured")

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        return self.record.get("seconds")

    @property
    def date(self) -> str | None:
        """Its day, YYYY-MM-DD."""
        return self.record.get("date")


def scaled(count: int, scale: float, least: int) -> int:
    """A fraction of a count of data or steps, rounded, but at least so many."""
    return max(least, round(scale * count))


def pairs(problem: "AbstractProblem", n: int, resolution: int, key: "jax.Array") -> "Pairs":
    """Pairs of a problem in memory."""
    from riesz.functions import Pairs

    found = problem.sample(n, resolution, key=key)
    assert isinstance(found, Pairs)
    return found
