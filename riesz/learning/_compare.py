"""The verb `compare`."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray
from rich.table import Table

from riesz._core.progress import say
from riesz._core.table import make_table, plain
from riesz.errors import RieszError, RunError
from riesz.evaluation import ErrorScale, Statistic, sample_at
from riesz.evaluation.internal import Tally, interleaved, predict
from riesz.functions import AbstractSymmetry, PairsLike
from riesz.functions.internal import chunks, fixed_pairs
from riesz.io.internal import count_parameters
from riesz.learning._fitted import Status
from riesz.learning._recipe import recipe
from riesz.operators import AbstractOperator, baselines
from riesz.problems import AbstractProblem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TEST_SET = 0xC0  # folded into the key: a test set is never the training set of the same key
_CHUNK = 32  # samples worked on at once


@dataclass(frozen=True)
class ComparedModel:
    """One row of a comparison.

    - `name`: as it was given; `operator`: with the sizes that the data chose.
    - `errors`: at each resolution, relative to the deviation of the training data.
    - `rank`: 1 more than the number of models that are surely better at the first resolution: the
      95 % interval of the mean paired difference excludes zero. None where the model failed.
    - `seconds`: of training; `steps` of it. `seconds_per_function`: of one prediction.
    - `memory`: bytes by which the process grew at most while it was trained; None where the
      system does not say.
    - `failure`: why there is no result; "" where there is one.
    - `baseline`: whether it was solved for and not trained.
    """

    name: str
    operator: str
    parameters: int = 0
    steps: int = 0
    seconds: float = 0.0
    seconds_per_function: float = 0.0
    memory: int | None = None
    errors: tuple[Statistic, ...] = ()
    rank: int | None = None
    failure: str = ""
    baseline: bool = False
    model: AbstractOperator | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        values = {k: v for k, v in vars(self).items() if k not in ("errors", "model")}
        return {**values, "errors": [dict(vars(error)) for error in self.errors]}


@dataclass(frozen=True)
class Comparison:
    """What `riesz.compare` returns: one row per model, the best first, and those that failed last.

    `resolutions` are the points of the outputs at which the errors were measured, `scale` says
    what they are relative to.
    """

    rows: tuple[ComparedModel, ...]
    resolutions: tuple[str, ...]
    scale: str
    budget: float

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        rows = [row.to_json() for row in self.rows]
        return {**{k: v for k, v in vars(self).items() if k != "rows"}, "rows": rows}

    def table(self) -> Table:
        """The rows as a table that `rich.print` shows."""
        title = f"{self.budget:g} s of training each; errors in deviations of the {self.scale}"
        headers = ["", "rank", *(f"error at {r} (95%)" for r in self.resolutions)]
        headers += ["parameters", "steps", "training", "memory", "one function"]
        return make_table(title, headers, [self._cells(row) for row in self.rows])

    def _cells(self, row: ComparedModel) -> list[str]:
        if row.failure:
            return [row.name, "-", row.failure, *[""] * (len(self.resolutions) + 4)]
        errors = [f"{e.mean:.2%} ({e.low:.2%} to {e.high:.2%})" for e in row.errors]
        memory = "" if row.memory is None else f"{row.memory / 2**20:.0f} MiB"
        return [
            row.name if row.baseline else row.operator,
            str(row.rank),
            *errors,
            f"{row.parameters:,}" if row.parameters else "",
            f"{row.steps}" if row.steps else "",
            f"{row.seconds:.3g} s",
            memory,
            f"{1000 * row.seconds_per_function:.3g} ms",
        ]

    def __str__(self) -> str:
        return plain(self, self.table())

    def __rich__(self) -> Table:
        return self.table()

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Error at the first resolution over the time of one prediction, both logarithmic."""
        import matplotlib.pyplot as plt

        ax = ax if ax is not None else plt.subplots(figsize=(6.4, 4.4), layout="constrained")[1]
        for row in self.rows:
            if row.failure:
                continue
            x, error = 1000 * row.seconds_per_function, row.errors[0]
            ends = [[error.mean - error.low], [error.high - error.mean]]
            marker = "s" if row.baseline else "o"
            ax.errorbar(x, error.mean, ends, fmt=marker, color="0.5" if row.baseline else "C0")
            name = row.name.partition("(")[0]
            ax.annotate(name, (x, error.mean), (5, 4), textcoords="offset points", fontsize=8)
        ax.set(xscale="log", yscale="log", xlabel="time of one prediction, ms")
        ax.set_ylabel(f"error at {self.resolutions[0]}, deviations of the {self.scale}")
        return ax


