"""Measures Gaussian process regression in two dimensions: seconds, memory, error.

    python benchmarks/gaussian_process.py            # writes docs/tables/gaussian_process.md

Noisy values of a smooth function at random points of the unit square condition a process, whose
mean and standard deviation are then asked for at 2000 other points. Every row is a process of its
own, so that its peak memory is its own. Errors are against the true function; a standard deviation
is right when the error divided by it has root mean square near 1.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
from commands import TABLES, footer, load

NOISE, LENGTH, POINTS = 0.1, 0.2, 2000
ROWS = [
    ("Cholesky()", 2_000, "float32"),
    ("Cholesky()", 2_000, "float64"),
    ("ConjugateGradients()", 2_000, "float64"),
    ("InducingPoints(500 of them)", 2_000, "float64"),
    ("Cholesky()", 20_000, "float32"),
    ("Cholesky()", 20_000, "float64"),
    ("ConjugateGradients()", 20_000, "float32"),
    ("InducingPoints(500 of them)", 20_000, "float32"),
]


def truth(x: np.ndarray) -> np.ndarray:
    """The function, one column."""
    return np.sin(6 * x[:, :1]) * np.cos(5 * x[:, 1:]) + x[:, :1]


def measure(solver: str, count: int, dtype: str) -> dict[str, float]:
    """One row, in this process."""
    import jax

    jax.config.update("jax_enable_x64", dtype == "float64")
    from riesz.kernels import SquaredExponential
    from riesz.processes import (
        Cholesky,
        ConjugateGradients,
        GaussianProcess,
        InducingPoints,
        Values,
    )

    rng = np.random.default_rng(0)
    points = rng.uniform(size=(POINTS, 2)).astype(dtype)
    x = rng.uniform(size=(count, 2)).astype(dtype)
    y = (truth(x) + NOISE * rng.standard_normal((count, 1))).astype(dtype)
    solvers = {
        "Cholesky": Cholesky,
        "ConjugateGradients": ConjugateGradients,
        "InducingPoints": lambda: InducingPoints(x[:500]),
    }
    start, cpu = time.perf_counter(), time.process_time()
    prior = GaussianProcess(SquaredExponential(LENGTH))
    posterior = prior.condition(Values(x, y, NOISE), solvers[solver.partition("(")[0]]())
    middle = time.perf_counter()
    law = posterior.marginal(on=points)
    mean, deviation = np.asarray(law.mean), np.asarray(law.standard_deviation)
    end = time.perf_counter()
    error = mean - truth(points)
    return {
        "condition": middle - start,
        "predict": end - middle,
        "cpu": time.process_time() - cpu,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "error": float(np.sqrt(np.mean(error**2))),
        "deviation": float(deviation.mean()),
        "ratio": float(np.sqrt(np.mean((error / deviation) ** 2))),
    }


def main() -> None:
    """Measure every row in a process of its own, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--row", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row is not None:
        return print(json.dumps(measure(*ROWS[options.row])))
    loads, lines = [], []
    for number, (solver, count, dtype) in enumerate(ROWS):
        loads.append(load())
        command = [sys.executable, __file__, "--row", str(number)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        row = json.loads(done.stdout)
        lines.append(
            f"| `{solver}` | {count} | {dtype} | {row['condition']:.1f} | {row['predict']:.1f} | "
            f"{row['cpu']:.0f} | {row['memory']:.2f} | {row['error']:.5f} | "
            f"{row['deviation']:.5f} | {row['ratio']:.2f} |"
        )
        print(lines[-1], flush=True)
    head = "| solver | observations | type | condition s | predict s | CPU s | peak GiB | "
    head += "rms error | mean deviation | error / deviation |\n" + "|---" * 10 + "|\n"
    note = f"\n\nPredictions are means and standard deviations at {POINTS} points, noise {NOISE}, "
    note += f"squared exponential kernel of length {LENGTH}. Seconds and CPU seconds include "
    note += "compilation; CPU seconds are of all cores."
    (TABLES / "gaussian_process.md").write_text(head + "\n".join(lines) + note + footer(loads))


if __name__ == "__main__":
    main()
