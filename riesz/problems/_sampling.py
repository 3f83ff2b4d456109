"""Draws from a problem: inputs of its distribution, with the reference solver's outputs."""

import hashlib
import json
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
from riesz._core.structure import to_json
from riesz._core.waiting import Watch
from riesz.data import Location, PairsFile, PairsWriter, open_pairs
from riesz.domains import AbstractDiscretization, Space
from riesz.errors import DataError, DomainError, SolverError
from riesz.functions import Function, Pairs
from riesz.functions import batch as batch_of
from riesz.problems._evolution import AbstractEvolution
from riesz.problems._problem import AbstractProblem
from riesz.problems._solver import Solution

_CHUNK_FLOATS = 2**22  # values of the inputs of one compiled batch
_LARGEST_BATCH = 64


def sample(
    problem: AbstractProblem,
    n: int,
    grid: int | AbstractDiscretization,
    *,
    key: PRNGKeyArray,
    path: str | PathLike[str] | None = None,
    refine: int = 1,
    batch: int | None = None,
    progress: bool = False,
) -> Pairs | PairsFile:
    """`n` pairs of a problem; see `AbstractProblem.sample`."""
    if path is None:
        return Pairs(*drawn(problem, n, grid, key, batch, progress, refine))
    places, batch = _plan(problem, n, grid, refine, batch)
    seed, kind = _seed(key)
    with PairsWriter(
        Location(path).path,
        Location(path).group,
        problem.input_space,
        problem.output_space,
        places[0],
        output_place(problem, places[0], key),
        n,
        problem=_name(problem),
        seed=seed,
        details={"problem": digest(problem), "key": kind, "refine": refine},
    ) as writer:
        if not writer.done:
            done = writer.complete
            with Progress(progress, f"sampling {_name(problem)}", n, "pairs", done) as shown:
                start = done // batch * batch  # the same batches as without interruption
                for a, u in _batches(problem, n, places, key, batch, start, shown.update):
                    pairs = Pairs(a, u)
                    writer.append(pairs[max(0, done - start) :])
                    start += len(pairs)
    return open_pairs(path)


def drawn(
    problem: "AbstractProblem | Trajectories",
    n: int,
    grid: int | AbstractDiscretization,
    key: PRNGKeyArray,
    batch: int | None,
    progress: bool,
    refine: int = 1,
) -> tuple[Function, Function]:
    """`n` inputs and their solutions, with NumPy values."""
    places, batch = _plan(problem, n, grid, refine, batch)
    with Progress(progress, f"sampling {_name(problem)}", n, "pairs") as shown:
        parts = list(_batches(problem, n, places, key, batch, 0, shown.update))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


class Trajectories(eqx.Module):
    """An evolution as a problem whose outputs are trajectories."""

    problem: AbstractEvolution
    times: int = eqx.field(static=True)
    dt: float | None = eqx.field(static=True)

    def discretization(self, resolution: int) -> AbstractDiscretization:
        return self.problem.discretization(resolution)

    def sample_input(self, on: AbstractDiscretization, **options: Any) -> Function:
        return self.problem.sample_input(on, **options)

    def solution(self, u: Function) -> Solution:
        return self.problem.trajectory(u, self.times, self.dt)


def pair_of_zeros(problem: AbstractProblem, resolution: int) -> Pairs:
    """One pair of zero functions where samples at this resolution lie."""
    on = problem.discretization(resolution)
    there = output_place(problem, on, jax.random.key(0))

    def zero(on: AbstractDiscretization, space: Space) -> Function:
        return batch_of(np.zeros((1, *on.shape, space.channels)), on, space)

    return Pairs(zero(on, problem.input_space), zero(there, problem.output_space))


def output_place(
    problem: AbstractProblem, on: AbstractDiscretization, key: PRNGKeyArray
) -> AbstractDiscretization:
    """Where the solver's outputs lie for inputs on `on`; grids are known without solving."""

    def solve(key: PRNGKeyArray) -> AbstractDiscretization:
        return problem.solution(problem.sample_input(on, key=key)).function.discretization

    found = eqx.filter_eval_shape(solve, key)
    return eqx.filter_jit(solve)(key) if jax.tree.leaves(found) else found


Pair = tuple[AbstractDiscretization, AbstractDiscretization | None]  # of the pairs, of the solver