def compare(
    operators: Sequence[str],
    training: PairsLike,
    test: PairsLike | AbstractProblem,
    *,
    budget: float,
    key: PRNGKeyArray,
    validation: PairsLike | float = 0.1,
    resolutions: Sequence[int] | None = None,
    n: int = 64,
    groups: Int[np.ndarray, " n"] | None = None,
    symmetries: tuple[AbstractSymmetry, ...] = (),
    folder: str | Path | None = None,
    show: bool = False,
) -> Comparison:
    """Train several operators on the same data for the same time, and measure them.

    Each is trained by its recipe for `budget` seconds and tested on the same samples. The
    baselines of the data stand beside them. A model that fails is a row that says why.

    **Arguments:**

    - `operators`: their texts, such as `"FNO(modes=16)"`; sizes left out are chosen by the data.
    - `training`: pairs. `validation`: pairs, or the part of `training` that is held out.
    - `test`: pairs that were held out, or a problem, which gives `n` fresh samples at each of
      `resolutions`, in cells along an axis, with targets of the solver at the finest.
    - `budget`: seconds of each training, compilation included.
    - `groups`, `symmetries`: as in `riesz.Recipe.fit`.
    - `folder`: of the run; the same call with the same folder goes on where it stopped.

    **Raises:** `RunError` for arguments that make no comparison.

    ```python
    found = riesz.compare(
        ["FNO()", "GalerkinTransformer()"], training, test, budget=60, key=jax.random.key(0)
    )
    print(found)
    ```
    """
    _require_operators(operators, budget)
    sets = _test_sets(test, resolutions, n, key)
    options = {"groups": groups, "symmetries": symmetries, "show": show}
    rows: list[tuple[ComparedModel, list[Tally]]] = []
    for number, text in enumerate(operators):
        say(f"training {text}") if show else None
        own = None if folder is None else Path(folder) / f"{number}-{_slug(text)}"
        make = _trained(text, training, validation, budget, key, own, options)
        rows.append(_row(text, make, sets))
    start = time.monotonic()
    solved = baselines(training, key=key, groups=groups)
    about = {"baseline": True, "seconds": time.monotonic() - start}  # of all together
    rows += [_row(name, lambda m=model: (m, about), sets) for name, model in solved.items()]
    return _ranked(rows, sets, budget)


Made = tuple[AbstractOperator, dict[str, Any]]


def _trained(
    text: str,
    training: PairsLike,
    validation: PairsLike | float,
    budget: float,
    key: PRNGKeyArray,
    folder: Path | None,
    options: dict[str, Any],
) -> Callable[[], Made]:
    def make() -> Made:
        made = recipe(training, text, time_budget=budget)
        saved = {} if folder is None else {"folder": folder}
        fitted = made.fit(training, validation, key=key, **saved, **options)
        if fitted.status is Status.interrupted:
            raise KeyboardInterrupt
        if not fitted.history:
            raise RunError(f"no usable weights: {fitted.status}", where=f"riesz.compare: {text}")
        about = {"operator": made.operator, "steps": fitted.steps, "seconds": fitted.seconds}
        return fitted.model, about

    return make


def _row(
    name: str, make: Callable[[], Made], sets: Sequence[PairsLike]
) -> tuple[ComparedModel, list[Tally]]:
    """Train and measure one model; an error of riesz is the failure of the row."""
    memory = Peak()
    try:
        model, about = make()
        used = memory.bytes()
        tallies = [_tally(model, part) for part in sets]
        first = tallies[0].first
        assert first is not None
        seconds = interleaved([lambda: predict(model, first)])[0]
    except RieszError as error:
        return ComparedModel(name, name, failure=error.message), []
    found = ComparedModel(
        name,
        **{"operator": name, **about},
        parameters=count_parameters(model),
        seconds_per_function=seconds,
        memory=used,
        model=model,
    )
    return found, tallies


