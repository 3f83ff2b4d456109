"""Limits of infinite width that learn features, against wide networks and each other."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from riesz.errors import DataError, ModelError
from riesz.networks import Dense, Erf
from riesz.theory import deep_linear_limit, learning_rate_sweep, mean_field_limit
from riesz.theory._training import train

X = jax.random.normal(jax.random.key(1), (5, 3))
Y = X @ jnp.asarray([[1.0], [-0.5], [0.3]]) + 0.3
KEY = jax.random.key(0)
RATES = np.geomspace(0.05, 0.8, 13)
STEPS = 5


def shallow(width):
    return Dense(width, 1.2, 0.4) >> Erf() >> Dense(1, 1.1)


def linear(width, hidden=2):
    network = Dense(width, 1.2)
    for _ in range(hidden - 1):
        network = network >> Dense(width, 0.9)
    return network >> Dense(1, 0.3)


def outputs(model):
    return jax.vmap(model)(X)[:, 0]


def trained(model, scaling, rate):
    """The outputs before each step and at last."""
    optimiser = optax.chain(optax.sgd(rate), scaling.transform("sgd"))
    return train(model, optimiser, X, Y, STEPS, outputs)


@partial(jax.jit, static_argnums=(0, 1))
def sampled(scaling, rate, keys):
    return jax.lax.map(lambda key: trained(scaling.init(3, key=key), scaling, rate), keys)


def limit_of(scaling, particles, rate):
    limit = mean_field_limit(scaling, 3, particles=particles)
    return np.asarray(jax.jit(lambda m: trained(m, limit.scaling, rate))(limit.model))


def test_finite_networks_sample_the_mean_field_limit():
    """Errors of order n^(-1/2) for n neurons, and much less for particles."""
    limit = limit_of(shallow(1).scaling("mup"), 2048, 0.5)
    np.testing.assert_allclose(limit[0], 0.0, atol=1e-5)
    assert np.abs(limit[-1]).max() > 0.5  # it has learned something
    keys = jax.random.split(KEY, 24)
    errors = []
    for width in (64, 1024):
        found = np.asarray(sampled(shallow(width).scaling("mup"), 0.5, keys))
        errors.append(np.sqrt(np.mean((found - limit) ** 2, axis=(0, 2))))
        standard_error = found.std(0) / 24**0.5
        assert (np.abs(found.mean(0) - limit) < 4 * standard_error + 3 / width).all()
    np.testing.assert_allclose(errors[0] / errors[1], 4.0, rtol=0.3)
    coarse = limit_of(shallow(1).scaling("mup"), 512, 0.5)
    assert np.sqrt(np.mean((coarse - limit) ** 2)) < errors[0].mean() / 8**0.5 / 3


@pytest.mark.parametrize("base", [None, linear(4, 1)])
def test_two_limits_of_a_shallow_linear_network_agree(base):
    scaling = linear(8, hidden=1).scaling("mup", base)
    rate = 0.3 if base is None else 0.05
    exact = deep_linear_limit(scaling, X, Y, learning_rate=rate, steps=STEPS)
    particles = limit_of(scaling, 2048, rate)
    np.testing.assert_allclose(particles, exact.outputs, atol=5e-3)
    losses = np.mean((np.asarray(exact.outputs) - Y[:, 0]) ** 2, axis=1) / 2
    np.testing.assert_allclose(exact.losses, losses, rtol=1e-5)


def deep_limits():
    """Limits for all of `RATES`."""
    scaling = linear(8).scaling("mup")
    return jax.vmap(lambda rate: deep_linear_limit(scaling, X, Y, learning_rate=rate, steps=STEPS))(
        jnp.asarray(RATES, X.dtype)
    )


def test_deep_linear_networks_approach_their_limit():
    fast = 9
    limit = jax.tree.map(lambda v: np.asarray(v[fast]), deep_limits())
    keys = jax.random.split(KEY, 64)
    scaling = linear(256).scaling("mup")
    found = np.asarray(sampled(scaling, RATES[fast], keys))
    standard_error = found.std(0) / 64**0.5
    assert standard_error.max() < 0.03
    assert (np.abs(found.mean(0) - limit.outputs) < 4 * standard_error + 2 / 256).all()
    # Inner products of features start as the kernel and grow in the direction of the target.
    first, last = limit.features[0], limit.features[-1]
    np.testing.assert_allclose(first, 1.2**2 * 0.9**2 * X @ X.T / 3, rtol=1e-5)
    assert float(Y[:, 0] @ last @ Y[:, 0]) > 1.5 * float(Y[:, 0] @ first @ Y[:, 0])


def test_the_best_rate_transfers_and_is_that_of_the_limit():
    """Under muP; under the standard rule it falls with the width."""

    def sweep(rule, rates):
        chosen = {"rule": rule, "optimiser": optax.sgd, "family": "sgd"}
        return learning_rate_sweep(
            linear, [64, 256], X, Y, rates, steps=STEPS, networks=4, key=KEY, **chosen
        )

    losses = deep_limits().losses[:, -1]
    np.testing.assert_allclose(sweep("mup", RATES).best(), RATES[np.argmin(losses)], rtol=1e-6)
    assert sweep("standard", np.geomspace(2e-3, 0.1, 13)).slope() < -0.8


def test_errors():
    with pytest.raises(ModelError, match=r"one hidden layer under muP[\s\S]*no bias of the output"):
        mean_field_limit((Dense(4) >> Erf() >> Dense(1, b_std=0.1)).scaling("mup"), 3)
    with pytest.raises(ModelError, match=r"one hidden layer under muP[\s\S]*'ntk'"):
        mean_field_limit(shallow(4).scaling("ntk"), 3)
    with pytest.raises(ModelError, match=r"power of two[\s\S]*1000"):
        mean_field_limit(shallow(4).scaling("mup"), 3, particles=1000)
    with pytest.raises(ModelError, match=r"deep linear networks[\s\S]*Erf\(\)"):
        deep_linear_limit(shallow(4).scaling("mup"), X, Y, learning_rate=0.1, steps=1)
    with pytest.raises(DataError, match=r"networks with one output[\s\S]*\(5, 1\)"):
        wrong = jnp.ones((5, 2))
        deep_linear_limit(linear(4).scaling("mup"), X, wrong, learning_rate=0.1, steps=1)
