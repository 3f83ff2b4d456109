"""Scaling rules against the published tables, and their errors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from riesz.errors import ModelError
from riesz.networks import Attention, Dense, Erf, Flatten, InfiniteDepth, Residual, parse


def mlp(width):
    return Dense(width, 1.4, 0.1) >> Erf() >> Dense(width) >> Erf() >> Dense(2, b_std=0.3)


def residual(width, blocks, scale=1.0):
    network = Dense(width)
    for _ in range(blocks):
        network = network >> Residual(Erf() >> Dense(width), scale)
    return network >> Dense(1)


def numbers(scaling, shape=3):
    return np.asarray([row[3:] for row in scaling.parameters(shape)])


def test_mup_in_fan_sizes_is_table_3():
    """Columns: init std, multiplier, SGD, Adam. Rows: input W, its bias, hidden, output, bias."""
    n = 64
    expected = [
        [1.4 / 3**0.5, 1, n, 1],
        [0.1, 1, n, 1],
        [n**-0.5, 1, 1, 1 / n],
        [1 / n, 1, 1 / n, 1 / n],
        [0.3, 1, 1, 1],
    ]
    np.testing.assert_allclose(numbers(mlp(n).scaling("mup")), expected, rtol=1e-12)


def test_at_the_base_mup_is_standard():
    standard = numbers(mlp(32).scaling("standard"))
    np.testing.assert_array_equal(numbers(mlp(32).scaling("mup", mlp(32))), standard)
    deep = residual(32, 4).scaling("mup-depth", residual(32, 4))
    np.testing.assert_array_equal(numbers(deep), numbers(residual(32, 4).scaling("standard")))


def test_wider_than_the_base():
    ratio = numbers(mlp(128).scaling("mup", mlp(32))) / numbers(mlp(128).scaling("standard"))
    expected = [[1, 1, 4, 1], [1, 1, 4, 1], [1, 1, 1, 0.25], [0.5, 1, 0.25, 0.25], [1, 1, 1, 1]]
    np.testing.assert_allclose(ratio, expected, rtol=1e-12)


def test_depth_mup_multiplies_branches_and_adam():
    scaling = residual(32, 8, scale=0.6).scaling("mup-depth", residual(32, 2, scale=0.6))
    scales = [link.scale for link in scaling.network.links[1:-1]]
    np.testing.assert_allclose(scales, 8 * [0.3], rtol=1e-12)
    rows = scaling.parameters(3)
    assert [row.adam for row in rows] == [1.0, *8 * [0.5], 1.0]
    assert all(row.sgd == 1.0 for row in rows)


def test_all_rules_are_one_function_at_the_start(getkey, x64):
    """Standard and NTK divide the same variance differently; muP makes the output smaller."""

    @jax.jit
    def outputs(key, x):
        models = [
            mlp(16).scaling(rule, mlp(4)).init(3, key=key) for rule in ("standard", "ntk", "mup")
        ]
        return [model(x) for model in models], models[0].weights[4][1]

    (standard, ntk, mup), bias = outputs(getkey(), jnp.asarray([0.3, -1.0, 0.7]))
    np.testing.assert_allclose(standard, ntk, rtol=1e-12)
    np.testing.assert_allclose(mup - bias, (standard - bias) / 2, rtol=1e-12)


def shapes_of(scaling):
    """The model without values."""
    return jax.eval_shape(lambda key: scaling.init(3, key=key), jax.random.key(0))


@pytest.mark.parametrize(("family", "column"), [("sgd", 2), ("adam", 3)])
def test_transform_multiplies_updates(family, column):
    scaling = mlp(16).scaling("mup", mlp(4))
    optimiser = optax.chain(optax.scale(-1.0), scaling.transform(family))
    ones = jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), shapes_of(scaling))
    updates, _ = jax.jit(optimiser.update)(ones, optimiser.init(ones))
    values = [float(u.flatten()[0]) for u in jax.tree.leaves(updates)]
    np.testing.assert_allclose(values, -numbers(scaling)[:, column], rtol=1e-6)


def test_transform_inside_a_larger_module():
    scaling = mlp(16).scaling("mup")
    ones = jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), shapes_of(scaling))
    whole = {"network": ones, "shift": np.ones(2)}
    updates, _ = scaling.transform("adam").update(whole, optax.EmptyState())
    np.testing.assert_array_equal(updates["shift"], whole["shift"])
    np.testing.assert_allclose(updates["network"].weights[2][0], 1 / 16, rtol=1e-6)


def test_attention_counts_queries_as_inputs():
    network = Attention(16) >> Flatten() >> Dense(1)
    rows = network.scaling("mup").parameters((5, 3))
    assert [row.kind for row in rows] == ["input", "input", "hidden", "output"]
    assert [row.sgd for row in rows] == [16, 16, 1, 1 / 80]


def test_branch_multiplier_in_the_kernel_and_in_text(getkey):
    """A linear block: K -> (1 + s^2) K, Theta -> Theta + s^2 (K + Theta)."""
    network = Dense(256) >> Residual(Dense(256), scale=0.5) >> Dense(1)
    assert parse(str(network)) == network
    assert "scale=0.5" in str(network) and "scale" not in str(Residual(Dense(4)))
    x = jnp.asarray([[1.0, 2.0, -1.0], [0.3, 0.1, 2.0]])
    limit, k = network.kernel().both(x), np.asarray(x) @ np.asarray(x).T / 3
    np.testing.assert_allclose(limit.nngp, 1.25 * k, rtol=1e-5)
    np.testing.assert_allclose(limit.ntk, (1.25 + 1 + 0.25 * 2) * k, rtol=1e-5)

    @jax.jit
    def jacobian(key, x):
        model = network.init(3, key=key)
        return jax.jacrev(lambda m: jax.vmap(m)(x)[:, 0])(model)

    leaves = [np.reshape(g, (2, -1)) for g in jax.tree.leaves(jacobian(getkey(), x))]
    np.testing.assert_allclose(sum(g @ g.T for g in leaves), limit.ntk, rtol=0.15)


def test_table_is_readable():
    text = residual(64, 2).scaling("mup-depth", residual(16, 1)).table(3)
    expected = [
        "layer                             kind    shape    init std  multiplier  lr SGD  lr Adam",
        "0 Dense(64)                       input   3 x 64   0.5774    1           4       1",
        "1 Residual(Erf() >> Dense(64)...  hidden  64 x 64  0.125     1           1       0.1768",
        "2 Residual(Erf() >> Dense(64)...  hidden  64 x 64  0.125     1           1       0.1768",
        "3 Dense(1)                        output  64 x 1   0.0625    1           0.25    0.25",
    ]
    assert text.splitlines() == expected


def test_errors():
    with pytest.raises(ModelError, match=r"unknown rule of scaling[\s\S]*standard, ntk, mup"):
        mlp(4).scaling("best")
    with pytest.raises(ModelError, match=r"the network has none[\s\S]*use mup"):
        mlp(4).scaling("mup-depth")
    mixed = residual(4, 1) >> InfiniteDepth(Erf() >> Dense(1), 2) >> Dense(1)
    with pytest.raises(ModelError, match=r"InfiniteDepth scales its own[\s\S]*or use mup"):
        mixed.scaling("mup-depth")
    with pytest.raises(ModelError, match=r"unknown family of optimisers[\s\S]*sgd or adam"):
        mlp(4).scaling("mup").transform("lion")
    with pytest.raises(ModelError, match=r"base of a scaling has other layers[\s\S]*one function"):
        residual(4, 2).scaling("mup", mlp(4)).parameters(3)
    with pytest.raises(ModelError, match=r"the scale of a branch is a finite number"):
        Residual(Dense(3), scale=float("nan"))
    scaling = mlp(4).scaling("mup")
    transform = scaling.transform("sgd")
    with pytest.raises(ModelError, match=r"not made by this scaling[\s\S]*by another rule"):
        transform.update(shapes_of(mlp(4).scaling("ntk")), optax.EmptyState())
    with pytest.raises(ModelError, match=r"not made by this scaling[\s\S]*no FiniteNetwork"):
        transform.update(jnp.ones(3), optax.EmptyState())
