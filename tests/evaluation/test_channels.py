"""Errors per channel, their scale, baselines and drift."""

import json
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz.domains import Grid, Interval, MaskedGrid, Points, Space, Torus
from riesz.errors import DataError, DriftWarning, InputRangeWarning, RunError
from riesz.functions import Function, Pairs, batch, stack
from riesz.operators import AbstractOperator, Normalised, Persistence

CIRCLE = Torus(0.0, 1.0)
GRID = Grid(CIRCLE, 16)
TWO = Space(CIRCLE, 2, ("t", "q"), ("K", "g/kg"))


class Shifted(AbstractOperator):
    """The input times factors plus shifts, per channel, and a smooth error of a given size."""

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    factor: Any
    shift: Any

    def __call__(self, a, on=None):
        values = a.values * jnp.asarray(self.factor, a.values.dtype)
        out = Function(values + jnp.asarray(self.shift, values.dtype), a.discretization)
        out = out if on is None or on == a.discretization else out.resample(on)
        return Function(out.values, out.discretization, self.output_space)


def waves(n, seed=0, units=(1.0, 1.0), zero=(0.0, 0.0), space=TWO):
    draw = np.random.default_rng(seed)
    x = np.asarray(GRID.coordinates)[None]
    c = draw.normal(size=(n, 2, 1, 2))
    values = c[:, 0] * np.cos(2 * np.pi * x) + c[:, 1] * np.sin(2 * np.pi * x) + 2
    values = values * np.asarray(units) + np.asarray(zero)
    functions = batch(values.astype(np.float32), GRID, space)
    return Pairs(functions, functions)


def test_errors_are_per_channel_in_deviations():
    pairs = waves(40)
    report = riesz.evaluate(Shifted(TWO, TWO, (1.0, 1.0), (0.01, 0.5)), pairs, chunk=16)
    (result,) = report.results
    values = np.asarray(pairs.outputs.values, np.float64)
    deviation = values.std((0, 1))
    assert np.allclose(report.scale.deviation, deviation, rtol=1e-4)
    assert report.scale.source == "test data"
    expected = np.asarray([0.01, 0.5]) / deviation
    found = [c.error.mean for c in result.channels]
    assert np.allclose(found, expected, rtol=1e-3)
    assert result.error.mean == pytest.approx(expected.mean(), rel=1e-3)
    assert [(c.name, c.unit) for c in result.channels] == [("t", "K"), ("q", "g/kg")]
    l2 = np.sqrt((values**2).mean(1))
    relative = np.mean(np.asarray([0.01, 0.5]) / l2, 0)
    assert np.allclose([c.relative_l2.mean for c in result.channels], relative, rtol=1e-3)
    assert result.relative_l2.mean == pytest.approx(relative.mean(), rel=1e-3)
    record = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert record["results"][0]["channels"][1]["error"] == found[1]
    assert record["scale"]["channels"][0]["unit"] == "K"
    text = str(report)
    assert text.splitlines()[0].startswith("Shifted: error ")
    assert all(len(line) <= 140 for line in text.splitlines())
    for shown in ("t", "q", "mean", f"{found[1]:.2%}"):
        assert shown in text


@pytest.mark.parametrize(
    ("units", "zero"), [((1.0, 1.0), (273.15, 0.0)), ((1e-30, 1e30), (0.0, 0.0))]
)
def test_the_error_is_the_same_in_every_unit(units, zero):
    plain = riesz.evaluate(Shifted(TWO, TWO, (1.0, 1.0), (0.05, 0.2)), waves(30))
    shift = np.asarray([0.05, 0.2]) * units
    other = riesz.evaluate(Shifted(TWO, TWO, (1.0, 1.0), shift), waves(30, 0, units, zero))
    for first, second in zip(plain.results[0].channels, other.results[0].channels, strict=True):
        # 273.15 + 0.05 is known to 3e-5 in float32
        assert second.error.mean == pytest.approx(first.error.mean, rel=2e-3)
    if zero[0]:
        ratio = [r.results[0].channels[0].relative_l2.mean for r in (plain, other)]
        assert ratio[1] < 0.02 * ratio[0]
    assert np.isfinite(other.results[0].spectrum.target).all()


def test_the_scale_is_that_of_the_training_data():
    training, test = waves(50, 1, (2.0, 3.0)), waves(10, 2)
    operator = Normalised(Shifted(TWO, TWO, (1.0, 1.0), (0.0, 0.0)), training)
    report = riesz.evaluate(operator, test)
    values = np.asarray(training.outputs.values)
    assert np.allclose(report.scale.deviation, values.std((0, 1)), rtol=1e-4)
    assert report.scale.source == "training data" and "training data" in report.verdict
    assert report.to_json()["scale"]["source"] == "training data"


