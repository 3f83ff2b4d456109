"""Values against formulas written anew, derivatives where points coincide, and precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from riesz.errors import DataError
from riesz.kernels import (
    Brownian,
    Constant,
    Gibbs,
    Linear,
    Matern,
    Periodic,
    Polynomial,
    RationalQuadratic,
    SquaredExponential,
    White,
)
from riesz.kernels._inputs import points

X = np.random.default_rng(1).uniform(-1.0, 2.0, (7, 2))
Y = np.random.default_rng(2).uniform(-1.0, 2.0, (5, 2))
LENGTHS = np.array([0.4, 1.5])


def gaps(x=X, y=Y):
    return x[:, None] - y[None]


def distance(lengths):
    return np.sqrt((gaps() ** 2 / lengths**2).sum(-1))


def matern(nu, r):
    z = np.sqrt(2 * nu) * r
    return 2 ** (1 - nu) / scipy.special.gamma(nu) * z**nu * scipy.special.kv(nu, z)


def gibbs(x, y):
    out = 1.0
    for i in range(2):
        lx, ly = 0.3 + x[..., 0] ** 2 + 0.1 * i, 0.3 + y[..., 0] ** 2 + 0.1 * i
        out = out * np.sqrt(2 * lx * ly / (lx**2 + ly**2))
        out = out * np.exp(-((x[..., i] - y[..., i]) ** 2) / (lx**2 + ly**2))
    return out


def brownian():
    """E W(x) W(y) of motions to both sides, W = sum of increments between sorted points."""
    out = np.ones((7, 5))
    for i in range(2):
        marks = np.sort(np.concatenate([X[:, i], Y[:, i], [0.0]]))
        middle, width = (marks[1:] + marks[:-1]) / 2, np.diff(marks)

        def path(t, middle=middle):  # weights of the increments in W(t)
            return np.sign(t)[:, None] * (
                (middle * np.sign(t)[:, None] > 0) & (np.abs(middle) < np.abs(t)[:, None])
            )

        out = out * np.einsum("nk,mk,k->nm", path(X[:, i]), path(Y[:, i]), width)
    return out


CASES = {
    "squared exponential": (
        lambda: SquaredExponential(0.6, 2.0),
        lambda: 2 * np.exp(-(distance(0.6) ** 2) / 2),
    ),
    "squared exponential, two lengths": (
        lambda: SquaredExponential(LENGTHS),
        lambda: np.exp(-(distance(LENGTHS) ** 2) / 2),
    ),
    "Matern, two lengths": (
        lambda: Matern(1.5, LENGTHS, 3.0),
        lambda: 3 * matern(1.5, distance(LENGTHS)),
    ),
    "rational quadratic": (
        lambda: RationalQuadratic(0.6, 1.7, 2.0),
        lambda: 2 * (1 + distance(0.6) ** 2 / 3.4) ** -1.7,
    ),
    "periodic": (
        lambda: Periodic(LENGTHS, 0.8, 2.0),
        lambda: 2 * np.exp(-2 * (np.sin(np.pi * gaps() / LENGTHS) ** 2).sum(-1) / 0.64),
    ),
    "linear": (lambda: Linear(LENGTHS), lambda: (X * LENGTHS) @ Y.T),
    "polynomial": (lambda: Polynomial(3, 0.5, 2.0), lambda: (0.5 * X @ Y.T + 2) ** 3),
    "constant": (lambda: Constant(2.0), lambda: np.full((7, 5), 2.0)),
    "noise": (lambda: White(2.0), lambda: np.zeros((7, 5))),
    "Gibbs": (
        lambda: Gibbs(lambda x: 0.3 + x[0] ** 2 + jnp.array([0.0, 0.1]), 2.0),
        lambda: 2 * gibbs(X[:, None], Y[None]),
    ),
    "Brownian": (lambda: Brownian(2.0), lambda: 2 * brownian()),
}


@pytest.mark.parametrize("case", CASES)
def test_values_are_those_of_the_formula(case, x64):
    kernel, formula = CASES[case]
    found = kernel()(jnp.asarray(X), jnp.asarray(Y))
    np.testing.assert_allclose(found, formula(), rtol=1e-12, atol=1e-14)


def test_noise_is_the_identity_on_one_set_only(x64):
    x = jnp.asarray(X)
    np.testing.assert_array_equal(White(2.0)(x), 2 * np.eye(7))
    np.testing.assert_array_equal(White(2.0)(jnp.concatenate([x, x])), 2 * np.eye(14))
    np.testing.assert_array_equal(White(2.0)(x, x), 0)


@pytest.mark.parametrize("nu", [0.1, 0.5, 0.9, 1.0, 1.3, 1.5, 2.5, 3.5, 4.5, 5.5, 20.0])
def test_matern_of_any_smoothness(nu):
    """Down to distance zero, and far away."""
    r = np.concatenate([[0.0], np.geomspace(1e-12, 1e3, 60)])
    with np.errstate(all="ignore"):
        expected = np.where((r > 0) & (r < 700), matern(nu, r), r == 0)
    for x64, tolerance in ((False, 1e-6), (True, 2e-14)):
        with jax.enable_x64(x64):
            found = np.asarray(Matern(nu, 1.0).correlation(jnp.asarray(r) ** 2))
        np.testing.assert_allclose(found, expected, atol=tolerance)


def test_a_large_smoothness_is_the_squared_exponential(x64):
    x = jnp.asarray(X)
    np.testing.assert_allclose(Matern(2000.0, 0.6)(x), SquaredExponential(0.6)(x), atol=1e-3)


def along(kernel, orders):
    """The mixed derivative of k(x, y) on the line, `orders` times in x and in y."""

    def k(x, y):
        return kernel(x[None, None], y[None, None])[0, 0]

    for argument, order in enumerate(orders):
        for _ in range(order):
            k = jax.jacfwd(k, argument)
    return jax.jit(k)


L = 0.7
# E[w^(2 p)] of the spectral distribution: of N(0, 1), and of Student's t with 2 nu degrees of
# freedom.
MIXED = {
    "squared exponential, first": (SquaredExponential(L, 2.0), 1, 2 / L**2),
    "squared exponential, second": (SquaredExponential(L, 2.0), 2, 6 / L**4),
    "Matern 3/2, first": (Matern(1.5, L), 1, 3 / L**2),
    "Matern 5/2, first": (Matern(2.5, L), 1, 5 / 3 / L**2),
    "Matern 5/2, second": (Matern(2.5, L), 2, 25 / L**4),
    "Matern 2.2, first": (Matern(2.2, L), 1, 4.4 / 2.4 / L**2),
    "Matern 2.2, second": (Matern(2.2, L), 2, 3 * 4.4**2 / (2.4 * 0.4) / L**4),
    "rational quadratic, first": (RationalQuadratic(L, 1.5), 1, 1 / L**2),
    "periodic, first": (Periodic(1.3, L), 1, (2 * np.pi / 1.3) ** 2 / L**2),
}


@pytest.mark.parametrize("case", MIXED)
def test_derivatives_at_equal_points_are_the_spectral_moments(case, x64):
    """The variance of the p-th derivative of a draw, by nested forward differentiation."""
    kernel, order, expected = MIXED[case]
    x = jnp.asarray(0.3)
    found = along(kernel, (order, order))
    np.testing.assert_allclose(found(x, x), expected, rtol=1e-10)
    # and it is the limit of derivatives at points that come together
    roughness = getattr(kernel, "smoothness", 10.0) - order
    np.testing.assert_allclose(found(x, x + 1e-9), expected, rtol=1e-3 if roughness < 0.4 else 1e-6)


def test_the_hessian_at_equal_points_in_the_plane(x64):
    point = jnp.asarray([0.1, -0.4])
    kernel = Matern(2.5, LENGTHS)

    def k(x, y):
        return kernel(x[None], y[None])[0, 0]

    mixed = jax.jit(jax.jacfwd(jax.jacrev(k, 1), 0))(point, point)
    np.testing.assert_allclose(mixed, 5 / 3 * np.diag(1 / LENGTHS**2), rtol=1e-12, atol=1e-12)


def test_derivatives_that_do_not_exist_are_zero():
    slope, x = along(Matern(0.5, L), (1, 0)), jnp.asarray(0.3)
    assert slope(x, x) == 0 and along(Matern(0.5, L), (1, 1))(x, x) == 0
    np.testing.assert_allclose(slope(jnp.asarray(0.3), jnp.asarray(0.4)), np.exp(-1 / 7) / L, 1e-4)


@pytest.mark.parametrize("d", [2, 5])
def test_near_points_keep_their_digits_in_single_precision(d):
    """1 - k of points a thousandth apart, far from the origin."""
    centre = np.random.default_rng(3).uniform(5, 10, (6, d))
    x, y = centre.astype(np.float32), (centre + 1e-3).astype(np.float32)
    kernel = Matern(0.5, 0.3)
    found = np.diagonal(np.asarray(kernel(jnp.asarray(x), jnp.asarray(y))))
    r = np.linalg.norm(x.astype(float) - y.astype(float), axis=1)
    np.testing.assert_allclose(1 - found, 1 - np.exp(-r / 0.3), rtol=2e-5)


def test_inputs_of_any_shape_are_points():
    x = jnp.linspace(0, 1, 6)
    kernel = SquaredExponential(0.3)
    np.testing.assert_array_equal(kernel(x), kernel(x[:, None]))
    images = jax.random.normal(jax.random.key(0), (6, 2, 3, 1))
    np.testing.assert_array_equal(kernel(images), kernel(images.reshape(6, 6)))
    assert kernel(jnp.zeros((0, 2)), jnp.zeros((3, 2))).shape == (0, 3)


def test_an_infinite_length_switches_an_input_off():
    x = jnp.asarray(X, jnp.float32)
    both = SquaredExponential([0.6, np.inf])(x)
    np.testing.assert_allclose(both, SquaredExponential(0.6)(x[:, :1]), rtol=1e-6)
    assert np.isfinite(both).all()


BAD = {
    "the length scale of a kernel is positive(.|\n)*train its logarithm": lambda: Matern(1.5, 0.0),
    "the variance of a kernel is positive and finite": lambda: SquaredExponential(1.0, np.inf),
    "length_scale=.*-1": lambda: SquaredExponential(jnp.array([1.0, -1.0])),
    "the smoothness of a kernel": lambda: Matern(0.0, 1.0),
    "the period of a kernel": lambda: Periodic(-1.0),
    "the alpha of a kernel": lambda: RationalQuadratic(1.0, float("nan")),
    "the variance of a kernel is positive(.|\n)*Scaled": lambda: -1.0 * SquaredExponential(1.0),
    "the offset of a kernel": lambda: Polynomial(2, 1.0, -1.0),
    r"degree of a polynomial(.|\n)*Constant\(\)": lambda: Polynomial(0),
    r"one per input(.|\n)*shape \(\) or \(2,\)": lambda: SquaredExponential([1.0, 2.0, 3.0])(
        jnp.zeros((4, 2))
    ),
    r"different features(.|\n)*2 and 3": lambda: Linear()(jnp.zeros((4, 2)), jnp.zeros((4, 3))),
    r"array of floats(.|\n)*int32": lambda: points(jnp.arange(3), None),
    "positive everywhere(.|\n)*least value of -1": lambda: Gibbs(lambda x: x[0])(
        jnp.array([[1.0], [-1.0]])
    ),
    "needs one length scale for all inputs(.|\n)*scalar": lambda: Matern(1.5, [1.0, 2.0]).spectrum(
        jnp.ones(3), 2
    ),
}


@pytest.mark.parametrize("text", BAD)
def test_bad_requests_say_what_to_do(text):
    with pytest.raises(DataError, match=text):
        BAD[text]()
