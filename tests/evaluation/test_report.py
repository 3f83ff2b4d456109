"""Reports on data: errors, intervals, coverage, spectra, JSON and refusals."""

import io
import json
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

import riesz
from riesz.domains import Box, Grid, Interval, Points, Space, Torus
from riesz.errors import DataError, InputRangeWarning, ModelError, RunError
from riesz.evaluation import Banded, Coverage, InputStatistics, Scale, Statistic
from riesz.evaluation._spectrum import energies
from riesz.evaluation._statistics import clopper_pearson
from riesz.functions import Function, Pairs, batch
from riesz.operators import FNO, AbstractOperator, Frozen, Normalised

CIRCLE = Space(Torus(0.0, 1.0))
LINE = Space(Interval(0.0, 2.0))


class Map(AbstractOperator):
    """Scales by `factor` and adds the constant function `shift`."""

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    factor: Any = 1.0
    shift: Any = 0.0

    def __call__(self, a, on=None):
        out = a * self.factor + self.shift
        return out if on is None else out.resample(on)


def waves(n, points, space=CIRCLE, nodes=None, key=0):
    """Smooth functions and themselves."""
    grid = Grid(space.domain, points, nodes)
    c = np.asarray(jax.random.normal(jax.random.key(key), (n, 3)))
    x = np.asarray(grid.coordinates[..., 0]) / space.domain.lengths[0]
    c = c.reshape(n, 3, *(1,) * x.ndim)
    values = sum(c[:, k] * np.cos(2 * np.pi * k * x) for k in range(3))
    values = batch(values[..., None].astype(np.float32), grid, space)
    return Pairs(values, values)


def test_relative_errors_of_a_factor():
    report = riesz.evaluate(Map(CIRCLE, CIRCLE, 1.25), waves(7, 16), chunk=3)
    (result,) = report.results
    assert result.n == 7 and result.resolution == result.shape == (16,)
    for error in (result.relative_l2, result.relative_h1, result.relative_linf):
        values = [error.mean, error.median, error.worst, error.low, error.high]
        assert np.allclose(values, 0.25, rtol=1e-5)
    assert result.coverage is None and result.speed is None
    assert result.seconds_per_function > 0
    assert report.operator == "Map" and report.reference == "the data"


def test_errors_are_integrals():
    pairs = waves(5, 24, LINE, "chebyshev")
    result = riesz.evaluate(Map(LINE, LINE, 1.0, 0.5), pairs).results[0]
    u = [Function(v, pairs.outputs.discretization) for v in pairs.outputs.values]
    l2 = [0.5 * 2**0.5 / f.norm("L2") for f in u]
    h1 = [0.5 * 2**0.5 / f.norm("H1") for f in u]
    linf = [0.5 / f.norm("Linf") for f in u]
    for error, expected in zip(
        (result.relative_l2, result.relative_h1, result.relative_linf), (l2, h1, linf), strict=True
    ):
        assert np.isclose(error.mean, np.mean(expected), rtol=1e-4)
        assert np.isclose(error.median, np.median(expected), rtol=1e-4)
        assert error.worst_index == int(np.argmax(expected))
        assert np.isclose(error.worst, max(expected), rtol=1e-4)


@pytest.mark.parametrize("chunk", [1, 4, 11, 100])
def test_chunks_do_not_change_a_report(chunk):
    operator = FNO(CIRCLE, CIRCLE, modes=3, width=4, layers=1, key=jax.random.key(0))
    whole = riesz.evaluate(operator, waves(11, 16), chunk=11).results[0]
    parts = riesz.evaluate(operator, waves(11, 16), chunk=chunk).results[0]
    assert parts.n == 11
    for name in ("relative_l2", "relative_h1", "relative_linf"):
        first, second = vars(getattr(whole, name)), vars(getattr(parts, name))
        assert np.allclose(list(first.values()), list(second.values()), rtol=1e-4)
    assert np.allclose(whole.spectrum.error, parts.spectrum.error, rtol=1e-3, atol=1e-7)


class File:
    """Pairs that are read when they are asked for."""

    def __init__(self, pairs):
        self.pairs, self.read = pairs, []

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        assert isinstance(index, slice)
        self.read.append((index.start, index.stop))
        return self.pairs[index]


def test_lazy_data_is_read_in_chunks_and_only_as_far_as_needed():
    file = File(waves(10, 16))
    assert riesz.evaluate(Map(CIRCLE, CIRCLE, 1.1), file, chunk=4).results[0].n == 10
    assert file.read == [(None, 2), (0, 4), (4, 8), (8, 10)]  # the first two: shared points?
    file.read.clear()
    assert riesz.evaluate(Map(CIRCLE, CIRCLE, 1.1), file, n=6, chunk=4).results[0].n == 6
    assert file.read[:3] == [(None, 2), (0, 4), (4, 8)] and len(file.read) <= 4


