"""Measure the orders of interpolation, derivatives and quadrature; write docs/tables/accuracy.md.

python benchmarks/accuracy.py
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from commands import hardware, today

from riesz.domains import Box, Grid, Interval, Points, Torus
from riesz.functions import Function

OUT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "tables" / "accuracy.md"
SPECTRAL = ("chebyshev", "uniform")


def periodic(x):
    return jnp.exp(jnp.sin(2 * jnp.pi * x))


def plain(x):
    return jnp.exp(x) * jnp.cos(5 * x)


# each with its integral over [0, 1]: I_0(1), and a sum of elementary functions
INTEGRALS = {
    periodic: 1.2660658777520084,
    plain: (np.e * (np.cos(5) + 5 * np.sin(5)) - 1) / 26,
}


def errors(grid):
    """Largest errors of value, first and second derivative; error of the integral."""
    f = periodic if grid.nodes == ("uniform",) else plain
    u = Function.from_callable(f, grid)
    fine = jnp.linspace(0, 1, 2001)
    x = grid.coordinates[:, 0]
    first, second = jax.vmap(jax.grad(f)), jax.vmap(jax.grad(jax.grad(f)))
    return [
        float(e)
        for e in (
            abs(u.at(fine[:, None])[:, 0] - f(fine)).max(),
            abs(u.derivative().values[:, 0] - first(x)).max(),
            abs(u.derivative(0, 2).values[:, 0] - second(x)).max(),
            abs(u.integral()[0] - INTEGRALS[f]),
        )
    ]


def points_errors(count):
    """The same on scattered points of the square, value and integral only."""
    side = round(count**0.5)
    cell = np.stack(np.meshgrid(*[np.arange(side)] * 2, indexing="ij"), -1).reshape(-1, 2)
    jitter = np.random.default_rng(0).uniform(0.2, 0.8, cell.shape)
    square = Box((0.0, 0.0), (1.0, 1.0))
    u = Function.from_callable(
        lambda x, y: jnp.sin(3 * x) * jnp.cos(2 * y), Points(square, (cell + jitter) / side)
    )
    x = np.random.default_rng(1).uniform(size=(1000, 2))
    exact = np.sin(3 * x[:, 0]) * np.cos(2 * x[:, 1])
    integral = (1 - np.cos(3)) / 3 * np.sin(2) / 2
    return [abs(u.at(x)[:, 0] - exact).max(), abs(u.integral()[0] - integral)]


def main():
    lines = [
        "Largest errors on [0, 1] in float64, for exp(sin 2 pi x) on uniform nodes of the circle",
        "and exp(x) cos(5 x) on the others, at 64 cells; in brackets",
        "the order fitted to 64, 128 and 256 cells.",
        "",
        "| nodes | value, up to the ends | first derivative | second derivative | integral |",
        "|---|---|---|---|---|",
    ]
    for nodes in ("uniform", "chebyshev", "vertex", "centre", "left", "right"):
        domain = Torus(0.0, 1.0) if nodes == "uniform" else Interval(0.0, 1.0)
        sizes = [64] if nodes in SPECTRAL else [64, 128, 256]
        table = np.asarray([errors(Grid(domain, n + (nodes == "vertex"), nodes)) for n in sizes])
        if nodes in SPECTRAL:
            cells = [f"{e:.0e} (spectral)" for e in table[0]]
        else:
            orders = -np.polyfit(np.log(sizes), np.log(table), 1)[0]
            cells = [f"{e:.0e} ({p:.1f})" for e, p in zip(table[0], orders, strict=True)]
        lines.append(f"| {nodes} | {' | '.join(cells)} |")
    counts = [256, 1024]
    table = np.asarray([points_errors(n) for n in counts])
    orders = np.log(table[0] / table[1]) / np.log(2)
    cells = [f"{e:.0e} ({p:.1f})" for e, p in zip(table[0], orders, strict=True)]
    lines += [
        "",
        "Scattered points: f(x, y) = sin(3x) cos(2y) at 256 jittered points of the unit square,",
        "orders in the spacing from 256 to 1024 points.",
        "",
        "| value, up to the ends | integral, estimated weights |",
        "|---|---|",
        f"| {cells[0]} | {cells[1]} |",
        "",
        f"{hardware()}, {today()}.",
    ]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("\n".join(lines) + "\n")
    print(OUT.read_text())


if __name__ == "__main__":
    with jax.enable_x64(True):
        main()
