"""The derivative of a process: closed forms, difference quotients, observations of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Grid, Interval
from riesz.errors import DataError, ModelError
from riesz.kernels import Matern, SquaredExponential, White
from riesz.processes import (
    Derivatives,
    GaussianProcess,
    InducingPoints,
    Rescaled,
    StudentTProcess,
    Values,
)

LENGTH, VARIANCE = 0.3, 2.0
X = np.linspace(0.0, 1.0, 7)[:, None]
PLANE = np.random.default_rng(0).uniform(size=(6, 2))


def quotients(process, x, axis, step=1e-4):
    """Mean and covariance of central differences, by the joint distribution of the values."""
    moved = np.eye(x.shape[1])[axis] * step
    law = process.marginal(on=np.concatenate([x + moved, x - moved]), joint=True)
    n = len(x)
    difference = np.concatenate([np.eye(n), -np.eye(n)], 1) / (2 * step)
    return difference @ law.mean, difference @ np.asarray(law.covariance) @ difference.T


def test_the_derivative_of_a_squared_exponential_is_in_closed_form(x64):
    prior = GaussianProcess(SquaredExponential(LENGTH, VARIANCE), mean=lambda x: jnp.sin(3 * x))
    law = prior.derivative(0).marginal(on=X, joint=True)
    r = (X - X.T) / LENGTH
    expected = VARIANCE / LENGTH**2 * (1 - r**2) * np.exp(-(r**2) / 2)
    np.testing.assert_allclose(law.covariance, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(law.variance[:, 0], np.diag(expected), rtol=1e-10)
    np.testing.assert_allclose(law.mean, 3 * np.cos(3 * X), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("solver", [None, InducingPoints(PLANE[:3])])
def test_it_is_the_limit_of_difference_quotients(axis, solver, x64):
    prior = GaussianProcess(2.0 * Matern(2.5, [0.4, 0.9]), mean=1.0)
    y = np.sin(5 * PLANE[:, :1]) + PLANE[:, 1:]
    at = PLANE[::-1] * 0.9
    for process in (prior, prior.condition(Values(PLANE, y, noise=0.1), solver)):
        mean, covariance = quotients(process, at, axis)
        law = process.derivative(axis).marginal(on=at, joint=True)
        np.testing.assert_allclose(law.mean, mean, atol=1e-4)
        np.testing.assert_allclose(law.covariance, covariance, atol=1e-2)
        np.testing.assert_allclose(law.variance[:, 0], np.diag(law.covariance), rtol=1e-6)
        assert float(law.variance.max()) > 1


def test_samples_differ_as_the_derivative_says(x64):
    step, count = 1e-3, 4000
    values = Values(X[::3], np.cos(4 * X[::3]), noise=0.05)
    posterior = GaussianProcess(SquaredExponential(LENGTH)).condition(values)
    pairs = np.concatenate([X + step, X - step])
    draws = np.asarray(posterior.sample(count, on=pairs, key=jax.random.key(0)))[..., 0]
    slopes = (draws[:, : len(X)] - draws[:, len(X) :]) / (2 * step)
    own = posterior.derivative(0).sample(count, on=X, key=jax.random.key(1))[..., 0]
    law = posterior.derivative(0).marginal(on=X)
    error = np.asarray(law.standard_deviation)[:, 0] / count**0.5
    for sampled in (slopes, np.asarray(own)):
        assert np.abs((sampled.mean(0) - np.asarray(law.mean)[:, 0]) / error).max() < 5
        np.testing.assert_allclose(sampled.var(0), law.variance[:, 0], rtol=5 * (2 / count) ** 0.5)


def test_observed_slopes_are_derivatives_of_the_function(x64):
    prior = GaussianProcess(SquaredExponential(LENGTH))
    y = np.cos(X[:3])
    given = prior.derivative(0).condition(Values(X[:3], y, noise=0.1))
    same = prior.condition(Derivatives(X[:3], y, axis=0, noise=0.1))
    one, two = (p.marginal(on=X).mean for p in (given.process, same))
    np.testing.assert_allclose(one, two, rtol=1e-12)
    density = prior.derivative(0).log_density(Values(X[:3], y, noise=0.1))
    np.testing.assert_allclose(density, prior.log_density(given.process.observations))


def test_functions_and_units(x64):
    grid = Grid(Interval(0.0, 1.0), 9)
    prior = GaussianProcess(SquaredExponential(LENGTH), channels=2)
    inside = prior.derivative().marginal(on=grid)
    law = Rescaled(prior, [5.0, 6.0], [1.0, 10.0]).derivative().marginal(on=grid)
    np.testing.assert_allclose(law.mean.values, 0)
    np.testing.assert_allclose(law.variance.values, np.asarray(inside.variance.values) * [1, 100])
    with pytest.raises(ModelError, match="no derivative that is known"):
        Rescaled(StudentTProcess(prior, 2.0, 2.0), [0.0, 0.0], [1.0, 1.0]).derivative()


@pytest.mark.parametrize(
    ("kernel", "axis", "text"),
    [
        (Matern(0.5, 1.0), 0, "the derivative of this process does not exist"),
        (SquaredExponential(1.0) + White(0.1), 0, "the derivative of this process does not exist"),
        (SquaredExponential(1.0), 1, "0 <= axis < d"),
    ],
)
def test_what_has_no_derivative_is_refused(kernel, axis, text):
    derivative = GaussianProcess(kernel).derivative(axis)
    with pytest.raises(DataError, match=text):
        derivative.marginal(on=X)
    with pytest.raises(DataError, match=text):
        derivative.sample(1, on=X, key=jax.random.key(0))


def test_only_values_of_the_derivative_are_given():
    derivative = GaussianProcess(SquaredExponential(1.0)).derivative()
    with pytest.raises(DataError, match=r"condition the process itself, then take its derivative"):
        derivative.condition(Derivatives(X, X))
