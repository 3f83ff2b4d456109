"""Pairs from a problem: the same functions at every resolution, and the cost of its solver."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from riesz.domains import AbstractDiscretization
from riesz.errors import SolverError
from riesz.evaluation._report import Speed
from riesz.functions import Function, Pairs, relative_error, take
from riesz.problems import (
    AbstractEquation,
    AbstractProblem,
    AbstractReferenceSolver,
    Solution,
)
from riesz.problems.internal import output_place

REPEATS = 5
_COARSEST = 4
_SAMPLES = 8  # functions on which the solver's own error is measured


class Reference:
    """Samples of a problem, each from its key, solved at the finest resolution."""

    def __init__(self, problem: AbstractProblem, finest: int, keys: Array) -> None:
        self.problem, self.finest, self.keys = problem, finest, keys
        self._solver_errors: dict[tuple[int, AbstractReferenceSolver], float] = {}

    def inputs(self, resolution: int, keys: Array) -> Function:
        """The inputs of these keys at a resolution."""
        on, finest = (self.problem.discretization(r) for r in (resolution, self.finest))
        return _inputs(self.problem, on, finest, keys)

    def target(self, keys: Array, first: int) -> Function:
        """The solutions of these keys at the finest resolution; `first` is the first's number."""
        solution = _solve(
            self.problem.solver, self.problem.equation, self.inputs(self.finest, keys)
        )
        failed = np.flatnonzero(~np.asarray(solution.converged))
        if len(failed):
            raise SolverError(
                "the reference solver did not converge for a sample of the test set",
                where=f"riesz.evaluate: {type(self.problem).__name__}, sample {first + failed[0]}",
                expected="convergence at the finest resolution",
                found=f"{len(failed)} failures at resolution {self.finest}",
                repair="give a finer resolution, or another key",
            )
        return solution.function

    def output_place(self, resolution: int) -> AbstractDiscretization:
        """Where the solver's outputs lie at a resolution."""
        return output_place(self.problem, self.problem.discretization(resolution), self.keys[0])

    def chunks(self, resolutions: Sequence[int], size: int) -> Iterator[tuple[list[Pairs], int]]:
        """The samples, `size` at a time, at each resolution; and how many of them count."""
        count = len(self.keys)
        size = min(size, count)
        for start in range(0, count, size):
            index = np.minimum(np.arange(start, start + size), count - 1)  # full chunks only
            keys = self.keys[index]
            target = self.target(keys, start)
            found = [
                Pairs(self.inputs(r, keys), _resample(target, self.output_place(r)))
                for r in resolutions
            ]
            yield found, min(size, count - start)

    def speed(self, error: float, operator: Callable[[], Any]) -> tuple[float, Speed]:
        """Seconds of one operator call, and the solver at the operator's accuracy."""
        resolution, solver = self.cheapest(error)
        equation, a = self.problem.equation, take(self.inputs(resolution, self.keys[:1]), 0)
        ours, theirs = interleaved([operator, lambda: _solve_one(solver, equation, a)])
        found = self.solver_error(resolution, solver)
        return ours, Speed(theirs / ours, resolution, repr(solver), found, theirs)

    def cheapest(self, error: float) -> tuple[int, AbstractReferenceSolver]:
        """The coarsest resolution and the least work there of a solver as accurate as this."""
        resolution, solver = self.finest, self.problem.solver
        for coarser in _ladder(self.finest):
            if self.solver_error(coarser, solver) > error:
                break
            resolution = coarser
        on = self.problem.discretization(resolution)
        while True:
            options = solver.cheaper(self.problem.equation, on)
            good = (s for s in options if self.solver_error(resolution, s) <= error)
            better = next(good, None)
            if better is None:
                return resolution, solver
            solver = better

    def solver_error(self, resolution: int, solver: AbstractReferenceSolver) -> float:
        """Mean relative L2 error of a solver against the problem's at the finest resolution."""
        if (resolution, solver) == (self.finest, self.problem.solver):
            return 0.0
        if (resolution, solver) not in self._solver_errors:
            keys = self.keys[:_SAMPLES]
            found = _solve(solver, self.problem.equation, self.inputs(resolution, keys))
            errors = np.asarray(_relative_errors(found.function, self.target(keys, 0)))
            mean = float(np.mean(errors)) if np.isfinite(errors).all() else float("inf")
            self._solver_errors[resolution, solver] = mean
        return self._solver_errors[resolution, solver]


def _ladder(finest: int) -> list[int]:
    """7/8, 3/4, 5/8, 1/2, 7/16, ... of a resolution, as far as these are whole."""
    found, size = [], finest
    while size % 2 == 0 and size // 2 >= _COARSEST:
        found += [size * eighths // 8 for eighths in (7, 6, 5, 4) if size * eighths % 8 == 0]
        size //= 2
    return found


def sample_at(
    problem: AbstractProblem, resolutions: Sequence[int], n: int, *, key: PRNGKeyArray
) -> tuple[Pairs, ...]:
    """The same n functions at several resolutions, with the solutions at the finest of them."""
    reference = Reference(problem, max(resolutions), sample_keys(key, n))
    parts = []
    for found, count in reference.chunks(resolutions, 32):
        parts.append(jax.device_get([pairs[:count] for pairs in found]))
    return tuple(
        jax.tree.map(lambda *leaves: np.concatenate(leaves), *column)
        for column in zip(*parts, strict=True)
    )


def sample_keys(key: PRNGKeyArray, n: int) -> Array:
    """The keys of the samples of `problem.sample(n, key=key)`."""
    return jax.vmap(jax.random.fold_in, (None, 0))(key, np.arange(n, dtype=np.uint32))


def interleaved(calls: Sequence[Callable[[], Any]]) -> list[float]:
    """The median seconds of each call, run in turns after a first run that compiles."""
    for call in calls:
        jax.block_until_ready(call())
    times = np.zeros((REPEATS, len(calls)))
    for turn in range(REPEATS):
        for i, call in enumerate(calls):
            start = time.perf_counter()
            jax.block_until_ready(call())
            times[turn, i] = time.perf_counter() - start
    return np.median(times, axis=0).tolist()


@eqx.filter_jit
def _inputs(
    problem: AbstractProblem,
    on: AbstractDiscretization,
    finest: AbstractDiscretization,
    keys: Array,
) -> Function:
    return jax.vmap(lambda key: problem.sample_input(on, key=key, finest=finest))(keys)


@eqx.filter_jit
def _solve(
    solver: AbstractReferenceSolver, equation: AbstractEquation, inputs: Function
) -> Solution:
    return jax.vmap(lambda a: solver.solution(equation, a))(inputs)


@eqx.filter_jit
def _solve_one(
    solver: AbstractReferenceSolver, equation: AbstractEquation, a: Function
) -> Solution:
    return solver.solution(equation, a)


@eqx.filter_jit
def _resample(functions: Function, on: AbstractDiscretization) -> Function:
    return jax.vmap(lambda f: f.resample(on))(functions)


@eqx.filter_jit
def _relative_errors(coarse: Function, target: Function) -> Array:
    def one(c: Function, u: Function) -> Array:
        return relative_error(c.resample(u.discretization), u)

    return jax.vmap(one)(coarse, target)