def test_coarser_resolutions_of_data():
    data = waves(4, 16)
    report = riesz.evaluate(Map(CIRCLE, CIRCLE, 1.5), data, resolutions=(8, 16))
    assert [r.shape for r in report.results] == [(8,), (16,)]
    assert np.allclose([r.relative_l2.mean for r in report.results], 0.5, rtol=1e-5)
    with pytest.raises(DataError) as caught:
        riesz.evaluate(Map(CIRCLE, CIRCLE), data, resolutions=(32,))
    assert "found:    resolution 32 of (16,)" in str(caught.value)
    assert "repair:   leave resolutions out" in str(caught.value)


def test_outputs_on_other_points_than_inputs():
    pairs = waves(5, 16)
    fine = Pairs(pairs.inputs, waves(5, 32).outputs)
    result = riesz.evaluate(Map(CIRCLE, CIRCLE, 1.25), fine).results[0]
    assert result.shape == (32,) and np.isclose(result.relative_l2.mean, 0.25, rtol=1e-4)
    points = Points(CIRCLE.domain, jnp.linspace(0, 0.95, 20)[:, None])
    scattered = jax.vmap(lambda u: u.resample(points))(pairs.outputs)
    result = riesz.evaluate(Map(CIRCLE, CIRCLE, 1.25), Pairs(pairs.inputs, scattered)).results[0]
    assert result.spectrum is None and np.isclose(result.relative_l2.mean, 0.25, rtol=1e-4)
    assert result.to_json()["spectrum"] is None


def constant_band(operator, inputs, scores, points=16, level=0.9):
    """A band of one half-width everywhere, with these scores."""
    grid = Grid(operator.output_space.domain, points)
    channels = operator.output_space.channels
    ones, one = Frozen(jnp.ones((*grid.shape, channels))), Frozen(jnp.ones(channels))
    scale = Scale(ones, one, one, grid, 0.0)
    scores = (Frozen(jnp.sort(jnp.asarray(scores))),)
    return Banded(operator, scale, scores, InputStatistics.of(inputs), (points,), level)


def test_coverage_of_a_calibrated_operator():
    pairs = waves(10, 16)
    banded = constant_band(Map(CIRCLE, CIRCLE), pairs.inputs, np.full(20, 0.5))
    shift = np.where(np.arange(10) < 7, 0.4, 0.6).astype(np.float32)[:, None, None]
    moved = Pairs(
        pairs.inputs, batch(pairs.outputs.values + shift, pairs.outputs.discretization, CIRCLE)
    )
    report = riesz.evaluate(banded, moved, chunk=4)
    cover = report.results[0].coverage
    assert (cover.share, cover.level) == (0.7, 0.9)
    assert np.allclose((cover.low, cover.high), clopper_pearson(7, 10))
    (channel,) = report.results[0].channels
    assert channel.half_width.mean == pytest.approx(0.5)
    assert channel.half_width.relative == pytest.approx(0.5 / report.scale.deviation[0])
    assert report.operator == "Banded(Map)"
    (result,) = report.to_json()["results"]
    assert result["coverage"] == 0.7 and result["calibrated"]
    (coarser,) = riesz.evaluate(banded, moved, resolutions=(8,)).results
    assert not coarser.coverage.calibrated


def test_clopper_pearson_intervals():
    # Clopper and Pearson's intervals by scipy.stats.binomtest(k, n).proportion_ci()
    assert np.allclose(clopper_pearson(0, 10), (0, 0.30850), atol=1e-5)
    assert np.allclose(clopper_pearson(5, 10), (0.18709, 0.81291), atol=1e-5)
    assert np.allclose(clopper_pearson(90, 100), (0.82378, 0.95100), atol=1e-5)
    every = Coverage.of(10, 10, 0.9, True)
    assert every.high == 1 and np.isclose(every.low, 0.6915)


def test_bootstrap_intervals():
    draw = np.random.default_rng(1)
    hits = 0
    for _ in range(60):
        errors = draw.exponential(size=50)
        found = Statistic.of(errors)
        assert found.low < found.mean < found.high and found == Statistic.of(errors)
        hits += found.low <= 1 <= found.high
        assert np.isclose(found.high - found.low, 2 * 1.96 * errors.std() / 50**0.5, rtol=0.2)
    assert 49 <= hits <= 60
    one = Statistic.of(np.asarray([0.25]))
    assert one == Statistic(0.25, 0.25, 0.25, 0, 0.25, 0.25)


@pytest.mark.parametrize("shape", [16, 17])
def test_spectrum_on_a_torus(shape):
    grid = Grid(Torus((0.0, 0.0), (1.0, 2.0)), shape)

    def f(x, y):
        return 3 + jnp.cos(2 * jnp.pi * (3 * x + 2 * y)) + 2 * jnp.sin(2 * jnp.pi * y)

    found = energies(Function.from_callable(f, grid))
    # 3^2; 2 sin(2 pi y) is wave 2 of the axis of length 2; (3, 4) has length 5
    assert len(found) == (shape + 1) // 2
    assert np.allclose(found, [9, 0, 2, 0, 0, 0.5, *[0] * (len(found) - 6)], atol=1e-5)


