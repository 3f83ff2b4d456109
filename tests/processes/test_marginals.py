"""Distributions at points against closed forms: intervals, quantiles, draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from riesz.domains import Grid, Interval
from riesz.errors import DataError, ModelError
from riesz.functions import Function
from riesz.kernels import SquaredExponential
from riesz.processes import (
    Bars,
    Draws,
    GaussianProcess,
    Normal,
    NormalMixture,
    ScaleMixture,
    StudentT,
)

MEAN = jnp.asarray([[0.5], [-2.0]])
SPREAD = jnp.asarray([[1.0], [0.25]])
KEY = jax.random.key(0)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9, 0.999])
def test_intervals_are_those_of_scipy(level, x64):
    mean, scale = np.asarray(MEAN, float), np.sqrt(np.asarray(SPREAD, float))
    wide = jnp.asarray(mean), jnp.asarray(scale**2)
    for degrees in (0.7, 2.5, 40.0):
        law = StudentT(jnp.asarray(degrees), *wide)
        expected = scipy.stats.t(degrees, mean, scale).interval(level)
        np.testing.assert_allclose(law.interval(level), expected, rtol=1e-9)
    expected = scipy.stats.norm(mean, scale).interval(level)
    np.testing.assert_allclose(Normal(*wide).interval(level), expected, rtol=1e-12)
    one = NormalMixture(jnp.asarray([4.0, 9.0]), jnp.asarray([1.0, 0.0]), *wide)
    expected = scipy.stats.norm(mean, 2 * scale).interval(level)
    np.testing.assert_allclose(one.interval(level), expected, rtol=1e-9)


def test_heavy_tails_of_a_scale_mixture_are_in_its_intervals(x64):
    # sqrt(v) Z for v ~ InverseGamma(1.5, 1.5) is Student-t with 3 degrees of freedom.
    inverse_gamma = lambda v: -2.5 * jnp.log(v) - 1.5 / v  # noqa: E731
    process = ScaleMixture(GaussianProcess(SquaredExponential(0.2)), inverse_gamma)
    law = process.marginal(on=np.array([[0.3]]))
    expected = scipy.stats.t(3).interval(0.9)
    np.testing.assert_allclose(np.ravel(law.interval(0.9)), expected, rtol=1e-6)
    normal = 1.6449 * float(law.standard_deviation[0, 0])
    assert normal > 1.15 * expected[1]  # what a normal distribution of that variance would say


def test_bars_are_a_piecewise_constant_density(x64):
    edges, p = [0.0, 1.0, 2.0, 4.0], jnp.asarray([[[0.5, 0.0, 0.5]]])
    law = Bars(edges, p)
    draws = np.concatenate([np.linspace(0, 1, 100001), np.linspace(2, 4, 100001)])
    np.testing.assert_allclose(law.mean, [[draws.mean()]], rtol=1e-12)
    np.testing.assert_allclose(law.variance, [[draws.var()]], rtol=1e-4)
    np.testing.assert_allclose(law.cdf(0.5), [[0.25]])
    np.testing.assert_allclose(law.cdf(1.7), [[0.5]])
    np.testing.assert_allclose(law.cdf(9.0), [[1.0]])
    for q, value in ((0.25, 0.5), (0.5, 1.0), (0.75, 3.0)):
        np.testing.assert_allclose(law.quantile(q), [[value]])
    np.testing.assert_allclose(np.ravel(law.interval(0.5)), [0.5, 3.0])
    sampled = np.asarray(law.sample(20000, key=KEY))[:, 0, 0]
    assert not ((sampled > 1) & (sampled < 2)).any()
    assert abs(sampled.mean() - float(law.mean[0, 0])) < 5 * sampled.std() / 20000**0.5
    moved = law.rescaled(jnp.asarray([10.0]), jnp.asarray([3.0]))
    np.testing.assert_allclose(moved.quantile(0.75), [[19.0]])
    np.testing.assert_allclose(moved.variance, 9 * law.variance)


def test_narrow_bars_are_the_normal_law(x64):
    edges = np.linspace(-7, 7, 4001)
    p = np.diff(scipy.stats.norm.cdf(edges))
    grid = Grid(Interval(0.0, 1.0), 3)
    law = Bars(edges, np.tile(p / p.sum(), (3, 2, 1)), on=grid)
    assert isinstance(law.mean, Function) and law.mean.values.shape == (3, 2)
    np.testing.assert_allclose(law.standard_deviation.values, 1, rtol=1e-5)
    lower, upper = law.interval(0.9)
    np.testing.assert_allclose(upper.values, scipy.stats.norm.ppf(0.95), rtol=1e-5)
    np.testing.assert_allclose(lower.values, -upper.values, rtol=1e-10)
    np.testing.assert_allclose(law.cdf(upper).values, 0.95, rtol=1e-10)
    assert law.sample(4, key=KEY).values.shape == (4, 3, 2)


def test_bins_of_each_value_and_jit(x64):
    edges = jnp.asarray([[[0.0, 1.0]], [[10.0, 12.0]]])

    @jax.jit
    def ends(edges, p):
        return Bars(edges, p).interval(0.5)

    lower, upper = ends(edges, jnp.ones((2, 1, 1)))
    np.testing.assert_allclose(np.hstack([lower, upper]), [[0.25, 0.75], [10.5, 11.5]])


def test_draws_estimate_the_law_they_are_from(x64):
    grid = Grid(Interval(0.0, 1.0), 5)
    process = GaussianProcess(SquaredExponential(0.3, 4.0), mean=1.0, channels=2)
    law = Draws(process.sample(4000, on=grid, key=KEY))
    exact = process.marginal(on=grid, joint=True)
    assert isinstance(law.mean, Function) and law.mean.discretization == grid
    np.testing.assert_allclose(law.mean.values, 1, atol=5 * 2 / 4000**0.5)
    np.testing.assert_allclose(law.variance.values, 4, rtol=0.12)
    for own, end in zip(law.interval(0.8), exact.interval(0.8), strict=True):
        np.testing.assert_allclose(own.values, end.values, atol=0.25)
    covariance = np.asarray(law.covariance)
    np.testing.assert_allclose(covariance[:, 0, :, 0], exact.covariance, atol=0.5)
    np.testing.assert_allclose(covariance[:, 0, :, 1], 0, atol=0.5)
    assert law.sample(3, key=KEY).values.shape == (3, 5, 2)
    moved = law.rescaled(jnp.asarray([0.0, 1.0]), jnp.asarray([1.0, 10.0]))
    np.testing.assert_allclose(moved.mean.values[:, 1], 1 + 10 * law.mean.values[:, 1])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Normal(MEAN, SPREAD).interval(1.0), "0 < level < 1"),
        (lambda: Bars([0.0, 1.0], jnp.ones((1, 1, 1))).quantile(0.0), "0 < level < 1"),
        (lambda: Bars([0.0, 1.0, 1.0], jnp.full((1, 1, 2), 0.5)), "smallest width 0"),
        (lambda: Bars([0.0, 1.0, 2.0], jnp.full((1, 1, 2), 0.4)), "sums 0.8"),
        (lambda: Bars([0.0, 1.0], jnp.full((1, 1, 2), 0.5)), "edges of shape"),
        (lambda: Draws(jnp.ones((1, 3, 1))), "two draws or more"),
    ],
)
def test_what_is_no_law_is_refused(make, text):
    with pytest.raises(DataError, match=text):
        make()


def test_bars_have_no_covariance():
    with pytest.raises(ModelError, match="point by point"):
        _ = Bars([0.0, 1.0], jnp.ones((1, 1, 1))).covariance
