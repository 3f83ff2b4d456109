"""Deep kernel machines against closed forms, dense formulas and Gaussian processes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from riesz.errors import DataError, ModelError, SolverError
from riesz.networks import Conv, Dense, Erf, Flatten, Rbf, Relu
from riesz.processes import DeepKernelMachine, Derivatives, Values
from riesz.testing import PROCESS_CHECKS, ProcessCase

W, B, NOISE, NU = 2**0.5, 0.3, 0.1, 10.0
GAMMA = 0.5
NETWORK = Dense(1, W, B) >> Rbf(GAMMA) >> Dense(1, W, B) >> Rbf(GAMMA) >> Dense(3, W, B)
SMALL = Dense(1, W, B) >> Relu() >> Dense(1, W, B)


@pytest.fixture(autouse=True)
def double(x64):
    """All tests here run with 64-bit floats."""


def one_direction(count, key):
    """Three functions of the first of six coordinates."""
    places, noise = jax.random.split(key)
    x = jax.random.normal(places, (count, 6))
    y = jnp.stack([jnp.sin((1 + j / 2) * x[:, 0] + j) for j in range(3)], 1)
    return x, y + NOISE * jax.random.normal(noise, y.shape)


@pytest.fixture(scope="module")
def data():
    with jax.enable_x64(True):
        return one_direction(40, jax.random.key(0))


@pytest.fixture(scope="module")
def new():
    with jax.enable_x64(True):
        return one_direction(300, jax.random.key(1))


@pytest.fixture(scope="module")
def learned(data):
    with jax.enable_x64(True):
        return DeepKernelMachine(NETWORK, NU).condition(Values(*data, NOISE))


@pytest.fixture(scope="module")
def fixed(data, new):
    """Mean and variance of the Gaussian process of the network, by dense matrices."""
    both, y = np.concatenate([data[0], new[0]]), np.asarray(data[1])
    k = squared_exponential(squared_exponential(B**2 + W**2 * both @ both.T / 6))
    weights = np.linalg.solve(k[:40, :40] + NOISE**2 * np.eye(40), k[:40, 40:]).T
    return weights @ y, np.diag(k[40:, 40:]) - np.sum(weights * k[40:, :40], 1)


def rms(mean, new):
    return float(np.sqrt(np.mean((np.asarray(mean) - new[1]) ** 2)))


def squared_exponential(gram):
    """K(G) of a Dense layer behind Rbf: a function of distances of features."""
    square = np.diag(gram)
    return B**2 + W**2 * np.exp(-GAMMA * (square[:, None] + square - 2 * gram))


def first_root(x):
    """R with R R^T the covariances behind the first Dense layer: their rank is 7."""
    return np.concatenate([W * x / np.sqrt(x.shape[1]), np.full((len(x), 1), B)], 1)


def divergence(ratio):
    return NU / 2 * (np.trace(ratio) - np.linalg.slogdet(ratio)[1] - len(ratio))


def dense_objective(x, y, first, second):
    """The objective at the Gram matrices R first R^T and second, by dense matrices."""
    root = first_root(x)
    ratio = np.linalg.solve(squared_exponential(root @ first @ root.T), second)
    law = scipy.stats.multivariate_normal(
        np.zeros(len(x)), squared_exponential(second) + NOISE**2 * np.eye(len(x))
    )
    return law.logpdf(y.T).sum() - divergence(first) - divergence(ratio)


def inner_and_second(posterior, x):
    """The learned Gram matrices, the first as R inner R^T."""
    inverse = np.linalg.pinv(first_root(x))
    first, second = map(np.asarray, posterior.kernel.grams)
    return inverse @ first @ inverse.T, second


def test_infinite_nu_gives_the_process_of_the_network(data, new, fixed):
    posterior = DeepKernelMachine(NETWORK, float("inf")).condition(Values(*data, NOISE))
    assert posterior.converged
    law = posterior.marginal(on=new[0])
    np.testing.assert_allclose(law.mean, fixed[0], atol=1e-6)
    np.testing.assert_allclose(law.variance, np.tile(fixed[1][:, None], 3), atol=1e-6)


def test_linear_layers_learn_geometric_means():
    # With K(G) = G, no noise and nu = channels, Gram matrices lie at equal distances on the
    # geodesic of positive matrices from that of the inputs to that of the outputs.
    n, channels = 5, 7
    x = jax.random.normal(jax.random.key(0), (n, 6))
    y = jax.random.normal(jax.random.key(1), (n, channels))
    network = Dense(1) >> Dense(1) >> Dense(1) >> Dense(channels)
    posterior = DeepKernelMachine(network, float(channels)).condition(Values(x, y))
    assert posterior.converged
    start, end = np.asarray(x @ x.T / 6), np.asarray(y @ y.T / channels)
    root = scipy.linalg.sqrtm(start).real
    between = np.linalg.solve(root, np.linalg.solve(root, end).T)
    for i, gram in enumerate(posterior.kernel.grams, 1):
        power = scipy.linalg.fractional_matrix_power(between, i / 4).real
        np.testing.assert_allclose(gram, root @ power @ root, atol=1e-5)


def test_the_optimum_is_one_of_the_objective(data, learned):
    x, y = map(np.asarray, data)
    found = inner_and_second(learned, x)
    best = dense_objective(x, y, *found)
    assert learned.converged
    np.testing.assert_allclose(learned.objective, best, atol=1e-4)
    rng = np.random.default_rng(0)
    for i in range(2):
        root = np.linalg.cholesky(found[i])
        change = rng.normal(size=found[i].shape) * 0.01
        for sign in (-1, 1):
            moved = root @ (np.eye(len(root)) + sign * (change + change.T)) @ root.T
            other = [moved if j == i else g for j, g in enumerate(found)]
            assert dense_objective(x, y, *other) < best - 1e-3


def test_features_are_learned(new, learned, fixed):
    assert rms(learned.marginal(on=new[0]).mean, new) < 0.6 * rms(fixed[0], new)


def test_inducing_points_at_all_data_change_nothing(data, new, learned):
    sparse = DeepKernelMachine(NETWORK, NU, data[0]).condition(Values(*data, NOISE))
    assert sparse.converged
    np.testing.assert_allclose(sparse.objective, learned.objective, atol=1e-5)
    for found, expected in zip(sparse.kernel.grams, learned.kernel.grams, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    found, expected = (p.marginal(on=new[0]) for p in (sparse, learned))
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-5)
    np.testing.assert_allclose(found.variance, expected.variance, atol=1e-5)


def test_inducing_points_elsewhere_maximise_a_lower_bound(data, new, fixed):
    x, y = data
    z = jax.random.normal(jax.random.key(5), x.shape)
    sparse = DeepKernelMachine(NETWORK, NU, z, steps=60).condition(Values(x, y, NOISE))
    assert rms(sparse.marginal(on=new[0]).mean, new) < 0.7 * rms(fixed[0], new)
    # the bound of Titsias (2009) by dense matrices, less the divergences at the points
    k = np.asarray(sparse.kernel(jnp.concatenate([x, z])))
    known = k[:40, 40:] @ np.linalg.solve(k[40:, 40:], k[40:, :40])
    law = scipy.stats.multivariate_normal(np.zeros(len(x)), known + NOISE**2 * np.eye(len(x)))
    unknown = np.sum(np.diag(k[:40, :40] - known)) / NOISE**2
    bound = law.logpdf(np.asarray(y).T).sum() - 3 * unknown / 2
    z = np.asarray(z)
    bound += dense_objective(z, np.zeros((len(z), 0)), *inner_and_second(sparse, z))
    np.testing.assert_allclose(sparse.objective, bound, atol=1e-4)


def test_features_of_other_inputs_are_those_of_normal_features(learned, new):
    """By features drawn at the points with the learned covariance, and elsewhere given them."""
    both = jnp.concatenate([learned.kernel.points, new[0][:40]])
    at, elsewhere = slice(40), slice(40, 80)
    first, second = inner_and_second(learned, np.asarray(both[at]))
    root = first_root(np.asarray(both))  # linear features at 7 points determine all others
    k = squared_exponential(root @ first @ root.T)
    weights = k[elsewhere, at] @ np.linalg.inv(k[at, at])
    rest = np.linalg.cholesky(k[elsewhere, elsewhere] - weights @ k[at, elsewhere])
    rng = np.random.default_rng(0)
    features = np.linalg.cholesky(second) @ rng.normal(size=(40, 40_000))
    features = np.concatenate([features, weights @ features + rest @ rng.normal(size=(40, 40_000))])
    expected = squared_exponential(features @ features.T / 40_000)
    np.testing.assert_allclose(learned.kernel(both), expected, rtol=0.05, atol=0.05)


LINE = np.array([0.1, 0.3, 0.4, 0.6, 0.7, 0.9])[:, None]


@pytest.mark.long
def test_it_reproduces_exact_values_and_learns_twice_as_once():
    case = ProcessCase(DeepKernelMachine(SMALL, 2.0), np.linspace(0.0, 1.0, 9)[:, None])
    PROCESS_CHECKS["conditioning"](case)


def test_single_precision_finds_almost_the_same():
    machine = DeepKernelMachine(SMALL, 2.0)
    double = machine.condition(Values(LINE, np.sin(5 * LINE), NOISE))
    with jax.enable_x64(False):
        x = LINE.astype(np.float32)
        single = machine.condition(Values(x, np.sin(5 * x), NOISE))
        assert single.kernel.grams[0].dtype == jnp.float32
    np.testing.assert_allclose(single.objective, double.objective, rtol=1e-3)
    np.testing.assert_allclose(single.kernel.grams[0], double.kernel.grams[0], atol=1e-2)


def test_overflow_is_an_error_that_names_the_type():
    with jax.enable_x64(False):
        x = 1e30 * LINE.astype(np.float32)
        with pytest.raises(SolverError, match="6 observations in float32(.|\n)*enable_x64"):
            DeepKernelMachine(SMALL, 2.0).condition(Values(x, LINE.astype(np.float32), NOISE))


REFUSED = {
    "one Dense": (Erf() >> Dense(1), "1 of them"),
    "no end": (Dense(1) >> Dense(1) >> Erf(), r"the last layer is Erf\(\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_networks_without_hidden_layers_are_refused(name):
    network, found = REFUSED[name]
    with pytest.raises(ModelError, match=found):
        DeepKernelMachine(network, 1.0)


@pytest.mark.parametrize("nu", [0.0, -1.0, float("nan"), [1.0, 2.0, 3.0]])
def test_impossible_nu_is_refused(nu):
    with pytest.raises(ModelError, match="nu > 0, one number or 2"):
        DeepKernelMachine(NETWORK, nu)


def test_what_it_cannot_learn_from_is_refused(data):
    x, y = data
    machine = DeepKernelMachine(NETWORK, NU)
    with pytest.raises(DataError, match="learns from values at points(.|\n)*Derivatives"):
        machine.condition(Derivatives(x, y, noise=0.1))
    with pytest.raises(DataError, match="3 columns of values"):
        machine.condition(Values(x, y[:, :2], 0.1))
    with pytest.raises(DataError, match=r"points of shape \(p, 6\)"):
        DeepKernelMachine(NETWORK, NU, x[:, :2]).condition(Values(x, y, 0.1))
    images = jnp.ones((2, 4, 3))
    with pytest.raises(ModelError, match=r"begin the network with Flatten\(\)"):
        DeepKernelMachine(SMALL, 1.0).condition(Values(images, jnp.ones((2, 1)), 0.1))
    network = Conv(1, (2,)) >> Flatten() >> SMALL
    with pytest.raises(ModelError, match="weights before the first Dense"):
        DeepKernelMachine(network, 1.0).condition(Values(images, jnp.ones((2, 1)), 0.1))
