"""The distribution of wide networks in training."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.errors import DataError, SolverError
from riesz.networks import Dense, Erf, Orthogonal
from riesz.processes import GaussianProcess, Values, WideNetwork, gradient_flow

NETWORK = Dense(8, 1.5, 0.3) >> Erf() >> Dense(1, 1.2)


@pytest.fixture(scope="module")
def data():
    with jax.enable_x64(True):
        x = jax.random.normal(jax.random.key(0), (6, 2))
        yield x, jnp.sin(2 * x[:, :1]), jax.random.normal(jax.random.key(1), (4, 2))


def test_at_time_zero_it_is_the_prior(data):
    x, y, points = data
    law = WideNetwork(NETWORK)
    before = law.marginal(on=points, joint=True)
    start = law.train(Values(x, y), time=0.0).marginal(on=points, joint=True)
    np.testing.assert_allclose(start.mean, 0, atol=1e-14)
    np.testing.assert_allclose(start.covariance, before.covariance, rtol=1e-12)


def test_where_the_two_kernels_are_one_training_ends_in_the_posterior(data):
    # A single layer is linear in its weights: its tangent kernel is its covariance.
    x, y, points = data
    layer, seen = Dense(1, 1.2, 0.5), Values(x[:3], y[:3])
    trained = WideNetwork(layer).condition(seen).marginal(on=points, joint=True)
    posterior = GaussianProcess(layer.kernel().nngp).condition(seen).marginal(on=points, joint=True)
    np.testing.assert_allclose(trained.mean, posterior.mean, rtol=1e-9)
    np.testing.assert_allclose(trained.covariance, posterior.covariance, atol=1e-10)


def test_converged_networks_reproduce_the_data(data):
    x, y, _ = data
    law = WideNetwork(NETWORK).condition(Values(x, y)).marginal(on=x, joint=True)
    np.testing.assert_allclose(law.mean, y, atol=1e-9)
    np.testing.assert_allclose(law.covariance, 0, atol=1e-9)


def test_the_variances_are_the_diagonal_of_the_joint_law(data):
    x, y, points = data
    law = WideNetwork(NETWORK).train(Values(x, y), time=0.7).marginal(on=points, joint=True)
    np.testing.assert_allclose(law.variance[:, 0], jnp.diag(law.covariance), rtol=1e-10)


def test_wide_finite_networks_follow_the_law(data):
    x, y, points = data
    time, steps, count = 2.0, 200, 150
    description = Dense(256, 1.5, 0.3, Orthogonal()) >> Erf() >> Dense(1, 1.2)

    @jax.jit
    def trained(key):
        model = description.init(2, key=key)
        weights, rest = eqx.partition(model, eqx.is_inexact_array)

        def loss(w):
            return jnp.sum((jax.vmap(eqx.combine(w, rest))(x) - y) ** 2) / 2

        def step(w, _):
            return jax.tree.map(lambda a, g: a - time / steps * g, w, jax.grad(loss)(w)), None

        weights, _ = jax.lax.scan(step, weights, length=steps)
        return jax.vmap(eqx.combine(weights, rest))(points)

    outputs = np.asarray(jax.lax.map(trained, jax.random.split(jax.random.key(2), count)))[..., 0]
    law = WideNetwork(NETWORK).train(Values(x, y), time=time).marginal(on=points)
    error = outputs.std(0) / count**0.5
    np.testing.assert_allclose(outputs.mean(0), law.mean[:, 0], atol=4 * error.max() + 0.02)
    np.testing.assert_allclose(outputs.var(0) / law.variance[:, 0], 1, atol=5 * (2 / count) ** 0.5)


def test_the_flow_of_the_square_loss_is_the_closed_form(data):
    x, y, points = data
    times = jnp.array([0.0, 0.5, 3.0])
    square = lambda f, target: jnp.sum((f - target) ** 2) / 2  # noqa: E731
    flow = gradient_flow(NETWORK.kernel().ntk, x, y, square, times)
    for i, time in enumerate(times):
        law = WideNetwork(NETWORK).train(Values(x, y), time=time)
        np.testing.assert_allclose(flow.at(points)[i], law.marginal(on=points).mean, atol=1e-7)
        np.testing.assert_allclose(flow.outputs[i], law.marginal(on=x).mean, atol=1e-7)


def test_momentum_oscillates_as_a_damped_spring(data):
    x, y, _ = data
    square = lambda f, target: jnp.sum((f - target) ** 2) / 2  # noqa: E731
    g, times = 0.4, jnp.array([0.0, 1.0, 2.5])
    flow = gradient_flow(NETWORK.kernel().ntk, x, y, square, times, friction=g)
    values, vectors = np.linalg.eigh(np.asarray(NETWORK.kernel().ntk(x)))
    root = np.sqrt(values - g**2 / 4 + 0j)
    t = np.asarray(times)[:, None]
    decay = np.exp(-g * t / 2) * (np.cos(root * t) + g / 2 * np.sin(root * t) / root)
    exact = np.einsum("ij,tj,jc->tic", vectors, 1 - decay.real, vectors.T @ np.asarray(y))
    np.testing.assert_allclose(flow.outputs, exact, atol=1e-7)


def test_any_loss_can_be_followed(data):
    x, _, _ = data
    labels = jnp.sign(x[:, :1])
    logistic = lambda f, target: jnp.sum(jax.nn.softplus(-f * target))  # noqa: E731
    outputs = gradient_flow(
        NETWORK.kernel().ntk, x, labels, logistic, jnp.array([0.0, 50.0])
    ).outputs
    assert (outputs[-1] * labels > 0).all()


def test_refusals_say_the_repair(data):
    x, y, _ = data
    law = WideNetwork(NETWORK)
    with pytest.raises(DataError, match=r"(?s)exact values.*found: +noise.*stop early"):
        law.train(Values(x, y, noise=0.1), time=1.0)
    with pytest.raises(DataError, match="not negative"):
        law.train(Values(x, y), time=-1.0)
    with pytest.raises(DataError, match=r"(?s)with 2 columns"):
        law.train(Values(x, jnp.tile(y, 2)), time=1.0)
    twice = Values(jnp.concatenate([x, x]), jnp.concatenate([y, y]))
    with pytest.raises(SolverError, match=r"(?s)rank 6 of 12.*remove repeated inputs"):
        law.condition(twice)
    with pytest.raises(DataError, match="friction is positive"):
        gradient_flow(
            NETWORK.kernel().ntk, x, y, lambda f, t: f.sum(), jnp.arange(2.0), friction=0.0
        )