def _plan(
    problem: Any,
    n: int,
    grid: int | AbstractDiscretization,
    refine: int,
    batch: int | None,
) -> tuple[Pair, int]:
    """Where pairs are given and where they are solved, and how many at a time."""
    times = getattr(problem, "times", 1)
    if min(n, refine, times, 1 if batch is None else batch) < 1:
        raise DataError(
            "samples, their times, a batch and a refinement are at least 1",
            where=f"{_name(problem)}.sample",
            found=f"n={n}, times={times}, batch={batch}, refine={refine}",
        )
    known = isinstance(grid, AbstractDiscretization)
    on, finer = grid if known else problem.discretization(int(grid)), None
    if refine > 1:
        finer = _refined(problem, on, refine) if known else problem.discretization(grid * refine)
    fits = _CHUNK_FLOATS // (prod((finer or on).shape) * times)
    return (on, finer), min(n, batch or max(1, min(_LARGEST_BATCH, fits)))


def _refined(problem: Any, on: AbstractDiscretization, factor: int) -> AbstractDiscretization:
    if on.whole is not None:
        return on.whole.refine(factor)
    raise DomainError(
        "points of this kind have no refinement",
        where=f"{_name(problem)}.sample(n, grid, refine={factor})",
        expected="a resolution, or a Grid",
        found=repr(on),
        repair=f"give a resolution, which is then {factor} times finer for the solver",
    )


def _batches(
    problem: Any,
    n: int,
    places: Pair,
    key: PRNGKeyArray,
    batch: int,
    start: int,
    report: Callable[[int], None],
) -> Iterator[tuple[Function, Function]]:
    wait = Watch("the reference solver")
    for first in range(start, n, batch):
        # Samples past n are solved and dropped, so that every batch is the same program.
        samples = jnp.arange(first, first + batch, dtype=jnp.uint32)
        found = jax.device_get(wait(_solve_batch(problem, *places, key, samples)))
        a, solution = jax.tree.map(lambda x, count=n - first: x[:count], found)
        _require_solved(problem, places[0], a, solution, first)
        report(min(first + batch, n))
        yield a, solution.function


@eqx.filter_jit
def _solve_batch(
    problem: Any,
    on: AbstractDiscretization,
    finer: AbstractDiscretization | None,
    key: PRNGKeyArray,
    samples: UInt32[Array, " b"],
) -> tuple[Function, Solution]:
    return jax.vmap(lambda i: _solve(problem, on, finer, jax.random.fold_in(key, i)))(samples)


def _solve(
    problem: Any,
    on: AbstractDiscretization,
    finer: AbstractDiscretization | None,
    key: PRNGKeyArray,
) -> tuple[Function, Solution]:
    a = problem.sample_input(on, key=key, finest=finer)
    if finer is None:
        return a, problem.solution(a)
    fine = problem.solution(problem.sample_input(finer, key=key))
    u = fine.function.resample(output_place(problem, on, key))
    return a, Solution(u, fine.converged, fine.iterations)


def _require_solved(
    problem: Any, on: AbstractDiscretization, a: Function, solution: Solution, first: int
) -> None:
    count = len(a.values)
    good_input = _finite(a.values)
    finite = _finite(solution.function.values)
    failed = np.flatnonzero(~(good_input & finite & solution.converged))
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
        repair=f"look at it: a = problem.sample_input(on, key=jax.random.fold_in(key, "
        f"{first + i})); problem.solution(a)\nwith on = {on!r}. A finer one or milder parameters "
        "of the problem may help",
    )


def _finite(values: Any) -> np.ndarray:
    """Which samples of a batch are finite."""
    return np.asarray(np.isfinite(values).reshape(len(values), -1).all(axis=1))


def _name(problem: Any) -> str:
    return type(getattr(problem, "problem", problem)).__name__


def _seed(key: PRNGKeyArray) -> tuple[list[int], str]:
    """The numbers of a random key, and its generator."""
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(key)).tolist(), str(jax.random.key_impl(key))
    return np.asarray(key).tolist(), "raw"


def digest(problem: AbstractProblem) -> str:
    """A digest of a problem's description: data of another problem must not be continued."""
    structure, arrays = to_json(problem, f"{_name(problem)}.sample(..., path=...)")
    found = hashlib.sha256(json.dumps(structure, sort_keys=True).encode())
    for name in sorted(arrays):
        found.update(np.asarray(arrays[name]).tobytes())
    return found.hexdigest()
