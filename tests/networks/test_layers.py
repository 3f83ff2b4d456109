"""Every layer at infinite width against wide finite networks made by the same description."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.networks import (
    Attention,
    AveragePool,
    BlockSparse,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    Erf,
    Flatten,
    GlobalAveragePool,
    GraphAggregate,
    Identity,
    LayerNorm,
    LowRank,
    Orthogonal,
    Product,
    Residual,
    SpectralConv,
    Sum,
)

# Weights of most are orthogonal, which have the same limit and leave less to chance.
FAIR = Orthogonal()


def dense(width, w_std=1.0, b_std=0.0):
    return Dense(width, w_std, b_std, FAIR)


def conv(width, window, w_std=1.0, b_std=0.0, padding="same"):
    return Conv(width, window, w_std, b_std, padding, FAIR)


GRAPH = GraphAggregate([[0.5, 0.5, 0], [0.1, 0.3, 0.9]])
PHI = Erf()
# The gradient of its weights gives the covariance of its output without noise.
OUT = Dense(1, w_std=1.2, b_std=0.4)

# Description by width, shape of an input, width, number of networks: 40 where one layer is wide and
# random, which leaves little to chance. To ten digits, layers are compared with another
# implementation in test_oracle.py.
LAYERS = {
    "Dense": (lambda w: dense(w, 1.3, 0.3) >> PHI >> dense(w, 1.4, 0.2) >> PHI, (3,), 128, 80),
    "independent": (lambda w: Dense(w, 1.3, 0.3) >> PHI, (3,), 4096, 40),
    "low rank": (lambda w: Dense(w, 1.4, law=LowRank(0.5)) >> PHI, (256,), 1024, 40),
    "block sparse": (lambda w: Dense(w, 1.4, law=BlockSparse(0.25)) >> PHI, (256,), 1024, 40),
    "Conv same": (lambda w: Conv(w, (3, 2), 1.3, 0.3) >> PHI >> Flatten(), (3, 4, 2), 1024, 40),
    "Conv valid": (
        lambda w: conv(w, (2,), 1.3, 0.3, "valid") >> PHI >> GlobalAveragePool(),
        (4, 2),
        2048,
        40,
    ),
    "Conv circular": (
        lambda w: conv(w, (3,), 1.3, 0.3, "circular") >> PHI >> GlobalAveragePool(),
        (4, 2),
        2048,
        40,
    ),
    "AveragePool": (
        lambda w: conv(w, (2,)) >> PHI >> AveragePool((2,)) >> conv(w, (2,), 1.2, 0.3) >> Flatten(),
        (5, 2),
        128,
        80,
    ),
    "Residual": (lambda w: dense(w) >> Residual(PHI >> dense(w, 0.7, 0.2)) >> PHI, (3,), 128, 80),
    "Sum": (
        lambda w: dense(w) >> Sum(PHI >> dense(w, 0.7), dense(w, 0.5, 0.3)) >> PHI,
        (3,),
        128,
        80,
    ),
    "Product": (lambda w: Product(dense(w, 0.7, 0.2), dense(w, 1.5)), (3,), 4096, 40),
    "Concatenate": (
        lambda w: Concatenate(dense(w, 1.3) >> PHI, dense(3 * w, 0.5, 0.2)),
        (3,),
        1024,
        40,
    ),
    "LayerNorm": (lambda w: dense(w, 1.3, 0.3) >> LayerNorm() >> PHI, (3,), 4096, 40),
    "GraphAggregate": (lambda w: dense(w) >> PHI >> GRAPH >> Flatten(), (3, 2), 2048, 40),
    "Identity": (lambda w: Identity() >> dense(w, 0.9) >> Identity(), (3,), 1024, 40),
    "SpectralConv": (
        lambda w: SpectralConv(w, (2,), 1.2, 0.2) >> PHI >> GlobalAveragePool(),
        (5, 2),
        2048,
        40,
    ),
}
# Their scores depend on random weights twice, so that more is left to chance.
ATTENTION = {
    "softmax": lambda w: dense(w) >> Attention(w, 1.2, 0.3, 1.5) >> Flatten(),
    "linear": lambda w: dense(w) >> Attention(w, 1.2, 0.3, 0.8, "linear") >> GlobalAveragePool(),
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


def check(network, shape, width, count, seen):
    """Fail if a relative error of `seen` in a kernel could pass or is there."""
    scale = jnp.array([0.9, 0.6, 1.0]).reshape(-1, *[1] * len(shape))
    x = scale * jax.random.normal(jax.random.key(1), (3, *shape))
    x = x.at[1].add(0.5 * x[0])
    compiled = jax.jit(draws, static_argnums=(0, 2))
    sampled = np.asarray(compiled(network, x, count, jax.random.key(2)))
    limits = network.kernel().both(x)
    for kind, limit in enumerate(limits):
        mean, error = sampled[:, kind].mean(0), sampled[:, kind].std(0) / count**0.5
        size = float(np.abs(limit).max())
        # Finite width itself shifts the mean by a term of order 1 / width.
        atol = float(3 * error.max() + 0.5 * size / width)
        assert atol < seen * size, "too few networks to see the error"
        np.testing.assert_allclose(mean, limit, atol=atol)


@pytest.mark.parametrize("name", LAYERS)
def test_the_limit_is_that_of_wide_networks(name):
    build, shape, width, count = LAYERS[name]
    # Rank is a second width: what is left to chance is that of the smaller one.
    seen = 0.05 if name == "low rank" else 0.02 if count == 40 else 0.06
    check(build(width) >> OUT, shape, width, count, seen)


@pytest.mark.parametrize("score", ATTENTION)
def test_the_limit_of_attention_is_that_of_wide_networks(score):
    check(ATTENTION[score](128) >> OUT, (3, 2), 128, 80, seen=0.15)


def test_dropout_is_that_of_networks_with_fresh_noise():
    network = Dense(2048) >> PHI >> Dropout(0.3) >> OUT
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
    assert float(network.kernel().nngp(x, x)[0, 0]) < 0.95 * float(limit[0, 0])
