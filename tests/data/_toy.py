"""A problem for tests: inputs c_0 + c_1 sin(2 pi x), outputs a^2 / 2 on a coarser grid."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp

from riesz._core import progress
from riesz.domains import Grid, Space, Torus
from riesz.functions import Function
from riesz.problems import AbstractProblem, Solution


class Toy(AbstractProblem):
    order = float("inf")
    scale: float = 1.0
    fails_above: float = eqx.field(static=True, default=1e9)

    @property
    def input_space(self):
        return Space(Torus(0, 1), names=("a",))

    @property
    def output_space(self):
        return Space(Torus(0, 1), names=("u",))

    symmetries = ()

    def grid(self, resolution):
        return Grid(Torus(0, 1), resolution)

    def sample_input(self, grid, *, key):
        c = self.scale * jax.random.normal(key, (2,))
        return Function.from_callable(
            lambda x: c[0] + c[1] * jnp.sin(2 * jnp.pi * x), grid, self.input_space
        )

    def solution(self, a):
        half = Grid(a.domain, a.discretization.shape[0] // 2)
        u = Function(a.values[::2] ** 2 / 2, half, self.output_space)
        high = jnp.max(jnp.abs(a.values)) > self.fails_above
        return Solution(u, ~high, jnp.asarray(1))

    def residual(self, a, u):
        return u


if __name__ == "__main__":  # python _toy.py PATH N BATCH: one line to the pipe for each chunk
    progress._PATIENCE = progress._LINE_SECONDS = 0.0
    path, n, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    Toy().sample(n, 256, key=jax.random.key(5), path=path, batch=batch, progress=True)
