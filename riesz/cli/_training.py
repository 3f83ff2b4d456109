"""What `riesz train` does, step by step; `examples/demo.py` runs it too."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax

from riesz._core.progress import say
from riesz.cli import _defaults as defaults
from riesz.cli._card import make_card
from riesz.cli._folder import RunFolder
from riesz.cli._options import Options
from riesz.cli._output import Answer, result_table
from riesz.cli._report import next_commands, write_report
from riesz.cli._source import Source, find_source
from riesz.errors import DriftWarning, InputRangeWarning

if TYPE_CHECKING:
    from riesz.data import PairsFile
    from riesz.evaluation import Banded, Report
    from riesz.functions import Pairs, PairsLike
    from riesz.learning import Fitted, Recipe, Split
    from riesz.operators import AbstractOperator

_FOLD = 2**31  # numbers from here on are no samples of a data set
POINTS = "output_points.h5"  # where outputs are sampled, when that is not where inputs are


def run_training(options: Options, *, started: float | None = None) -> Answer:
    """Train, calibrate, evaluate and save; or go on; or report a run that is finished.

    `started` is the monotonic time from which the time budget counts.
    """
    started = time.monotonic() if started is None else started
    source = find_source(
        options.source, options.data, options.reading, options.samples, options.grid
    )
    if source.file is not None:
        for line in source.file.understood():
            say(line)
    split = _split(options, source)
    recipe = _recipe(options, source, len(split.training))
    folder = RunFolder(options.folder, _settings(options, source, split, recipe))
    folder.run(lambda: _run(options, source, split, recipe, folder, started), started)
    return _answer(folder)


def _split(options: Options, source: Source) -> "Split":
    """Which pairs train, validate, calibrate and test: by time or groups where a file has them.

    Where the problem gives fresh samples, these calibrate and test, and all pairs train.
    """
    from riesz.learning import split

    key = make_key(options.seed, 0)
    if source.resolution is not None:
        return split(source.samples, key=key, level=options.level, held_out=0.0)
    file = source.file
    assert file is not None
    found = split(
        file,
        by=options.split,
        times=file.times,
        groups=file.groups,
        gap=options.gap,
        level=options.level,
        key=key,
    )
    counts = ", ".join(f"{n} {name}" for name, n in found.counts().items())
    gap = f", {found.gap} left out between the parts" if found.by == "time" else ""
    why = "" if options.split else " (--split chooses another)"
    say(f"split {_words(found.by, file)}{why}: {counts}{gap}")
    for note in found.notes:
        say(f"note: {note}")
    return found


def _words(by: str, file: "PairsFile") -> str:
    if by == "time":
        return "by time, the last pairs for the test" if file.times is not None else "in file order"
    return {"random": "at random", "group": "by groups, each in one part"}[by]


def _recipe(options: Options, source: Source, samples: int) -> "Recipe":
    """The operator and its fit, from a look at one pair."""
    from riesz import recipe

    problem = source.problem
    found = recipe(
        source.example(),
        operator=options.operator,
        steps=options.steps,
        time_budget=options.time_budget,
        zero_boundary=bool(problem is not None and problem.zero_boundary),
        invariant=source.invariant,
        samples=samples,
    )
    given = {"batch_size": options.batch_size, "learning_rate": options.learning_rate}
    return found.replace(**{name: x for name, x in given.items() if x is not None})


def _settings(options: Options, source: Source, split: "Split", recipe: "Recipe") -> dict[str, Any]:
    """Everything that changes the result."""
    return {
        "problem": source.name,
        "data": source.settings(),
        "split": {"by": split.by, "gap": split.gap},
        "recipe": recipe.to_json(),
        "rollout": options.rollout,
        "base": options.base,
        "average": options.average,
        "level": options.level,
        "seed": options.seed,
    }


def _run(
    options: Options,
    source: Source,
    split: "Split",
    recipe: "Recipe",
    folder: RunFolder,
    started: float,
) -> None:
    from riesz import baselines, save
    from riesz.cli._models import save_baselines

    seed = options.seed
    began = time.monotonic()
    pairs, file = source.pairs(folder.path / "data.h5", jax.random.key(seed))
    training, validation, calibration, test = split.take(pairs)
    if source.file is None:
        started += time.monotonic() - began  # sampling is not counted
    fitted = _fit(options, source, split, recipe, folder, (training, validation), started)
    banded = _calibrate(options, source, fitted, calibration)
    card = make_card(options, source, file, split, recipe, training, fitted, folder.record)
    save(folder.path, banded, card=card)  # what follows may fail; the model is kept
    _save_points(folder.path, file)
    rivals = baselines(training, key=make_key(seed, 7), groups=split.groups)
    save_baselines(folder.path, rivals)
    report, example = _measure(options, source, banded, test, rivals, split, file)
    card["metrics"] = report.to_json()
    if options.rollout is not None:
        from riesz.cli._rollout import measure_steps

        found = measure_steps(options, source, banded.operator, test)
        card["metrics"]["rollout"] = found.to_json()
    card["resolutions_tested"] = [r["resolution"] for r in card["metrics"]["results"]]
    save(folder.path, banded, card=card)
    write_report(folder.path, banded, card, fitted.history, example)


def _fit(
    options: Options,
    source: Source,
    split: "Split",
    recipe: "Recipe",
    folder: RunFolder,
    parts: "tuple[PairsLike, PairsLike]",
    started: float,
) -> "Fitted":
    """Fit until the steps or the rest of the time budget are spent; usable weights, or an error."""
    if options.time_budget is not None:
        if folder.record.get("fit_budget") is None:
            left = options.time_budget - (time.monotonic() - started)
            folder.update(fit_budget=max(1.0, left))
        recipe = recipe.replace(time_budget=folder.record["fit_budget"])
    if options.rollout is not None:
        from riesz.cli._rollout import fit_steps

        return folder.usable(fit_steps(options, source, split, recipe, folder, parts))
    fitted = recipe.fit(
        *parts,
        key=make_key(options.seed, 2),
        groups=split.groups,
        ordered=split.by == "time",
        base=options.base,
        symmetries=source.problem.symmetries if source.problem is not None else (),
        folder=folder.path / "fit",
        checkpoint_every=options.checkpoint_every,
    )
    return folder.usable(fitted)


def _calibrate(
    options: Options, source: Source, fitted: "Fitted", calibration: "PairsLike"
) -> "Banded":
    """The band: by held-out pairs, or by fresh samples at each resolution where there are some."""
    from riesz import calibrate
    from riesz.evaluation import sample_at

    network = symmetrise(fitted.model, source) if options.average else fitted.model
    key = make_key(options.seed, 3)
    if source.problem is None or source.resolution is None:
        say(f"calibrating on {len(calibration)} held-out pairs")
        return calibrate(network, calibration, level=options.level, few="maximum", key=key)
    count, resolutions = defaults.fresh_calibration(options.level), _resolutions(source)
    say(f"calibrating on {count} fresh samples at {resolutions}")
    held_out = sample_at(source.problem, resolutions, count, key=make_key(options.seed, 6))
    return calibrate(network, held_out, level=options.level, key=key)


def symmetrise(operator: "AbstractOperator", source: Source) -> "AbstractOperator":
    """The fitted operator averaged over the problem's reflections and transpositions."""
    from riesz.operators import Symmetrised

    finite = [g for g in getattr(source.problem, "symmetries", ()) if g.involution]
    return Symmetrised(operator, finite) if finite else operator


