"""`riesz compare`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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

if TYPE_CHECKING:
    from riesz.cli._folder import RunFolder
    from riesz.cli._options import Options
    from riesz.cli._source import Source
    from riesz.learning import Comparison, Split

TABLE, PLOT = "comparison.json", "comparison.png"


@command(
    "compare",
    'riesz compare burgers --operators "FNO()" --operators "GalerkinTransformer()" --budget 60',
    "riesz compare darcy.h5::train_16 --nodes left --operators \"FNO(form='tucker', rank=0.1)\" "
    '--operators "Transolver()" --budget 120 --out runs/choice',
)
def compare(
    source: Annotated[
        str, typer.Argument(metavar="PROBLEM|FILE", help="A problem, or a data file with pairs.")
    ],
    operators: Annotated[
        list[str],
        typer.Option(
            metavar="TEXT",
            help='An operator, such as "FNO(modes=16)", see riesz operators; to be repeated. '
            "Sizes left out are chosen by the data.",
        ),
    ],
    budget: Annotated[
        float, typer.Option(metavar="SECONDS", help="Of each training, with compilation.", min=1)
    ] = 60.0,
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
        typer.Option(metavar="KIND", help="How test pairs are chosen: time, group or random."),
    ] = None,
    seed: Annotated[int, count("Of data, split, weights and batches.", min=0)] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Run folder; runs/compare-PROBLEM.")
    ] = None,
    as_json: AsJson = False,
) -> Answer:
    """Train several operators for the same time, and measure them on the same samples.

    The table has errors with intervals, ranks with ties, sizes, times and memory, and the
    baselines; a model that fails is a row that says why. The same command in the same folder
    goes on with a comparison that was interrupted.
    """
    from riesz.cli._options import Options, stem_of

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
        seed=seed,
        out=out or Path("runs") / f"compare-{stem_of(source)}",
    )
    return _run(options, operators, budget)


def _run(options: "Options", operators: list[str], budget: float) -> Answer:
    from riesz._core.progress import say
    from riesz.cli._folder import RunFolder
    from riesz.cli._source import find_source
    from riesz.cli._training import choose_split

    source = find_source(
        options.source, options.data, options.reading, options.samples, options.grid
    )
    if source.file is not None:
        for line in source.file.understood():
            say(line)
    split = choose_split(options, source)
    settings = {
        "problem": source.name,
        "data": source.settings(),
        "split": {"by": split.by, "gap": split.gap},
        "operators": operators,
        "budget": budget,
        "seed": options.seed,
    }
    folder = RunFolder(options.folder, settings)
    folder.run(lambda: _work(options, operators, budget, source, split, folder))
    record = json.loads((folder.path / TABLE).read_text())
    files = f"{folder.path}/: {TABLE}, {PLOT}"
    return Answer({"out": str(folder.path), **record}, f"{record['text']}\n\n{files}")


def _work(
    options: "Options",
    operators: list[str],
    budget: float,
    source: "Source",
    split: "Split",
    folder: "RunFolder",
) -> None:
    import jax

    from riesz import compare as compare_operators
    from riesz.cli._training import make_key, resolutions_of

    pairs, _ = source.pairs(folder.path / "data.h5", jax.random.key(options.seed))
    training, validation, _, test = split.take(pairs)
    fresh: dict[str, Any] = {}
    if source.problem is not None and source.resolution is not None:
        test, fresh = source.problem, {"resolutions": resolutions_of(source)}
    found = compare_operators(
        operators,
        training,
        test,
        budget=budget,
        key=make_key(options.seed, 8),
        validation=validation,
        groups=split.groups,
        symmetries=source.problem.symmetries if source.problem is not None else (),
        folder=folder.path,
        show=True,
        **fresh,
    )
    _write(found, folder.path)


def _write(found: "Comparison", folder: Path) -> None:
    from matplotlib.figure import Figure

    from riesz._core.files import write_atomically

    figure = Figure(figsize=(7, 4.6), layout="constrained")
    found.plot(figure.subplots())
    figure.savefig(folder / PLOT, dpi=120)
    record = {**found.to_json(), "text": str(found)}
    write_atomically(folder / TABLE, json.dumps(record, indent=1).encode())
