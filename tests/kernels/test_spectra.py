"""Spectral densities against kernels by Bochner's theorem, and random features."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from riesz._core.parameters import FROZEN, POSITIVE, REAL, as_traced, kinds
from riesz.errors import DataError
from riesz.kernels import (
    FeatureKernel,
    FourierFeatures,
    Matern,
    NetworkFeatures,
    NystromFeatures,
    Periodic,
    RationalQuadratic,
    SquaredExponential,
    gram,
)
from riesz.networks import Dense, Relu

SPECTRAL = {
    "squared exponential": (SquaredExponential(0.7, 2.0), (1, 2, 3)),
    "Matern 2.5": (Matern(2.5, 0.7, 2.0), (1, 2, 3)),
    "rational quadratic": (RationalQuadratic(0.7, 1.8, 2.0), (1, 3)),
}


def radial(w, r, dim):
    """Each shell's factor in (2 pi)^-d int S(|w|) exp(i w.r) dw = int S(w) radial(w, r) dw."""
    if dim == 1:
        return np.cos(w * r) / np.pi
    if dim == 2:
        return scipy.special.j0(w * r) * w / (2 * np.pi)
    return np.sinc(w * r / np.pi) * w**2 / (2 * np.pi**2)


@pytest.mark.parametrize("case", SPECTRAL)
def test_the_spectrum_is_the_fourier_transform_of_the_kernel(case, x64):
    kernel, dims = SPECTRAL[case]
    # w = sinh-like nodes: exponentially near zero, to where the densities have decayed
    t, weight = np.polynomial.legendre.leggauss(300)
    lower, upper = -34.0, np.log(300.0)
    w = np.exp(lower + (upper - lower) * (t + 1) / 2)
    weight = weight * w * (upper - lower) / 2
    r = np.array([0.0, 0.05, 0.4])

    @jax.jit
    def both(squared, r):
        return [kernel.spectrum(squared, dim) for dim in dims], kernel(r[:1], r)[0]

    densities, expected = both(jnp.asarray(w) ** 2, jnp.asarray(r)[:, None])
    for dim, density in zip(dims, densities, strict=True):
        shells = radial(w[:, None], r, dim)
        found = np.sum((weight * np.asarray(density))[:, None] * shells, 0)
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_a_rational_quadratic_has_its_integral_at_frequency_zero(x64):
    kernel, zero = RationalQuadratic(0.7, 1.8), jnp.zeros(1)
    x = np.linspace(0, 3000, 3_000_001)
    values = (1 + x**2 / (3.6 * 0.49)) ** -1.8
    np.testing.assert_allclose(kernel.spectrum(zero, 1), 2 * np.trapezoid(values, x), rtol=1e-6)
    assert np.isinf(kernel.spectrum(zero, 4)[0])


X = np.random.default_rng(0).uniform(-1, 1, (40, 2)).astype(np.float32)
COUNTS = np.array([8, 32, 128, 512])


def slope(errors):
    return np.polyfit(np.log(COUNTS[: len(errors)]), np.log(errors), 1)[0]


FOURIER = {
    "squared exponential": SquaredExponential(np.array([0.5, 1.0], np.float32), 2.0),
    "Matern 3/2": Matern(1.5, 0.5, 2.0),
}


@pytest.mark.parametrize("name", FOURIER)
def test_the_error_of_fourier_features_falls_as_the_root_of_their_number(name, getkey):
    """The frequencies of one large draw in groups."""
    kernel, total = FOURIER[name], 16 * COUNTS[-1]
    features = FourierFeatures(kernel, 2, int(total), key=getkey())
    phi = np.asarray(features(jnp.asarray(X))).reshape(40, 2, -1) * total**0.5
    expected, errors = np.asarray(kernel(jnp.asarray(X))), []
    for count in COUNTS:
        groups = phi.reshape(40, 2, -1, count) / count**0.5
        error = np.einsum("icgk,jcgk->gij", groups, groups) - expected
        errors.append(np.sqrt(np.mean(error**2)))
    assert abs(slope(errors) + 0.5) < 0.1, f"slope {slope(errors):.3f}"
    assert errors[-1] < 0.05 * kernel.variance


@pytest.mark.parametrize(
    "kernel",
    [SquaredExponential(1.0), Matern(2.5, 1.0), Matern(0.8, 1.0), RationalQuadratic(1.0, 0.7)],
)
def test_a_kernel_is_the_mean_of_squared_exponentials(kernel, getkey):
    """rho(s) = E exp(-precision s / 2)."""
    s = jnp.asarray([0.01, 0.3, 2.0, 20.0])
    precisions = np.asarray(kernel.precisions(jnp.zeros(20_000), key=getkey()))
    found = np.exp(-precisions[:, None] * np.asarray(s) / 2).mean(0)
    np.testing.assert_allclose(found, kernel.correlation(s), atol=0.01)


