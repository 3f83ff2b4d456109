"""Scattered points in the plane and in space: stencils beside scipy, compiled code, weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

from riesz.domains import Box, Points, Torus
from riesz.domains._neighbours import Stencils
from riesz.domains._scattered import solve_stencils
from riesz.domains._stencils import kernel, solve_positive, values_at
from riesz.errors import SolverError
from riesz.functions import Function

SQUARE, CUBE = Box((0.0, 0.0), (1.0, 1.0)), Box((0.0,) * 3, (1.0,) * 3)
ROUNDING = float(np.finfo(np.float32).eps)


def wave(*x):
    return np.sin(3 * x[0] + 1) * np.cos(4 * x[-1])


def cloud(kind, count, dim):
    rng = np.random.default_rng(5)
    if kind == "random":
        return rng.uniform(size=(count, dim))
    if kind == "clustered":
        centres = rng.uniform(0.2, 0.8, size=(5, dim))
        spread = 0.1 * rng.normal(size=(count, dim))
        return np.clip(centres[rng.integers(5, size=count)] + spread, 0, 1)
    half = rng.uniform(size=(count // 2, dim))
    return np.concatenate([half, np.clip(half + 1e-7 * rng.normal(size=half.shape), 0, 1)])


@jax.jit
def compiled(f, points):
    return f.discretization.interpolate(f.values, points), f.derivative(0).values


@pytest.mark.parametrize("kind", ["random", "clustered", "near-duplicate"])
@pytest.mark.parametrize("domain", [SQUARE, CUBE], ids=str)
def test_exact_at_nodes_and_near_scipy_between(domain, kind):
    x = cloud(kind, 400, domain.dim)
    f = Function(wave(*x.T)[:, None], Points(domain, x))
    np.testing.assert_array_equal(f.at(x), f.values)
    probes = np.random.default_rng(6).uniform(size=(400, domain.dim))
    exact, found = wave(*probes.T), np.asarray(f.at(probes))[:, 0]
    peer = RBFInterpolator(x, np.asarray(f.values, float)[:, 0], neighbors=30)(probes)
    error, other = (np.sqrt(np.mean((v - exact) ** 2)) for v in (found, peer))
    assert error <= 2 * other, (error, other)
    # inside compiled code the same formulas run in float32: systems of condition 1e4 at most,
    # and derivatives divide by the distance of the nearest node, 1/50 of the stencil's radius
    values, slope = compiled(f, jnp.asarray(probes))
    scale = np.abs(found).max()
    assert np.quantile(np.abs(np.asarray(values)[:, 0] - found), 0.99) < 1e4 * ROUNDING * scale
    host = np.asarray(f.derivative(0).values)
    assert np.quantile(np.abs(slope - host), 0.99) < 1e4 * ROUNDING * 50 * scale


@pytest.mark.long
@pytest.mark.parametrize("domain", [SQUARE, Torus((0.0, 0.0), (1.0, 1.0)), CUBE], ids=str)
def test_the_order_of_interpolation_and_of_weights_is_3(domain, x64):
    def f(*x):
        return np.exp(np.sin(2 * np.pi * x[0])) * (2 + np.cos(2 * np.pi * x[-1]))

    lattice = np.arange(64) / 64
    exact = 2 * np.exp(np.sin(2 * np.pi * lattice)).mean()
    sizes = (500, 2000, 8000)
    between, integrals = [], []
    for count in sizes:
        gaps = []
        for seed in range(4):
            x = np.random.default_rng(seed).uniform(size=(count, domain.dim))
            points = Points(domain, x)
            assert (points.weights > 0).all()
            np.testing.assert_allclose(points.weights.sum(), 1.0, rtol=1e-12)
            gaps.append(abs(float(points.weights @ f(*x.T)) - exact))
        integrals.append(np.sqrt(np.mean(np.square(gaps))))
        probes = np.random.default_rng(9).uniform(0.1, 0.9, size=(500, domain.dim))
        found = Function(f(*x.T)[:, None], points).at(probes)[:, 0]
        between.append(np.sqrt(np.mean((found - f(*probes.T)) ** 2)))
    for errors in (between, integrals):
        order = -domain.dim * np.polyfit(np.log(sizes), np.log(errors), 1)[0]
        assert order > 2.5, (order, errors)


def test_a_stretched_axis_changes_nothing(x64):
    x = np.random.default_rng(0).uniform(size=(300, 2))
    tall = Points(Box((0.0, 5e8), (1.0, 5e8 + 1000)), x * [1, 1000] + [0, 5e8])
    square = Points(SQUARE, x)
    np.testing.assert_allclose(tall.weights / 1000, square.weights, rtol=1e-6)
    values = wave(*x.T)[:, None]
    probes = np.random.default_rng(1).uniform(size=(50, 2))
    near = Function(values, square).at(probes)
    far = Function(values, tall).at(probes * [1, 1000] + [0, 5e8])
    np.testing.assert_allclose(far, near, rtol=1e-6, atol=1e-6)


def test_points_that_say_nothing_of_a_slope_get_none():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=100)
    track = np.stack([x, 0.5 + 1e-4 * rng.normal(size=100)], 1)
    f = Function(np.sin(5 * x)[:, None], Points(SQUARE, track))
    assert np.abs(f.at(rng.uniform(size=(500, 2)))).max() < 3
    assert np.abs(f.derivative(1).values).max() < 5
    twice = np.concatenate([track[:, :1], rng.uniform(size=(100, 1))], 1)
    twice = np.concatenate([twice, twice[:20] + 1e-6])
    values = np.sin(5 * twice[:, 0]) + np.where(np.arange(120) < 100, 0.0, 0.1)
    f = Function(values[:, None], Points(SQUARE, np.clip(twice, 0, 1)))
    assert np.abs(f.derivative(0).values).max() < 60  # 1e5 between the points of a pair
    np.testing.assert_array_equal(f.at(np.clip(twice, 0, 1)), f.values)


@pytest.mark.long
def test_gradients_are_those_of_the_interpolant(x64):
    rng = np.random.default_rng(0)
    points = Points(SQUARE, rng.uniform(size=(40, 2)))
    where = [
        jnp.asarray(wave(*points.coordinates.T))[:, None],
        points.relative,
        jnp.concatenate([jnp.asarray(rng.uniform(size=(6, 2))), points.relative[:3]]),
    ]

    @jax.jit
    def total(values, relative, probes):
        moved = Points(SQUARE, relative, weights=points.weights)
        return jnp.sum(Function(values, moved).at(probes[:6]) ** 2)

    slopes = jax.grad(total, (0, 1, 2))(*where)
    for i, slope in enumerate(slopes):
        step = jnp.asarray(rng.normal(size=slope.shape)) * 1e-7
        up, down = list(where), list(where)
        up[i], down[i] = where[i] + step, where[i] - step
        expected = (total(*up) - total(*down)) / 2
        np.testing.assert_allclose(jnp.sum(slope * step), expected, rtol=1e-5, atol=1e-14)
    # at the nodes as well; where values alone are traced, the host finds the weights
    f = Function(where[0], points)
    slope = jax.grad(lambda x: jnp.sum(points.interpolate(f.values, x)))(points.relative)
    assert jnp.isfinite(slope).all()
    slope = jax.grad(lambda v: jnp.sum(Function(v, points).at(where[2])))(f.values)
    expected = jax.grad(lambda v: total(v, *where[1:]))(f.values)
    assert slope.shape == expected.shape and abs(jnp.sum(slope) - 9) < 1e-10


def test_the_kernel_is_right_where_one_point_is_near_the_centre():
    x, y = np.asarray([[3e-8, -4e-8]]), np.asarray([[0.6, 0.8]])
    small = kernel(np, x.astype(np.float32), y.astype(np.float32))
    # -3 |y| x.y to first order
    np.testing.assert_allclose(small, -3 * (x * y).sum(1), rtol=2e-6)


def test_the_solver_of_compiled_code():
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(3, 12, 12))
    system = factor @ factor.swapaxes(1, 2) + np.eye(12)
    right = rng.normal(size=(3, 12, 2))
    found = jax.jit(solve_positive)(jnp.asarray(system), jnp.asarray(right))
    condition = np.linalg.cond(system).max()
    expected = np.linalg.solve(system, right)
    assert np.abs(found - expected).max() < condition * ROUNDING * np.abs(expected).max()


def test_a_system_that_is_not_solved_is_named():
    offsets = np.random.default_rng(0).normal(size=(2, 9, 2))
    stencils = Stencils(np.zeros((2, 9), int), offsets, np.ones((2, 9), bool), np.ones(2))
    with pytest.raises(SolverError, match="misses its own data"):
        solve_stencils(stencils, values_at(np, np.full((2, 2), np.nan)))
