"""The empirical tangent kernel against explicit Jacobians."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz._core import blocks
from riesz._core.parameters import FROZEN, kinds
from riesz.errors import DataError, ModelError
from riesz.kernels import TangentKernel
from riesz.kernels._empirical._contractions import METHODS
from riesz.kernels._empirical._gram import gram
from riesz.kernels._empirical._structure import Structure

KEY = jax.random.key(7)


def mlp(outputs=2, width=8):
    return eqx.nn.MLP(3, outputs, width, 2, activation=jax.nn.gelu, key=KEY)


class Tied(eqx.Module):
    """A weight used twice, one scaled and transposed, one that multiplies entries."""

    shared: jax.Array
    scaled: jax.Array
    gate: jax.Array

    def __init__(self):
        shapes = (3, 3), (12, 3), (3,)
        keys = jax.random.split(KEY, 3)
        self.shared, self.scaled, self.gate = map(jax.random.normal, keys, shapes)

    def __call__(self, x):
        hidden = jax.nn.relu(self.shared @ jnp.tanh(self.shared @ x))
        wide = hidden @ ((0.3 * self.scaled).T / 1.7)
        return jnp.sin(wide).reshape(4, 3) * self.gate


class Points(eqx.Module):
    """Dense layers along the last axis of two points; the second contracts two axes."""

    inner: eqx.nn.Linear
    outer: jax.Array

    def __init__(self):
        self.inner = eqx.nn.Linear(3, 32, key=KEY)
        self.outer = jax.random.normal(KEY, (32, 2, 5))

    def __call__(self, x):
        points = jnp.stack([x, jnp.sin(x)])
        hidden = jax.jit(jax.vmap(self.inner))(points)
        return jnp.einsum("khm,hk->m", self.outer, jnp.tanh(hidden))


class Several(eqx.Module):
    """A scan and a convolution, whose weights have no simple structure."""

    cell: eqx.nn.GRUCell
    layer: eqx.nn.Conv1d

    def __init__(self):
        self.cell = eqx.nn.GRUCell(2, 2, key=KEY)
        self.layer = eqx.nn.Conv1d(1, 2, 2, key=KEY)

    def __call__(self, x):
        states = jax.nn.relu(self.layer(x[None])).T
        return jax.lax.scan(lambda h, now: (self.cell(now, h), None), states[0], states)[0]


# A model, and how many of its weights have outer products as Jacobians.
MODELS = {"mlp": (mlp, 3), "tied": (Tied, 1), "points": (Points, 1), "several": (Several, 0)}


def inputs(n, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(n, 3)), float)


@eqx.filter_jit
def explicit(model, x, y):
    """J(x) J(y)^T, shape (n, m, o, o)."""
    trained, rest = eqx.partition(model, eqx.is_inexact_array)

    def f(trained, one):
        return eqx.combine(trained, rest)(one).reshape(-1)

    def jacobian(z):
        tree = jax.vmap(jax.jacobian(f), (None, 0))(trained, z)
        rows = [leaf.reshape(*leaf.shape[:2], -1) for leaf in jax.tree.leaves(tree)]
        return jnp.concatenate(rows, -1)

    return jnp.einsum("iap,jbp->ijab", jacobian(x), jacobian(y))


@pytest.mark.parametrize("name", MODELS)
def test_every_order_of_contraction_is_the_product_of_jacobians(name, x64):
    make, structured = MODELS[name]
    model, x, y = make(), inputs(4), inputs(3, seed=1)
    full = explicit(model, x, y)
    trace = np.trace(full, axis1=2, axis2=3) / full.shape[2]
    for method in METHODS if name == "mlp" else ("structured", "products"):
        kernel = TangentKernel(model, method=method)
        np.testing.assert_allclose(kernel(x, y), trace, rtol=1e-12, atol=1e-12)
    split = kernel.split
    assert len(Structure.of(split.vector, split.leaves, x[0]).products) == structured


def test_pairs_of_outputs_diagonal_and_symmetry():
    x = inputs(4)
    full = explicit(mlp(), x, x)
    for method in METHODS:
        kernel = TangentKernel(mlp(), method=method)
        np.testing.assert_allclose(kernel.full(x), full, rtol=1e-5, atol=1e-5)
    k = TangentKernel(mlp())(x)
    assert k.dtype == jnp.float32
    assert (k == k.T).all() and (np.diag(k) == TangentKernel(mlp()).diagonal(x)).all()
    np.testing.assert_allclose(k, np.trace(full, axis1=2, axis2=3) / 2, rtol=1e-5, atol=1e-5)


def test_blocks_of_inputs_and_outputs_give_the_same(monkeypatch):
    x, y = inputs(5), inputs(7, seed=1)
    full = explicit(mlp(3), x, y)
    monkeypatch.setattr(blocks, "LIMIT", 700)  # a row of the Jacobian has about 150 numbers
    kernel = TangentKernel(mlp(3), method="jacobians")
    expected = np.trace(full, axis1=2, axis2=3) / 3
    np.testing.assert_allclose(kernel(x, y), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(kernel.diagonal(x), np.diag(kernel(x, x)), rtol=1e-5)
    np.testing.assert_allclose(kernel.full(x, y), full, rtol=1e-5, atol=1e-5)
    monkeypatch.setattr(blocks, "LIMIT", 400)  # blocks of two, the last of which is filled up
    v = inputs(7, seed=2)
    expected = np.einsum("ijab,jb->ia", full, v)
    np.testing.assert_allclose(kernel.matvec(x, y, v), expected, rtol=1e-4, atol=1e-5)


def test_memory_is_bounded_for_many_inputs():
    """512 inputs, three hidden layers of width 256: the Jacobian would take 280 MB."""
    model = eqx.nn.MLP(16, 1, 256, 3, key=KEY)
    kernel, x = TangentKernel(model, method="jacobians"), jnp.zeros((512, 16))
    program = gram.lower(kernel._contraction(), x, x).compile()
    assert program.compiled.memory_analysis().temp_size_in_bytes < 2**28


def test_a_small_step_of_gradient_descent_moves_the_output_by_the_kernel(x64):
    model, x, y = mlp(), inputs(4), jnp.ones((4, 2))
    rate = 1e-6

    @eqx.filter_jit
    def change(model):
        loss = lambda model: ((jax.vmap(model)(x) - y) ** 2).sum() / 2  # noqa: E731
        step = jax.tree.map(lambda g: -rate * g, eqx.filter_grad(loss)(model))
        moved = eqx.apply_updates(model, step)
        return jax.vmap(model)(x) - y, (jax.vmap(moved)(x) - jax.vmap(model)(x)) / -rate

    error, moved = change(model)
    kernel = TangentKernel(model)
    np.testing.assert_allclose(kernel.matvec(x, x, error), moved, rtol=1e-4)
    np.testing.assert_allclose(np.einsum("ijab,jb->ia", kernel.full(x), error), moved, rtol=1e-4)


def test_the_kernel_runs_under_jit_and_vmap_and_has_no_hyperparameters():
    x = inputs(4)
    kernel = TangentKernel(mlp())
    expected = kernel(x)
    np.testing.assert_allclose(eqx.filter_jit(lambda k, x: k(x))(kernel, x), expected, rtol=1e-5)
    both = jax.vmap(kernel.diagonal)(jnp.stack([x, x]))
    np.testing.assert_allclose(both[1], np.diag(expected), rtol=1e-5)
    assert set(kinds(kernel)) == {FROZEN}


def message(error, call):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


class Outputs(eqx.Module):
    """A model with an output of another kind."""

    weight: jax.Array
    kind: str = eqx.field(static=True)

    def __call__(self, x):
        y = self.weight * x
        return {"pair": (y, y), "integers": y.astype(int), "length": y}[self.kind]


def test_errors_say_what_to_do():
    x = inputs(4)
    assert "structured, jacobians, products" in message(
        ModelError, lambda: TangentKernel(mlp(), method="fast")
    )
    text = message(ModelError, lambda: TangentKernel(eqx.nn.Lambda(jnp.tanh)))
    assert "no trained parameters" in text and "not the function it computes" in text
    text = message(ModelError, lambda: TangentKernel(Outputs(jnp.ones(3, complex), "pair")))
    assert "complex parameters" in text and "two real arrays" in text
    for kind, found in {"pair": "tuple", "integers": "dtype int32"}.items():
        text = message(ModelError, lambda k=kind: TangentKernel(Outputs(jnp.ones(3), k))(x))
        assert found in text and "one array of real numbers or one Function" in text
    kernel = TangentKernel(Outputs(jnp.ones(()), "length"))
    text = message(DataError, lambda: kernel(x, jnp.ones((2, 5))))
    assert "outputs of shape (5,) for y" in text and "kernel.full(x, y)" in text
    text = message(DataError, lambda: kernel.matvec(x, x, jnp.ones((3, 3))))
    assert "v of shape (4, 3)" in text and "v of shape (3, 3)" in text
