"""Sums, products and transformed inputs."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.errors import DataError
from riesz.kernels import (
    Columns,
    Constant,
    Gibbs,
    Linear,
    Matern,
    Periodic,
    SquaredExponential,
    Stretched,
    Tensor,
    Warped,
)

X = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (6, 3)).astype(np.float32))
Y = X[::-1][:4] + 0.1
SMOOTH, ROUGH = SquaredExponential(0.7), Matern(1.5, 0.4, 2.0)


def same(kernel, expected):
    """On two sets, on one and on the diagonal."""
    np.testing.assert_allclose(kernel(X, Y), expected(X, Y), rtol=1e-5)
    alone = np.asarray(expected(X, X))
    np.testing.assert_allclose(kernel(X), alone, rtol=1e-5)
    np.testing.assert_allclose(kernel.diagonal(X), np.diagonal(alone), rtol=1e-5)


def test_sums_products_and_multiples():
    same(SMOOTH + ROUGH, lambda x, y: SMOOTH(x, y) + ROUGH(x, y))
    same(SMOOTH * ROUGH, lambda x, y: SMOOTH(x, y) * ROUGH(x, y))
    same(3 * SMOOTH, lambda x, y: 3 * SMOOTH(x, y))
    same(jnp.asarray(3.0) * SMOOTH, lambda x, y: 3 * SMOOTH(x, y))


def test_columns_are_taken_in_order():
    lengths = Matern(1.5, [0.3, 2.0])
    same(Columns(lengths, (2, 0)), lambda x, y: lengths(x[:, [2, 0]], y[:, [2, 0]]))


def test_a_tensor_product_has_a_kernel_for_each_part():
    same(
        Tensor(SMOOTH, ROUGH, 1),
        lambda x, y: SMOOTH(x[:, :1], y[:, :1]) * ROUGH(x[:, 1:], y[:, 1:]),
    )


def test_on_a_product_of_points_a_tensor_product_is_a_kronecker_product():
    left, right = X[:3, :1], X[:4, 1:]
    both = jnp.concatenate([jnp.repeat(left, 4, 0), jnp.tile(right, (3, 1))], 1)
    expected = np.kron(SMOOTH(left), ROUGH(right))
    np.testing.assert_allclose(Tensor(SMOOTH, ROUGH, 1)(both), expected, rtol=1e-6)


def test_a_squared_exponential_between_points_of_circles_is_the_periodic_kernel():
    def circles(x):
        angle = 2 * jnp.pi * x / 1.3
        return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)])

    same(Warped(SquaredExponential(0.8), circles), Periodic(1.3, 0.8))


def test_a_gibbs_kernel_with_one_length_is_a_squared_exponential():
    same(Gibbs(lambda x: jnp.asarray(0.7)), SMOOTH)


def test_a_stretched_kernel_has_a_length_for_each_input():
    lengths = jnp.asarray([0.3, 2.0, 1.0])
    same(Stretched(SquaredExponential(1.0), lengths), SquaredExponential(lengths))
    same(Stretched(SMOOTH, 2.0), SquaredExponential(1.4))
    away = Stretched(Linear(), jnp.asarray([1.0, jnp.inf, 1.0]))
    same(away, lambda x, y: x[:, [0, 2]] @ y[:, [0, 2]].T)


class Stretch(eqx.Module):
    factor: jax.Array

    def __call__(self, x):
        return self.factor * x


def test_the_arrays_of_a_warping_module_have_gradients():
    factor = jnp.asarray([1.0, 2.0, 0.5])

    @jax.jit
    @jax.grad
    def slope(kernel):
        return kernel(X, Y)[0, 0]

    warped = slope(Warped(SMOOTH, Stretch(factor))).function.factor
    expected = slope(SquaredExponential(0.7 / factor)).length_scale
    np.testing.assert_allclose(warped, -expected * 0.7 / factor**2, rtol=1e-4)


def test_bad_requests_say_what_to_do():
    with pytest.raises(DataError, match=r"columns \(3,\)(.|\n)*shape \(6, 3\)(.|\n)*repair"):
        Columns(SMOOTH, (3,))(X)
    with pytest.raises(DataError, match="at least one column for each(.|\n)*more than 3 columns"):
        Tensor(SMOOTH, Constant(), 3)(X)
    with pytest.raises(DataError, match=r"one for each input(.|\n)*\(2,\), inputs of"):
        Stretched(SMOOTH, jnp.ones(2))(X)
    with pytest.raises(DataError, match="scale > 0"):
        Stretched(SMOOTH, 0.0)
