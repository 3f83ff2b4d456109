"""The size of the exchangeability test, and the coverage of adaptive bands under drift."""

import equinox as eqx
import jax
import numpy as np
import pytest

import riesz
from riesz.domains import Grid, Space, Torus
from riesz.errors import DataError
from riesz.evaluation import exchangeability
from riesz.evaluation._adaptive import RATE, follow
from riesz.functions import Pairs, batch, take
from riesz.operators import AbstractOperator


@pytest.mark.parametrize(("n", "m"), [(9, 12), (60, 40)])
def test_false_alarms_are_as_rare_as_is_said(n, m):
    draw, alarms, repeats = np.random.default_rng(n), 0, 1500
    for _ in range(repeats):
        scores = draw.exponential(size=n + m)
        found = exchangeability(scores[:m], calibration=scores[m:], times=np.arange(m))
        alarms += found.alarm
    # at most 1 %: 15 expected, 27 is beyond three deviations
    assert alarms <= 27


def test_shifts_and_trends_are_found():
    draw = np.random.default_rng(0)
    found = [0, 0]
    for _ in range(100):
        calibration, scores = draw.exponential(size=60), draw.exponential(size=60)
        found[0] += exchangeability(2.5 * scores, calibration=calibration).alarm
        growing = scores * np.linspace(0.1, 4, 60)
        test = exchangeability(growing, calibration=calibration, times=np.arange(60))
        found[1] += test.alarm and test.tau > 0
    assert min(found) >= 90
    nothing = exchangeability(np.ones(3))
    assert nothing.p_value is None and not nothing.alarm
    assert exchangeability(np.ones(30), times=np.arange(30)).trend is None


@pytest.mark.parametrize("kind", ["none", "ten times at once", "growing for ever", "falling"])
def test_adaptive_bands_cover_under_drift(kind):
    draw, steps = np.random.default_rng(1), 1500
    size = {
        "none": np.ones(steps),
        "ten times at once": np.where(np.arange(steps) < 300, 1.0, 10.0),
        "growing for ever": np.exp(np.arange(steps) / 200),
        "falling": np.exp(-np.arange(steps) / 200),
    }[kind]
    calibration = np.sort(draw.exponential(size=99))
    scores = size * draw.exponential(size=steps)
    quantiles, covered = follow(scores, calibration, 0.9)
    recent = np.maximum.accumulate(scores)  # at least the largest recent score
    ratio = max(10.0, (scores[1:] / recent[:-1]).max())
    assert abs(covered.mean() - 0.9) <= (1 / RATE + 2 + np.log2(ratio)) / steps
    assert abs(covered[-500:].mean() - 0.9) <= (1 / RATE + 2 + np.log2(ratio)) / 500
    if kind != "none" and kind != "falling":
        assert (scores <= calibration[89]).mean() < 0.7  # without adapting
    assert np.isfinite(quantiles).all() and (quantiles >= 0).all()


SPACE = Space(Torus(0.0, 1.0))
GRID = Grid(SPACE.domain, 8)


class Same(AbstractOperator):
    input_space: Space = eqx.field(static=True, default=SPACE)
    output_space: Space = eqx.field(static=True, default=SPACE)

    def __call__(self, a, on=None):
        return a if on is None else a.resample(on)


def pairs(n, seed, size):
    draw = np.random.default_rng(seed)
    a = draw.normal(size=(n, 8, 1)).astype(np.float32)
    u = a + (np.broadcast_to(size, n)[:, None, None] * draw.normal(size=(n, 8, 1)))
    return Pairs(batch(a, GRID, SPACE), batch(u.astype(np.float32), GRID, SPACE))


def test_an_adaptive_band_is_a_band_and_follows():
    banded = riesz.calibrate(Same(), pairs(60, 1, 0.1), key=jax.random.key(0))
    band = start = riesz.adapt(banded)
    sequence, inside = pairs(80, 2, 0.5), []
    for i in range(80):
        a, u = take(sequence.inputs, i), take(sequence.outputs, i)
        inside.append(bool(band(a).contains(u)))
        band = band.observe(a, u)
    assert band.steps == 80 and band.coverage == pytest.approx(np.mean(inside))
    assert np.mean(inside[-40:]) > 0.75
    fixed = jax.vmap(lambda b, u: b.contains(u))(banded.apply(sequence.inputs), sequence.outputs)
    assert float(fixed.mean()) < 0.1
    assert band.quantile > 2 * start.quantile == 2 * float(banded.quantile_at(8))
    assert repr(band).startswith("AdaptiveBand(level=0.9, quantile=")
    first = banded(take(sequence.inputs, 0)).width().values
    assert np.allclose(start(take(sequence.inputs, 0)).width().values, first, rtol=1e-5)


def test_what_cannot_adapt():
    banded = riesz.calibrate(Same(), pairs(60, 1, 0.1), key=jax.random.key(0))
    with pytest.raises(DataError, match="needs a positive rate and window"):
        riesz.adapt(banded, rate=0.0)
    with pytest.raises(DataError, match="the score of an observation is not a number"):
        riesz.adapt(banded).after(float("nan"))
