"""Split conformal prediction for functions."""

from math import ceil, floor, prod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from riesz._calibrate._banded import Banded, input_ranges
from riesz._calibrate._predict import predict
from riesz.domains import Grid
from riesz.errors import DataError
from riesz.functions import Function, PairsLike
from riesz.functions._pairs import chunks, subset
from riesz.operators import AbstractOperator, Constant

SCALE_FRACTION = 0.25
PRIOR = 20  # members that the mean over the domain counts for in the scale
FLOOR = 0.05
_CHUNK = 32


def calibrate(
    operator: AbstractOperator,
    held_out: PairsLike | list[PairsLike] | tuple[PairsLike, ...],
    *,
    level: float = 0.9,
    key: PRNGKeyArray,
) -> Banded:
    """An operator whose answers come with a band that holds the truth with a guarantee.

    If the held-out pairs and a new pair (a, u) are exchangeable (drawn independently from one
    law, and not used in training), then

        level <= P(u lies in the band of a at every point of the grid, in every channel)
              <= level + 1 / (n + 1),

    n being `banded.n`; the upper bound when scores have no ties. Nothing is assumed about the
    operator. The probability is over the calibration data too: given them, coverage varies with
    a standard deviation of about sqrt(level (1 - level) / n). It is an average over inputs, not
    a promise for each input, and ends where inputs leave the law: see
    `riesz.check_range`.

    Method. A random quarter of the held-out pairs, m of them, gives the scale s(x) at each point
    and channel: s(x)^2 is the mean square residual there, weighted with m, and its mean over
    the domain, weighted with 20; s is at least 5 % of its maximum. It gives the band its shape
    only. Few members know that shape badly, which the mean makes up for: without it their bands
    are much wider. The guarantee's sharpness comes from the n other members. Each of
    these has the score sup_x |u(x) - G(a)(x)| / s(x), over channels too; the half-width of the
    band is s(x) times the ceil((n + 1) level)-th smallest score.

    Sources: Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World* (2005); Lei et
    al., *Distribution-free predictive inference for regression* (2018); for functions and with
    a modulating scale Diquigiovanni, Fontana and Vantini, *Conformal prediction bands for
    multivariate functional data* (2022); for neural operators Ma et al., *Calibrated
    uncertainty quantification for operator learning via conformal prediction* (2024).

    **Arguments:**

    - `operator`: any operator, with values on the grid of the outputs.
    - `held_out`: pairs that were not used in training, in memory or in an open data file, outputs
      on a `Grid`. Or several sets on different grids, of the same functions in the same order or
      of entirely other functions: the first gives the scale, each a half-width (by all but a
      quarter of its pairs), and the band then holds on each of the grids.
    - `level`: the wanted coverage, such as 0.9.
    - `key`: chooses the quarter.

    **Raises:** `DataError` for too few pairs for the level, values that are not finite, or
    outputs that are not on a grid.

    ```python
    banded = riesz.calibrate(fitted.operator, held_out, level=0.9, key=key)
    band = banded(a)            # band.prediction, band.lower, band.upper
    ```
    """
    sets = list(held_out) if isinstance(held_out, list | tuple) else [held_out]
    for count in map(len, sets or [()]):
        _require_enough(count, level)
    first, grids = sets[0], [_grid(pairs) for pairs in sets]
    # one permutation for sets of one length: functions that gave the scale score on no grid
    cuts = [_cut(len(pairs), key) for pairs in sets]
    scale = _scale(operator, subset(first, cuts[0][0]))
    n = min(len(scored) for _, scored in cuts)
    half_widths: dict[int, float] = {}  # by the number of points
    band = _band(operator, scale, first, {prod(grids[0].shape): 1.0}, level, n)
    for grid, pairs, (_, scored) in zip(grids, sets, cuts, strict=True):
        scores = np.sort(_scores(band, subset(pairs, scored)))
        quantile = float(scores[rank(len(scores), level) - 1])
        size = prod(grid.shape)
        half_widths[size] = max(quantile, half_widths.get(size, 0.0))
    return _band(operator, scale, first, half_widths, level, n)


def _cut(count: int, key: PRNGKeyArray) -> tuple[np.ndarray, np.ndarray]:
    """Ascending numbers of the members that give the scale, and of those that give scores."""
    order = np.asarray(jax.random.permutation(key, count))
    cut = scale_count(count)
    return np.sort(order[:cut]), np.sort(order[cut:])


