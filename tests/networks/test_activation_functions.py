"""Any function as an activation: against exact integrals, and the estimates of errors."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from riesz.errors import ModelError
from riesz.networks import Activation, Dense, LeakyRelu, Silu, Tanh, parse

# Correlations of 0.46, -0.6, 0.95, 1 - 5e-5, -0.99, and 0.97 between different variances.
PAIRS = np.array(
    [
        (1.2, 0.45, 0.8),
        (1.0, -0.6, 1.0),
        (1.0, 0.95, 1.0),
        (0.9, 0.899955, 0.9),
        (1.0, -0.99, 1.0),
        (2.0, 2.3, 2.8),
    ]
)
DIAGONAL = np.array([(q, q, q) for q in (0.3, 2.0)])
ROWS = np.concatenate([PAIRS, DIAGONAL])


def ramp(m, s, kink):
    """E[max(x - kink, 0)] and P(x > kink) for x ~ N(m, s^2)."""
    z = (m - kink) / s
    return s * (z * norm.cdf(z) + norm.pdf(z)), norm.cdf(z)


def mean_elu(m, s):
    value, slope = ramp(m, s, 0.0)
    tail = np.exp(m + s**2 / 2) * norm.cdf(-(m + s**2) / s)
    return value + tail - norm.cdf(-m / s), slope + tail


def mean_hard_tanh(m, s):
    (low, above_low), (high, above_high) = ramp(m, s, -1.0), ramp(m, s, 1.0)
    return low - high - 1, above_low - above_high


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0))), np.exp(np.minimum(x, 0))


def hard_tanh(x):
    return np.clip(x, -1, 1), np.where(abs(x) < 1, 1.0, 0.0)


def exact(phi, mean, kinks):
    """Both expectations on the rows: v given u in closed form, then panels split as needed."""
    t, w = np.polynomial.legendre.leggauss(30)
    out = []
    for q11, q12, q22 in ROWS:
        s = np.sqrt(max(q22 - q12**2 / q11, 0))
        ratio = np.sqrt(q11) / q12
        layers = [k * ratio + d * s * ratio for k in kinks for d in (-8, 0, 8)]
        edges = np.unique([*np.arange(-9, 10), *layers, *(k / np.sqrt(q11) for k in kinks)])
        half = np.diff(edges) / 2
        z = (edges[:-1] + half)[:, None] + half[:, None] * t
        u = np.sqrt(q11) * z
        inner = mean(q12 / q11 * u, s) if s > 0 else phi(u)
        out.append(
            np.sum(np.stack(phi(u)) * np.stack(inner) * norm.pdf(z) * half[:, None] * w, (1, 2))
        )
    return np.stack(out, 1)


FUNCTIONS = {
    "elu": (Activation(jax.nn.elu, kinks=(0.0,)), elu, mean_elu),
    "hard_tanh": (Activation(jax.nn.hard_tanh, kinks=(-1.0, 1.0)), hard_tanh, mean_hard_tanh),
}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_with_kinks_have_eight_digits(name):
    activation, phi, mean = FUNCTIONS[name]
    q = [jnp.asarray(column) for column in ROWS.T]
    error = np.abs(np.stack(jax.jit(activation.duals)(*q)) - exact(phi, mean, activation.kinks))
    assert np.all(error < 1e-8)
    if name == "hard_tanh":
        estimate = np.stack(activation.error(*q))
        assert np.all(error <= estimate) and np.all(estimate < 1e-6)


@pytest.mark.usefixtures("x64")
def test_gradients_through_kinks_are_those_of_the_closed_form():
    """On the diagonal, for close and for distant pairs; the second has a jump at the kink."""
    leaky = Activation(lambda u: jnp.where(u > 0, u, 0.1 * u), kinks=(0.0,))
    q = [jnp.asarray(column) for column in ROWS.T]

    def derivatives(activation, *q):
        """The value, its gradient, and the second expectation along one direction."""
        value, pull = jax.vjp(lambda *q: activation.duals(*q)[0], *q)
        direction = tuple(jnp.full(len(ROWS), d) for d in (0.3, 1.0, -0.7))
        second, change = jax.jvp(lambda *q: activation.duals(*q)[1], q, direction)
        return value, jnp.stack(pull(jnp.ones_like(value))), second, change

    (value, gradient, second, change), exact = (
        [np.asarray(x) for x in jax.jit(partial(derivatives, activation))(*q)]
        for activation in (leaky, LeakyRelu(0.1))
    )
    np.testing.assert_allclose(value, exact[0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(second, exact[2], rtol=0, atol=1e-8)
    np.testing.assert_allclose(gradient, exact[1], rtol=0, atol=1e-7)
    # The second is not differentiable on the diagonal.
    pairs = slice(len(PAIRS))
    np.testing.assert_allclose(change[pairs], exact[3][pairs], rtol=1e-6)
    assert np.all(np.isfinite(change))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("activation", [Tanh(), Silu()], ids=str)
def test_series_know_their_error(activation):
    """Rounding at moderate variances, and truncation at large ones, both for u = v and less."""
    q = np.array([1.0, 4.0, 10.0, 40.0])
    z = np.arange(-1800, 1801) / 200
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / 200
    for rho in (1.0, 0.9):
        duals, errors = (
            np.stack(read(jnp.asarray(q), jnp.asarray(rho * q), jnp.asarray(q)))
            for read in (activation.duals, activation.error)
        )
        assert np.all(errors[:, 0] < 1e-13) and np.all(errors[:, 3] > 1e-13)
        for i, function in enumerate((activation, jax.vmap(jax.grad(activation)))):
            values = np.asarray(function(jnp.asarray(np.outer(np.sqrt(q), z).ravel())))
            values = values.reshape(len(q), -1)
            if rho == 1:
                truth = values**2 @ density
            else:
                # Given z, the other number is rho z + sqrt(1 - rho^2) y, on every tenth node.
                y, weights = z[::10], density[::10] * 10
                other = rho * y[:, None] + np.sqrt(1 - rho**2) * y
                inner = function(jnp.asarray((np.sqrt(q)[:, None] * other.ravel()).ravel()))
                inner = np.asarray(inner).reshape(len(q), len(y), -1) @ weights
                truth = np.sum(values[:, ::10] * inner * weights, -1)
            assert np.all(np.abs(duals[i] - truth) <= errors[i] + 1e-14)


@pytest.mark.usefixtures("x64")
def test_a_kink_that_is_not_declared_shows_in_the_error():
    """For u = v and for independent u and v, with the kink everywhere between nodes."""
    shifted = Activation(lambda u: jnp.maximum(u - 1, 0))
    q = np.linspace(0.3, 4, 60)
    std = np.sqrt(q)
    mean, above = ramp(0.0, std, 1.0)
    square = (q + 1) * above - std * norm.pdf(1 / std)
    for q12, truth in ((q, (square, above)), (0 * q, (mean**2, above**2))):
        arguments = [jnp.asarray(x) for x in (q, q12, q)]
        error = np.abs(np.stack(shifted.duals(*arguments)) - np.stack(truth))
        assert np.max(error) > 1e-6
        assert np.all(error <= np.stack(shifted.error(*arguments)))


def test_a_function_without_kinks_is_the_same_series():
    q = [jnp.asarray(column[:2], jnp.float32) for column in ROWS.T]
    for one, other in zip(Activation(jnp.tanh).duals(*q), Tanh().duals(*q), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == jnp.float32


def test_functions_of_one_number_are_applied_to_each_entry():
    clipped = Activation(lambda u: jax.lax.cond(u > 1, lambda: 1.0, lambda: u), kinks=(1.0,))
    x = jnp.asarray([[0.5, 2.0], [1.5, -3.0]])
    np.testing.assert_array_equal(clipped(x), jnp.minimum(x, 1))


@pytest.mark.parametrize(
    ("function", "differentiable"),
    [
        (jax.nn.hard_swish, True),
        (lambda u: jnp.abs(u) ** 1.5, True),
        (jnp.sign, False),
        (jnp.round, False),
        (lambda u: 5 * u + 0.1 * jnp.sign(u), False),
        # An even function, whose first moments say nothing.
        (lambda u: jnp.where(jnp.abs(u) < 1, 1.0, 0.0), False),
    ],
    ids=["hard_swish", "power", "sign", "round", "small", "window"],
)
def test_jumps_are_found_out(function, differentiable):
    assert Activation(function).differentiable is differentiable


def test_jumps_are_found_out_while_a_kernel_is_compiled():
    network = Dense(1) >> Activation(jnp.floor, kinks=(-1.0, 0.0, 1.0)) >> Dense(1)
    with pytest.raises(ModelError, match="there is no tangent kernel"):
        jax.jit(network.kernel().ntk)(jnp.ones((2, 3)))


@pytest.mark.parametrize(
    "text",
    [
        "Activation(jax.nn.softplus)",
        "Activation(jax.nn.elu, kinks=(0.0,))",
        "LeakyRelu(0.1)",
        "RectifiedMonomial(2)",
    ],
)
def test_activations_print_as_they_are_written(text):
    activation = parse(text)
    assert str(activation) == text
    assert hash(activation) == hash(parse(text)) and activation == parse(text)


def only_numbers(u):
    return u if u > 0 else 0.0 * u


@pytest.mark.parametrize(
    ("function", "kinks", "message", "found"),
    [
        (only_numbers, (), "the function cannot be traced by JAX", "boolean conversion"),
        (math.tanh, (), "the function cannot be traced by JAX", "concrete value"),
        (np.tanh, (), "the function cannot be traced by JAX", "numpy"),
        (jnp.argmax, (), "the function does not map a number to a number", "int32"),
        (lambda u: (u, u), (), "the function does not map a number to a number", "("),
        (lambda u: u * jnp.ones(3), (), "the function does not map a number to a number", "(3,)"),
        (jnp.abs, (math.inf,), "kinks are the numbers at which", "(inf,)"),
    ],
    ids=["if", "math", "numpy", "integer", "pair", "vector", "infinite"],
)
def test_what_is_no_function_of_a_number_is_refused(function, kinks, message, found):
    with pytest.raises(ModelError) as caught:
        Activation(function, kinks)
    assert caught.value.message.startswith(message)
    assert found in str(caught.value.found)
    assert caught.value.where == "Activation(function, kinks)"
    assert caught.value.expected is not None
