"""Draws from a problem: inputs of its law, with the reference solver's outputs."""

import hashlib
import re
from collections.abc import Callable, Iterator
from math import prod
from os import PathLike
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, UInt32

from riesz._core.progress import Progress
from riesz._core.waiting import Watch
from riesz.data import Location, PairsFile, PairsWriter, open_pairs
from riesz.domains import Grid
from riesz.errors import DataError, SolverError
from riesz.functions import Function, Pairs
from riesz.problems._problem import AbstractProblem, Solution

_CHUNK_FLOATS = 2**22  # values of the inputs of one compiled batch
_LARGEST_BATCH = 64


def sample(
    problem: AbstractProblem,
    n: int,
    grid: int | Grid,
    *,
    key: PRNGKeyArray,
    path: str | PathLike[str] | None = None,
    refine: int = 1,
    batch: int | None = None,
    progress: bool = False,
) -> Pairs | PairsFile:
    """`n` pairs of a problem; see `AbstractProblem.sample`."""
    grid = problem.grid(int(grid)) if isinstance(grid, int | np.integer) else grid
    if min(n, refine, 1 if batch is None else batch) < 1:
        raise DataError(
            "a sample needs at least one pair, one pair a batch, and a grid refined at least once",
            where=f"{_name(problem)}.sample",
            found=f"n={n}, batch={batch}, refine={refine}",
        )
    fits = _CHUNK_FLOATS // prod(grid.refine(refine).shape)
    batch = min(n, batch or max(1, min(_LARGEST_BATCH, fits)))
    title = f"sampling {_name(problem)}"
    if path is None:
        with Progress(progress, title, n, "pairs") as shown:
            parts = list(_batches(problem, n, grid, refine, key, batch, 0, shown.update))
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    a, solution = eqx.filter_eval_shape(_solve, problem, grid, refine, key)
    seed, kind = _seed(key)
    with PairsWriter(
        Location(path).path,
        Location(path).group,
        problem.input_space,
        problem.output_space,
        a.discretization,
        solution.function.discretization,
        n,
        problem=_name(problem),
        seed=seed,
        details={"fields": recorded_fields(problem), "key": kind, "refine": refine},
    ) as writer:
        if not writer.done:
            with Progress(progress, title, n, "pairs", writer.complete) as shown:
                done = writer.complete
                start = done // batch * batch  # the same batches as without interruption
                for pairs in _batches(problem, n, grid, refine, key, batch, start, shown.update):
                    writer.append(pairs[max(0, done - start) :])
                    start += len(pairs)
    return open_pairs(path)


def pair_of_zeros(problem: AbstractProblem, resolution: int) -> Pairs:
    """One pair of zero functions where samples at this resolution lie; nothing is solved."""
    key = jax.random.key(0)
    a, solution = eqx.filter_eval_shape(_solve, problem, problem.grid(resolution), 1, key)
    zeros = lambda x: np.zeros((1, *x.shape), x.dtype)  # noqa: E731
    return Pairs(jax.tree.map(zeros, a), jax.tree.map(zeros, solution.function))


def _batches(
    problem: AbstractProblem,
    n: int,
    grid: Grid,
    refine: int,
    key: PRNGKeyArray,
    batch: int,
    start: int,
    report: Callable[[int], None],
) -> Iterator[Pairs]:
    wait = Watch("the reference solver")
    for first in range(start, n, batch):
        # Samples past n are solved and dropped, so that every batch is the same program.
        samples = jnp.arange(first, first + batch, dtype=jnp.uint32)
        a, solution = jax.device_get(wait(_solve_batch(problem, grid, refine, key, samples)))
        pairs = Pairs(a, solution.function)[: n - first]
        _require_solved(problem, grid, pairs, solution.converged[: n - first], first)
        report(min(first + batch, n))
        yield pairs


@eqx.filter_jit
def _solve_batch(
    problem: AbstractProblem,
    grid: Grid,
    refine: int,
    key: PRNGKeyArray,
    samples: UInt32[Array, " b"],
):
    def one(i):
        return _solve(problem, grid, refine, jax.random.fold_in(key, i))

    return jax.vmap(one)(samples)


def _solve(
    problem: AbstractProblem, grid: Grid, refine: int, key: PRNGKeyArray
) -> tuple[Function, Solution]:
    a = problem.sample_input(grid, key=key)
    if refine == 1:
        return a, problem.solution(a)
    fine = problem.solution(problem.sample_input(grid.refine(refine), key=key))
    on = eqx.filter_eval_shape(problem.solution, a).function.discretization
    u = fine.function.resample(on)
    return a, Solution(u, fine.converged, fine.iterations)


def _require_solved(
    problem: AbstractProblem, grid: Grid, pairs: Pairs, converged: np.ndarray, first: int
) -> None:
    count = len(pairs)
    good_input = _finite(pairs.inputs.values)
    finite = _finite(pairs.outputs.values)
    failed = np.flatnonzero(~(good_input & finite & converged))
    if not failed.size:
        return
    i = int(failed[0])
    what = "did not converge"
    if not finite[i]:
        what = "gave values that are not finite"
    if not good_input[i]:
        what = "was given an input that is not finite"
    raise SolverError(
        f"the reference solver {what} for sample {first + i}",
        where=f"{_name(problem)}.sample",
        expected="convergence to finite values for every sample",
        found=f"{failed.size} of the {count} samples from {first} on failed",
        repair=f"look at it: a = problem.sample_input(grid, key=jax.random.fold_in(key, "
        f"{first + i})); problem.solution(a)\nwith grid = Grid(..., {grid.shape}, {grid.nodes}) on "
        f"{grid.domain}. A finer grid or milder parameters of the problem may help",
    )


def _finite(values: Any) -> np.ndarray:
    """Which samples of a batch are finite."""
    return np.asarray(np.isfinite(values).reshape(len(values), -1).all(axis=1))


def _name(problem: AbstractProblem) -> str:
    return type(problem).__name__


def _seed(key: PRNGKeyArray) -> tuple[list[int], str]:
    """The numbers of a random key, and its generator."""
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(key)).tolist(), str(jax.random.key_impl(key))
    return np.asarray(key).tolist(), "raw"


def recorded_fields(problem: AbstractProblem) -> str:
    """A digest of a problem's parameters: data of other parameters must not be continued."""
    leaves, structure = jax.tree.flatten(problem)
    text = re.sub(r" at 0x[0-9a-f]+", "", str(structure))
    digest = hashlib.sha256(text.encode())
    for leaf in leaves:
        digest.update(f"{np.asarray(leaf).dtype}{np.shape(leaf)}".encode())
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()
