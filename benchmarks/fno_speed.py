"""Times Riesz's FNO beside neuraloperator's: train step, forward pass, peak memory.

    make bench          # or: python benchmarks/fno_speed.py [--runs 15] [--record]

One process a side, asked in turn for one train step or one forward pass, so that whatever else
the machine does falls on both. Work: 2-D FNO, width 32, 12 modes an axis, 4 layers, 64 x 64 points,
batch 16, float32; relative L2 loss, AdamW. `--record` writes benchmarks/results/fno_speed.json and
docs/tables/speed.md.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from commands import hardware, today

HERE = Path(__file__).resolve().parent
WORK = {"step": "train step", "forward": "forward pass"}
BATCH, POINTS, WIDTH, MODES, LAYERS = 16, 64, 32, 12, 4
EXPANSION = 0.5  # of the pointwise network in a block: neuraloperator's default


def riesz_work() -> dict[str, Callable[[], None]]:
    """The two pieces of work, by Riesz."""
    import jax
    import numpy as np
    import optax

    from riesz import RelativeLoss
    from riesz.domains import Box, Grid, Space
    from riesz.functions import Pairs, batch
    from riesz.learning._step import adamw, make_trainer
    from riesz.objectives import Supervised
    from riesz.operators import FNO, Affine, apply

    space = Space(Box((0, 0), (1, 1)))
    grid = Grid(space.domain, POINTS)
    sizes = {"modes": MODES, "width": WIDTH, "layers": LAYERS, "expansion": EXPANSION}
    network = FNO(space, space, **sizes, key=jax.random.key(0))
    values = np.random.default_rng(0).standard_normal((2, BATCH, POINTS, POINTS, 1), np.float32)
    pairs = Pairs(batch(values[0], grid), batch(values[1], grid))
    optimiser: optax.GradientTransformation = adamw(1e-4)
    after = Affine.of([pairs.outputs])
    objective = Supervised(RelativeLoss(), after=after, same=True)
    trainer = make_trainer(network, objective, optimiser, 1e-3)
    state = trainer.initial
    state = jax.tree.map(jax.numpy.copy, state)  # the step gives its argument's memory away
    key = jax.random.key(1)

    def step() -> None:
        nonlocal state
        state, loss = trainer.step(state, pairs, key, np.float32(0.5))
        jax.block_until_ready(loss)

    def forward() -> None:
        apply(network, pairs.inputs).values.block_until_ready()

    return {"step": step, "forward": forward}


def peer_work() -> dict[str, Callable[[], None]]:
    """The two pieces of work, by neuraloperator with its defaults."""
    import torch
    from neuralop.models import FNO

    torch.manual_seed(0)
    model = FNO(
        n_modes=(2 * MODES, 2 * MODES),
        hidden_channels=WIDTH,
        in_channels=1,
        out_channels=1,
        n_layers=LAYERS,
    )
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    x, y = torch.randn(2, BATCH, 1, POINTS, POINTS)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        error = (model(x) - y).flatten(1).norm(dim=1) / y.flatten(1).norm(dim=1)
        error.mean().backward()
        optimiser.step()

    @torch.inference_mode()
    def forward() -> None:
        model(x)

    return {"step": step, "forward": forward}


SIDES = {"riesz": riesz_work, "neuraloperator": peer_work}


def serve(side: str) -> None:
    """Answer each line on standard input with a time in ms, `memory` with MiB."""
    import resource

    work = SIDES[side]()
    for piece in work.values():
        for _ in range(3):
            piece()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
            continue
        start = time.perf_counter()
        work[line.strip()]()
        print(1e3 * (time.perf_counter() - start), flush=True)


class Side:
    """A process that does one side's work when asked."""

    def __init__(self, name: str):
        command = [sys.executable, __file__, "--serve", name]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        while self._read().strip() != "ready":
            if self.process.poll() is not None:
                sys.exit(f"the {name} side did not start; run `make bench`, which installs both")

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def ask(self, what: str) -> float:
        """The answer to one request."""
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return float(self._read())


def measure(runs: int) -> dict:
    """Medians of interleaved runs and the medians of the pairwise ratios."""
    sides = {name: Side(name) for name in SIDES}
    times: dict[str, dict[str, list[float]]] = {w: {s: [] for s in sides} for w in WORK}
    for number in range(runs):
        for what in WORK:
            for name in list(sides)[:: 1 if number % 2 else -1]:
                times[what][name].append(sides[name].ask(what))
    rows = {}
    for what, of in times.items():
        pairs = zip(of["riesz"], of["neuraloperator"], strict=True)
        ratio = median(ours / theirs for ours, theirs in pairs)
        rows[what] = {**{name: median(t) for name, t in of.items()}, "ratio": ratio}
    memory = {name: side.ask("memory") for name, side in sides.items()}
    for side in sides.values():
        side.process.kill()
    return {"ms": rows, "peak_memory_mib": memory}


def table(result: dict) -> str:
    """The result in Markdown."""
    lines = ["| work | riesz ms | neuraloperator ms | ratio |", "|---|---|---|---|"]
    for what, row in result["ms"].items():
        ours, theirs = row["riesz"], row["neuraloperator"]
        lines.append(f"| {WORK[what]} | {ours:.0f} | {theirs:.0f} | {row['ratio']:.2f} |")
    ours, theirs = result["peak_memory_mib"].values()
    lines.append(f"| peak memory, MiB | {ours:.0f} | {theirs:.0f} | {ours / theirs:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and with `--record` keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--serve", choices=list(SIDES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve)
    result = measure(options.runs)
    result |= {
        "runs": options.runs,
        "date": today(),
        "hardware": hardware(),
    }
    print(table(result))
    if options.record:
        (HERE / "results").mkdir(exist_ok=True)
        (HERE / "results" / "fno_speed.json").write_text(json.dumps(result, indent=1) + "\n")
        note = f"\n\nMedians of {result['runs']} interleaved runs, {result['hardware']}, "
        note += f"{result['date']}.\n"
        docs = HERE.parent / "docs" / "tables"
        docs.mkdir(parents=True, exist_ok=True)
        (docs / "speed.md").write_text(table(result) + note)


if __name__ == "__main__":
    main()
