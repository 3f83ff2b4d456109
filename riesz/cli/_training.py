"""What `riesz train` does, step by step; `examples/demo.py` runs it too."""

import time
import warnings
from typing import TYPE_CHECKING, Any

import jax

from riesz.cli import _recipe as recipe
from riesz.cli._card import make_card
from riesz.cli._folder import RunFolder, this_command
from riesz.cli._guard import Interrupted
from riesz.cli._options import Options
from riesz.cli._output import Answer, result_table, say
from riesz.cli._report import next_commands, write_report
from riesz.cli._source import Source, find_source
from riesz.errors import InputRangeWarning, RunError

if TYPE_CHECKING:
    import numpy as np

    from riesz._calibrate import Banded
    from riesz._fit import Fitted, Split
    from riesz.functions import Pairs, PairsLike
    from riesz.operators import AbstractOperator

_FOLD = 2**31  # numbers from here on are no members of a sample


def run_training(options: Options, *, started: float | None = None) -> Answer:
    """Train, calibrate, evaluate and save; or go on; or report a run that is finished.

    `started` is the monotonic time from which the time budget counts.
    """
    started = time.monotonic() if started is None else started
    source = find_source(
        options.source, options.data, options.reading, options.samples, options.grid
    )
    split = _split(options, source)
    settings = _settings(options, source, split)
    folder = RunFolder(options.folder, settings)
    if folder.finished:
        say(f"{folder.path} holds this run, finished: nothing to do")
        return _answer(folder)
    try:
        with folder.locked():
            _run(options, source, split, folder, started)
            folder.update(state="finished", seconds=round(time.monotonic() - started, 1))
    except KeyboardInterrupt:
        raise Interrupted(this_command()) from None
    return _answer(folder)


def _split(options: Options, source: Source) -> "Split":
    """Which pairs train, validate, calibrate and test."""
    from riesz._fit import split

    key = _key(options.seed, 0)
    if source.resolution is not None:  # calibration and test are on fresh samples
        return split(source.samples, key=key, level=options.level, held_out=0.0)
    assert source.file is not None
    by = options.split
    times = source.file.times if by in (None, "time") else None
    groups = source.file.groups if by in (None, "group") else None
    if times is not None:
        groups = None
    found = split(source.file, key=key, by=by, times=times, groups=groups, level=options.level)
    say(f"split {'at random' if found.by == 'random' else 'by ' + found.by}: {_counts(found)}")
    for note in found.notes:
        say(note)
    return found


def _counts(split: "Split") -> str:
    return ", ".join(f"{count} {name}" for name, count in split.counts().items())


def _settings(options: Options, source: Source, split: "Split") -> dict[str, Any]:
    """Everything that changes the result."""
    import riesz

    made = riesz.recipe(
        source.example(),
        kind=options.operator,
        modes=options.modes,
        width=options.width,
        layers=options.layers,
        steps=options.steps,
        time_budget=options.time_budget,
        zero_boundary=bool(source.problem is not None and source.problem.zero_boundary),
        invariant=recipe.invariant(source.problem, source.spaces[0].domain.dim),
        samples=len(split.training),
    )
    given = {"batch_size": options.batch_size, "learning_rate": options.learning_rate}
    made = made.replace(**{name: value for name, value in given.items() if value is not None})
    return {
        "problem": source.name,
        "data": source.settings(),
        "split": split.by,
        "recipe": made.to_json(),
        "level": options.level,
        "seed": options.seed,
    }


def _run(
    options: Options, source: Source, split: "Split", folder: RunFolder, started: float
) -> None:
    from riesz import baselines, save

    seed = options.seed
    began = time.monotonic()
    pairs, file = source.pairs(folder.path / "data.h5", jax.random.key(seed))
    for line in file.understood():
        say(line)
    training, validation, calibration, test = split.take(pairs)
    if source.file is None:
        started += time.monotonic() - began  # sampling is not counted
    fitted = _fit(options, source, folder, split, training, validation, started)
    for note in fitted.notes:
        say(note)
    rivals = baselines(training, key=_key(seed, 7), groups=split.groups)
    banded = _calibrate(options, source, fitted, calibration)
    card = make_card(options, source, file, split, training, fitted, folder.record)
    save(folder.path, banded, card=card)  # what follows may fail; the model is kept
    times = None
    if split.by == "time":
        times = split.test.astype(float) if file.times is None else file.times[split.test]
    result, example = _measure(options, source, banded, test, rivals, times)
    tested = [r["resolution"] for r in result["results"]]
    card.update(metrics=result, resolutions_tested=tested)
    save(folder.path, banded, card=card)
    write_report(folder.path, banded, card, fitted.history, example)


