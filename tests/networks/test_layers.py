"""Every layer at infinite width against wide finite networks made by the same description."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.networks import (
    AveragePool,
    BlockSparse,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GraphAggregate,
    Identity,
    LayerNorm,
    LowRank,
    Orthogonal,
    Product,
    Relu,
    Residual,
    Sum,
)
from riesz.networks import Attention as Attend

# Description by width, shape of an input, width, draws. Each ends with a Dense(1), whose
# gradient gives the covariance of its output over its own weights without noise.
OUT = Dense(1, w_std=1.2, b_std=0.4)
LAYERS = {
    "Dense": (
        lambda w: Dense(w, 1.3, 0.3) >> Relu() >> Dense(w, 1.4, 0.2) >> Relu(),
        (3,),
        256,
        200,
    ),
    "Conv same": (lambda w: Conv(w, (3, 2), 1.3, 0.3) >> Relu() >> Flatten(), (3, 4, 2), 2048, 60),
    "Conv valid": (
        lambda w: Conv(w, (2,), 1.3, 0.3, "valid") >> Relu() >> GlobalAveragePool(),
        (4, 2),
        4096,
        60,
    ),
    "Conv circular": (
        lambda w: Conv(w, (3,), 1.3, 0.3, "circular") >> Relu() >> GlobalAveragePool(),
        (4, 2),
        4096,
        60,
    ),
    "Conv twice": (
        lambda w: Conv(w, (2,)) >> Relu() >> Conv(w, (2,), 1.2, 0.3) >> Relu() >> Flatten(),
        (4, 2),
        192,
        200,
    ),
    "AveragePool": (
        lambda w: (
            Conv(w, (2,)) >> Relu() >> AveragePool((2,)) >> Conv(w, (2,)) >> Relu() >> Flatten()
        ),
        (5, 2),
        192,
        200,
    ),
    "Residual": (
        lambda w: Dense(w) >> Residual(Relu() >> Dense(w, 0.7, 0.2)) >> Relu(),
        (3,),
        256,
        200,
    ),
    "Sum": (
        lambda w: Dense(w) >> Sum(Relu() >> Dense(w, 0.7), Dense(w, 0.5, 0.3)) >> Relu(),
        (3,),
        256,
        200,
    ),
    "Product": (
        lambda w: Dense(w) >> Product(Relu() >> Dense(w, 0.7, 0.2), Dense(w, 1.5)),
        (3,),
        256,
        400,
    ),
    "Concatenate": (
        lambda w: Concatenate(Dense(w, 1.3) >> Relu(), Dense(3 * w, 0.5, 0.2)),
        (3,),
        2048,
        100,
    ),
    "LayerNorm": (lambda w: Dense(w, 1.3, 0.3) >> LayerNorm() >> Relu(), (3,), 4096, 60),
    "Attention softmax": (
        lambda w: Dense(w) >> Attend(w, 1.2, 0.3, 1.5) >> Flatten(),
        (3, 2),
        256,
        100,
    ),
    "Attention linear": (
        lambda w: Dense(w) >> Attend(w, 1.2, 0.3, 0.8, "linear") >> GlobalAveragePool(),
        (3, 2),
        256,
        400,
    ),
    "GraphAggregate": (
        lambda w: (
            Dense(w) >> Relu() >> GraphAggregate([[0.5, 0.5, 0], [0.1, 0.3, 0.9]]) >> Flatten()
        ),
        (3, 2),
        4096,
        60,
    ),
    "Identity": (lambda w: Identity() >> Dense(w, 0.9) >> Identity(), (3,), 4096, 60),
    "low rank": (
        lambda w: Dense(w) >> Relu() >> Dense(w, 1.4, law=LowRank(0.5)) >> Relu(),
        (3,),
        256,
        200,
    ),
    "orthogonal": (
        lambda w: Dense(w) >> Relu() >> Dense(w, 1.4, law=Orthogonal()) >> Relu(),
        (3,),
        128,
        200,
    ),
    "block sparse": (
        lambda w: Dense(w) >> Relu() >> Dense(w, 1.4, law=BlockSparse(0.25)) >> Relu(),
        (3,),
        256,
        300,
    ),
}


def draws(network, x, count, key):
    """For each of `count` networks: gradient products of the last weights, and of all."""

    def one(key):
        model = network.init(x.shape[1:], key=key)
        weights, rest = eqx.partition(model, eqx.is_inexact_array)
        jacobians = jax.vmap(jax.grad(lambda w, v: eqx.combine(w, rest)(v)[0]), (None, 0))(
            weights, x
        )
        leaves = [j.reshape(len(x), -1) for j in jax.tree.leaves(jacobians)]
        products = jnp.stack([j @ j.T for j in leaves])
        return jnp.stack([products[-2:].sum(0), products.sum(0)])

    return jax.lax.map(one, jax.random.split(key, count))


@pytest.mark.parametrize("name", LAYERS)
def test_the_limit_is_that_of_wide_networks(name):
    build, shape, width, count = LAYERS[name]
    network = build(width) >> OUT
    x = jax.random.normal(jax.random.key(1), (3, *shape)) * jnp.array([1.0, 0.6, 1.4]).reshape(
        -1, *[1] * len(shape)
    )
    x = x.at[1].add(0.5 * x[0])
    sampled = np.asarray(
        jax.jit(draws, static_argnums=(0, 2))(network, x, count, jax.random.key(2))
    )
    limits = network.kernel().both(x)
    for kind, limit in enumerate([limits.nngp, limits.ntk]):
        mean, error = sampled[:, kind].mean(0), sampled[:, kind].std(0) / count**0.5
        size = float(np.abs(limit).max())
        assert error.max() < 0.004 * size, "too few draws to see an error of 1 %"
        # Finite width itself shifts the mean by a term of order 1 / width.
        np.testing.assert_allclose(mean, limit, atol=float(4 * error.max() + size / width))


def test_dropout_is_that_of_networks_with_fresh_noise():
    network = Dense(2048) >> Relu() >> Dropout(0.3) >> OUT
    x = jax.random.normal(jax.random.key(1), (2, 3))

    @jax.jit
    def products(key):
        model = network.init(3, key=key)
        first, second = jax.random.split(jax.random.fold_in(key, 1))
        last = jax.grad(lambda w, v, k: eqx.tree_at(lambda m: m.weights, model, w)(v, key=k)[0])
        rows = [
            jnp.concatenate([g.ravel() for g in jax.tree.leaves(last(model.weights, v, k))[-2:]])
            for v, k in zip(x, (first, second), strict=True)
        ]
        rows = jnp.stack(rows)
        return rows @ rows.T

    sampled = np.asarray(jax.lax.map(products, jax.random.split(jax.random.key(3), 200)))
    limit = network.kernel().nngp(x)
    error = sampled.std(0) / 200**0.5
    assert error.max() < 0.004 * float(limit.max())
    np.testing.assert_allclose(sampled.mean(0), limit, atol=4 * float(error.max()))
    assert float(network.kernel().nngp(x, x)[0, 0]) < 0.9 * float(limit[0, 0])
