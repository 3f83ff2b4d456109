"""Kernels between the nodes of graphs against finite networks on the same graphs."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.networks import Dense, Erf, GraphAggregate

FIRST = GraphAggregate([[0.5, 0.5, 0.0], [0.1, 0.3, 0.9], [0.4, 0.0, 0.7]])
FEWER = GraphAggregate([[1.0, -0.6, 0.3], [0.2, 0.8, 0.0]])  # three nodes to two
LAST = GraphAggregate([[0.9, 0.4], [-0.2, 1.1]])
COUNT = 200


@pytest.fixture(scope="module")
def inputs():
    return jax.random.normal(jax.random.key(1), (2, 3, 2))


def test_kernels_between_nodes_are_those_of_finite_networks(inputs):
    network = FIRST >> Dense(128, 1.3, 0.3) >> Erf() >> FEWER >> Dense(1, 1.2, 0.4) >> LAST

    def products(key):
        """Of gradients with respect to the last weights, and to all."""
        weights, rest = eqx.partition(network.init((3, 2), key=key), eqx.is_inexact_array)
        at = lambda weights, x: eqx.combine(weights, rest)(x)[:, 0]  # noqa: E731
        jacobians = jax.vmap(jax.jacrev(at), (None, 0))(weights, inputs)
        rows = [j.reshape(2, 2, -1) for j in jax.tree.leaves(jacobians)]
        each = jnp.stack([jnp.einsum("xap,ybp->xyab", j, j) for j in rows])
        return each[-2:].sum(0), each.sum(0)

    keys = jax.random.split(jax.random.key(2), COUNT)
    drawn = jax.jit(lambda keys: jax.lax.map(products, keys))(keys)
    # With one hidden layer both expectations are exact at any width.
    for limit, sampled in zip(network.kernel().both(inputs), drawn, strict=True):
        sampled = np.asarray(sampled)
        error = sampled.std(0) / COUNT**0.5
        assert limit.shape == (2, 2, 2, 2)
        assert error.max() < 0.01 * np.abs(limit).max()
        assert (np.abs(sampled.mean(0) - limit) < 3 * error).all()


def test_a_graph_relabelled_relabels_the_kernel(inputs):
    order = np.array([2, 0, 1])
    matrix = np.asarray(FIRST.matrix)

    def kernel(matrix, x):
        layer = GraphAggregate(matrix)
        return (layer >> Dense(1, 1.3) >> Erf() >> layer >> Dense(1)).kernel().both(x).ntk

    relabelled = kernel(matrix[np.ix_(order, order)], inputs[:, order])
    expected = kernel(matrix, inputs)[:, :, order][..., order]
    np.testing.assert_allclose(relabelled, expected, rtol=1e-5)
    assert not np.allclose(relabelled, kernel(matrix, inputs), rtol=1e-2)
