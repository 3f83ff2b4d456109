"""Kernels of networks on graphs, and their limit for large graphs sampled from a graphon."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.special

from riesz.domains import Grid, Interval, Points
from riesz.errors import DomainError, ModelError
from riesz.networks import Dense, Erf, GraphAggregate
from riesz.theory import Graphon

GRAPHON = Graphon(lambda u, v: jnp.exp(-((u - v) ** 2)))
GRID = Grid(Interval(0, 1), 17, nodes="chebyshev")


@pytest.fixture(autouse=True)
def double(x64):
    """All tests here run with 64-bit floats."""


def tangent_kernel(layer, nodes):
    """Between all nodes, for one signal."""
    network = layer >> Dense(1, 1.4, 0.1) >> Erf() >> layer >> Dense(1, 1.4)
    signal = jnp.concatenate([jnp.cos(3 * nodes), nodes], 1)
    return np.asarray(network.kernel().both(signal[None]).ntk[0, 0])


def spectrum(kernel, weights):
    """The largest eigenvalues of the integral operator with this kernel."""
    root = np.sqrt(np.asarray(weights))
    return np.linalg.eigvalsh(root[:, None] * kernel * root)[:-4:-1]


@pytest.fixture(scope="module")
def limit():
    """The kernel at any nodes, and the spectrum of its operator, by spectral quadrature."""
    with jax.enable_x64(True):
        kernel = tangent_kernel(GRAPHON.aggregate(GRID), GRID.coordinates)

    def at(nodes):
        half = GRID.interpolate(jnp.asarray(kernel), nodes)
        return np.asarray(GRID.interpolate(half.T, nodes))

    return at, spectrum(kernel, GRID.weights)


def test_kernels_of_complete_graphs_converge_with_order_two(limit):
    at, eigenvalues = limit
    errors = []
    for n in (16, 32):
        graph = GRAPHON.graph(n)
        kernel = tangent_kernel(graph.aggregate, graph.nodes.coordinates)
        expected = at(graph.nodes.coordinates)
        errors.append(
            [
                np.abs(kernel - expected).max() / expected.max(),
                *np.abs(spectrum(kernel, graph.nodes.weights) / eigenvalues - 1),
            ]
        )
    assert max(errors[1]) < 0.01
    np.testing.assert_allclose(np.log2(np.divide(*errors)), 2.0, atol=0.1)


def test_kernels_of_random_graphs_converge(limit):
    at, eigenvalues = limit
    errors = []
    for n, count in ((16, 6), (96, 1)):
        keys = jax.random.split(jax.random.key(0), count)
        graphs = [GRAPHON.sample(n, key=key) for key in keys]
        # Graphs side by side are one graph, whose kernel is compiled once.
        union = scipy.linalg.block_diag(*(g.aggregate.matrix for g in graphs))
        nodes = jnp.concatenate([g.nodes.coordinates for g in graphs])
        kernel = tangent_kernel(GraphAggregate(union), nodes)
        blocks = [kernel[i : i + n, i : i + n] for i in range(0, len(nodes), n)]
        difference = [
            [
                np.sqrt(np.mean((k - at(g.nodes.coordinates)) ** 2)) / eigenvalues[0],
                spectrum(k, g.nodes.weights)[0] / eigenvalues[0] - 1,
            ]
            for k, g in zip(blocks, graphs, strict=True)
        ]
        errors.append(np.sqrt(np.mean(np.square(difference), 0)))
    assert max(errors[1]) < 0.2
    assert (errors[0] > 1.5 * errors[1]).all()


def test_aggregation_over_random_graphs_errs_like_one_over_the_root_of_n():
    errors = []
    for n in (64, 576):  # in smaller graphs the missing loops, of order 1 / n, show
        squares = []
        for key in jax.random.split(jax.random.key(0), 8):
            graph = GRAPHON.sample(n, key=key)
            u = np.asarray(graph.nodes.coordinates)
            found = np.asarray(graph.aggregate.matrix) @ np.ones(n)
            root = np.sqrt(np.pi) / 2
            exact = root * (scipy.special.erf(1 - u[:, 0]) + scipy.special.erf(u[:, 0]))
            squares.append(np.mean((found - exact) ** 2))
        errors.append(np.sqrt(np.mean(squares)))
    assert np.log(errors[0] / errors[1]) / np.log(9) == pytest.approx(0.5, abs=0.05)


def test_aggregation_is_the_integral_with_the_graphon():
    # int_0^1 min(u, v) v dv = u / 2 - u^3 / 6
    graphon = Graphon(jnp.minimum)
    for nodes, tolerance in (
        (graphon.graph(50).nodes, 1e-3),
        (Grid(Interval(0, 1), 51), 1e-3),
        (Points(Interval(0, 1), jnp.linspace(0.005, 0.995, 70)[:, None] ** 1.5), 1e-3),
    ):
        u = nodes.coordinates
        images = np.asarray(graphon.aggregate(nodes).matrix) @ np.asarray(u)
        np.testing.assert_allclose(images, u / 2 - u**3 / 6, atol=tolerance)


def test_random_graphs_have_edges_with_the_probabilities_of_the_graphon():
    graph = GRAPHON.sample(300, key=jax.random.key(1))
    edges = 300 * np.asarray(graph.aggregate.matrix)
    u = np.asarray(graph.nodes.coordinates)
    assert set(np.unique(edges)) == {0.0, 1.0}
    assert (edges == edges.T).all() and not edges.diagonal().any()
    assert (np.diff(u[:, 0]) > 0).all()
    np.testing.assert_allclose(graph.nodes.weights, 1 / 300)
    # means over far and near pairs, each of more than 5000 independent edges
    probability = np.exp(-((u - u.T) ** 2))
    for pairs in (np.abs(u - u.T) > 0.6, np.abs(u - u.T) < 0.2):
        pairs = np.triu(pairs, 1)
        p = probability[pairs]
        error = np.sqrt(np.sum(p * (1 - p))) / p.size
        assert p.size > 5000
        assert abs(edges[pairs].mean() - p.mean()) < 3 * error


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda u, v: u - v, "that differ"),
        (lambda u, v: 1 / (u - v) ** 2, "not finite"),
        (lambda u, v: jnp.asarray(0.5), r"shape \(\)"),
    ],
)
def test_functions_that_are_no_graphons_are_refused(function, found):
    with pytest.raises(ModelError, match=f"symmetric(.|\n)*{found}(.|\n)*full_like"):
        Graphon(function).graph(5)


def test_what_cannot_be_sampled_is_refused():
    with pytest.raises(ModelError, match="values from .* to 2(.|\n)*edges have weights"):
        Graphon(lambda u, v: 2 * jnp.ones_like(u - v)).sample(3, key=jax.random.key(0))
    with pytest.raises(ModelError, match="n >= 1"):
        GRAPHON.graph(0)
    with pytest.raises(DomainError, match="unit square"):
        GRAPHON.aggregate(Grid(Interval(0, 2), 5))