def test_channels_that_vanish_or_are_constant_are_named():
    pairs = waves(8)
    values = np.array(pairs.outputs.values)
    values[:, :, 1] = 0
    values[3] = 0
    dead = Pairs(pairs.inputs, batch(values, GRID, TWO))
    report = riesz.evaluate(Shifted(TWO, TWO, (1.0, 0.0), (0.0, 0.25)), dead)
    t, q = report.results[0].channels
    assert q.relative_l2 is None and q.relative_h1 is None and q.vanishing == 8
    assert q.error.mean == pytest.approx(0.25) and q.scale == 1
    assert t.vanishing == 1 and t.relative_l2.mean < 1e-5
    text = str(report)
    assert "The channel 'q' is constant in the test data" in text
    assert "The target vanishes in 8 of 8 samples of the channel 'q'" in text
    json.dumps(report.to_json(), allow_nan=False)
    values[:] = 5.0
    constant = Pairs(pairs.inputs, batch(values, GRID, TWO))
    report = riesz.evaluate(Shifted(TWO, TWO, (0.0, 0.0), (5.5, 5.0)), constant)
    assert [c.error.mean for c in report.results[0].channels] == pytest.approx([0.1, 0.0])


def test_holes_and_padding_do_not_count():
    pairs = waves(12)
    mask = np.random.default_rng(0).random((12, 16)) < 0.6
    mask[:, 0] = True
    on = jax.vmap(lambda m: MaskedGrid(GRID, m))(jnp.asarray(mask))

    def outputs(fill):
        values = np.where(mask[..., None], pairs.outputs.values, np.float32(fill))
        return jax.vmap(lambda v, d: Function(v, d, TWO))(jnp.asarray(values), on)

    operator = Shifted(TWO, TWO, (1.0, 1.0), (0.01, 0.5))
    first = riesz.evaluate(operator, Pairs(pairs.inputs, outputs(0.0))).results[0]
    second = riesz.evaluate(operator, Pairs(pairs.inputs, outputs(1e20))).results[0]
    assert first.error == second.error and first.channels == second.channels
    assert first.spectrum is None
    shares = [c.error.mean * c.scale for c in first.channels]
    assert np.allclose(shares, [0.01, 0.5], rtol=1e-3)


def test_points_per_sample():
    line, draw = Space(Interval(0.0, 1.0)), np.random.default_rng(1)

    class Line(AbstractOperator):
        input_space = output_space = line

        def __call__(self, a, on=None):
            on = a.discretization if on is None else on
            return Function(jnp.sin(5 * on.relative) + 0.1, on, line)

    functions = []
    for i in range(9):
        on = Points(line.domain, np.sort(draw.random((12 + i % 4, 1)), 0).astype(np.float32))
        functions.append(Function(jnp.sin(5 * on.coordinates), on, line))
    outputs = stack(functions)
    report = riesz.evaluate(Line(), Pairs(outputs, outputs))
    result = report.results[0]
    assert result.channels[0].error.mean * result.channels[0].scale == pytest.approx(0.1, rel=1e-4)
    assert result.spectrum is None and np.isfinite(result.relative_h1.mean)


def noisy(pairs, size, seed=0):
    draw = np.random.default_rng(seed)
    values = pairs.outputs.values + size * draw.normal(size=pairs.outputs.values.shape)
    return Pairs(pairs.inputs, batch(values.astype(np.float32), GRID, TWO))


