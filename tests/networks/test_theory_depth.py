"""Networks of infinite depth: the limit of kernels, and the diffusion at finite width."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from riesz.errors import DataError, ModelError
from riesz.networks import Dense, Erf, InfiniteDepth, LeakyRelu, Relu, ResidualDiffusion, parse
from riesz.networks._theory import _infinite_depth

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
    with pytest.raises(ModelError, match="depth of a layer is a positive whole number"):
        InfiniteDepth(block(), depth=0)


def test_the_diffusion_has_the_known_law_and_weak_order_one(getkey):
    diffusion, start = ResidualDiffusion(LeakyRelu(1.0), w_std=1.0), jnp.ones(4)
    mean, variance = diffusion.log_norm_law(start)
    np.testing.assert_allclose([mean, variance], [np.log(2) + 1 / 4, 1 / 4], rtol=1e-6)
    errors = []
    for steps in (2, 8):
        ends = diffusion.sample(start, 100_000, steps=steps, key=getkey())
        logs = np.log(np.linalg.norm(ends, axis=1))
        errors.append(np.mean((logs - mean) ** 2) - variance)
    # With a standard error of 0.001 in the second.
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]) / 2, 1, atol=0.15)
    assert abs(errors[1]) < 0.02


def test_relu_of_width_one_is_a_geometric_brownian_motion(getkey):
    diffusion = ResidualDiffusion(Relu(), w_std=0.5)
    mean, variance = diffusion.log_norm_law(jnp.asarray([2.0]))
    np.testing.assert_allclose([mean, variance], [np.log(2) - 1 / 8, 1 / 4], rtol=1e-6)
    ends = diffusion.sample(jnp.asarray([2.0]), 50_000, steps=32, key=getkey())
    logs = np.log(ends[:, 0])
    np.testing.assert_allclose(logs.mean(), mean, atol=0.008)
    np.testing.assert_allclose(logs.var(), variance, rtol=0.03)
    # A negative start is not moved.
    assert (diffusion.sample(-jnp.ones(1), 3, steps=2, key=getkey()) == -1).all()
    assert diffusion.log_norm_law(-jnp.ones(1)) == (-jnp.inf, 0)


@pytest.mark.parametrize(
    ("activation", "phi"), [(Relu(), lambda u: np.maximum(u, 0)), (Erf(), special.erf)]
)
def test_drift_and_volatility_are_those_of_short_steps(activation, phi):
    start, time, w_std = np.array([1.0, -0.4]), 1e-4, 0.7
    nodes, weights = np.polynomial.hermite_e.hermegauss(16)
    noise = np.stack(np.meshgrid(nodes, nodes), -1)
    weights = np.outer(weights, weights) / (2 * np.pi)
    ends = start + w_std * (time / 2) ** 0.5 * np.linalg.norm(phi(start)) * noise
    change = np.log(np.linalg.norm(phi(ends), axis=-1) / np.linalg.norm(phi(start)))
    diffusion = ResidualDiffusion(activation, w_std)
    at = jnp.asarray(start, jnp.float32)
    drift, volatility = diffusion.log_norm_drift(at), diffusion.log_norm_volatility(at)
    np.testing.assert_allclose(np.sum(weights * change) / time, drift, rtol=2e-3)
    np.testing.assert_allclose(np.sum(weights * change**2) / time, volatility**2, rtol=2e-3)


def test_norms_shrink_up_to_width_three_and_grow_from_four():
    diffusion = ResidualDiffusion(Relu(), w_std=1.0)
    drifts = [diffusion.random_start_drift(n) for n in range(1, 9)]
    assert max(drifts[:3]) < 0 < min(drifts[3:])
    # The number of active neurons of a random start, by enumeration of signs.
    for n in (3, 4):
        signs = (np.arange(1, 2**n)[:, None] >> np.arange(n)) & 1
        at = jnp.asarray(2.0 * signs - 1)
        mean = jax.jit(jax.vmap(diffusion.log_norm_drift))(at).mean()
        np.testing.assert_allclose(mean, drifts[n - 1], atol=1e-6)


def test_refusals_of_the_diffusion(getkey):
    diffusion = ResidualDiffusion(Relu())
    with pytest.raises(ModelError, match=r"is known for a ReLU(?s:.*)found: +Erf\(\)"):
        ResidualDiffusion(Erf()).random_start_drift(3)
    with pytest.raises(ModelError, match=r"not known in closed form(?s:.*)Relu\(\) at width 3"):
        diffusion.log_norm_law(jnp.ones(3))
    with pytest.raises(DataError, match="the state of the diffusion is one number for each neuron"):
        diffusion.sample(jnp.ones(0), 2, steps=2, key=getkey())
    with pytest.raises(ModelError, match="steps of a layer is a positive whole number"):
        diffusion.sample(jnp.ones(2), 2, steps=0, key=getkey())
