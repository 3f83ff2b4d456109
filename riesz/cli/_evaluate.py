"""`riesz evaluate`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from riesz._core.progress import say
from riesz.cli._app import (
    AsJson,
    Channels,
    Data,
    Domain,
    Input,
    Lead,
    Nodes,
    Output,
    Periodic,
    command,
    count,
)
from riesz.cli._output import Answer, result_table
from riesz.errors import UsageError


@command(
    "evaluate",
    "riesz evaluate runs/darcy --data darcy.h5::test_32 --nodes left",
    "riesz evaluate runs/burgers --grid 128 --grid 256 --samples 50 --json",
)
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder or model folder.")],
    data: Data = None,
    input: Input = None,
    output: Output = None,
    lead: Lead = None,
    domain: Domain = None,
    channels: Channels = None,
    periodic: Periodic = None,
    nodes: Nodes = None,
    grid: Annotated[
        list[int] | None,
        count("Cells along an axis of fresh samples; may be repeated.", min=2),
    ] = None,
    samples: Annotated[
        int | None,
        count("Functions to test on; all of the data, or 50.", min=1),
    ] = None,
    seed: Annotated[int, count("Of fresh samples.", min=0, max=2**31 - 1)] = 1,
    as_json: AsJson = False,
) -> Answer:
    """Measure a model and its band.

    Errors with intervals, coverage and speed, on the pairs of a file, or on fresh samples of
    its problem by the reference solver.
    """
    import jax

    import riesz
    from riesz.cli import _defaults as defaults
    from riesz.cli._models import load_baselines, open_model
    from riesz.cli._reading import Reading, known_pairs

    model, card = open_model(run)
    rivals = load_baselines(run)
    if data is not None:
        if grid:
            raise UsageError(
                "--grid is for fresh samples, not for data in a file",
                where=f"riesz evaluate {run} --data {data}",
                repair="leave --grid or --data out",
            )
        reading = Reading(input, output, lead, domain, channels, periodic, nodes)
        file = known_pairs(data, reading, card, model)
        for line in file.understood():
            say(line)
        if _is_training_data(card, file.fingerprint):
            say("warning: the model was trained on this data; its errors here are too small")
        report = riesz.evaluate(model, file, n=samples, times=file.times, baselines=rivals)
    else:
        problem, resolutions = _problem(run, card, grid)
        count = samples or defaults.TEST_SAMPLES
        say(f"solving {count} fresh samples at resolution {max(resolutions)}")
        key = jax.random.key(seed)
        report = riesz.evaluate(
            model, problem, resolutions=resolutions, n=count, key=key, baselines=rivals
        )
    value = report.to_json()
    return Answer(value, result_table(value))


def _problem(run: Path, card: dict[str, Any], grid: list[int] | None) -> tuple[Any, list[int]]:
    from riesz.cli._source import is_problem, make_problem

    name, resolution = card.get("problem"), card.get("resolution")
    if resolution is None or not is_problem(str(name)):
        raise UsageError(
            "this model was not trained on samples of a problem's solver, so that there are no "
            "fresh ones to test on",
            where=f"riesz evaluate {run}",
            expected="--data FILE::GROUP with pairs that were held out from training",
            found="no --data",
            repair="give pairs of the distribution of the training data",
        )
    return make_problem(str(name)), sorted(set(grid or [int(resolution)]))


def _is_training_data(card: dict[str, Any], fingerprint: str) -> bool:
    return card.get("data", {}).get("fingerprint") == fingerprint