def test_baselines_stand_in_the_first_line():
    pairs = noisy(waves(40), 0.05)
    good, bad = (Shifted(TWO, TWO, (1.0, 1.0), (s, s)) for s in (0.0, 0.3))
    zero = Shifted(TWO, TWO, (0.0, 0.0), (2.0, 2.0))
    won = riesz.evaluate(good, pairs, baselines={"mean": zero, "shift": bad}, chunk=16)
    assert won.verdict.startswith("Shifted is better than every baseline: ")
    assert won.verdict.endswith("of the best, shift")
    lost = riesz.evaluate(bad, pairs, baselines={"mean": zero, "ridge": good})
    assert lost.verdict.startswith("ridge is better: ") and "; try " in lost.verdict
    same = riesz.evaluate(bad, pairs, baselines={"itself": Persistence(TWO, TWO)})
    assert same.verdict.endswith("try to learn the change from the input, or keep persistence")
    assert str(lost).splitlines()[0] == lost.verdict
    mean, ridge = lost.baselines
    assert (mean.worse, mean.better, ridge.better) == (True, False, True)
    same = riesz.evaluate(good, pairs)
    assert ridge.error.mean == pytest.approx(same.results[0].error.mean)
    difference = same.results[0].error.mean - lost.results[0].error.mean
    assert ridge.difference.mean == pytest.approx(difference, rel=1e-4)
    # errors of the two go up and down together: the paired interval is the narrower one
    near = Shifted(TWO, TWO, (1.0, 1.0), (0.02, 0.02))
    (close,) = riesz.evaluate(near, pairs, baselines={"ridge": good}).baselines
    assert close.difference.high - close.difference.low < close.error.high - close.error.low
    assert close.better
    record = lost.to_json()
    assert [b["name"] for b in record["baselines"]] == ["mean", "ridge"]
    assert record["verdict"] == lost.verdict and record["baselines"][1]["better"]
    assert "ridge" in str(lost).split("on the same samples")[1]
    tie = riesz.evaluate(good, pairs, baselines={"twin": good})
    assert tie.verdict.startswith("Shifted is the baseline twin, with error ")
    far = Shifted(TWO, TWO, (1.0, 1.0), (-0.02, -0.02))
    (other,) = riesz.evaluate(near, pairs, baselines={"far": far}).baselines
    assert other.better == other.worse == other.same == False  # noqa: E712
    assert "not compared with any baseline" in same.verdict


def drifting(n, seed, growth):
    """Residuals whose size grows by `growth` from the first to the last sample."""
    pairs, draw = waves(n, seed), np.random.default_rng(seed + 50)
    size = 0.1 * np.linspace(1, growth, n)[:, None, None]
    values = pairs.outputs.values + size * draw.normal(size=(n, 16, 2))
    return Pairs(pairs.inputs, batch(values.astype(np.float32), GRID, TWO))


SAME = Shifted(TWO, TWO, (1.0, 1.0), (0.0, 0.0))


def test_drift_over_time_is_measured_and_said():
    held_out, test = drifting(80, 1, 1.0), drifting(60, 2, 4.0)
    banded = riesz.calibrate(SAME, held_out, key=jax.random.key(0))
    order = np.random.default_rng(0).permutation(60)
    times = 2000.0 + order
    shuffled = Pairs(test.inputs, test.outputs)[order]
    with pytest.warns(DriftWarning, match="Scores are not exchangeable"):
        report = riesz.evaluate(banded, shuffled, times=times)
    drift = report.drift
    assert [b.n for b in drift.blocks] == [10] * 6
    assert (drift.blocks[0].start, drift.blocks[-1].end) == (2000.0, 2059.0)
    assert drift.blocks[0].coverage > 0.6 and drift.blocks[-1].coverage < 0.4
    assert drift.blocks[-1].error > 2 * drift.blocks[0].error
    assert drift.test.alarm and drift.test.tau > 0.3
    assert drift.adaptive.coverage > report.results[0].coverage.share + 0.1
    assert report.promise[0].startswith("The level of 90% is not promised here: the scores")
    text = str(report)
    assert "they grow with time" in text and "riesz.adapt" in text
    assert "Coverage promised" not in text
    assert "The band is that of one application" in text
    record = json.loads(json.dumps(report.to_json(), allow_nan=False))["drift"]
    assert record["exchangeable"] is False and len(record["blocks"]) == 6


def test_no_drift_without_drift():
    banded = riesz.calibrate(SAME, drifting(80, 3, 1.0), key=jax.random.key(0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", InputRangeWarning)
        report = riesz.evaluate(banded, drifting(40, 4, 1.0), times=np.arange(40))
    assert not report.drift.test.alarm and report.drift.test.p_value > 0.01
    plain = riesz.evaluate(SAME, drifting(40, 4, 1.0), times=np.arange(40))
    assert plain.drift.blocks[0].coverage is None and plain.promise == ()
    assert riesz.evaluate(SAME, drifting(40, 4, 1.0)).drift is None


def test_times_fit_the_data():
    with pytest.raises(DataError, match="one finite number per sample") as caught:
        riesz.evaluate(SAME, waves(8), times=np.arange(7))
    assert "expected: shape (8,)" in str(caught.value)
    with pytest.raises(RunError, match="not for fresh samples of a problem"):
        problem = riesz.problems.Antiderivative()
        riesz.evaluate(SAME, problem, times=np.arange(3), key=jax.random.key(0), resolutions=(8,))
