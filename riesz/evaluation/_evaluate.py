"""The verb `evaluate`."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from riesz._core.text import nested_name
from riesz.domains import Grid
from riesz.errors import DataError, DriftWarning, RunError
from riesz.evaluation._banded import Banded
from riesz.evaluation._baselines import BaselineResult
from riesz.evaluation._drift import Drift, drift
from riesz.evaluation._error_scale import ErrorScale
from riesz.evaluation._measure import Tally
from riesz.evaluation._predict import predict
from riesz.evaluation._range import RangeCheck
from riesz.evaluation._reference import Reference, _resample, interleaved, sample_keys
from riesz.evaluation._report import Report
from riesz.functions import Pairs, PairsLike
from riesz.functions.internal import chunks, fixed_pairs, with_slopes
from riesz.io.internal import count_parameters
from riesz.operators import AbstractOperator
from riesz.problems import AbstractProblem

_TEST_SET = 0x7E57  # folded into the key: a test set is never the training set of the same key
_SAMPLES = 32


def evaluate(
    operator: AbstractOperator | Banded,
    data: PairsLike | AbstractProblem,
    *,
    baselines: Mapping[str, AbstractOperator] | None = None,
    times: Any = None,
    resolutions: Sequence[int] | None = None,
    n: int | None = None,
    key: PRNGKeyArray | None = None,
    chunk: int = 32,
) -> Report:
    """Measure an operator: errors with intervals, baselines, coverage, drift, spectrum and speed.

    The error of a sample in channel c is the root mean square over the domain of (G(a) - u)_c,
    divided by the deviation of the channel in the training data, which the model holds
    (`Normalised`); in the data of the test where it does not, and the report says so. It does not
    change with the unit or its zero. Beside it stand relative errors |G(a) - u| / |u| in L2, H1
    and Linf, per channel, by the quadrature of the discretization. Figures over several channels
    are means over them.

    **Arguments:**

    - `operator`: an operator, or what `calibrate` returned (then the report has its coverage).
    - `data`: pairs held out from training, an object that gives pairs when sliced (an open data
      file), or a problem. Outputs on a grid, a masked grid or points, which may differ from
      sample to sample. A problem is sampled afresh, so that nothing was used in training:
      `key` gives other functions here than in `problem.sample(n, key=key)`. Its targets at every
      resolution are the solver's at the finest, resampled, and each sample is the same function
      at every resolution.
    - `baselines`: other operators by name, such as `riesz.baselines(training)`, measured on the
      same samples at the first resolution. The report's first line says whether one is better.
    - `times`: one number per sample of data, in any order. The report then has error and coverage
      over time, and tests whether scores change with it.
    - `resolutions`: for a problem, cells along an axis, `(32, 64, 128)`; the last is not less
      than the others. For pairs, nodes along an axis to which both sides are resampled, at most
      those of the data; by default the data as it is.
    - `n`: number of samples; all for data, 32 for a problem.
    - `key`: needed with a problem.
    - `chunk`: samples worked on at once, which bounds memory.

    Issues an `InputRangeWarning` for inputs unlike those of the calibration (`check_range`), and
    a `DriftWarning` where scores are not exchangeable with those of the calibration or in time;
    `report.promise` then promises no level.

    **Raises:** `DataError` where targets are not finite or do not fit, `ModelError` where the
    operator's values are not finite, `SolverError` where the reference does not converge,
    `RunError` when an argument is missing.

    ```python
    report = riesz.evaluate(fitted.model, problem, resolutions=(32, 64, 128), key=key)
    print(report)
    ```
    """
    if chunk < 1 or (n is not None and n < 1) or (resolutions is not None and not resolutions):
        raise RunError(
            "an evaluation needs samples, a chunk size and resolutions",
            where="riesz.evaluate(..., resolutions, n, chunk)",
            expected="n >= 1, chunk >= 1, at least one resolution or None",
            found=f"n={n}, chunk={chunk}, resolutions={resolutions}",
            repair="leave them out to take the defaults",
        )
    others, check = dict(baselines or {}), RangeCheck(operator)
    if isinstance(data, AbstractProblem):
        _require_no_times(times)
        tallies, rivals, costs, reference = _on_problem(
            operator, others, data, resolutions, n, key, chunk, check
        )
    else:
        times = _checked_times(times, len(data), n)
        tallies, rivals, costs = _on_data(operator, others, data, resolutions, n, chunk, check)
        reference = "the data"
    return _report(operator, reference, tallies, rivals, costs, check, times)


def _report(operator, reference, tallies, rivals, costs, check, times) -> Report:
    inner = operator.operator if isinstance(operator, Banded) else operator
    scale = ErrorScale.of(inner, operator.output_space, tallies[0])
    results = tuple(t.result(scale, *pair) for t, pair in zip(tallies, costs, strict=True))
    errors = tallies[0].errors(scale)
    compared = tuple(
        BaselineResult.of(label, nested_name(t.operator), t.errors(scale), errors)
        for label, t in rivals.items()
    )
    found, beyond = _drift(tallies[0], scale, times), check.warnings()
    for warning in beyond:
        warnings.warn(warning, stacklevel=3)
    if found is not None and found.test.alarm:
        warnings.warn(DriftWarning(" ".join(found.words()[len(found.blocks) :])), stacklevel=3)
    return Report(
        operator=nested_name(operator),
        parameters=count_parameters(operator),
        reference=reference,
        results=results,
        scale=scale,
        baselines=compared,
        drift=found,
        meaning=operator.meaning() if isinstance(operator, Banded) else "",
        warnings=tuple(map(str, beyond)),
        notes=_notes(operator, results[0], scale, times),
    )


def _drift(tally: Tally, scale: ErrorScale, times: np.ndarray | None) -> Drift | None:
    errors, banded = tally.errors(scale).mean(1), tally.banded
    if banded is None or tally.first is None:
        return drift(errors, times=times)
    return drift(
        errors,
        times=times,
        scores=tally.all("score"),
        inside=np.asarray(tally.all("inside").all(1)),
        half_widths=(tally.all("half") / scale.units).mean(1),
        quantile=float(banded.quantile_at(prod(tally.first.outputs.values.shape[1:-1]))),
        level=banded.level,
        calibration=tally.calibration_scores(),
    )


def _notes(operator, result, scale: ErrorScale, times) -> tuple[str, ...]:
    notes = []
    for name in scale.constant:
        notes.append(
            f"The channel {name!r} is constant in the {scale.source}: its errors are relative to "
            "its absolute value (1 where that is zero)."
        )
    for c in result.channels:
        if c.vanishing:
            notes.append(
                f"The target vanishes in {c.vanishing} of {result.n} samples of the channel "
                f"{c.name!r}: these have no relative L2, H1 and Linf errors."
            )
    repeated = operator.input_space == operator.output_space
    if times is not None and repeated and result.coverage:
        notes.append(
            "The band is that of one application of the operator: where it is applied again to its "
            "own output, errors grow from step to step and need a band per step."
        )
    return tuple(notes)


def _checked_times(times: Any, available: int, n: int | None) -> np.ndarray | None:
    if times is None:
        return None
    times = np.asarray(times, np.float64)
    if times.shape != (available,) or not np.isfinite(times).all():
        raise DataError(
            "times are one finite number per sample of the data",
            where="riesz.evaluate(operator, data, times)",
            expected=f"shape ({available},)",
            found=f"shape {times.shape}, {int((~np.isfinite(times)).sum())} not finite",
            repair="give the time of each pair, in the order of the data",
        )
    return times[:n]


def _require_no_times(times: Any) -> None:
    if times is not None:
        raise RunError(
            "times are for samples of data, not for fresh samples of a problem",
            where="riesz.evaluate(operator, problem, times)",
            expected="times=None",
            found="times",
            repair="leave times out, or evaluate on pairs",
        )


def _on_problem(operator, others, problem, resolutions, n, key, chunk, check):
    if key is None or resolutions is None:
        missing = "key" if key is None else "resolutions"
        raise RunError(
            f"evaluating on a problem needs its {missing}",
            where="riesz.evaluate(operator, problem, ...)",
            expected="resolutions=(32, 64), key=jax.random.key(1)",
            found=f"no {missing}",
            repair=f"give {missing}=",
        )
    count, finest = n or _SAMPLES, max(resolutions)
    keys = sample_keys(jax.random.fold_in(key, _TEST_SET), count)
    reference = Reference(problem, finest, keys)
    dim = operator.output_space.domain.dim
    tallies = [Tally(operator, (r,) * dim) for r in resolutions]
    rivals = {name: Tally(other, None) for name, other in others.items()}
    for found, real in reference.chunks(resolutions, chunk):
        check.add(found[0].inputs, real)
        for pairs, tally in zip(found, tallies, strict=True):
            tally.add(pairs, real)
        for rival in rivals.values():
            rival.add(found[0], real)
    costs = [reference.speed(t.mean_l2(), lambda t=t: _one(t)) for t in tallies]
    return tallies, rivals, costs, f"the solver at resolution {finest}"


def _on_data(operator, others, data, resolutions, n, chunk, check):
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
    rivals = {name: Tally(other, None) for name, other in others.items()}
    for part, count in _limited(fixed_pairs(data), n or available, chunk):
        check.add(part.inputs, count)
        part = with_slopes(part)
        for i, (resolution, tally) in enumerate(zip(wanted, tallies, strict=True)):
            pairs = part if resolution is None else _coarsened(part, resolution)
            tally.add(pairs, count)
            for rival in rivals.values() if i == 0 else ():
                rival.add(pairs, count)
    return tallies, rivals, [(interleaved([lambda t=t: _one(t)])[0], None) for t in tallies]


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
        grid = side.discretization.whole
        if grid is None or not 2 <= resolution <= min(grid.shape):
            found = type(side.discretization).__name__ if grid is None else grid.shape
            raise DataError(
                "data is evaluated at its own resolution or at coarser ones of its grid",
                where="riesz.evaluate(operator, data, resolutions)",
                expected="at most the number of nodes along each axis of a Grid",
                found=f"resolution {resolution} of {found}",
                repair="leave resolutions out, or evaluate on the problem itself",
            )
        sides.append(_resample(side, Grid(grid.domain, resolution, grid.kinds)))
    return Pairs(*sides)


def _one(tally: Tally) -> Any:
    """The prediction for the first input alone."""
    assert tally.first is not None
    banded = tally.banded
    return predict(tally.operator if banded is None else banded.operator, tally.first)