@pytest.mark.parametrize("nodes", ["vertex", "centre", "left", "right", "chebyshev"])
def test_spectrum_on_a_box(nodes):
    grid = Grid(Box((0.0, 0.0), (1.0, 2.0)), 24, nodes)

    def f(x, y):
        return 1 + jnp.cos(2 * jnp.pi * x) * 2 + jnp.cos(jnp.pi * 3 * x) * jnp.cos(2 * jnp.pi * y)

    found = energies(Function.from_callable(f, grid))
    # |(1.5, 2)| is 2.5, which rounds to the even 2
    assert np.allclose(found[:5], [1, 2, 0.25, 0, 0], atol=2e-4)
    assert np.allclose(found.sum(), 3.25, atol=1e-3)


def test_spectra_in_a_report():
    pairs = waves(6, 16)
    factor = Map(CIRCLE, CIRCLE, 1.5)
    spectrum = riesz.evaluate(factor, pairs).results[0].spectrum
    values = np.asarray(pairs.outputs.values, np.float64)[..., 0]
    mean_square = np.mean(values**2) / np.var(values)  # in squares of the channel's deviation
    assert np.isclose(sum(spectrum.target), mean_square, rtol=1e-4)
    assert np.allclose(spectrum.relative[:3], 0.25, rtol=1e-4)
    assert spectrum.relative[3:] == (None,) * (len(spectrum.target) - 3)


def test_json_and_table():
    inner = FNO(CIRCLE, CIRCLE, modes=3, width=4, layers=1, key=jax.random.key(0))
    data = waves(5, 16)
    report = riesz.evaluate(Normalised(inner, data), data)
    record = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert record["operator"] == "Normalised(FNO)"
    assert record["parameters"] == sum(x.size for x in jax.tree.leaves(inner))
    (result,) = record["results"]
    assert (result["resolution"], result["shape"], result["n"]) == (16, [16], 5)
    assert result["relative_l2"] == report.results[0].relative_l2.mean
    assert result["statistics"]["relative_l2"].keys() == {
        *("mean", "median", "worst", "worst_index", "low", "high")
    }
    nothing = ("coverage", "coverage_interval", "level", "calibrated", "speed")
    assert [result[name] for name in nothing] == [None] * 5
    assert result["spectrum"]["wave_number"] == list(range(len(result["spectrum"]["error"])))
    text = io.StringIO()
    Console(file=text, width=160).print(report.table())
    assert "Normalised(FNO)" in text.getvalue() and "error (95%)" in text.getvalue()
    space = Space(Torus((0.0, 0.0), (1.0, 1.0)))
    square = waves(3, (6, 9), space)
    report = riesz.evaluate(Map(space, space, 1.1), square)
    assert report.to_json()["results"][0]["resolution"] == [6, 9]


def test_inputs_unlike_those_of_the_calibration_end_the_promise():
    data, near = waves(30, 16), waves(30, 16, key=3)
    sizes = np.random.default_rng(0).random((50, 1, 1)).astype(np.float32)
    banded = constant_band(Map(CIRCLE, CIRCLE), data.inputs, sizes[:20, 0, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = riesz.evaluate(banded, Pairs(near.inputs, moved_by(near.outputs, sizes[20:])))
    assert report.warnings == ()
    (line,) = report.promise
    assert line.startswith("Coverage promised: 90% (20 scores: the band is the 19th smallest")
    beyond = jax.tree.map(lambda v: v * 9, data.inputs)
    beyond = Pairs(beyond, moved_by(beyond, sizes[20:]))
    with pytest.warns(InputRangeWarning, match="unlike the 30 inputs of the calibration"):
        report = riesz.evaluate(banded, beyond, chunk=7)
    assert len(report.warnings) == 1
    assert report.promise[0].startswith("The level of 90% is not promised here")
    assert "Coverage promised" not in str(report)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        riesz.evaluate(Map(CIRCLE, CIRCLE), beyond)


def moved_by(functions, distance):
    return batch(functions.values + distance, functions.discretization, functions.space)


def edited(member, value):
    """Pairs with a value that `Function` itself would not take."""
    pairs = waves(6, 16)
    values = pairs.outputs.values.at[member].set(value)
    return eqx.tree_at(lambda p: p.outputs.values, pairs, values)


def test_what_cannot_be_measured():
    operator = Map(CIRCLE, CIRCLE)
    with pytest.raises(DataError) as caught:
        riesz.evaluate(operator, edited(4, np.nan), chunk=3)
    assert str(caught.value).startswith("the target is not finite")
    assert "where:    riesz.evaluate: sample 4" in str(caught.value)
    with pytest.raises(ModelError) as caught:
        riesz.evaluate(Map(CIRCLE, CIRCLE, np.nan), waves(6, 16))
    assert str(caught.value).startswith("the operator gives values that are not finite")
    with pytest.raises(DataError) as caught:
        riesz.evaluate(operator, waves(6, 16), n=7)
    assert "found:    6 pairs" in str(caught.value)
    for arguments in ({"n": 0}, {"chunk": 0}, {"resolutions": ()}):
        with pytest.raises(RunError, match="an evaluation needs samples, a chunk size"):
            riesz.evaluate(operator, waves(6, 16), **arguments)