def _tally(model: AbstractOperator, pairs: PairsLike) -> Tally:
    tally = Tally(model, None)
    for part, count in chunks(fixed_pairs(pairs), _CHUNK):
        tally.add(part, count)
    return tally


def _ranked(
    rows: list[tuple[ComparedModel, list[Tally]]], sets: Sequence[PairsLike], budget: float
) -> Comparison:
    """Errors in one unit for all, ranks by paired differences, and the best first."""
    good = [(row, tallies) for row, tallies in rows if tallies]
    failed = tuple(row for row, tallies in rows if not tallies)
    space, first = good[0][0].model.output_space, good[0][1][0]  # pyright: ignore[reportOptionalMemberAccess]
    known = [row.model for row, _ in good if not row.baseline] or [good[0][0].model]
    scale = ErrorScale.of(known[0], space, first)
    # (models, samples) at each resolution: mean over channels
    errors = [np.stack([t[i].errors(scale).mean(1) for _, t in good]) for i in range(len(sets))]
    ranks = _ranks(errors[0])
    found = [
        replace(row, errors=tuple(Statistic.of(e[j]) for e in errors), rank=int(ranks[j]))
        for j, (row, _) in enumerate(good)
    ]
    found.sort(key=lambda row: row.errors[0].mean)
    shapes = tuple(" x ".join(map(str, part[:1].outputs.values.shape[1:-1])) for part in sets)
    return Comparison((*found, *failed), shapes, scale.source, budget)


def _ranks(errors: Float[np.ndarray, "m n"]) -> Int[np.ndarray, " m"]:
    """1 + the number of models whose mean paired difference is below zero with its interval."""
    better = [
        [i != j and Statistic.of(e - f).high < 0 for i, e in enumerate(errors)]
        for j, f in enumerate(errors)
    ]
    return 1 + np.sum(better, 1)


def _test_sets(
    test: PairsLike | AbstractProblem,
    resolutions: Sequence[int] | None,
    n: int,
    key: PRNGKeyArray,
) -> list[PairsLike]:
    if not isinstance(test, AbstractProblem):
        if resolutions is not None:
            raise RunError(
                "resolutions are for fresh samples of a problem",
                where="riesz.compare(operators, training, test, resolutions)",
                expected="resolutions=None with pairs",
                found=f"resolutions={tuple(resolutions)}",
                repair="leave them out, or give the problem as test",
            )
        return [test]
    if not resolutions or n < 2:
        raise RunError(
            "a comparison on a problem needs resolutions and samples",
            where="riesz.compare(operators, training, problem, resolutions, n)",
            expected="resolutions=(64, 128), n >= 2",
            found=f"resolutions={resolutions}, n={n}",
            repair="give resolutions=",
        )
    sets = sample_at(test, resolutions, n, key=jax.random.fold_in(key, _TEST_SET))
    return list(sets)


def _require_operators(operators: Sequence[str], budget: float) -> None:
    texts = [operators] if isinstance(operators, str) else list(operators)
    if isinstance(operators, str) or not texts or len(set(texts)) < len(texts) or budget <= 0:
        raise RunError(
            "a comparison needs operators that differ, and a time for each",
            where="riesz.compare(operators, training, test, budget)",
            expected='a list of texts, such as ["FNO()", "DeepONet()"], and budget > 0 seconds',
            found=f"{operators!r}, budget={budget}",
        )


def _slug(text: str) -> str:
    """A name for a folder: letters and digits of the text."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60]


class Peak:
    """The largest resident memory of this process since the start, less that at the start."""

    def __init__(self) -> None:
        try:
            Path("/proc/self/clear_refs").write_text("5")  # sets the peak to the present size
            self.start = _status("VmRSS")
        except OSError:  # not on Linux
            self.start = None

    def bytes(self) -> int | None:
        """None where the system does not say."""
        return None if self.start is None else max(0, _status("VmHWM") - self.start)


def _status(name: str) -> int:
    """Bytes of an entry of the status of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))
