"""Three inputs on three domains, two outputs: steady heat in a plate.

    python examples/heat_in_a_plate.py

-k Laplace u = f in the unit square and u = g on its boundary. The source f is known on a grid, the
temperature g on the circle of length 4 that the boundary is, at 24 to 32 places that differ from
sample to sample, and the conductivity k is a number. The answers are the temperature u on the
square and a number, the heat q that enters through the left side, the integral of k du/dx. They
are known in closed form: u is a sum of sines over k, and of harmonic polynomials.
"""

import jax
import numpy as np

import riesz
from riesz.domains import Box, Grid, Point, Points, Torus
from riesz.evaluation import Report
from riesz.functions import Function, Pairs, batch, stack, take
from riesz.operators import Assembled, MIONet

SQUARE, BOUNDARY = Box((0, 0), (1, 1)), Torus(0, 4)
K, L = np.meshgrid(np.arange(1, 4), np.arange(1, 4), indexing="ij")
ENERGIES = np.pi**2 * (K**2 + L**2)


def harmonic(d: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """sum_m d_0m Re z^m + d_1m Im z^m, z = 2 (x - 1/2) + 2 i (y - 1/2)."""
    z = 2 * (x - 0.5) + 2j * (y - 0.5)
    return sum(a * (z**m).real + b * (z**m).imag for m, (a, b) in enumerate(d.T))


def around(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The point of the boundary at length s from the corner (0, 0)."""
    side, t = np.floor(s), s % 1
    x = np.select([side == 0, side == 1, side == 2], [t, 1, 1 - t], 0.0)
    y = np.select([side == 0, side == 1, side == 2], [0.0, t, 1], 1 - t)
    return x, y


def sample(n: int, seed: int, cells: int = 16) -> Pairs:
    """n pairs {f, g, k} -> {u, q}."""
    r = np.random.default_rng(seed)
    grid, number = Grid(SQUARE, cells + 1), Grid(Point())
    x, y = np.moveaxis(np.asarray(grid.coordinates), -1, 0)
    c = r.normal(size=(n, 3, 3)) * 20 / (K**2 + L**2)
    d = r.normal(size=(n, 2, 3)) / [1, 1.5, 2.5]
    k = np.exp(0.5 * r.normal(size=n))
    sines = np.sin(np.pi * K * x[..., None, None]) * np.sin(np.pi * L * y[..., None, None])
    f = np.einsum("nkl,xykl->nxy", c, sines)
    u = np.einsum("nkl,xykl->nxy", c / ENERGIES, sines) / k[:, None, None]
    u = u + np.stack([harmonic(one, x, y) for one in d])
    places = [np.sort(r.uniform(0, 4, count)) for count in r.integers(24, 33, n)]
    g = [
        Function(harmonic(one, *around(s))[:, None], Points(BOUNDARY, s[:, None]))
        for one, s in zip(d, places, strict=True)
    ]
    # of the sines: integral of cos(0) sin(pi l y) over y; of Re z^m, Im z^m: 2 and 0 for m = 1, 2
    heat = (c * np.pi * K / ENERGIES * (1 - (-1.0) ** L) / (np.pi * L)).sum((1, 2))
    q = heat + k * (2 * d[:, 0, 1] - 4 * d[:, 0, 2])
    return Pairs(
        {"f": batch(f[..., None], grid), "g": stack(g), "k": batch(k[:, None], number)},
        {"u": batch(u[..., None], grid), "q": batch(q[:, None], number)},
    )


def main(n: int = 640, steps: int = 5000) -> Report:
    """The report of a MIONet with a band, beside the baselines, on samples of their own."""
    training, held, calibration, test = (sample(m, i) for i, m in enumerate((n, 64, 200, 200)))
    key = jax.random.key(0)
    network = MIONet(training.input_space, training.output_space, key=key)
    operator = Assembled(network, training.parts)
    fitted = riesz.fit(operator, training, validation=held, steps=steps, key=key)
    banded = riesz.calibrate(fitted.model, calibration, level=0.9, key=key)
    report = riesz.evaluate(banded, test, baselines=riesz.baselines(training, key=key))
    print(f"{fitted.seconds:.0f} s\n{report}")
    one = test.parts[0].split(take(test.inputs, 0))
    print(f"heat through the left side of the first plate: {banded(one)['q']}")
    return report


if __name__ == "__main__":
    main()
