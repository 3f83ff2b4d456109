"""Measures interpolation and quadrature on scattered points beside scipy.

python benchmarks/scattered.py                # half an hour; writes docs/tables/scattered.md
"""

import time
from collections.abc import Callable, Iterator

import jax
import numpy as np
from commands import TABLES, hardware, today
from scipy.integrate import simpson
from scipy.interpolate import CubicSpline, RBFInterpolator

from riesz.domains import Box, Points
from riesz.functions import Function

SIZES = (40, 400, 2_000, 20_000)
SEEDS = range(3)
PROBES = 1_000
COMPILED = 2_000  # compiled code looks for neighbours among all pairs of points


def wave(*x):
    return np.sin(3 * x[0] + 1) * np.cos(4 * x[-1])


def clouds(rng: np.random.Generator, n: int, dim: int) -> Iterator[tuple[str, np.ndarray]]:
    yield "random", rng.uniform(size=(n, dim))
    centres = rng.uniform(size=(8, dim))
    spread = centres[rng.integers(8, size=n)] + 0.05 * rng.normal(size=(n, dim))
    yield "clustered", np.abs(1 - np.abs(1 - spread))  # reflected into the domain
    yield "log-spaced", 10 ** rng.uniform(-4, 0, size=(n, dim))
    half = rng.uniform(size=(n // 2, dim))
    twins = half + 1e-6 * rng.uniform(size=half.shape)
    yield "near-duplicate", np.clip(np.concatenate([half, twins]), 0, 1)


def integral(dim: int) -> float:
    x = np.linspace(0, 1, 2001)
    inner = wave(x) if dim == 1 else simpson(wave(x[:, None], x[None]), x=x)
    return float(simpson(inner, x=x))


def scipy_values(cloud: np.ndarray, values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    if cloud.shape[1] > 1:
        return RBFInterpolator(cloud, values, neighbors=30)
    order = np.argsort(cloud[:, 0])
    spline = CubicSpline(cloud[order, 0], values[order])
    return lambda probes: spline(probes[:, 0])


@jax.jit
def compiled(f: Function, points: jax.Array) -> jax.Array:
    return f.discretization.interpolate(f.values, points)


def measure(cloud: np.ndarray, probes: np.ndarray) -> dict[str, float]:
    """Errors with values of order 1; scipy gets the same rounded values, in float64."""
    dim = cloud.shape[1]
    points = Points(Box((0.0,) * dim, (1.0,) * dim), cloud)
    f = Function(wave(*cloud.T)[:, None], points)
    rounded = np.asarray(f.values, float)[:, 0]
    at_nodes = np.asarray(f.at(cloud), float)[:, 0]
    found = np.asarray(compiled(f, points.relative))[:, 0] if len(cloud) <= COMPILED else rounded
    exact = wave(*probes.T)
    ours = np.asarray(f.at(probes), float)[:, 0] - exact
    peer = scipy_values(cloud, rounded)(probes) - exact
    return {
        "nodes": float(np.abs(at_nodes - rounded).max()),
        "compiled": float(np.abs(found - rounded).max()),
        "between": float(np.sqrt(np.mean(ours**2))),
        "scipy": float(np.sqrt(np.mean(peer**2))),
        "integral": abs(float(f.integral()[0]) - integral(dim)),
    }


def row(dim: int, kind: int, n: int) -> str:
    found = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        name, cloud = list(clouds(rng, n, dim))[kind]
        found.append(measure(cloud, rng.uniform(size=(PROBES, dim))))
    worst = {k: max(m[k] for m in found) for k in ("nodes", "compiled")}
    middle = {k: float(np.median([m[k] for m in found])) for k in ("between", "scipy", "integral")}
    ratio = np.median([m["between"] / m["scipy"] for m in found])
    precision = "float64" if jax.config.read("jax_enable_x64") else "float32"
    inside = f"{worst['compiled']:.0e}" if n <= COMPILED else "-"
    return (
        f"| {dim} | {name} | {n} | {precision} | {worst['nodes']:.0e} | {inside} | "
        f"{middle['between']:.1e} | {middle['scipy']:.1e} | {ratio:.2f} | "
        f"{middle['integral']:.1e} |"
    )


def main() -> None:
    lines = [
        "| axes | points | n | type | at nodes | at nodes, compiled | between | scipy | ratio | "
        "integral |",
        "|---:|---|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    start = time.perf_counter()
    for dim in (1, 2, 3):
        for kind in range(4):
            for n in SIZES:
                for double in (False, True):
                    with jax.enable_x64(double):
                        lines.append(row(dim, kind, n))
                    print(lines[-1], f"{time.perf_counter() - start:.0f} s", flush=True)
                jax.clear_caches()
    end = f"\n\n{hardware()}, {today()}.\n"
    (TABLES / "scattered.md").write_text("\n".join(lines) + end)


if __name__ == "__main__":
    main()
