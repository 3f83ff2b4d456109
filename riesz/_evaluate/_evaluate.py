"""The verb `evaluate`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
from jaxtyping import PRNGKeyArray

from riesz._calibrate import Banded
from riesz._calibrate._predict import predict
from riesz._evaluate._measure import Tally
from riesz._evaluate._reference import Reference, _resample, interleaved, member_keys
from riesz._evaluate._report import Report
from riesz._io import check_range
from riesz._io._model import count_parameters
from riesz.domains import Grid
from riesz.errors import DataError, RunError
from riesz.functions import Pairs, PairsLike
from riesz.functions._pairs import chunks
from riesz.operators import AbstractOperator
from riesz.problems import AbstractProblem

_TEST_SET = 0x7E57  # folded into the key: a test set is never the training set of the same key
_MEMBERS = 32


def evaluate(
    operator: AbstractOperator | Banded,
    data: PairsLike | AbstractProblem,
    *,
    resolutions: Sequence[int] | None = None,
    n: int | None = None,
    key: PRNGKeyArray | None = None,
    chunk: int = 32,
    card: Mapping[str, Any] | None = None,
) -> Report:
    """Measure an operator: errors with intervals, coverage, spectrum and speed.

    Relative errors are |G(a) - u| / |u| in L2, H1 and Linf, by the quadrature of the grid.

    **Arguments:**

    - `operator`: an operator, or what `calibrate` returned (then the report has its coverage).
    - `data`: pairs held out from training, an object that gives pairs when sliced (an open data
      file), or a problem. A problem is sampled afresh, so that nothing was seen in training:
      `key` gives other functions here than in `problem.sample(n, key=key)`. Its truth at every
      resolution is the solver's at the finest, resampled, and each member is the same function
      at every resolution.
    - `resolutions`: for a problem, cells along an axis, `(32, 64, 128)`; the last is not less
      than the others. For pairs, nodes along an axis to which both sides are resampled, at most
      those of the data; by default the data as it is.
    - `n`: number of members; all for data, 32 for a problem.
    - `key`: needed with a problem.
    - `chunk`: members worked on at once, which bounds memory.
    - `card`: a model card; inputs outside its `input_range` give an `InputRangeWarning`.

    **Raises:** `DataError` where the truth vanishes or does not fit, `ModelError` where the
    operator's values are not finite, `SolverError` where the reference does not converge,
    `RunError` when an argument is missing.

    ```python
    report = riesz.evaluate(fitted.operator, problem, resolutions=(32, 64, 128), key=key)
    rich.print(report.table())
    ```
    """
    if chunk < 1 or (n is not None and n < 1) or (resolutions is not None and not resolutions):
        raise RunError(
            "an evaluation needs members, a chunk size and resolutions",
            where="riesz.evaluate(..., resolutions, n, chunk)",
            expected="n >= 1, chunk >= 1, at least one resolution or None",
            found=f"n={n}, chunk={chunk}, resolutions={resolutions}",
            repair="leave them out to take the defaults",
        )
    source = card if card is not None else operator
    if isinstance(data, AbstractProblem):
        tallies, times, reference = _on_problem(operator, data, resolutions, n, key, chunk, source)
    else:
        tallies, times = _on_data(operator, data, resolutions, n, chunk, source)
        reference = "the data"
    results = tuple(t.result(*pair) for t, pair in zip(tallies, times, strict=True))
    name = _name(operator.describe())
    return Report(name, count_parameters(operator), reference, results)


def _on_problem(operator, problem, resolutions, n, key, chunk, source):
    if key is None or resolutions is None:
        missing = "key" if key is None else "resolutions"
        raise RunError(
            f"evaluating on a problem needs its {missing}",
            where="riesz.evaluate(operator, problem, ...)",
            expected="resolutions=(32, 64), key=jax.random.key(1)",
            found=f"no {missing}",
            repair=f"give {missing}=",
        )
    count, finest = n or _MEMBERS, max(resolutions)
    keys = member_keys(jax.random.fold_in(key, _TEST_SET), count)
    reference = Reference(problem, finest, keys)
    dim = operator.output_space.domain.dim
    tallies = [Tally(operator, (r,) * dim) for r in resolutions]
    for found, real in reference.chunks(resolutions, chunk):
        for pairs, tally in zip(found, tallies, strict=True):
            check_range(source, pairs.inputs)
            tally.add(pairs, real)
    times = [reference.speed(t.mean_l2(), lambda t=t: _one(t)) for t in tallies]
    return tallies, times, f"the solver at resolution {finest}"


def _on_data(operator, data, resolutions, n, chunk, source):
    available = len(data)
    if available == 0 or (n is not None and n > available):
        raise DataError(
            "the data has fewer pairs than the evaluation needs",
            where="riesz.evaluate(operator, data, n)",
            expected=f"at least {n or 1} pairs",
            found=f"{available} pairs",
            repair="leave n out to take all pairs",
        )
    wanted = [None] if resolutions is None else list(resolutions)
    dim = operator.output_space.domain.dim
    tallies = [Tally(operator, None if r is None else (r,) * dim) for r in wanted]
    for part, count in _limited(data, n or available, chunk):
        check_range(source, part.inputs)
        for resolution, tally in zip(wanted, tallies, strict=True):
            tally.add(part if resolution is None else _coarsened(part, resolution), count)
    return tallies, [(interleaved([lambda t=t: _one(t)])[0], None) for t in tallies]


def _limited(data: PairsLike, n: int, chunk: int) -> Iterator[tuple[Pairs, int]]:
    seen = 0
    for part, count in chunks(data, min(chunk, n)):
        if seen >= n:
            return
        yield part, min(count, n - seen)
        seen += count


def _coarsened(pairs: Pairs, resolution: int) -> Pairs:
    sides = []
    for side in (pairs.inputs, pairs.outputs):
        grid = side.discretization
        if not isinstance(grid, Grid) or not 2 <= resolution <= min(grid.shape):
            found = grid.shape if isinstance(grid, Grid) else type(grid).__name__
            raise DataError(
                "data is evaluated at its own resolution or at coarser ones of its grid",
                where="riesz.evaluate(operator, data, resolutions)",
                expected="at most the number of nodes along each axis of a Grid",
                found=f"resolution {resolution} of {found}",
                repair="leave resolutions out, or evaluate on the problem itself",
            )
        sides.append(_resample(side, Grid(grid.domain, resolution, grid.nodes)))
    return Pairs(*sides)


def _one(tally: Tally) -> Any:
    """The answer to the first input alone."""
    assert tally.first is not None
    if isinstance(tally.operator, Banded):
        prediction = predict(tally.operator.operator, tally.first)
        return tally.operator.around(jax.tree.map(lambda x: x[0], prediction))
    return predict(tally.operator, tally.first)


def _name(description: Mapping[str, Any]) -> str:
    name, inner = str(description["operator"]), description.get("inner")
    return f"{name}({_name(inner)})" if isinstance(inner, Mapping) else name