def _band(operator, scale, first, half_widths: dict[int, float], level, n) -> Banded:
    sizes = tuple(sorted(half_widths))
    quantiles = jnp.asarray([half_widths[size] for size in sizes], scale.dtype)
    inputs = jnp.asarray(input_ranges(first), scale.dtype)
    constants = Constant(scale), Constant(quantiles), Constant(inputs)
    return Banded(operator, *constants, _grid(first), sizes, level, n)


def _grid(pairs: PairsLike) -> Grid:
    grid = pairs[:1].outputs.discretization
    if isinstance(grid, Grid):
        return grid
    raise DataError(
        "calibration needs outputs on a grid",
        where="riesz.calibrate(operator, held_out)",
        expected="a Grid",
        found=type(grid).__name__,
        repair="resample the outputs: jax.vmap(lambda u: u.resample(grid))(outputs)",
    )


def scale_count(count: int) -> int:
    """How many of the held-out pairs give the scale."""
    return max(1, round(SCALE_FRACTION * count))


def rank(n: int, level: float) -> int:
    """Which of n sorted scores bounds the next one with probability `level`; the first is 1."""
    return ceil((n + 1) * level - 1e-9)  # 10 * 0.9 is 9, whatever the rounding


def _require_enough(count: int, level: float) -> None:
    if not 0 < level < 1:
        raise DataError(
            "the level of a band is a probability between 0 and 1",
            where="riesz.calibrate(..., level)",
            expected="0 < level < 1",
            found=level,
            repair="for a coverage of 90 % write level=0.9",
        )
    if count < 2 or rank(count - scale_count(count), level) > count - scale_count(count):
        least = floor(level / (1 - level))  # about as many scores; then search upwards
        while least < 2 or rank(least - scale_count(least), level) > least - scale_count(least):
            least += 1
        raise DataError(
            "too few held-out pairs for a band of this level",
            where="riesz.calibrate(operator, held_out, level)",
            expected=f"at least {least} pairs for level {level:g}",
            found=f"{count} pairs",
            repair="hold out more pairs, or ask for a lower level",
        )


def _scale(operator: AbstractOperator, pairs: PairsLike) -> Float[Array, "..."]:
    total = None
    for part, count in chunks(pairs, _CHUNK):
        squares = _squares(predict(operator, part), part.outputs, jnp.asarray(count))
        total = squares if total is None else total + squares
    assert total is not None
    _require_finite(total)
    local, weights = total / len(pairs), _grid(pairs).weights.astype(total.dtype)
    mean = jnp.tensordot(weights, local, weights.ndim) / weights.sum()
    scale = jnp.sqrt((len(pairs) * local + PRIOR * mean) / (len(pairs) + PRIOR))
    top = scale.max(tuple(range(scale.ndim - 1)))
    return jnp.maximum(scale, jnp.where(top > 0, FLOOR * top, 1))


def _scores(banded: Banded, pairs: PairsLike) -> np.ndarray:
    scores = []
    scale = banded.scale_on(pairs[:1].outputs.discretization)
    for part, count in chunks(pairs, _CHUNK):
        prediction = predict(banded.operator, part)
        scores.append(np.asarray(_suprema(prediction, part.outputs, scale))[:count])
    out = np.concatenate(scores)
    _require_finite(out)
    return out


@eqx.filter_jit
def _squares(prediction: Function, truth: Function, count: Int[Array, ""]) -> Float[Array, "..."]:
    squares = (prediction.values - truth.values) ** 2
    member = jnp.arange(squares.shape[0]).reshape(-1, *(1,) * (squares.ndim - 1))
    return jnp.sum(squares, 0, where=member < count)


@eqx.filter_jit
def _suprema(
    prediction: Function, truth: Function, scale: Float[Array, "..."]
) -> Float[Array, " n"]:
    ratios = jnp.abs(prediction.values - truth.values) / scale
    return ratios.max(tuple(range(1, ratios.ndim)))


def _require_finite(values: Array | np.ndarray) -> None:
    if not bool(jnp.isfinite(values).all()):
        raise DataError(
            "residuals of the held-out pairs are not finite",
            where="riesz.calibrate(operator, held_out)",
            expected="finite outputs and predictions",
            found="NaN or infinite values",
            repair="check the data, and that the operator was trained to finite weights",
        )
