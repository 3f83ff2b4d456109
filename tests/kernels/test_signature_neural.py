"""Neural signature kernels against finite controlled residual networks."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.errors import DataError
from riesz.kernels import NeuralSignature, Signature

KEY = jax.random.key(9)
STDS = {"w_std": 1.3, "b_std": 0.5, "initial_std": 0.8}


class Identity(eqx.Module):
    def duals(self, q11, q12, q22):
        return q12, jnp.ones_like(q12)


class Relu(eqx.Module):
    """Cho and Saul 2009."""

    def duals(self, q11, q12, q22):
        r = jnp.sqrt(q11 * q22)
        cosine = jnp.clip(q12 / r, -1, 1)
        angle = jnp.arccos(cosine)
        expected = r * (jnp.sin(angle) + (jnp.pi - angle) * cosine) / (2 * jnp.pi)
        return expected, (jnp.pi - angle) / (2 * jnp.pi)


def walks(n, length, scale=0.2):
    steps = np.random.default_rng(4).normal(size=(n, length, 2))
    return jnp.asarray(scale * steps.cumsum(1), float)


def network_covariance(x, step, draws, width, shared):
    """The mean and the standard error of <S_i, S_j> / width, over networks that follow x.

    `step(weights, dx, s)` moves the state s; all steps share their weights, or each has its own.
    """
    dx = jnp.diff(x, axis=1)
    layers = 1 if shared else dx.shape[1]

    def one(key):
        a, b, c = jax.random.split(key, 3)
        w = jax.random.normal(a, (layers, 2, width, width), float) * STDS["w_std"] / width**0.5
        bias = jax.random.normal(b, (layers, 2, width), float) * STDS["b_std"]
        s = jax.random.normal(c, (width,), float) * STDS["initial_std"]
        s = jnp.broadcast_to(s, (len(x), width))

        def advance(s, k):
            layer = k % layers
            return jax.vmap(step, (None, 0, 0))((w[layer], bias[layer]), dx[:, k], s), None

        s, _ = jax.lax.scan(advance, s, jnp.arange(dx.shape[1]))
        return s @ s.T / width

    values = np.asarray(jax.jit(lambda keys: jax.lax.map(one, keys))(jax.random.split(KEY, draws)))
    return values.mean(0), values.std(0) / draws**0.5


def field(weights, dx, s):
    w, bias = weights
    return dx @ (w @ jax.nn.relu(s) + bias)


@pytest.mark.long
def test_the_homogeneous_kernel_is_that_of_wide_networks_with_shared_weights(x64):
    """Without refinement the kernel is the limit of networks that step by the midpoint rule."""
    x, width = walks(3, 5), 400

    def step(weights, dx, s):
        return s + field(weights, dx, s + field(weights, dx / 2, s))

    mean, error = network_covariance(x, step, 40, width, shared=True)
    k = NeuralSignature(Relu(), **STDS)(x)
    assert (error < 0.025 * mean.max()).all()
    assert (abs(k - mean) < 4 * error + 3 * k.max() / width).all()


def test_the_inhomogeneous_kernel_is_that_of_wide_networks_with_independent_weights(x64):
    x, width = walks(3, 5, 0.1), 100

    def depth(cuts):
        """The kernel of infinitely wide networks with `cuts` layers for each interval."""
        c = np.repeat(np.diff(np.asarray(x), axis=1), cuts, axis=1) / cuts
        k = np.full((3, 3), STDS["initial_std"] ** 2)
        for dx in np.moveaxis(c, 1, 0):
            own = np.diag(k)
            expected = np.asarray(Relu().duals(own[:, None], k, own[None])[0])
            rate = STDS["w_std"] ** 2 * expected + STDS["b_std"] ** 2
            k = k + rate * (dx @ dx.T) * c.shape[1]
        return k

    def step(weights, dx, s):
        return s + field(weights, dx * 4**0.5, s)

    mean, error = network_covariance(x, step, 80, width, shared=False)
    assert (error < 0.025 * mean.max()).all()
    assert (abs(depth(1) - mean) < 4 * error + 3 * mean.max() / width).all()
    deep = 2 * depth(32) - depth(16)  # the error of finite depth is of order 1
    k = NeuralSignature(Relu(), **STDS, homogeneous=False, refinement=4)(x)
    np.testing.assert_allclose(k, deep, rtol=5e-3)


def test_the_homogeneous_kernel_solves_its_equation(x64):
    """On straight lines x(s) = s a, y(t) = t b, by differences in s and t."""
    a, b, h = np.array([1.0, 0.5]), np.array([0.4, 0.9]), 0.05
    ends = [0.6 * a, (0.6 + h) * a, (0.6 + h / 2) * a, 0.8 * b, (0.8 + h) * b, (0.8 + h / 2) * b]
    lines = jnp.asarray([[np.zeros(2), end] for end in ends])
    k = NeuralSignature(Relu(), **STDS, refinement=6)(lines)
    mixed = (k[1, 4] - k[1, 3] - k[0, 4] + k[0, 3]) / h**2
    expected, _ = Relu().duals(k[2, 2], k[2, 5], k[5, 5])
    rate = STDS["w_std"] ** 2 * expected + STDS["b_std"] ** 2
    np.testing.assert_allclose(mixed, rate * (a @ b), rtol=2e-3)


def test_the_identity_has_the_signature_kernel(x64):
    x = walks(3, 5)
    np.testing.assert_allclose(NeuralSignature(Identity())(x), Signature()(x), rtol=1e-12)
    scaled = NeuralSignature(Identity(), w_std=0.7, initial_std=2.0)(x, x[:2])
    np.testing.assert_allclose(scaled, 4 * Signature()(0.7 * x)[:, :2], rtol=1e-12)


@pytest.mark.parametrize("homogeneous", [True, False])
def test_the_order_is_2_and_gram_matrices_are_positive(homogeneous, x64):
    x = walks(6, 3)

    def kernel(refinement):
        return NeuralSignature(Relu(), **STDS, homogeneous=homogeneous, refinement=refinement)

    k = [kernel(r)(x) for r in (1, 2, 3)]
    assert 1.8 < np.log2(abs(k[1] - k[0]).max() / abs(k[2] - k[1]).max()) < 2.2
    k = kernel(1)(4 * x)
    assert (k == k.T).all()
    # two programs of some hundred steps, rounded differently
    np.testing.assert_allclose(np.diag(k), kernel(1).diagonal(4 * x), rtol=1e-13)
    assert np.linalg.eigvalsh(k)[0] > -1e-12 * k.max()


def test_errors_say_what_to_do():
    x = walks(2, 4)
    with pytest.raises(DataError, match="equal channels and lengths"):
        NeuralSignature(Identity(), homogeneous=False)(x, x[:, :3])
    with pytest.raises(DataError, match="w_std > 0"):
        NeuralSignature(Identity(), w_std=0.0)
    with pytest.raises(DataError, match="b_std > 0"):
        NeuralSignature(Identity(), b_std=-1.0)
    with pytest.raises(DataError, match="refinement=-2"):
        NeuralSignature(Identity(), refinement=-2)
