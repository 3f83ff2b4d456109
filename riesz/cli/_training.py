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
from riesz.cli._split import Split, fresh_calibration, make_split
from riesz.errors import InputRangeWarning, RunError

if TYPE_CHECKING:
    from riesz._calibrate import Banded
    from riesz._fit import Fitted
    from riesz.functions import Pairs, PairsLike

_FOLD = 2**31  # numbers from here on are no members of a sample


def run_training(options: Options, *, started: float | None = None) -> Answer:
    """Train, calibrate, evaluate and save; or go on; or report a run that is finished.

    `started` is the monotonic time from which the time budget counts.
    """
    started = time.monotonic() if started is None else started
    source = find_source(
        options.source, options.data, options.reading, options.samples, options.grid
    )
    settings = _settings(options, source)
    split = make_split(
        source.samples, options.level, source.resolution is not None, _key(options.seed, 0)
    )
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


def _settings(options: Options, source: Source) -> dict[str, Any]:
    """Everything that changes the result."""
    return {
        "problem": source.name,
        "data": source.settings(),
        "operator": recipe.operator_settings(
            options.operator,
            source.spaces[0],
            source.input_grid,
            source.problem,
            options.modes,
            options.width,
            options.layers,
        ),
        "steps": options.total_steps,
        "time_budget": options.time_budget,
        "batch_size": options.batch_size,
        "learning_rate": options.learning_rate,
        "loss": recipe.LOSS,
        "level": options.level,
        "seed": options.seed,
    }


def _run(options: Options, source: Source, split: Split, folder: RunFolder, started: float) -> None:
    from riesz import save

    seed = options.seed
    began = time.monotonic()
    pairs, file = source.pairs(folder.path / "data.h5", jax.random.key(seed))
    for line in file.understood():
        say(line)
    training, validation, calibration, test = split.take(pairs)
    if source.file is None:
        started += time.monotonic() - began  # sampling is not counted
    fitted = _fit(options, source, folder, training, validation, started)
    banded = _calibrate(options, source, fitted, calibration)
    card = make_card(options, source, file, split, training, fitted, folder.record)
    save(folder.path, banded, card=card)  # what follows may fail; the model is kept
    result, example = _measure(options, source, banded, test, card)
    tested = [r["resolution"] for r in result["results"]]
    card.update(metrics=result, resolutions_tested=tested)
    save(folder.path, banded, card=card)
    write_report(folder.path, banded, card, fitted.history, example)


def _fit(
    options: Options,
    source: Source,
    folder: RunFolder,
    training: "PairsLike",
    validation: "PairsLike",
    started: float,
) -> "Fitted":
    """Fit until the steps or the rest of the time budget are spent; usable weights, or an error."""
    from riesz._fit import RelativeLoss, Status, fit

    settings, seed = folder.record["settings"], options.seed
    operator = recipe.build_operator(settings["operator"], source.spaces, _key(seed, 1))
    if options.time_budget is not None and folder.record.get("fit_budget") is None:
        folder.update(fit_budget=max(1.0, options.time_budget - (time.monotonic() - started)))
    fitted = fit(
        operator,
        training,
        key=_key(seed, 2),
        steps=settings["steps"],
        time_budget=folder.record.get("fit_budget"),
        batch_size=settings["batch_size"],
        learning_rate=settings["learning_rate"],
        weight_decay=recipe.WEIGHT_DECAY,
        loss=RelativeLoss(**settings["loss"]),
        symmetries=source.problem.symmetries if source.problem is not None else (),
        validation=validation,
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
        return calibrate(network, calibration, level=options.level, key=key)
    count, resolutions = fresh_calibration(options.level), _resolutions(source)
    say(f"calibrating on {count} fresh samples at {resolutions}")
    held_out = sample_at(source.problem, resolutions, count, key=_key(options.seed, 6))
    return calibrate(network, held_out, level=options.level, key=key)


def _measure(
    options: Options, source: Source, banded: "Banded", test: "PairsLike", card: dict[str, Any]
) -> "tuple[dict[str, Any], Pairs]":
    """The metrics, and a test pair for the figures: of fresh samples where there are."""
    from riesz import evaluate

    if source.problem is None or source.resolution is None:
        say(f"evaluating on {len(test)} held-out pairs")
        return evaluate(banded, test).to_json(), test[:1]
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
