"""`riesz sample`."""

from pathlib import Path
from typing import Annotated

import typer

from riesz.cli._app import AsJson, command, count
from riesz.cli._output import Answer
from riesz.errors import UsageError


@command("sample", "riesz sample burgers --samples 200 --grid 128 --seed 1 -o burgers.h5")
def sample(
    problem: Annotated[
        str,
        typer.Argument(
            metavar="PROBLEM",
            help='Such as darcy or "Darcy(source=2.0)"; riesz problems lists them.',
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE.h5[::GROUP]", help="File to write.")
    ],
    samples: Annotated[int | None, count("Pairs.", min=1)] = None,
    grid: Annotated[int | None, count("Cells along an axis.", min=4)] = None,
    seed: Annotated[int, count("Of the inputs.", min=0, max=2**31 - 1)] = 0,
    as_json: AsJson = False,
) -> Answer:
    """Sample pairs of a problem by its reference solver.

    An interrupted command goes on where it stopped when it is repeated.
    """
    import shlex

    import jax

    from riesz.cli import _defaults as defaults
    from riesz.cli._folder import this_command
    from riesz.cli._guard import Interrupted
    from riesz.cli._source import is_problem, make_problem, unknown_problem
    from riesz.data import FORMATS, Location, PairsFile

    if not is_problem(problem):
        raise unknown_problem(problem, "sample")
    path = Location(output)
    if path.suffix not in (known := FORMATS["HDF5"].suffixes):  # the one that is written in parts
        raise UsageError(
            "samples are written to HDF5 files",
            where=f"riesz sample -o {output}",
            expected=f"a name that ends in {', '.join(known)}",
            found=Path(path.path).name,
            repair=f"write to {Path(path.path).with_suffix('.h5')}",
        )
    family = make_problem(problem)
    count = samples or defaults.SAMPLES[family.input_space.domain.dim]
    cells = grid or defaults.GRID[family.input_space.domain.dim]
    try:
        key, refine = jax.random.key(seed), defaults.refinement(family)
        file = family.sample(count, cells, key=key, path=output, refine=refine, progress=True)
    except KeyboardInterrupt:
        raise Interrupted(this_command()) from None
    assert isinstance(file, PairsFile)
    value = {
        "file": output,
        "problem": problem,
        "pairs": len(file),
        "shape": list(file.input_grid.shape),
        "output_shape": list(file.output_grid.shape),
        "seed": seed,
        "fingerprint": file.fingerprint,
    }
    points = " x ".join(map(str, file.input_grid.shape))
    text = f"{output}: {len(file)} pairs of {problem} on {points} points\n\nNext:\n"
    return Answer(value, f"{text}  riesz train {problem} --data {shlex.quote(output)}")
