"""Expectations of activations against published values, quadrature and sampling."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm, qmc

from riesz.errors import ModelError
from riesz.networks import (
    Abs,
    Cos,
    Erf,
    Exp,
    Gelu,
    Hermite,
    LeakyRelu,
    Monomial,
    Rbf,
    RectifiedMonomial,
    Relu,
    Sign,
    Silu,
    Sin,
    Tanh,
)

ACTIVATIONS = [
    Relu(),
    LeakyRelu(0.1),
    Abs(),
    Erf(),
    Gelu(),
    Sin(),
    Cos(),
    Rbf(0.7),
    Exp(),
    Hermite(7),
    Monomial(4),
    RectifiedMonomial(0),
    RectifiedMonomial(2),
    RectifiedMonomial(6),
    Sign(),
    Tanh(),
    Silu(),
]
each = pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
STEP = 2.0**-16
GENERAL = [
    (1.2, 0.5, 0.8),
    (1.2, 0.9, 0.8),
    (1.2, -0.5, 0.8),
    (1.0, 0.0, 1.0),
    (0.3, 0.2, 2.5),
    (2.0, 1.6, 2.1),
]
MOVED = [(1.2 + s * a, 0.5 + s * b, 0.8) for s in (-STEP, STEP) for a, b in ((1, 0), (0, 1))]
EQUAL = [(q, q, q) for q in (0.25, 1.0, 1.8)]
OPPOSITE = [(q, -q, q) for q in (0.25, 1.0, 1.8)]
NEAR = [(1.0, 1 - 2.0**-46, 1.0), (1.1, 1.1 - 1e-14, 1.1)]
ZERO = [(0.0, 0.0, 0.0), (0.0, 0.0, 1.3)]
EXTREME = [(s, 0.3 * s, 0.9 * s) for s in (1e-30, 1e30)]
PARTS = (GENERAL, MOVED, EQUAL, OPPOSITE, NEAR, ZERO, EXTREME)
general, moved, equal, opposite, near, zero, extreme = np.split(
    np.arange(sum(map(len, PARTS))), np.cumsum([len(part) for part in PARTS])[:-1]
)
TABLE = np.concatenate(PARTS)


@lru_cache(maxsize=64)
def readings(activation, x64=True):
    """Both expectations on the table, (2, rows), and the gradients of each, (2, 3, rows)."""

    def read(*q):
        if not x64:
            return jnp.stack(activation.duals(*q))
        duals, pull = jax.vjp(activation.duals, *q)
        one, none = jnp.ones_like(q[0]), jnp.zeros_like(q[0])
        gradients = [jnp.stack(pull(c)) for c in ((one, none), (none, one))]
        return jnp.stack(duals), jnp.stack(gradients)

    with jax.enable_x64(x64):
        return jax.tree.map(np.asarray, jax.jit(read)(*map(jnp.asarray, TABLE.T)))


@lru_cache(maxsize=1)
def points():
    """Where activations are evaluated, by what for.

    `plane`: nodes and weights of the distribution of (u, v) for each general row, in polar
    coordinates, by Gauss-Legendre panels between the rays on which u or v is zero. `line`: those
    of a standard normal number times each standard deviation. `samples`: a scrambled Sobol
    sequence of the distribution of the second row, drawn twice as wide and weighted, as powers
    have their mass far out.
    """
    panels = [np.polynomial.legendre.leggauss(40)] * 4
    ends = lambda edges: zip(edges[:-1], edges[1:], panels, strict=False)  # noqa: E731

    def rule(*edges):
        parts = [((b - a) / 2 * t + (a + b) / 2, (b - a) / 2 * w) for a, b, (t, w) in ends(edges)]
        return np.hstack(parts)

    rows = []
    radius, weight = rule(0, 4, 8, 14)
    for q11, q12, q22 in GENERAL:
        angle = np.arccos(q12 / np.sqrt(q11 * q22))
        turn, share = rule(*(np.array([0, angle, np.pi, np.pi + angle, 2 * np.pi]) - np.pi / 2))
        turn, r = turn[:, None], radius[None]
        law = share[:, None] * weight * r * np.exp(-(r**2) / 2) / (2 * np.pi)
        rows.append((np.sqrt(q11) * r * np.cos(turn), np.sqrt(q22) * r * np.cos(turn - angle), law))
    plane = np.stack([[x.ravel() for x in row] for row in rows], axis=1)
    z, weight = rule(0, 4, 8, 13)
    law = weight * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    stds = np.sqrt(TABLE[: extreme[0], [0, 2]].T)[..., None]
    line = np.concatenate([stds * z, -stds * z], -1), np.concatenate([law, law])
    q11, q12, q22 = GENERAL[1]
    first, second = wide = 2 * norm.ppf(qmc.Sobol(2, rng=0).random(2**15)).T
    slope = q12 / np.sqrt(q11)
    samples = np.stack(
        [
            np.sqrt(q11) * first,
            slope * first + np.sqrt(q22 - slope**2) * second,
            4 * np.exp(-3 / 8 * np.sum(wide**2, 0)),
        ]
    )
    return plane, line, samples


@lru_cache(maxsize=64)
def integrals(activation):
    """Both expectations by quadrature and by samples, and those of each number with itself."""
    plane, line, samples = points()
    parts = plane[:2], line[0], samples[:2]
    with jax.enable_x64(True):
        pull = lambda x: (lambda y, p: (y, *p(jnp.ones_like(y))))(*jax.vjp(activation, x))  # noqa: E731
        pair = jax.jit(pull)(jnp.asarray(np.concatenate([part.ravel() for part in parts])))
    values = [
        part.reshape(2, *shape)
        for part, shape in zip(
            np.split(np.stack(pair), np.cumsum([part.size for part in parts])[:-1], axis=1),
            [part.shape for part in parts],
            strict=True,
        )
    ]
    exact = np.sum(values[0].prod(1) * plane[2], -1)
    return exact, values[1] ** 2 @ line[1], (values[2].prod(1) * samples[2]).mean(-1), values[1]


def scales(activation):
    """The standard deviations of the products: what errors are relative to."""
    return np.sqrt(integrals(activation)[1].prod(1))


def kept(activation):
    """The expectations that are finite for u = v."""
    return slice(None) if activation.differentiable else slice(0, 1)


PUBLISHED = [
    (Relu(), 0.3017237, 0.3352347),
    (RectifiedMonomial(2), 0.6906022, None),
    (Erf(), 0.2183758, 0.4547284),
    (Gelu(), 0.2247438, 0.3432903),
    (Sin(), 0.1917002, 0.4148304),
    (Tanh(), 0.1878373, None),
]


@pytest.mark.parametrize(("activation", "value", "slope"), PUBLISHED, ids=str)
def test_published_values(activation, value, slope):
    first, second = readings(activation)[0][:, 0]
    assert first == pytest.approx(value, abs=5.1e-8)
    assert slope is None or second == pytest.approx(slope, abs=5.1e-8)


@each
def test_duals_are_the_integrals(activation):
    exact, scale = integrals(activation)[0], scales(activation)[:, general]
    for duals, accuracy in ((readings(activation)[0], 1e-12), (readings(activation, False), 1e-5)):
        error = np.abs(duals[:, general] - exact)
        assert np.all((error <= accuracy * scale)[kept(activation)])


@each
def test_duals_are_means_of_samples(activation):
    """No constant is wrong by one percent."""
    sampled, duals = integrals(activation)[2], readings(activation)[0][:, 1]
    np.testing.assert_allclose(sampled[kept(activation)], duals[kept(activation)], rtol=1e-3)


@each
def test_equal_and_opposite_inputs(activation):
    """The angles at which arccos loses half of the digits, and square roots their derivative."""
    squares, values = integrals(activation)[1], integrals(activation)[3]
    weights = points()[1][1]
    half = len(weights) // 2
    mirrored = values * np.concatenate([values[..., half:], values[..., :half]], -1) @ weights
    finite = kept(activation)
    for rows, exact in ((equal, squares), (opposite, mirrored)):
        exact, scale = exact[:, 0, rows], scales(activation)[:, rows]
        for x64, accuracy in ((True, 1e-12), (False, 1e-5)):
            duals = readings(activation)[0] if x64 else readings(activation, False)
            assert np.all((np.abs(duals[:, rows] - exact) <= accuracy * scale)[finite])
    lines = np.concatenate([equal, opposite])
    assert np.all(np.isfinite(readings(activation)[1][finite][..., lines]))


@each
def test_nearly_equal_inputs(activation):
    duals, rows = readings(activation)[0], near[:1]
    scale = scales(activation)[0, rows]
    # The difference of the inputs has variance 2^-45; only functions with a jump see more of it.
    far = 1e-12 if activation.differentiable else 2.0**-22
    assert np.all(np.abs(duals[0, rows] - duals[0, equal[1]]) <= far * scale)
    assert np.all(np.isfinite(readings(activation)[1][kept(activation)][..., near]))


@pytest.mark.parametrize(
    ("activation", "which", "limit", "change"),
    [
        (Sign(), 0, 1, 2 / np.pi),
        (RectifiedMonomial(0), 0, 0.5, 0.5 / np.pi),
        (Relu(), 1, 0.5, 0.5 / np.pi),
        (Abs(), 1, 1, 2 / np.pi),
    ],
    ids=["sign", "step", "relu", "abs"],
)
def test_small_angles_keep_their_digits(activation, which, limit, change):
    q11, q12, _ = TABLE[near].T
    angle = 2 * np.arcsin(np.sqrt((q11 - q12) / (2 * q11)))
    # Eight digits are left of a difference of 1e-8 to the value on the diagonal.
    lost = limit - readings(activation)[0][which, near]
    np.testing.assert_allclose(lost, change * angle, rtol=1e-8)


@each
def test_the_derivative_in_q12_is_the_second_expectation(activation):
    duals, gradients = readings(activation)
    rows = np.concatenate([general, equal]) if activation.differentiable else general
    scale = (scales(activation) if activation.differentiable else duals)[1, rows]
    assert np.all(np.abs(gradients[0, 1, rows] - duals[1, rows]) <= 1e-12 * scale)


@each
def test_gradients_are_those_of_differences(activation):
    duals, gradients = readings(activation)
    low, high = moved[:2], moved[2:]
    quotients = (duals[:, high] - duals[:, low]) / (2 * STEP)
    size = np.abs(quotients) + np.abs(duals[:, :1])
    assert np.all(np.abs(gradients[:, :2, 0] - quotients) <= 1e-7 * size)


@each
def test_inputs_that_are_zero(activation):
    """E[phi(u) phi(v)] is phi(0)^2 and phi(0) E[phi(v)]."""
    value = float(activation(jnp.zeros(())))
    weights = points()[1][1]
    mean = integrals(activation)[3][0, 1, zero[1]] @ weights
    for duals in (readings(activation)[0], readings(activation, False)):
        np.testing.assert_allclose(duals[0, zero], [value**2, value * mean], rtol=1e-5, atol=1e-7)
        assert np.all(np.isfinite(duals[kept(activation)][:, zero]))
    assert np.all(np.isfinite(readings(activation)[1][kept(activation)][..., zero]))


@pytest.mark.parametrize(
    "activation",
    [Gelu(), Rbf(0.7), Hermite(7), RectifiedMonomial(2), Tanh()],
    ids=str,
)
def test_variances_broadcast_and_inputs_change_places(activation):
    duals = jax.jit(activation.duals)
    x, y, q12 = (jnp.asarray(column[:2], jnp.float32) for column in TABLE[:, [0, 2, 1]].T)
    q12 = q12[:, None] * jnp.asarray([1.0, -0.7])
    there = duals(x[:, None], q12, y[None])
    back = duals(y[:, None], q12.T, x[None])
    for one, other in zip(there, back, strict=True):
        assert one.shape == (2, 2) and one.dtype == jnp.float32
        np.testing.assert_array_equal(one, other.T)
    np.testing.assert_allclose(there[0][0, 0], readings(activation, False)[0, 0], rtol=1e-5)


@pytest.mark.parametrize(
    "activation", [Relu(), LeakyRelu(0.1), Abs(), Erf(), Gelu(), Sign(), Sin(), Rbf(0.7)], ids=str
)
def test_no_overflow_in_single_precision(activation):
    narrow, wide = readings(activation, False), readings(activation)[0]
    rows = np.s_[kept(activation), extreme]
    np.testing.assert_allclose(narrow[rows], wide[rows], rtol=1e-5, atol=1e-36)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_only_functions_without_jumps_are_differentiable(activation):
    assert activation.differentiable == (activation not in (Sign(), RectifiedMonomial(0)))
    assert activation.exact == (activation not in (Tanh(), Silu()))
    with np.errstate(divide="ignore"):
        diagonal = readings(activation)[0][1, equal]
    assert np.all(np.isinf(diagonal)) == (not activation.differentiable)


def test_slopes_and_widths_are_trained():
    """They are leaves, and the derivatives are those of the closed form."""
    q = [jnp.asarray(x) for x in (1.2, 0.5, 0.8)]
    slope = jax.jit(jax.grad(lambda s: LeakyRelu(s).duals(*q)[0]))(jnp.asarray(0.0))
    # With u = u_+ - u_-, it is -E[u_+ v_-] - E[u_- v_+] = q12 - 2 E[u_+ v_+] for a slope of 0.
    assert slope == pytest.approx(0.5 - 2 * readings(Relu())[0][0, 0], rel=1e-5)
    width = jax.jit(jax.grad(lambda g: Rbf(g).duals(*q)[0]))(jnp.asarray(0.7))
    assert width == pytest.approx(-np.exp(-0.7), rel=1e-5)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Hermite(-1), "degree >= 0"),
        (lambda: Monomial(True), "degree >= 0"),
        (lambda: RectifiedMonomial(-2), "degree >= 0"),
        (lambda: Rbf(-0.5), "gamma > 0"),
    ],
    ids=["Hermite", "Monomial", "RectifiedMonomial", "Rbf"],
)
def test_impossible_parameters_are_refused(make, expected):
    with pytest.raises(ModelError) as caught:
        make()
    assert caught.value.expected == expected
    assert caught.value.where.split("(")[0] in ("Hermite", "Monomial", "RectifiedMonomial", "Rbf")