def _measure(
    options: Options,
    source: Source,
    banded: "Banded",
    test: "PairsLike",
    rivals: "dict[str, AbstractOperator]",
    split: "Split",
    file: "PairsFile",
) -> "tuple[Report, Pairs]":
    """The report, and a test pair for the figures: of fresh samples where there are."""
    from riesz import evaluate

    if source.problem is None or source.resolution is None:
        say(f"evaluating on {len(test)} held-out pairs")
        times = None if file.times is None else file.times[split.test]
        with _said_in_the_report():
            return evaluate(banded, test, baselines=rivals, times=times), test[:1]
    resolutions, seed = _resolutions(source), options.seed
    say(f"evaluating on {defaults.TEST_SAMPLES} fresh samples at {resolutions}")
    with _said_in_the_report():
        report = evaluate(
            banded,
            source.problem,
            baselines=rivals,
            resolutions=resolutions,
            n=defaults.TEST_SAMPLES,
            key=make_key(seed, 4),
        )
    example = source.problem.sample(1, resolutions[-1], key=make_key(seed, 5))
    return report, example


@contextmanager
def _said_in_the_report() -> Iterator[None]:
    """Warnings of inputs and of drift are not said twice: the report has them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputRangeWarning)
        warnings.simplefilter("ignore", DriftWarning)
        yield


def _save_points(folder: Path, file: "PairsFile") -> None:
    """Where outputs are sampled, for predictions; only where it is known for new inputs."""
    from riesz.data import save_functions

    first = file[:1]
    if file.outputs.each is None and not first.same_points:
        save_functions(folder / POINTS, first.outputs, overwrite=True)


def _resolutions(source: Source) -> tuple[int, ...]:
    """The training resolution, twice and four times it, as far as that is affordable.

    None where there are no fresh samples.
    """
    if source.resolution is None:
        return ()
    dim = source.spaces[1].domain.dim
    wanted = [source.resolution * k for k in defaults.REFINEMENTS]
    return tuple(r for r in wanted if r == wanted[0] or r**dim <= defaults.MOST_POINTS)


def make_key(seed: int, use: int) -> Any:
    """A key for a use; `riesz sample --seed` folds in the numbers of samples, below these."""
    return jax.random.fold_in(jax.random.key(seed), _FOLD + use)


def _answer(folder: RunFolder) -> Answer:
    from riesz.io import read_model

    model = read_model(folder.path)
    card = model["card"]
    files = sorted(p.name for p in folder.path.iterdir() if p.is_file() and p.name[0] != ".")
    value = {
        "status": folder.record["state"],
        "out": str(folder.path),
        "seconds": folder.record.get("seconds"),
        "training": card["training"],
        **card["metrics"],
        "files": files,
    }
    commands = next_commands(folder.path, card)
    text = [
        result_table(card["metrics"]),
        "",
        f"{folder.path}/: {', '.join(files)}",
        "",
        "Next:",
        *(f"  {line}" for line in commands),
    ]
    return Answer(value, "\n".join(text))
