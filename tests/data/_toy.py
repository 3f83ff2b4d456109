"""A problem for tests: inputs c_0 + c_1 sin(2 pi x), outputs a^2 / 2 on a coarser grid."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp

from riesz._core import progress
from riesz.domains import Grid, Space, Torus
from riesz.functions import Function
from riesz.problems import AbstractEquation, AbstractProblem, AbstractReferenceSolver, Solution
from riesz.processes import AbstractProcess


class Square(AbstractEquation):
    input_space = Space(Torus(0, 1), names=("a",))
    output_space = Space(Torus(0, 1), names=("u",))


class EveryOther(AbstractReferenceSolver):
    order = float("inf")
    fails_above: float = eqx.field(static=True)

    def discretization(self, equation, resolution):
        return Grid(Torus(0, 1), resolution)

    def solution(self, equation, a):
        half = Grid(a.domain, a.discretization.shape[0] // 2)
        u = Function(a.values[::2] ** 2 / 2, half, equation.output_space)
        high = jnp.max(jnp.abs(a.values)) > self.fails_above
        return Solution(u, ~high, jnp.asarray(1))


class Sines(AbstractProcess):
    scale: float
    exact = pathwise = True

    def draw(self, on, *, key):
        c = self.scale * jax.random.normal(key, (2,))
        return Function.from_callable(lambda x: c[0] + c[1] * jnp.sin(2 * jnp.pi * x), on)

    def sample(self, n, *, on, key):
        raise NotImplementedError

    condition = marginal = sample


class Toy(AbstractProblem):
    equation: AbstractEquation
    inputs: AbstractProcess
    solver: AbstractReferenceSolver

    def __init__(self, scale=1.0, fails_above=1e9):
        self.equation, self.inputs = Square(), Sines(scale)
        self.solver = EveryOther(fails_above)


if __name__ == "__main__":  # python _toy.py PATH N BATCH: one line to the pipe for each chunk
    progress._PATIENCE = progress._LINE_SECONDS = 0.0
    path, n, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    Toy().sample(n, 256, key=jax.random.key(5), path=path, batch=batch, progress=True)
