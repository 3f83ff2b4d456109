"""The whole of riesz in minutes: `make demo`.

Samples two-phase flow, water that displaces oil in a rock, with the library's own solver; trains a
Fourier neural operator from the rock to the water; calibrates its error band; measures it at the
training resolution, twice and four times that, and against the solver at equal accuracy; and
leaves the model, report.md and figures in a run folder.
"""

import json
import sys
import time
from pathlib import Path

import typer

from riesz._core.progress import say
from riesz.cli._guard import guarded
from riesz.cli._options import Options
from riesz.cli._output import Answer
from riesz.cli._training import run_training

SAMPLES, GRID, SECONDS = 256, 24, 110
OPERATOR = "FNO(modes=8, width=16, layers=3)"  # a small one, since it is to be fast


def free_folder(base: Path) -> Path:
    """The first of demo, demo-2, ... without a finished demo in it."""
    for number in range(1, 1000):
        folder = base if number == 1 else base.with_name(f"{base.name}-{number}")
        record = folder / "run.json"
        if not record.exists() or json.loads(record.read_text())["state"] != "finished":
            return folder
    raise SystemExit(f"error: too many demos in {base.parent}; delete some")


def demo(samples: int = SAMPLES, grid: int = GRID, seconds: float = SECONDS) -> Answer:
    started = time.monotonic()
    out = free_folder(Path("runs") / "demo")
    say(f"1. Sample {samples} pairs of two-phase flow: a rock, and the water injected into it.")
    say(f"2. Train a Fourier neural operator for {seconds:.0f} s.")
    say("3. Calibrate a band that holds the whole saturation with probability 90%.")
    say(f"4. Measure both on new rocks, at {grid}, {2 * grid} and {4 * grid} cells.\n")
    options = Options(
        "two-phase",
        samples=samples,
        grid=grid,
        operator=OPERATOR,
        base=False,
        average=False,
        time_budget=seconds,
        out=out,
    )
    answer = run_training(options)
    say(f"\nDone in {time.monotonic() - started:.0f} s. Open {out / 'report.md'}\n")
    return answer


if __name__ == "__main__":
    try:
        guarded(demo)(*(int(x) for x in sys.argv[1:]))
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
