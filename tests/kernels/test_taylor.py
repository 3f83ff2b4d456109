"""Taylor models against finite differences in the parameters."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.errors import ModelError
from riesz.kernels import TangentKernel, linearise, taylor
from riesz.operators import trainable

KEY = jax.random.key(11)
MODEL = eqx.nn.MLP(2, 2, 6, 1, activation=jnp.tanh, key=KEY)


def moved(model, t):
    """The model with its parameters moved by t along a fixed direction."""
    trained, rest = eqx.partition(model, trainable(model))
    leaves, tree = jax.tree.flatten(trained)
    keys = jax.random.split(KEY, len(leaves))
    steps = [t * jax.random.normal(k, p.shape, p.dtype) for k, p in zip(keys, leaves, strict=True)]
    shifted = [p + step for p, step in zip(leaves, steps, strict=True)]
    return eqx.combine(jax.tree.unflatten(tree, shifted), rest)


@pytest.mark.parametrize("order", [0, 3])
def test_the_error_along_a_line_has_the_order_of_the_next_term(order, x64):
    model = jax.tree.map(lambda p: p.astype(float) if eqx.is_array(p) else p, MODEL)
    expansion = taylor(model, order)
    x = jnp.array([0.3, -0.8])

    @jax.jit
    def error(t):
        return jnp.linalg.norm(moved(model, t)(x) - moved(expansion, t)(x))

    assert error(0.0) < 1e-15
    rate = jnp.log2(error(0.02) / error(0.01))
    assert abs(rate - (order + 1)) < 0.15


def test_the_terms_are_finite_differences(x64):
    model = jax.tree.map(lambda p: p.astype(float) if eqx.is_array(p) else p, MODEL)
    x = jnp.array([0.3, -0.8])
    h = 1e-3
    f = jax.jit(lambda t: moved(model, t)(x))
    first = (f(h) - f(-h)) / (2 * h)
    second = (f(h) - 2 * f(0.0) + f(-h)) / h**2
    linear, quadratic = (eqx.filter_jit(moved(taylor(model, k), 1.0))(x) for k in (1, 2))
    np.testing.assert_allclose(linear - f(0.0), first, rtol=1e-4)
    np.testing.assert_allclose(quadratic - linear, second / 2, rtol=1e-4)


def test_training_does_not_change_the_kernel_of_a_linearised_model():
    x = jnp.array([[0.3, -0.8], [1.0, 0.2]])
    linear = linearise(MODEL)
    k, after = TangentKernel(linear)(x), TangentKernel(moved(linear, 0.5))(x)
    np.testing.assert_allclose(after, k, rtol=1e-5)
    np.testing.assert_allclose(k, TangentKernel(MODEL)(x), rtol=1e-5)
    assert abs(TangentKernel(moved(MODEL, 0.5))(x) - k).max() > 0.1


def test_a_negative_order_is_refused():
    with pytest.raises(ModelError, match="order=-1"):
        taylor(MODEL, -1)