def _fit(
    options: Options,
    source: Source,
    folder: RunFolder,
    split: "Split",
    training: "PairsLike",
    validation: "PairsLike",
    started: float,
) -> "Fitted":
    """Fit until the steps or the rest of the time budget are spent; usable weights, or an error."""
    from riesz._fit import Recipe, Status

    made = Recipe(**folder.record["settings"]["recipe"])
    if options.time_budget is not None and folder.record.get("fit_budget") is None:
        folder.update(fit_budget=max(1.0, options.time_budget - (time.monotonic() - started)))
    fitted = made.replace(time_budget=folder.record.get("fit_budget")).fit(
        training,
        validation,
        key=_key(options.seed, 2),
        groups=split.groups,
        ordered=split.by == "time",
        symmetries=source.problem.symmetries if source.problem is not None else (),
        folder=folder.path / "fit",
        checkpoint_every=options.checkpoint_every,
    )
    if fitted.status is Status.interrupted:
        raise KeyboardInterrupt
    if not fitted.history:
        raise RunError(
            "the fit gave no usable weights",
            where=str(folder.path),
            expected="at least one validation with a finite loss",
            found=str(fitted.status),
            repair="give a larger --time-budget and another --out"
            if fitted.status is Status.time_spent
            else "give a smaller --learning-rate and another --out",
        )
    if fitted.status is Status.diverged:
        say(f"warning: {fitted.status}; a smaller --learning-rate may do better")
    return fitted


def _calibrate(
    options: Options, source: Source, fitted: "Fitted", calibration: "PairsLike"
) -> "Banded":
    """The band: by held-out pairs, or by fresh samples at each resolution where there are some."""
    from riesz import calibrate
    from riesz._evaluate import sample_at

    network = recipe.symmetrise(fitted.operator, source.problem)
    key = _key(options.seed, 3)
    if source.problem is None or source.resolution is None:
        say(f"calibrating on {len(calibration)} held-out pairs")
        banded = calibrate(network, calibration, level=options.level, few="maximum", key=key)
        if banded.level < options.level:
            say(f"note: too few pairs for level {options.level:g}: {banded.meaning()}")
        return banded
    count, resolutions = recipe.fresh_calibration(options.level), _resolutions(source)
    say(f"calibrating on {count} fresh samples at {resolutions}")
    held_out = sample_at(source.problem, resolutions, count, key=_key(options.seed, 6))
    return calibrate(network, held_out, level=options.level, key=key)


def _measure(
    options: Options,
    source: Source,
    banded: "Banded",
    test: "PairsLike",
    rivals: "dict[str, AbstractOperator]",
    times: "np.ndarray | None",
) -> "tuple[dict[str, Any], Pairs]":
    """The metrics, and a test pair for the figures: of fresh samples where there are."""
    from riesz import evaluate

    if source.problem is None or source.resolution is None:
        say(f"evaluating on {len(test)} held-out pairs")
        return evaluate(banded, test, baselines=rivals, times=times).to_json(), test[:1]
    resolutions, seed = _resolutions(source), options.seed
    say(f"evaluating on {recipe.TEST_MEMBERS} fresh samples at {resolutions}")
    with warnings.catch_warnings():  # of the law of the training data, tails included
        warnings.simplefilter("ignore", InputRangeWarning)
        report = evaluate(
            banded,
            source.problem,
            resolutions=resolutions,
            n=recipe.TEST_MEMBERS,
            key=_key(seed, 4),
            baselines=rivals,
        )
    refine = recipe.refinement(source.problem)
    example = source.problem.sample(1, source.resolution, key=_key(seed, 5), refine=refine)
    return report.to_json(), example


def _resolutions(source: Source) -> tuple[int, ...]:
    """The training resolution, twice and four times it, as far as that is affordable.

    None where there are no fresh samples.
    """
    if source.resolution is None:
        return ()
    dim = source.spaces[1].domain.dim
    wanted = [source.resolution * k for k in recipe.REFINEMENTS]
    return tuple(r for r in wanted if r == wanted[0] or r**dim <= recipe.MOST_POINTS)


def _key(seed: int, use: int) -> Any:
    """A key for a use; `riesz sample --seed` folds in the numbers of members, below these."""
    return jax.random.fold_in(jax.random.key(seed), _FOLD + use)


def _answer(folder: RunFolder) -> Answer:
    from riesz._io import read_model

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
