"""Scattered points of a line: cubic splines beside scipy, compiled code, weights, sensors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

from riesz.domains import Grid, Interval, Points, Torus
from riesz.errors import SolverError
from riesz.functions import Function

LINE, CIRCLE = Interval(0.0, 2.0), Torus(0.0, 2.0)
ROUNDING = float(np.finfo(np.float32).eps)


def scattered(count, seed=0):
    """Nodes in no order, whose gaps differ by at most a factor 9."""
    rng = np.random.default_rng(seed)
    return rng.permutation((np.arange(count) + rng.uniform(0.1, 0.9, count)) / count * 2)[:, None]


def peer(x, values, periodic=False):
    order = np.argsort(x[:, 0])
    x, values = x[order, 0], values[order]
    if periodic:
        return CubicSpline(np.append(x, x[0] + 2), np.append(values, values[0]), bc_type="periodic")
    return CubicSpline(x, values)


@jax.jit
def everything(f, points):
    slopes = [f.derivative(0, order).values for order in (1, 2)]
    return f.at(points), *slopes


@pytest.mark.parametrize("count", [2, 3, 4, 5, 40])
@pytest.mark.parametrize("domain", [LINE, CIRCLE], ids=str)
def test_the_spline_is_that_of_scipy(domain, count, x64):
    if domain.periodic[0] and count < 3:
        pytest.skip("scipy needs three nodes on a circle")
    x = scattered(count)
    f = Function(np.sin(np.pi * x) + 0.3, Points(domain, x))
    spline = peer(x, np.asarray(f.values)[:, 0], domain.periodic[0])
    probes = np.linspace(0.0, 2.0, 201)[:, None]
    for found in (everything.__wrapped__(f, probes), everything(f, probes)):
        for order, (values, where) in enumerate(zip(found, (probes, x, x), strict=True)):
            expected = spline(where[:, 0], order)
            scale = np.abs(expected).max() * 1e-10
            np.testing.assert_allclose(values[:, 0], expected, rtol=1e-10, atol=scale)


def test_single_precision_differs_by_rounding_and_padding_not_at_all():
    x = scattered(40)
    f = Function(np.sin(3 * x), Points(LINE, x))
    padded = f.discretization.pad(64)
    spoiled = Function(jnp.full((64, 1), jnp.inf).at[:40].set(f.values), padded)
    probes = np.linspace(0.0, 2.0, 201)[:, None]
    spline = peer(x, np.asarray(f.values, float)[:, 0])
    for order, found in enumerate(everything(spoiled, probes)):
        expected = spline((probes, x, x)[order][:, 0], order)
        # divided differences of neighbours multiply rounding by the inverse of the smallest gap
        scale = np.abs(expected).max() + 8 * (1 / np.diff(np.sort(x[:, 0])).min()) ** order
        gap = np.asarray(found, float)[: len(expected), 0] - expected
        assert np.abs(gap).max() < 8 * ROUNDING * scale
        assert (np.asarray(found)[len(expected) :] == 0).all()


def test_one_point_is_a_constant():
    for domain in (LINE, CIRCLE):
        f = Function(np.full((1, 1), 3.0), Points(domain, [[0.4]]))
        assert (f.at([[0.0], [0.4], [1.9]]) == 3).all() and (f.derivative(0).values == 0).all()
        assert f.discretization.weights == 2


def test_gradients_are_those_of_the_spline(x64):
    points, rng = Points(LINE, scattered(12)), np.random.default_rng(1)

    @jax.jit
    def total(values, relative, probes):
        moved = Points(LINE, relative, weights=points.weights)
        return jnp.sum(Function(values, moved).at(probes) ** 2)

    where = [jnp.sin(3 * points.relative), points.relative, jnp.asarray([[0.31], [1.7], [0.0]])]
    slopes = jax.grad(total, (0, 1, 2))(*where)
    for i, slope in enumerate(slopes):
        step = jnp.asarray(rng.normal(size=slope.shape)) * 1e-6
        up, down = list(where), list(where)
        up[i], down[i] = where[i] + step, where[i] - step
        expected = (total(*up) - total(*down)) / 2
        np.testing.assert_allclose(jnp.sum(slope * step), expected, rtol=1e-5, atol=1e-14)


@pytest.mark.parametrize("domain", [LINE, CIRCLE], ids=str)
def test_weights_of_even_gaps_integrate_the_spline(domain, x64):
    x = scattered(30, seed=4) if domain is CIRCLE else np.linspace(0.05, 1.95, 20)[:, None]
    even = (np.arange(30) + np.random.default_rng(0).uniform(-0.1, 0.1, 30) + 0.5) / 15
    x = even[:, None] if domain is CIRCLE else x
    f = Function(np.cos(np.pi * x) + x * (domain is LINE), Points(domain, x))
    spline = peer(x, np.asarray(f.values)[:, 0], domain.periodic[0])
    np.testing.assert_allclose(f.integral()[0], spline.integrate(0, 2), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("domain", [LINE, CIRCLE], ids=str)
def test_weights_are_positive_and_of_order_4(domain, x64):
    def f(x):
        return jnp.exp(jnp.sin(jnp.pi * x))

    exact = Function.from_callable(f, Grid(domain, 400)).integral()[0]
    sizes, errors = (64, 128, 256, 512), []
    for count in sizes:
        gaps = []
        for seed in range(8):
            x = np.random.default_rng(seed).uniform(0, 2, (count, 1))
            points = Points(domain, x)
            assert (points.weights > 0).all()
            np.testing.assert_allclose(points.weights.sum(), 2.0, rtol=1e-12)
            gaps.append(abs(Function.from_callable(f, points).integral()[0] - exact))
        errors.append(np.median(gaps))
    order = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert order > 3.5, (order, errors)


def weekly():
    """A series like that of CO2 at Mauna Loa: weeks with gaps, in seconds since 1970."""
    week = np.arange(2284)
    week = week[np.random.default_rng(0).permutation(2284)[:2225]]
    time = (week - 615) * 604_800.0
    year = week / 52.18
    return time[:, None], (316 + 0.8 * year + 0.012 * year**2 + 3 * np.sin(2 * np.pi * year))


def test_a_series_of_weeks_in_single_precision():
    time, co2 = weekly()
    f = Function(co2[:, None], Points(Interval(time.min(), time.max()), time))
    # the spacing of the values' type near 512, halved by rounding
    assert np.abs(np.asarray(f.at(time))[:, 0] - co2).max() <= 512 * ROUNDING / 2
    between = np.sort(time[:, 0])[:-1, None] + 302_400.0
    expected = peer(time, np.asarray(f.values, float)[:, 0])(between[:, 0])
    assert np.abs(np.asarray(f.at(between))[:, 0] - expected).max() < 4 * 512 * ROUNDING


def test_readings_that_differ_within_a_second_set_no_slope():
    time = np.arange(0, 86_400, 600.0)
    twice = np.concatenate([time, time[50:90:7] + 1])
    values = 20 + np.sin(twice / 20_000) + np.where(np.arange(len(twice)) < len(time), 0, 0.5)
    f = Function(values[:, None], Points(Interval(0.0, 86_400.0), twice[:, None]))
    np.testing.assert_allclose(f.at(twice[:, None])[:, 0], values, rtol=ROUNDING)
    dense = np.asarray(f.at(np.linspace(0, 86_400, 20_000)[:, None]))
    assert values.min() - 0.1 < dense.min() and dense.max() < values.max() + 0.1
    assert np.abs(f.derivative(0).values).max() < 1e-3  # 0.5 per second between the readings


def test_seconds_of_a_year_stay_apart_in_single_precision():
    # 3e7 seconds are told apart by 2 in float32
    time = 1.6e9 + np.concatenate([np.arange(0, 3.15e7, 86_400), [3.0e7, 3.0e7 + 1, 3.0e7 + 2]])
    values = np.sin(time / 2e6)[:, None]
    f = Function(values, Points(Interval(time.min(), time.max()), time[:, None]))
    assert len(np.unique(np.asarray(f.discretization.relative))) < len(time)
    np.testing.assert_array_equal(f.at(time[:, None]), f.values)
    np.testing.assert_array_equal(f.discretization.exact()[:, 0], time - time.min())
    padded = f.discretization.pad(512)
    np.testing.assert_array_equal(padded.exact()[: len(time)], f.discretization.exact())


def test_values_that_are_not_finite_are_named():
    points = Points(LINE, scattered(8))
    with pytest.raises(SolverError) as caught:
        points.interpolate(jnp.full((8, 1), jnp.nan), jnp.asarray([[0.5]]))
    assert "misses its own data" in str(caught.value)
    assert "repair:   look for values that are not finite" in str(caught.value)


@st.composite
def sensor_times(draw):
    """Seconds since 1970: readings every few minutes, gaps, repeats within seconds, no order."""
    start = draw(st.integers(0, 2_000_000_000))
    steps = draw(
        st.lists(
            st.one_of(st.integers(1, 3), st.integers(50, 900), st.integers(3_600, 900_000)),
            min_size=1,
            max_size=60,
        )
    )
    times = start + np.concatenate([[0], np.cumsum(steps)]).astype(float)
    return np.asarray(draw(st.permutations(times.tolist())))


@given(sensor_times(), st.floats(-1e3, 1e3), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_functions_on_the_times_of_sensors(times, offset, seed):
    values = offset + np.random.default_rng(seed).normal(size=(len(times), 2))
    domain = Interval(times.min() - 60, times.max() + 60)
    f = Function(values, Points(domain, times[:, None]))
    weights = np.asarray(f.discretization.weights, float)
    assert (weights > 0).all() and abs(weights.sum() / domain.volume - 1) < 8 * ROUNDING
    # every reading is given back, although float32 counts seconds since 1970 by 128
    np.testing.assert_array_equal(f.at(times[:, None]), f.values)
    constant = Function(np.full((len(times), 1), offset), f.discretization)
    probes = np.linspace(times.min(), times.max(), 50)[:, None]
    np.testing.assert_allclose(constant.at(probes), np.float32(offset), rtol=8 * ROUNDING)
    assert np.isfinite(f.at(probes)).all() and np.isfinite(f.derivative(0).values).all()
