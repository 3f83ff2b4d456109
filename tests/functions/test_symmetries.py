"""Symmetries: (g f)(x) = sign f(g^-1 x), exactly, on every kind of nodes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Box, Grid, Interval, Points, Torus
from riesz.errors import DomainError
from riesz.functions import Function, Reflection, Translation, Transposition

SQUARE, TORUS = Box((0.0, 0.0), (1.0, 1.0)), Torus((0.0, 0.0), (1.0, 1.0))
ONE = jnp.asarray(1.0)


def random(grid):
    return Function(np.random.default_rng(0).normal(size=(*grid.shape, 2)).astype(np.float32), grid)


X = np.random.default_rng(1).uniform(size=(40, 2)).astype(np.float32)


def close(a, b):
    np.testing.assert_allclose(a, b, atol=3e-4, rtol=1e-4)


@pytest.mark.parametrize("nodes", ["vertex", "left", "right", "centre", "chebyshev", "uniform"])
def test_chains_of_motions(nodes):
    domain = TORUS if nodes == "uniform" else SQUARE
    f = random(Grid(domain, 8, nodes))
    moves = [(Reflection(0, -1.0), ONE), (Transposition(0, 1), ONE), (Reflection(1), ONE)]
    back = [
        lambda x: x * np.float32([-1, 1]) + np.float32([1, 0]),
        lambda x: x[:, ::-1],
        lambda x: x * np.float32([1, -1]) + np.float32([0, 1]),
    ]
    if nodes == "uniform":
        moves.append((Translation(0), jnp.asarray(0.3)))
        back.append(lambda x: x - np.float32([0.3, 0]))
    g = f
    for symmetry, element in moves:
        assert symmetry.fits(Grid(domain, 8, nodes))
        g = symmetry.apply(g, element)
    x = X
    for inverse in reversed(back):
        x = inverse(x)
    close(g.at(X), -f.at(np.ascontiguousarray(x)))
    for kind in ("L1", "L2", "Linf", "H1") + (("H-1",) if nodes == "uniform" else ()):
        np.testing.assert_allclose(g.norm(kind), f.norm(kind), rtol=1e-5)
    close(g.resample(Grid(domain, 7, nodes)).at(X[:0]), np.zeros((0, 2)))
    on = Grid(domain, 9, nodes)
    close(g.resample(on).values.reshape(-1, 2), g.at(on.coordinates.reshape(-1, 2)))
    close(
        f.resample(g.discretization).values.reshape(-1, 2),
        f.discretization.interpolate(f.values, g.discretization.coordinates.reshape(-1, 2)),
    )
    for symmetry, element in reversed(moves):
        g = symmetry.undo(g, element)
    close(g.values, f.values)
    close(g.discretization.coordinates, f.discretization.coordinates)


def test_derivatives_of_moved_functions():
    f = Function.from_callable(lambda x: jnp.sin(2 * x), Grid(Interval(0.0, 1.0), 33, "left"))
    g = Reflection(0).apply(f, ONE)  # sin(2 - 2x)
    x = g.discretization.coordinates
    close(g.derivative().values, -2 * jnp.cos(2 - 2 * x))


def test_the_identity_element_and_one_program_for_all():
    f = random(Grid(SQUARE, 8, "left"))
    move = jax.jit(jax.vmap(Reflection(0, -1.0).apply, (None, 0)))
    both = move(f, jnp.asarray([0.0, 1.0]))
    close(both.values[0], f.values)
    close(both.values[1], -f.values)
    for symmetry in (Reflection(0), Transposition(0, 1), Translation(0)):
        assert symmetry.draw(jax.random.key(0)).shape == ()


def test_single_precision_under_x64(x64):
    f = random(Grid(TORUS, 8))
    for symmetry in (Translation(0), Reflection(1), Transposition(0, 1)):
        g = symmetry.apply(symmetry.apply(f, symmetry.draw(jax.random.key(1))), ONE)
        assert g.at(X).dtype == g.norm("H1").dtype == g.derivative().values.dtype == jnp.float32


def test_fits():
    grid = Grid(Interval() * Torus(), (8, 8))
    assert not Translation(0).fits(grid) and Translation(1).fits(grid)
    assert not Transposition(0, 1).fits(grid) and not Reflection(2).fits(grid)


@pytest.mark.parametrize(
    "call, words",
    [
        (
            lambda: Transposition(0, 1).apply(random(Grid(SQUARE, (8, 9))), ONE),
            "axes can be exchanged only;Transposition.apply;same ends;8 x 9 vertex;square grid",
        ),
        (
            lambda: Reflection(0).apply(Function(np.ones((2, 1)), Points(SQUARE, np.eye(2))), ONE),
            "functions given on grids;apply(f, element);MovedGrid;Points;resample onto a Grid",
        ),
    ],
)
def test_errors(call, words):
    with pytest.raises(DomainError) as caught:
        call()
    assert all(word in str(caught.value) for word in words.split(";"))