def test_fourier_features_have_the_exact_variance_and_train_hyperparameters(getkey):
    kernel = FeatureKernel(FourierFeatures(Matern(2.5, 0.5, 3.0), 2, 400, key=getkey()))
    x = jnp.asarray(X)
    single = kernel.features(x)
    np.testing.assert_allclose(jnp.sum(single**2, 1), 3.0, rtol=1e-5)
    with jax.enable_x64(True):  # in another type the features are the same
        double = kernel.features(jnp.asarray(X.astype(float)))
    assert double.dtype == np.float64
    np.testing.assert_allclose(single, double, atol=1e-4)
    positive = [
        leaf
        for leaf, kind in zip(jax.tree.leaves(kernel), kinds(kernel), strict=True)
        if kind == POSITIVE
    ]
    assert positive == [0.5, 3.0]  # length scale and variance
    assert REAL not in kinds(kernel)

    @eqx.filter_jit
    @eqx.filter_grad
    def slopes(kernel):
        return kernel(x[:1], x[1:2])[0, 0]

    found, exact = (
        slopes(as_traced(kernel, x.dtype)),
        slopes(as_traced(kernel.features.kernel, x.dtype)),
    )
    length = found.features.kernel.length_scale
    np.testing.assert_allclose(length, exact.length_scale, atol=0.3)
    assert abs(length) > 1


def test_orthogonal_frequencies_have_the_normal_law(getkey):
    """Marginally normal, and d at a time orthogonal."""
    features = FourierFeatures(SquaredExponential(1.0), 3, 3000, key=getkey())
    w = np.asarray(features.normals.value)
    gram_ = np.einsum("bid,bjd->bij", *[w.reshape(-1, 3, 3)] * 2)
    off = gram_[:, ~np.eye(3, dtype=bool)]
    assert np.abs(off).max() < 1e-4 * gram_.max()
    np.testing.assert_allclose(np.cov(w.T), np.eye(3), atol=0.1)
    np.testing.assert_allclose((w**4).mean(0), 3.0, rtol=0.2)
    np.testing.assert_allclose((w**2).sum(1).var(), 6.0, rtol=0.2)


def test_the_error_of_network_features_falls_as_the_root_of_the_width(getkey):
    x, errors = jnp.asarray(X[:20]), []

    def hidden(width):
        return Dense(width, w_std=1.4, b_std=0.3) >> Relu() >> Dense(width, w_std=1.4) >> Relu()

    expected = hidden(8).kernel().nngp(x)
    for width in map(int, COUNTS[:3]):

        @jax.jit
        @jax.vmap
        def squared(key, width=width):
            kernel = FeatureKernel(NetworkFeatures(hidden(width).init(2, key=key)))
            return jnp.mean((kernel(x) - expected) ** 2)

        errors.append(np.sqrt(np.mean(squared(jax.random.split(getkey(), 60)))))
    assert abs(slope(errors) + 0.5) < 0.1, f"slope {slope(errors):.3f}"
    # the variance of a diagonal entry after two layers of n rectifiers is (1 + 5 / n)^2 - 1
    variance = (1 + 5 / COUNTS[2]) ** 2 - 1
    assert errors[-1] < (variance * np.mean(np.diagonal(expected) ** 2)) ** 0.5


def test_weights_of_networks_are_no_hyperparameters(getkey):
    network = eqx.nn.MLP(2, 5, 8, 1, key=getkey())
    kernel = FeatureKernel(NetworkFeatures(network))
    assert set(kinds(kernel)) == {FROZEN}
    expected = jax.vmap(network)(jnp.asarray(X)) / np.float32(5**0.5)
    np.testing.assert_allclose(kernel.features(jnp.asarray(X)), expected, rtol=1e-6)


def test_nystrom_features_interpolate_at_landmarks_and_fall_below(x64):
    kernel, x = Matern(2.5, 0.5, 2.0), jnp.asarray(X.astype(float))
    z = jnp.concatenate([x[:15], x[:2]])  # two of them twice
    approximation = eqx.filter_jit(FeatureKernel(NystromFeatures(kernel, z)))(x)
    k = np.asarray(kernel(x))
    np.testing.assert_allclose(approximation[:, :15], k[:, :15], atol=1e-7)
    assert np.linalg.eigvalsh(k - approximation)[0] > -1e-7
    best = k[:, :15] @ np.linalg.solve(k[:15, :15], k[:15])
    np.testing.assert_allclose(approximation, best, atol=1e-6)


def test_many_landmarks_of_a_smooth_kernel_stay_finite_in_single_precision():
    x = np.random.default_rng(0).uniform(-1, 1, (600, 2)).astype(np.float32)
    kernel = SquaredExponential(1.0)
    approximation = FeatureKernel(NystromFeatures(kernel, x[:400]))
    error = gram(approximation, x) - gram(kernel, x)
    assert np.abs(error).max() < 1e-3


def test_bad_requests_for_features_say_what_to_do():
    with pytest.raises(DataError, match=r"stationary kernel(.|\n)*Periodic(.|\n)*Nystrom"):
        FourierFeatures(Periodic(1.0), 2, 10, key=jax.random.key(0))
    with pytest.raises(DataError, match=r"another dimension(.|\n)*2 columns(.|\n)*3"):
        FourierFeatures(Matern(1.5, 1.0), 2, 10, key=jax.random.key(0))(jnp.zeros((4, 3)))
    with pytest.raises(DataError, match="at least one landmark"):
        NystromFeatures(Matern(1.5, 1.0), jnp.zeros((0, 2)))
