"""`riesz train`."""

from pathlib import Path
from typing import Annotated

import typer

from riesz.cli import _defaults as defaults
from riesz.cli._app import (
    Apart,
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
from riesz.cli._output import Answer

# The time at which this process began, where it runs one command; set by `riesz.cli.main`.
process_start: float | None = None


@command(
    "train",
    "riesz train burgers --samples 1000 --grid 128 --out runs/burgers",
    "riesz train darcy --data darcy.h5::train_16 --nodes left --out runs/darcy --time-budget 180",
    "riesz train sst_monthly.nc --lead 1 --out runs/sst",
    'riesz train "Burgers(viscosity=0.02, time=0.1)" --rollout 4 --out runs/steps',
)
def train(
    source: Annotated[
        str,
        typer.Argument(
            metavar="PROBLEM|FILE",
            help='A problem, such as burgers or "Burgers(time=0.1)", or a data file.',
        ),
    ],
    data: Data = None,
    input: Input = None,
    output: Output = None,
    lead: Lead = None,
    domain: Domain = None,
    channels: Channels = None,
    periodic: Periodic = None,
    nodes: Nodes = None,
    apart: Apart = None,
    samples: Annotated[int | None, count("Pairs to sample.", min=1)] = None,
    grid: Annotated[int | None, count("Cells along an axis to sample on.", min=4)] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="How test pairs are chosen: time (the last ones), group (whole trajectories or "
            "geometries) or random. By default as the file suggests.",
        ),
    ] = None,
    gap: Annotated[
        int | None, count("Pairs left out between the parts of a split by time.", min=0)
    ] = None,
    operator: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help='Such as "FNO(width=64)" or "DeepONet()", see riesz operators. Sizes left out, '
            "and by default the operator, are chosen by the data.",
        ),
    ] = None,
    rollout: Annotated[
        int | None,
        count(
            "Train on the error along K steps of the operator's own, and measure rollouts: for "
            "problems that step in time, and for a series with --lead.",
            min=1,
        ),
    ] = None,
    base: Annotated[
        bool | None,
        typer.Option(
            "--base/--no-base",
            help="Learn what the best baseline leaves, or everything; by default the better one.",
        ),
    ] = None,
    average: Annotated[
        bool,
        typer.Option(
            "--average/--no-average",
            help="Average the operator over the problem's reflections and transpositions, which "
            "lowers its error and takes 2 or more times as long per call.",
        ),
    ] = True,
    steps: Annotated[
        int | None,
        count("Training steps; by the number of pairs without --time-budget.", min=1),
    ] = None,
    time_budget: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Seconds from the start of the command to the end of the fit, compilation "
            "included; sampling by the solver is not counted.",
            min=1,
        ),
    ] = None,
    batch_size: Annotated[int | None, count("Pairs per step.", min=1)] = None,
    learning_rate: Annotated[float | None, typer.Option(metavar="X", help="Its peak.")] = None,
    level: Annotated[float, typer.Option(metavar="X", help="Coverage of the error band.")] = 0.9,
    seed: Annotated[int, count("Of data, split, weights and batches.", min=0)] = 0,
    checkpoint_every: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="Time between checkpoints of the fit.", min=0),
    ] = defaults.CHECKPOINT_SECONDS,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Run folder; runs/PROBLEM when absent.")
    ] = None,
    as_json: AsJson = False,
) -> Answer:
    """Train an operator with an error band.

    Samples or reads pairs, fits, calibrates the band, measures, and saves all of it.

    The run folder gets the model, report.md and plots. The same command in the same folder goes
    on with a run that was interrupted, and only reports one that is finished. With --steps the
    weights are the same, bit for bit, with and without interruptions.
    """
    from riesz.cli._options import Options
    from riesz.cli._training import run_training

    options = Options(
        source=source,
        data=data,
        input=input,
        output=output,
        lead=lead,
        domain=domain,
        channels=channels,
        periodic=periodic,
        nodes=nodes,
        apart=apart,
        samples=samples,
        grid=grid,
        split=split,
        gap=gap,
        operator=operator,
        rollout=rollout,
        base=base,
        average=average,
        steps=steps,
        time_budget=time_budget,
        batch_size=batch_size,
        learning_rate=learning_rate,
        level=level,
        seed=seed,
        checkpoint_every=checkpoint_every,
        out=out,
    )
    return run_training(options, started=process_start)
