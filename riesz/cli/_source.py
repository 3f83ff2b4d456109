"""Where the pairs of a training come from: a file, or the solver of a problem."""

import difflib
import os
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riesz.cli import _defaults as defaults
from riesz.cli._reading import Reading
from riesz.errors import UsageError

if TYPE_CHECKING:
    from jaxtyping import PRNGKeyArray

    from riesz.data import PairsFile
    from riesz.domains import Space
    from riesz.functions import PairsLike
    from riesz.problems import AbstractProblem


@dataclass(frozen=True)
class Source:
    """A problem, a file of pairs, or both; `resolution` where fresh samples can be drawn."""

    name: str | None
    problem: "AbstractProblem | None"
    file: "PairsFile | None"
    samples: int
    resolution: int | None
    reading: Reading = Reading()

    @property
    def spaces(self) -> "tuple[Space, Space]":
        """The spaces of inputs and outputs."""
        from_ = self.file if self.file is not None else self.problem
        assert from_ is not None
        return from_.input_space, from_.output_space

    @property
    def invariant(self) -> bool:
        """Whether the problem commutes with all translations."""
        from riesz.functions import Translation

        symmetries = getattr(self.problem, "symmetries", ())
        moved = {s.axis for s in symmetries if isinstance(s, Translation)}
        return moved == set(range(self.spaces[0].domain.dim))

    def example(self) -> "PairsLike":
        """Pairs of which one may be read to see spaces and points; zeros before any is sampled."""
        if self.file is not None:
            return self.file
        from riesz.problems.internal import pair_of_zeros

        assert self.problem is not None and self.resolution is not None
        return pair_of_zeros(self.problem, self.resolution)

    def settings(self) -> dict[str, Any]:
        """What decides the data, as JSON values."""
        if self.file is None:
            return {"samples": self.samples, "grid": self.resolution}
        sets = {"input": self.file.inputs, "output": self.file.outputs}
        described = {role: samples.describe() for role, samples in sets.items()}
        return {"fingerprint": self.file.fingerprint, "sets": described, **self.reading.given()}

    def pairs(self, path: Path, key: "PRNGKeyArray") -> "tuple[PairsLike, PairsFile]":
        """All pairs; sampled ones stream to `path`, from which an interrupted run goes on.

        In memory where they are few; otherwise they stay in the file and are read by batches.
        """
        if self.file is not None:
            return _in_memory(self.file), self.file
        assert self.problem is not None and self.resolution is not None
        refine = defaults.refinement(self.problem)
        file = self.problem.sample(
            self.samples, self.resolution, key=key, path=path, refine=refine, progress=True
        )
        return _in_memory(file), file


def _in_memory(file: "PairsFile") -> "PairsLike":
    values = len(file) * (prod(file.inputs.shape) + prod(file.outputs.shape))
    return file.all() if values <= defaults.MOST_VALUES_IN_MEMORY else file


def find_source(
    source: str,
    data: str | None,
    reading: Reading,
    samples: int | None,
    grid: int | None,
) -> Source:
    """What `riesz train SOURCE` and its options mean."""
    from riesz.data import open_pairs

    name, problem = (source, make_problem(source)) if is_problem(source) else (None, None)
    if problem is None and not _looks_like_file(source):
        raise unknown_problem(source, "train", " or a data file FILE.h5::GROUP")
    spec = data if problem is not None else source
    if problem is None and data is not None:
        raise UsageError(
            "the data is given twice",
            where=f"riesz train {source} --data {data}",
            repair=f"write riesz train PROBLEM --data {data}, or leave --data out",
        )
    if spec is None:
        _require_none("is for data in a file", "--data FILE", **reading.given())
        assert problem is not None
        count = samples or defaults.SAMPLES[problem.input_space.domain.dim]
        cells = grid or defaults.GRID[problem.input_space.domain.dim]
        return Source(name, problem, None, count, cells)
    _require_none("is for pairs that the solver samples", "no file", samples=samples, grid=grid)
    file = open_pairs(spec, **reading.arguments(), problem=problem)
    if problem is None:
        name, problem = _problem_of(file)
    return Source(name, problem, file, len(file), _resolution(file, problem), reading)


def is_problem(text: str) -> bool:
    """Whether this is the name of a problem, or its class called with arguments."""
    from riesz.problems import PROBLEMS

    if text in list(PROBLEMS):  # as it is written there, since files may have names like it
        return True
    called, bracket, _ = text.partition("(")
    return bool(bracket) and called in {kind.__name__ for kind in PROBLEMS.values()}


def make_problem(text: str) -> "AbstractProblem":
    """The problem of a name, with its default parameters, or of a text with others."""
    from riesz.problems import PROBLEMS, parse

    return PROBLEMS[text]() if text in list(PROBLEMS) else parse(text)


def unknown_problem(name: str, command: str, otherwise: str = "") -> UsageError:
    """The error for a word that is no problem."""
    from riesz.problems import PROBLEMS

    near = difflib.get_close_matches(name.lower(), PROBLEMS, n=1, cutoff=0.5)
    return UsageError(
        f"{name!r} is not the name of a problem{' nor an existing file' if otherwise else ''}",
        where=f"riesz {command} {name}",
        expected=", ".join(PROBLEMS) + otherwise,
        repair=f"did you mean {near[0]!r}?" if near else "riesz problems lists them",
    )


def _looks_like_file(text: str) -> bool:
    from riesz.data import Location
    from riesz.data.internal import suffixes

    path = Location(text)
    return "::" in text or os.path.exists(path.path) or path.suffix in suffixes()


def _require_none(why: str, when: str, **options: Any) -> None:
    for name, value in options.items():
        if value is not None:
            raise UsageError(
                f"--{name} {why}",
                where="riesz train",
                expected=when,
                found=f"--{name} {value}",
                repair=f"leave --{name} out",
            )


def _problem_of(file: "PairsFile") -> "tuple[str | None, AbstractProblem | None]":
    """The problem that a file was sampled from, when it has the default parameters."""
    from riesz.problems import PROBLEMS

    for name, kind in PROBLEMS.items():
        if kind.__name__ == file.problem and _same_distribution(
            file, problem := make_problem(name)
        ):
            return name, problem
    return None, None


def _same_distribution(file: "PairsFile", problem: "AbstractProblem") -> bool:
    from riesz.problems.internal import digest

    details = (file.source.description or {}).get("details") or {}
    return file.problem == type(problem).__name__ and details.get("problem") == digest(problem)


def _resolution(file: "PairsFile", problem: "AbstractProblem | None") -> int | None:
    """The resolution of the file's grid, when the problem can give fresh samples like it."""
    grid = file.input_grid.whole
    if grid is None or problem is None or not _same_distribution(file, problem):
        return None
    sizes = grid.shape[0], grid.shape[0] - 1
    return next((r for r in sizes if problem.discretization(r) == grid), None)
