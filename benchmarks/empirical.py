"""Times the orders of contraction of the empirical tangent kernel, and measures their memory.

    python benchmarks/empirical.py            # writes docs/tables/empirical.md

One process for each case: a perceptron of three hidden layers of width 256 with one output and
with ten, and a Fourier neural operator on 32 x 32 points.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

from commands import TABLES, footer, load

METHODS = ("structured", "jacobians", "products")
# Number of inputs, as a share of --inputs, and the methods that are timed.
CASES = {
    "mlp 1 output": (1, METHODS),
    "mlp 10 outputs": (4, METHODS),
    "fno": (128, ("structured", "jacobians")),
}


def model_and_inputs(case: str, inputs: int):
    import equinox as eqx
    import jax

    from riesz.domains import Box, Grid, Space
    from riesz.functions import batch
    from riesz.operators import FNO

    key = jax.random.key(0)
    if case == "fno":
        space = Space(Box((0, 0), (1, 1)))
        model = FNO(space, space, modes=6, width=16, layers=2, key=key)
        values = jax.random.normal(key, (inputs, 32, 32, 1))
        return model, batch(values, Grid(space.domain, 32))
    outputs = 10 if "10" in case else 1
    model = eqx.nn.MLP(16, outputs, 256, 3, activation=jax.nn.gelu, key=key)
    return model, jax.random.normal(key, (inputs, 16))


def one(case: str, method: str, inputs: int, runs: int) -> dict[str, float]:
    """Seconds of the first call and the median of later ones, and MiB."""
    import resource

    import jax

    from riesz.kernels import TangentKernel

    model, x = model_and_inputs(case, inputs)
    kernel = TangentKernel(model, method=method)
    jax.block_until_ready(x)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        kernel(x).block_until_ready()
        times.append(time.perf_counter() - start)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"first": times[0], "seconds": statistics.median(times[1:]), "mib": peak}


def measure(inputs: int, runs: int) -> list[str]:
    """The rows of the table."""
    lines = []
    for case, (share, methods) in CASES.items():
        for method in methods:
            n = max(2, inputs // share)
            command = [sys.executable, __file__, "--one", case, method, str(n), str(runs)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            row = json.loads(done.stdout)
            lines.append(
                f"| {case} | {n} | `{method}` | {row['first']:.1f} | {row['seconds']:.3f} | "
                f"{row['mib']:.0f} |"
            )
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=512)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        case, method, inputs, runs = options.one
        print(json.dumps(one(case, method, int(inputs), int(runs))))
        return
    busy = [load()]
    lines = [
        "| model | inputs | method | first call s | later call s | MiB |",
        "|---|---:|---|---:|---:|---:|",
        *measure(options.inputs, options.runs),
    ]
    note = "\n\nMedians of later calls; memory is the peak above that before the first call."
    (TABLES / "empirical.md").write_text("\n".join(lines) + note + footer(busy))


if __name__ == "__main__":
    main()
