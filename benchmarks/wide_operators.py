"""Compare operators of infinite width with trained ones; write docs/tables/wide_operators.md.

python benchmarks/wide_operators.py
"""

import pathlib
import time
from functools import partial

import jax
import jax.numpy as jnp

import riesz
from riesz.functions import relative_error
from riesz.networks import DeepONet, Dense, Gelu, Relu, SpectralConv, SpectralOperator, Sum
from riesz.objectives import Supervised
from riesz.problems import Antiderivative, Burgers
from riesz.processes import OperatorProcess

OUT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "tables" / "wide_operators.md"
PAIRS, TESTS, CELLS, SECONDS = 150, 100, 64, 60.0
SCALES = (0.5, 1.0, 1.5, 2.0)  # of weights, chosen by evidence on the training pairs


def deeponet(scale, width=128):
    layers = (
        Dense(width, scale, 0.3) >> Relu() >> Dense(width, scale, 0.3) >> Relu() >> Dense(width)
    )
    return DeepONet(layers, layers, sensors=32)


def spectral(scale, width=32):
    layer = Sum(SpectralConv(width, (12,), scale, 0.1), Dense(width, scale))
    return SpectralOperator(
        Dense(width) >> layer >> Gelu() >> layer >> Gelu() >> Dense(1), nodes=32
    )


# A problem, a description by the scale of its weights, where outputs are observed, and an operator
# of riesz.operators of ordinary size.
TASKS = {
    "antiderivative": (
        Antiderivative(),
        deeponet,
        16,
        partial(riesz.operators.DeepONet, sensors=32, width=64, basis=32),
    ),
    "Burgers": (
        Burgers(),
        spectral,
        32,
        partial(riesz.operators.FNO, modes=12, width=24, layers=3, coordinates=False),
    ),
}


def error(operator, pairs):
    """The mean relative L2 error over the pairs."""
    predict = jax.jit(jax.vmap(lambda a, u: relative_error(operator(a, u.discretization), u)))
    inputs, outputs = jax.tree.map(jnp.asarray, (pairs.inputs, pairs.outputs))
    return float(predict(inputs, outputs).mean())


def conditioned(description, problem, pairs, points, tangent):
    """The posterior of the scale of largest evidence, and the seconds for all scales."""
    start = time.perf_counter()
    posteriors = {
        scale: OperatorProcess(description(scale), problem.output_space, tangent).condition(
            pairs, noise=1e-3, on=problem.discretization(points)
        )
        for scale in SCALES
    }
    best = max(posteriors, key=lambda s: posteriors[s].log_evidence)
    return posteriors[best], best, time.perf_counter() - start


def trained(operator, pairs):
    """The operator fitted for SECONDS, compilation included."""
    start = time.perf_counter()
    fitted = riesz.fit(
        operator,
        pairs,
        Supervised(riesz.RelativeLoss()),
        key=jax.random.key(2),
        time_budget=SECONDS,
        learning_rate=1e-2,
        weight_decay=1e-4,
        progress=False,
    )
    return fitted.model, time.perf_counter() - start


def rows(name):
    problem, description, points, plain = TASKS[name]
    with jax.enable_x64(True):
        pairs = problem.sample(PAIRS, grid=CELLS, key=jax.random.key(0))
        tests = problem.sample(TESTS, grid=CELLS, key=jax.random.key(1))
        for tangent in (False, True):
            posterior, scale, seconds = conditioned(description, problem, pairs, points, tangent)
            kind = "tangent kernel" if tangent else "covariance"
            yield f"infinite, {kind}, w_std = {scale}", error(posterior, tests), seconds
    spaces = (problem.input_space, problem.output_space)
    single = [
        problem.sample(n, grid=CELLS, key=jax.random.key(k)) for k, n in enumerate((PAIRS, TESTS))
    ]
    finite = description(1.0).init(*spaces, key=jax.random.key(3))
    for label, operator in (
        ("finite, the same description", finite),
        (f"riesz.operators.{plain.func.__name__}", plain(*spaces, key=jax.random.key(3))),
    ):
        fitted, seconds = trained(operator, single[0])
        yield f"{label}, trained", error(fitted, single[1]), seconds


def main():
    lines = [
        f"Mean relative L2 error on {TESTS} test functions after {PAIRS} pairs on {CELLS} cells.",
        f"Infinite operators solve a linear system for each of {len(SCALES)} scales of the weights",
        "and keep the one of largest evidence, in float64; trained ones have "
        f"{SECONDS:.0f} s, in float32.",
        "",
        "| task | operator | error | seconds |",
        "|---|---|---:|---:|",
    ]
    for name in TASKS:
        for label, value, seconds in rows(name):
            lines.append(f"| {name} | {label} | {value:.2%} | {seconds:.0f} |")
            print(lines[-1], flush=True)
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
