"""Split conformal prediction for functions."""

from math import floor, prod
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.parameters import Frozen
from riesz._core.waiting import Watch
from riesz.errors import DataError
from riesz.evaluation._banded import Banded, rank
from riesz.evaluation._inputs import InputStatistics
from riesz.evaluation._predict import predict
from riesz.evaluation._residuals import require_finite
from riesz.evaluation._scale import Scale, fit_scale
from riesz.functions import Function, PairsLike
from riesz.functions.internal import chunks, fixed_pairs, subset
from riesz.operators import AbstractOperator

SCALE_FRACTION = 0.25
_CHUNK = 32


def calibrate(
    operator: AbstractOperator,
    held_out: PairsLike | list[PairsLike] | tuple[PairsLike, ...],
    *,
    level: float = 0.9,
    few: Literal["raise", "maximum"] = "raise",
    key: PRNGKeyArray,
) -> Banded:
    """An operator whose answers come with a band that holds the target with a guarantee.

    If the held-out pairs and a new pair (a, u) are exchangeable (drawn independently from one
    distribution, and not used in training), then

        level <= P(u lies in the band of a at every point, in every channel)
              <= level + 1 / (n + 1),

    n being `banded.n`; the upper bound when scores have no ties. Nothing is assumed about the
    operator. The probability is over the calibration data too: given them, coverage varies with
    a standard deviation of about sqrt(level (1 - level) / n). It is an average over inputs, not
    a promise for each input, and ends where inputs leave the distribution: see
    `riesz.check_range`, and `riesz.adapt` for sequences that drift.

    Method. A random quarter of the held-out pairs gives the scale s(x) g(a) h(a, x): its shape over
    the domain and the channels, how it grows with the size of the prediction, and with the local
    roughness of input and prediction (`Scale`, `Roughness`). Each of the other n pairs has the
    score

        sup_{x, c} |u_c(x) - G(a)_c(x)| / (s_c(x) g_c(a) h_c(a, x)),

    and the half-width of the band is s(x) g(a) h(a, x) times the ceil((n + 1) level)-th smallest
    score. A score depends on its own pair and on the quarter only, so that the scores of the n
    pairs and of a new one are exchangeable, and the rank of the new one is uniform: this is the
    guarantee, whatever the scale. At nodes of a grid where all targets and predictions of the
    quarter vanish (a boundary condition) the scale is zero, and so is the band; absent points count
    nowhere.

    Sources: Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World* (2005); Lei et
    al., *Distribution-free predictive inference for regression* (2018); for functions and with
    a modulating scale Diquigiovanni, Fontana and Vantini, *Conformal prediction bands for
    multivariate functional data* (2022); for neural operators Ma et al., *Calibrated
    uncertainty quantification for operator learning via conformal prediction* (2024).

    **Arguments:**

    - `operator`: any operator, with values on the outputs' own discretization.
    - `held_out`: pairs that were not used in training, in memory or in an open data file, outputs
      on a grid, a masked grid or points, which may differ from sample to sample. Or several sets
      on different grids, of the same functions in the same order or of entirely other functions:
      the first gives the scale, each a half-width (by all but a quarter of its pairs), and the
      band then holds on each of the grids.
    - `level`: the wanted coverage, such as 0.9.
    - `few`: what to do where n scores are too few for the level. `"maximum"` takes the largest
      score, whose level is n / (n + 1), and `banded.level` is that.
    - `key`: chooses the quarter.

    **Raises:** `DataError` for too few pairs for the level, or values that are not finite.

    ```python
    banded = riesz.calibrate(fitted.model, held_out, level=0.9, key=key)
    band = banded(a)            # band.prediction, band.lower, band.upper, band.half_width()
    print(banded.meaning())
    ```
    """
    sets = list(held_out) if isinstance(held_out, list | tuple) else [held_out]
    for count in map(len, sets or [()]):
        level = _reachable(count, level, few)
    # one permutation for sets of one length: functions that gave the scale score on no grid
    cuts = [_cut(len(pairs), key) for pairs in sets]
    quarter = subset(sets[0], cuts[0][0])
    inputs, scattered = InputStatistics.of(sets[0]), _scattered(sets[0])
    for known in (True, False):
        scale = fit_scale(operator, quarter, known)
        scores: dict[int, np.ndarray] = {}  # by the number of points
        for pairs, (_, scored) in zip(sets, cuts, strict=True):
            _add(scores, _size(pairs), _scores(operator, scale, subset(pairs, scored)), level)
        if all(np.isfinite(s[rank(len(s), level) - 1]) for s in scores.values()):
            break  # otherwise points taken for known are not: without any
    dtype = scale.field.value.dtype
    sizes = tuple(sorted(scores))
    arrays = tuple(Frozen(jnp.asarray(scores[size], dtype)) for size in sizes)
    return Banded(operator, scale, arrays, inputs, sizes, float(level), scattered)


