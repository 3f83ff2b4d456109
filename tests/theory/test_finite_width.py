"""Corrections of finite width against exact distributions, samples and integrals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from riesz.errors import DataError, ModelError
from riesz.networks import Dense, Erf, Relu, Tanh
from riesz.theory import FiniteWidth, finite_width, optimal_aspect_ratio, vertex_growth

THREE = np.array([[1.0, 0.3, -0.2], [0.3, 0.7, 0.1], [-0.2, 0.1, 1.3]])


def metrics(phi, covariance, widths, w_std, b_std, draws):
    """The metric of the last layer in many random networks: given a layer, the next is Gaussian."""
    rng = np.random.default_rng(0)
    g = np.broadcast_to(np.float32(covariance), (draws, *np.shape(covariance)))
    for n in widths:
        noise = rng.standard_normal((*g.shape[:2], n), np.float32)
        activations = phi(np.linalg.cholesky(g) @ noise)
        g = b_std**2 + w_std**2 * activations @ activations.swapaxes(1, 2) / n
    return g.astype(float)


def test_the_fourth_cumulant_of_finite_relu_networks_is_15_over_n(getkey):
    # Below, `finite_width` adds 15 / n for each layer of a critical ReLU network.
    network = Dense(4) >> Relu() >> Dense(1, w_std=2**0.5)
    x = jnp.ones(2)

    @jax.jit
    @jax.vmap
    def output(key):
        return network.init(2, key=key)(x)[0]

    f = np.asarray(output(jax.random.split(getkey(), 200_000)), np.float64)
    cumulant = np.mean(f**4) - 3 * np.mean(f**2) ** 2
    # The standard error of the cumulant is about 0.1.
    np.testing.assert_allclose(cumulant, 15 / 4, atol=0.3)


def test_vertices_grow_with_depth_as_in_the_literature():
    relu = finite_width(Relu(), jnp.full((1, 1), 0.3), [100] * 7, w_std=2**0.5)
    np.testing.assert_allclose(relu.spread / relu.covariance**2, 5 * 7 / 100, rtol=1e-5)
    np.testing.assert_allclose(relu.fourth_cumulant, 15 * 7 / 100 * 0.3**2, rtol=1e-5)
    assert relu.error.max() < 1e-6
    odd = finite_width(Erf(), jnp.ones((1, 1)), [100] * 400, w_std=np.pi**0.5 / 2)
    ratio = (odd.spread / odd.covariance**2).item() * 100 / 400
    np.testing.assert_allclose(ratio, 2 / 3, rtol=0.01)


def test_tanh_at_width_128_up_to_layer_8():
    widths = [128] * 7
    sampled = metrics(np.tanh, np.ones((1, 1)), widths, 1.0, 0.0, draws=80_000)
    law = finite_width(Tanh(), jnp.ones((1, 1)), widths, w_std=1.0)
    # The standard error of the sampled variance is 0.5 %.
    np.testing.assert_allclose(law.spread[0, 0, 0, 0], sampled.var(), rtol=0.02)
    np.testing.assert_allclose(law.covariance[0, 0], sampled.mean(), rtol=0.02)


def test_three_inputs_and_layers_of_different_widths():
    widths, draws = (64, 256), 20_000
    law = finite_width(Erf(), jnp.asarray(THREE), widths, w_std=1.3, b_std=0.2)
    sampled = metrics(erf, THREE, widths, 1.3, 0.2, draws).reshape(draws, 9)
    found = np.cov(sampled.T).reshape(3, 3, 3, 3)
    scale = found.max()
    np.testing.assert_allclose(law.spread, found, atol=0.03 * scale)
    assert 0 < law.error.max() < 0.01 * scale
    pairs = np.asarray(law.spread).reshape(9, 9)
    np.testing.assert_allclose(pairs, pairs.T, atol=1e-6 * scale)
    assert np.linalg.eigvalsh(pairs).min() > -1e-6 * scale


def test_the_density_has_the_moments_it_is_made_from_and_improves_on_the_gaussian():
    # A ReLU layer of 64 neurons, w_std^2 = 2, at uncorrelated inputs of variances 1 and 1/2.
    variances, at = np.array([1.0, 0.5], np.float32), np.arange(2)
    spread = np.zeros((2, 2, 2, 2), np.float32)
    spread[at, at, at, at] = 5 / 64 * variances**2
    law = FiniteWidth(*map(jnp.asarray, (np.diag(variances), spread, 0 * spread)))
    values = np.linspace(-12, 12, 4001)[:, None] * np.ones(2)
    density, step = np.asarray(law.density(jnp.asarray(values, "f4")), float), 24 / 4000
    moments = [step * np.sum(density * values**k, 0) for k in (0, 2, 4)]
    np.testing.assert_allclose(moments[0], 1, rtol=1e-5)
    np.testing.assert_allclose(moments[1], variances, rtol=1e-5)
    cumulants = moments[2] - 3 * moments[1] ** 2
    np.testing.assert_allclose(cumulants, 15 / 64 * variances**2, rtol=1e-3)
    # The exact density: Gaussian given the metric of 64 neurons.
    g = metrics(lambda u: np.maximum(u, 0), np.ones((1, 1)), [64], 2**0.5, 0.0, 20_000)[:, 0, 0]
    near = slice(1500, 2501, 50)
    f = values[near, 0]
    exact = np.mean(np.exp(-(f[:, None] ** 2) / (2 * g)) / np.sqrt(2 * np.pi * g), 1)
    gaussian = np.exp(-(f**2) / 2) / np.sqrt(2 * np.pi)
    assert abs(density[near, 0] - exact).max() < abs(gaussian - exact).max() / 5


def mutual_information(v):
    """Of two outputs with common variance 1 + sqrt v or 1 - sqrt v, by the trapezoidal rule."""
    z = np.linspace(-11, 11, 1101)
    densities = [
        np.exp(-(z**2) / (2 * g)) / np.sqrt(2 * np.pi * g) for g in 1 + v**0.5 * np.array([1, -1])
    ]
    joint = sum(np.outer(p, p) for p in densities) / 2
    alone = sum(densities) / 2
    return np.sum(joint * np.log(joint / np.outer(alone, alone))) * (z[1] - z[0]) ** 2


def test_mutual_information_is_largest_at_the_ratio_given():
    def series(s):
        return s**2 / 8 - (20 + 3 * 2) * s**3 / 48

    remainders = [mutual_information(v) - series(v) for v in (0.01, 0.02)]
    assert abs(remainders[0]) < 0.01 * series(0.01)
    np.testing.assert_allclose(np.log2(remainders[1] / remainders[0]), 4, atol=0.3)
    best = optimal_aspect_ratio(Relu(), outputs=2) * vertex_growth(Relu())
    assert series(best) > max(series(0.99 * best), series(1.01 * best))


def test_growth_of_vertices_in_the_universality_classes():
    np.testing.assert_allclose(vertex_growth(Relu()), 5, rtol=1e-6)
    np.testing.assert_allclose(vertex_growth(Erf()), 2 / 3, rtol=1e-4)
    np.testing.assert_allclose(optimal_aspect_ratio(Relu()), 4 / (23 * 5), rtol=1e-6)


def test_refusals():
    with pytest.raises(DataError, match="a matrix over the inputs(?s:.*)k from 1 to 8"):
        finite_width(Relu(), jnp.ones((9, 9)), [8], w_std=1.0)
    with pytest.raises(DataError, match="this matrix is no covariance(?s:.*)eigenvalue of -1"):
        finite_width(Relu(), jnp.asarray([[0.0, 1.0], [1.0, 0.0]]), [8], w_std=1.0)
    with pytest.raises(ModelError, match="a width is a positive whole number"):
        finite_width(Relu(), jnp.ones((1, 1)), [0], w_std=1.0)
    law = FiniteWidth(jnp.ones((1, 1)), *[jnp.ones((1, 1, 1, 1))] * 2)
    with pytest.raises(DataError, match=r"given at each input(?s:.*)shape \(\.\.\., 1\)"):
        law.density(jnp.ones((5, 2)))
    with pytest.raises(ModelError, match="outputs is a positive whole number"):
        optimal_aspect_ratio(Relu(), outputs=0)
