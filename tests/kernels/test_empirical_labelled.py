"""The labelled pseudo tangent kernel against steps of gradient descent."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.errors import DataError
from riesz.kernels import LabelledTangentKernel, TangentKernel

KEY = jax.random.key(5)


def data(classes, n=3):
    x = np.random.default_rng(0).normal(size=(n, 2))
    return jnp.asarray(x, float), jnp.asarray(np.arange(n) % classes)


def classifier(classes):
    return eqx.nn.MLP(2, classes, 6, 1, activation=jnp.tanh, dtype=float, key=KEY)


def signs(c, classes):
    return jnp.where(jnp.arange(classes) == c, -1.0, 1.0)


def test_it_is_the_tangent_kernel_between_signs(x64):
    model, (x, c) = classifier(3), data(3)
    full = TangentKernel(model).full(x)
    s = np.where(np.arange(3) == np.asarray(c)[:, None], -1.0, 1.0)
    expected = np.einsum("ia,ijab,jb->ij", s, full, s) / 3
    kernel = LabelledTangentKernel(model)
    k = kernel((x, c))
    np.testing.assert_allclose(k, expected, rtol=1e-12)
    assert (k == k.T).all() and (np.diag(k) == kernel.diagonal((x, c))).all()
    other = LabelledTangentKernel(model, method="products")((x, c), (x[:2], c[:2]))
    np.testing.assert_allclose(other, expected[:, :2], rtol=1e-12)


def test_it_is_the_change_of_prediction_under_one_step_on_cross_entropy(x64):
    """For two classes p - y = (1 - p_c) s(c), so that a step of SGD on (x', c') changes

    s(c) . logits(x) by -rate (1 - p_c'(x')) s(c)^T J(x) J(x')^T s(c').
    """
    model, (x, c) = classifier(2), data(2)
    rate = 1e-6

    @eqx.filter_jit
    def margins(model):
        return jax.vmap(lambda one, k: signs(k, 2) @ model(one))(x, c)

    @eqx.filter_jit
    def after_step_on(j):
        loss = lambda model: -jax.nn.log_softmax(model(x[j]))[c[j]]  # noqa: E731
        step = jax.tree.map(lambda g: -rate * g, eqx.filter_grad(loss)(model))
        return margins(eqx.apply_updates(model, step))

    k = LabelledTangentKernel(model)((x, c))
    p = jax.jit(jax.vmap(lambda one: jax.nn.softmax(model(one))))(x)
    for j in range(3):
        change = (after_step_on(j) - margins(model)) / -rate
        np.testing.assert_allclose(change, 2 * (1 - p[j, c[j]]) * k[:, j], rtol=1e-4)


@pytest.mark.parametrize("found", ["from 0 to 2", "shape (2,)", "1 logits"])
def test_classes_that_do_not_fit_are_refused(found):
    x, c = data(3)
    model = classifier(1 if found == "1 logits" else 2)
    samples = (x, c[:2] if found == "shape (2,)" else c)
    with pytest.raises(DataError) as caught:
        LabelledTangentKernel(model)(samples)
    assert found in str(caught.value) and "number the classes from 0" in str(caught.value)
