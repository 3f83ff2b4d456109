"""Networks of infinite depth: the limit of their kernels, and networks of finite depth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.errors import ModelError
from riesz.networks import Dense, InfiniteDepth, Relu, _infinite_depth, parse

# Two inputs of variance 1 and correlation 0.2.
X = 2**0.5 * np.array([[1.0, 0.0], [0.2, 0.96**0.5]], np.float32)


def block(w_std=1.0, width=16):
    return Relu() >> Dense(width, w_std=w_std)


def residual_gram(width, depth, draws, seed):
    """Mean and standard error of the Gram matrix of random ReLU residual networks at X.

    Given the activations of a layer, the next increments are Gaussian.
    """
    rng = np.random.default_rng(seed)
    first = np.linalg.cholesky(X @ X.T / 2)
    h = first @ rng.standard_normal((draws, 2, width), np.float32)
    for _ in range(depth):
        phi = np.maximum(h, 0)
        a, b, c = ((phi[:, i] * phi[:, j]).mean(1) for i, j in ((0, 0), (0, 1), (1, 1)))
        # The root of the Gram matrix of two inputs.
        root = np.sqrt(np.maximum(a, 1e-30))
        noise = rng.standard_normal((draws, 2, width), np.float32) * depth**-0.5
        rest = np.sqrt(np.maximum(c - (b / root) ** 2, 0))
        h[:, 0] += root[:, None] * noise[:, 0]
        h[:, 1] += (b / root)[:, None] * noise[:, 0] + rest[:, None] * noise[:, 1]
    gram = (h @ h.swapaxes(1, 2) / width).astype(float)
    return gram.mean(0), gram.std(0) / draws**0.5


def test_relu_kernels_solve_the_equation_in_depth(x64):
    kernel = (Dense(16) >> InfiniteDepth(block(), depth=8)).kernel()
    both = kernel.both(jnp.asarray(X, float))
    variance = np.exp(0.5) * X[1, 1] ** 0
    np.testing.assert_allclose(jnp.diagonal(both.nngp), np.exp(0.5), rtol=1e-6)
    np.testing.assert_allclose(both.nngp[0, 1] / variance, 0.301227, atol=5e-7)
    # On the diagonal d theta / dt = (K + theta) / 2, hence theta = K (1 + t / 2).
    np.testing.assert_allclose(jnp.diagonal(both.ntk), 1.5 * np.exp(0.5), rtol=1e-6)
    assert (both.nngp == both.nngp.T).all() and (both.ntk == both.ntk.T).all()


def test_the_integrator_is_of_fourth_order(x64, monkeypatch):
    x, errors = jnp.asarray([[1.0]]), []
    for steps in (4, 8):
        monkeypatch.setattr(_infinite_depth, "_STEPS", steps)
        # A depth of its own is a compilation of its own.
        network = Dense(16) >> InfiniteDepth(block(2.0), depth=steps)
        errors.append(abs(network.kernel().nngp.diagonal(x).item() / np.exp(2) - 1))
    assert 3.5 < np.log2(errors[0] / errors[1]) < 4.5
    assert errors[1] < 1e-4


def test_networks_of_finite_depth_tend_to_the_limit_at_the_first_order(x64):
    limit = (Dense(16) >> InfiniteDepth(block(), depth=8)).kernel().both(jnp.asarray(X, float))
    gaps = []
    for depth in (64, 128):
        k, theta, variance = 0.2, 0.2, 1.0
        for _ in range(depth):
            angle = np.arccos(k / variance)
            pairs = variance * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
            theta += (pairs + (np.pi - angle) / (2 * np.pi) * theta) / depth
            k += pairs / depth
            variance += variance / 2 / depth
        gaps.append([k - limit.nngp[0, 1], theta - limit.ntk[0, 1]])
    np.testing.assert_allclose(np.divide(*gaps), 2, rtol=0.02)
    assert np.abs(gaps).max() < 0.01


@pytest.mark.parametrize(
    ("width", "depth", "draws", "bias"), [(1000, 128, 32, 0.004), (64, 1024, 256, 0.03)]
)
def test_wide_then_deep_and_deep_then_wide_have_the_same_limit(width, depth, draws, bias):
    limit = (Dense(16) >> InfiniteDepth(block(), depth=8)).kernel().nngp(jnp.asarray(X))
    mean, error = residual_gram(width, depth, draws, seed=0)
    assert (abs(mean - limit) < 2 * error + bias * limit).all()
    assert error.max() < 0.04


def test_the_finite_network_has_so_many_blocks(getkey):
    network = Dense(32) >> InfiniteDepth(block(width=32), depth=4)
    x = jnp.ones(3)
    assert parse(str(network)) == network
    assert len(jax.tree.leaves(network.init(3, key=getkey()).weights)) == 5

    @jax.jit
    @jax.vmap
    def outputs(key):
        return network.init(3, key=key)(x)

    found = jnp.mean(outputs(jax.random.split(getkey(), 500)) ** 2)
    # The variance grows by 1 + 1/8 a block; 500 networks of width 32 have a standard error of 2 %.
    np.testing.assert_allclose(found, (1 + 1 / 8) ** 4, rtol=0.06)


def test_the_kernel_has_gradients_in_its_hyperparameters(x64):
    def variance(w_std):
        network = Dense(16) >> InfiniteDepth(block(w_std), depth=8)
        return network.kernel().nngp.diagonal(jnp.ones((1, 1)))[0]

    slope = jax.jit(jax.grad(variance))(jnp.asarray(1.0))
    np.testing.assert_allclose(slope, np.exp(0.5), rtol=1e-6)


def test_blocks_that_have_no_limit_are_refused():
    with pytest.raises(ModelError, match="has a mean, or depends on its input(?s:.*)end the block"):
        (Dense(2) >> InfiniteDepth(Dense(2) >> Relu(), depth=4)).kernel().nngp(jnp.asarray(X))
    with pytest.raises(ModelError, match="depth is a positive whole number"):
        InfiniteDepth(block(), depth=0)