def _cut(count: int, key: PRNGKeyArray) -> tuple[np.ndarray, np.ndarray]:
    """Ascending numbers of the samples that give the scale, and of those that give scores."""
    order = np.asarray(jax.random.permutation(key, count))
    cut = scale_count(count)
    return np.sort(order[:cut]), np.sort(order[cut:])


def _add(scores: dict[int, np.ndarray], size: int, found: np.ndarray, level: float) -> None:
    """Keep, of two sets on as many points, the one with the wider band."""
    old = scores.get(size)
    if old is None or old[rank(len(old), level) - 1] < found[rank(len(found), level) - 1]:
        scores[size] = found


def _size(pairs: PairsLike) -> int:
    return prod(pairs[:1].outputs.values.shape[1:-1])


def _scattered(pairs: PairsLike) -> bool:
    return pairs[:1].outputs.discretization.tensor is None


def scale_count(count: int) -> int:
    """How many of the held-out pairs give the scale."""
    return max(1, round(SCALE_FRACTION * count))


def _reachable(count: int, level: float, few: str) -> float:
    """The level, or the one that this many pairs reach where that is asked for."""
    if not 0 < level < 1:
        raise DataError(
            "the level of a band is a probability between 0 and 1",
            where="riesz.calibrate(..., level)",
            expected="0 < level < 1",
            found=level,
            repair="for a coverage of 90 % write level=0.9",
        )
    # the ceil((n + 1) level)-th smallest of n scores exists
    n = count - scale_count(count)
    if count >= 2 and rank(n, level) <= n:
        return level
    if few == "maximum" and count >= 2:
        # P(the next score is at most the largest of n) = n / (n + 1)
        return n / (n + 1)
    least = floor(level / (1 - level))  # about as many scores; then search upwards
    while least < 2 or rank(least - scale_count(least), level) > least - scale_count(least):
        least += 1
    reached = f": {n} scores reach {n / (n + 1):.1%} at most" if count >= 2 else ""
    raise DataError(
        "too few held-out pairs for a band of this level",
        where="riesz.calibrate(operator, held_out, level)",
        expected=f"at least {least} pairs for level {level:g}",
        found=f"{count} pairs{reached}",
        repair="hold out more pairs, ask for a lower level, or write few='maximum' for the "
        "largest score and its own level",
    )


def _scores(operator: AbstractOperator, scale: Scale, pairs: PairsLike) -> np.ndarray:
    """The sorted scores."""
    scores, wait = [], Watch("the calibration")
    for part, count in chunks(fixed_pairs(pairs), _CHUNK):
        prediction = wait(predict(operator, part))
        require_finite(prediction.values)
        # (count,): sup over x and c of |u - G(a)| / (s g h)
        scores.append(np.asarray(_suprema(scale, part.inputs, prediction, part.outputs))[:count])
    out = np.sort(np.concatenate(scores))
    if np.isnan(out).any():
        require_finite(out)
    return out


@eqx.filter_jit
def _suprema(
    scale: Scale, inputs: Function, predictions: Function, targets: Function
) -> Float[Array, " n"]:
    return jax.vmap(scale.score)(inputs, predictions, targets)
