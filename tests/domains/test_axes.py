"""Measured orders of every kind of nodes, against closed forms, boundary included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from riesz.domains import Grid, Interval, Torus
from riesz.domains._axes import NODES, local_axis, make_axis
from riesz.functions import Function

EQUISPACED = ("vertex", "left", "right", "centre")
LOW, HIGH = -0.5, 1.5


def smooth(x):
    return np.exp(x) * np.cos(4 * x)


def slope(x):
    return np.exp(x) * (np.cos(4 * x) - 4 * np.sin(4 * x))


def curvature(x):
    return np.exp(x) * (-15 * np.cos(4 * x) - 8 * np.sin(4 * x))


def area(x):
    return np.exp(x) * (np.cos(4 * x) + 4 * np.sin(4 * x)) / 17


def errors(nodes, size):
    """Largest errors of value, first and second derivative, and the error of the integral."""
    axis = make_axis(nodes, LOW, HIGH, size)
    x = axis.coordinates()
    ends = [LOW, np.nextafter(LOW, 9), LOW + 1e-9, HIGH - 1e-9, np.nextafter(HIGH, -9), HIGH]
    fine = np.concatenate([ends, x, np.linspace(LOW, HIGH, 777)])
    index, weight = axis.basis(jnp.asarray(fine))
    value = np.sum(np.asarray(weight) * smooth(x)[np.asarray(index)], 1)
    values = jnp.asarray(smooth(x))
    return (
        np.abs(value - smooth(fine)).max(),
        np.abs(axis.differentiate(values, 1) - slope(x)).max(),
        np.abs(axis.differentiate(values, 2) - curvature(x)).max(),
        abs(axis.weights() @ smooth(x) - area(HIGH) + area(LOW)),
    )


def uneven(size, low=LOW, high=HIGH):
    """Smoothly stretched nodes from end to end, measured from `low`."""
    t = np.linspace(0, 1, size)
    return tuple(((high - low) * (t + 0.12 * np.sin(2 * np.pi * t))).tolist())


@pytest.mark.parametrize("nodes", EQUISPACED)
def test_orders_on_equispaced_nodes(nodes, x64):
    sizes = np.asarray([64, 128, 256])
    table = np.asarray([errors(nodes, int(n) + (nodes == "vertex")) for n in sizes])
    orders = -np.polyfit(np.log(sizes), np.log(table), 1)[0]
    quadrature = {"vertex": 5.5, "centre": 3.8}.get(nodes, 1.8)
    assert (orders >= [5.6, 5.4, 4.4, quadrature]).all(), orders
    at_64 = [1e-5, 1e-4, 1e-2, {"vertex": 1e-7, "centre": 1e-6}.get(nodes, 1e-2)]
    assert (table[0] <= at_64).all(), table[0]


def test_orders_on_uneven_nodes(x64):
    sizes = np.asarray([257, 513, 1025])  # the ends dominate the error, and are resolved late
    table = np.asarray([errors(uneven(int(n)), int(n)) for n in sizes])
    orders = -np.polyfit(np.log(sizes - 1), np.log(table), 1)[0]
    assert (orders >= [3.8, 2.8, 1.8, 3.8]).all(), orders
    assert (table[0] <= [1e-6, 1e-3, 0.1, 1e-7]).all(), table[0]


@pytest.mark.parametrize("size", [2, 3, 4, 5, 11, 300])
def test_uneven_axes_are_splines_of_scipy(size, x64):
    rng = np.random.default_rng(size)
    x = np.sort(np.concatenate([[0.0, 2.0], rng.uniform(0, 2, size - 2)]))
    axis, values = make_axis(tuple(x.tolist()), LOW, HIGH, size), rng.normal(size=(size, 2))
    spline = CubicSpline(LOW + x, values)
    fine = np.concatenate([LOW + x, np.linspace(LOW, HIGH, 201)])
    index, weight = axis.basis(jnp.asarray(fine))
    found = np.einsum("ps,psc->pc", weight, values[np.asarray(index)])
    scale = np.abs(spline(fine)).max()
    np.testing.assert_allclose(found, spline(fine), atol=1e-11 * scale)
    np.testing.assert_allclose(found[:size], values, atol=1e-12 * scale)
    for order in (1, 2):
        exact = spline(LOW + x, order)
        slope = axis.differentiate(jnp.asarray(values), order)
        np.testing.assert_allclose(slope, exact, atol=1e-9 * np.abs(exact).max())


def test_growing_steps_keep_positive_weights_that_are_exact_for_lines(x64):
    depths = np.asarray([5.0, 10, 25, 50, 100, 250, 1000, 2000, 4478])
    for upper in (4478.0, 5000.0):
        axis = make_axis(tuple(depths.tolist()), 0.0, upper, len(depths))
        assert (axis.weights() > 0).all() and (axis.cells() > 0).all()
        np.testing.assert_allclose(axis.weights().sum(), upper)
        np.testing.assert_allclose(axis.weights() @ depths, upper**2 / 2)
    far = make_axis((0.4, 0.41, 0.42), 0.0, 1.0, 3)  # ends far away: constants only
    assert (far.weights() > 0).all() and np.isclose(far.weights().sum(), 1)


def test_uneven_axes_keep_digits_in_single_precision_and_far_from_zero():
    start = 1.7e9  # seconds since 1970
    times = start + np.sort(np.random.default_rng(0).uniform(0, 86400, 500))
    domain = Interval(start, start + 86400)
    grid = Grid(domain, nodes=times)
    values = np.sin((times - start) / 5000)[:, None]
    f = Function(values, grid)
    np.testing.assert_allclose(f.at(times[:, None]), values, atol=2e-6)
    between = times[:-1, None] + np.diff(times)[:, None] / 2
    exact = np.sin((between - start) / 5000)
    np.testing.assert_allclose(f.at(between), exact, atol=1e-4)
    assert grid.nodes[0][3] == times[3] and np.asarray(grid.relative).max() < 86401


def test_local_axes_on_a_circle_have_order_six(x64):
    table = []
    for n in (32, 64, 128):
        axis = local_axis(make_axis("uniform", 0.0, 2.0, n))
        x, fine = axis.coordinates(), np.linspace(-2, 4, 555)
        index, weight = axis.basis(jnp.asarray(fine))
        f = np.exp(np.sin(np.pi * x))
        value = np.einsum("ps,ps->p", weight, f[np.asarray(index)])
        slope = np.pi * np.cos(np.pi * x) * f
        table.append(
            [
                np.abs(value - np.exp(np.sin(np.pi * fine))).max(),
                np.abs(axis.differentiate(jnp.asarray(f), 1) - slope).max(),
            ]
        )
    assert (np.log2(np.asarray(table[0]) / table[2]) / 2 > 5.5).all(), table


def test_chebyshev_is_spectral(x64):
    assert (np.asarray(errors("chebyshev", 64)) <= [1e-12, 1e-10, 1e-6, 1e-12]).all()
    assert errors("chebyshev", 16)[0] > 1e-10  # and not trivially so


@pytest.mark.parametrize("size", [63, 64])
def test_fourier_is_spectral(size, x64):
    grid = Grid(Torus(-1.0, 1.0), size)
    f = Function.from_callable(lambda x: jnp.exp(jnp.sin(jnp.pi * x)), grid)
    x = np.concatenate([np.linspace(-3, 3, 501), np.asarray(grid.coordinates)[:, 0]])
    exact = np.exp(np.sin(np.pi * x))
    np.testing.assert_allclose(f.at(x[:, None])[:, 0], exact, atol=1e-12)
    x = np.asarray(grid.coordinates)[:, 0]
    exact = np.exp(np.sin(np.pi * x))
    first = np.pi * np.cos(np.pi * x) * exact
    second = np.pi**2 * (np.cos(np.pi * x) ** 2 - np.sin(np.pi * x)) * exact
    np.testing.assert_allclose(f.derivative().values[:, 0], first, atol=1e-11)
    np.testing.assert_allclose(f.derivative(0, 2).values[:, 0], second, atol=1e-9)
    np.testing.assert_allclose(f.integral(), 2 * 1.2660658777520084, rtol=1e-14)  # I_0(1)


@pytest.mark.parametrize("nodes", EQUISPACED)
@pytest.mark.parametrize("size", [2, 3, 5, 6, 7, 9])
def test_few_nodes_are_exact_for_polynomials(nodes, size, x64):
    axis = make_axis(nodes, LOW, HIGH, size)
    degree = min(5, size - 1)
    x, fine = axis.coordinates(), np.linspace(LOW, HIGH, 23)
    index, weight = axis.basis(jnp.asarray(fine))
    value = np.sum(np.asarray(weight) * (x**degree)[np.asarray(index)], 1)
    np.testing.assert_allclose(value, fine**degree, atol=1e-12)
    found = axis.differentiate(jnp.asarray(x**degree), 1)
    np.testing.assert_allclose(found, degree * x ** (degree - 1), atol=1e-11)
    if degree >= 2:
        found = axis.differentiate(jnp.asarray(x**degree), 2)
        np.testing.assert_allclose(found, degree * (degree - 1) * x ** (degree - 2), atol=1e-10)


@pytest.mark.parametrize("nodes", [*NODES, "uneven"])
def test_weights_are_positive_and_sum_to_the_length(nodes):
    for size in (*range(NODES.get(nodes, 2), 30), 512):
        made = uneven(size) if nodes == "uneven" else nodes
        weights = make_axis(made, LOW, HIGH, size).weights()
        assert (weights > 0).all(), size
        np.testing.assert_allclose(weights.sum(), HIGH - LOW, rtol=1e-13)


def test_right_mirrors_left():
    left, right = make_axis("left", LOW, HIGH, 11), make_axis("right", LOW, HIGH, 11)
    np.testing.assert_allclose(right.coordinates(), LOW + HIGH - left.coordinates()[::-1])
    np.testing.assert_allclose(right.weights(), left.weights()[::-1])
    assert left.coordinates()[0] == LOW and right.coordinates()[-1] == HIGH


@pytest.mark.parametrize("nodes", NODES)
def test_the_gradient_of_evaluation_is_right_at_and_between_nodes(nodes, x64):
    domain = Torus(0.0, 1.0) if nodes == "uniform" else Interval(0.0, 1.0)
    grid = Grid(domain, 64, nodes)
    f = Function.from_callable(lambda x: jnp.sin(2 * jnp.pi * x), grid)
    points = jnp.concatenate([grid.coordinates[[0, 1, 30, 63], 0], jnp.asarray([0.123, 0.77])])
    one = jax.grad(lambda x: f.at(x[None, None])[0, 0])
    tolerance = 1e-9 if nodes in ("uniform", "chebyshev") else 1e-4
    exact = 2 * np.pi * np.cos(2 * np.pi * points)
    np.testing.assert_allclose(jax.vmap(one)(points), exact, atol=tolerance)
    bend = -((2 * np.pi) ** 2) * np.sin(2 * np.pi * points)
    if nodes in ("uniform", "chebyshev"):
        np.testing.assert_allclose(jax.vmap(jax.grad(one))(points), bend, atol=1e-6)


def test_the_nyquist_mode_is_a_cosine(x64):
    grid = Grid(Torus(0.0, 1.0), 8)
    f = Function.from_callable(lambda x: jnp.cos(8 * jnp.pi * x), grid)  # (-1)^i
    x = np.linspace(0, 1, 37)
    np.testing.assert_allclose(f.at(x[:, None])[:, 0], np.cos(8 * np.pi * x), atol=1e-13)
    np.testing.assert_allclose(f.derivative().values, 0, atol=1e-12)
    np.testing.assert_allclose(f.derivative(0, 2).values, -((8 * np.pi) ** 2) * f.values)
    for size in (4, 8, 9, 12, 16, 6):
        fine = f.resample(Grid(Torus(0.0, 1.0), size))
        exact = np.cos(8 * np.pi * np.arange(size) / size)
        np.testing.assert_allclose(fine.values[:, 0], exact, atol=1e-13)


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("target", [4, 5, 8, 9, 16, 21])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_fourier_resampling_by_fft_is_evaluation(size, target, sign, x64):
    source, onto = make_axis("uniform", -1.0, 2.0, size), make_axis("uniform", -1.0, 2.0, target)
    values = jnp.asarray(np.random.default_rng(0).normal(size=(size, 2)))
    found = source.resample(values, onto, jnp.asarray(sign), jnp.asarray(0.37))
    index, weight = source.basis(sign * jnp.asarray(onto.coordinates()) + 0.37)
    np.testing.assert_allclose(found, weight @ values, atol=1e-12)
    assert (index == np.arange(size)).all()


def test_no_digits_are_lost_on_many_uniform_nodes():
    """Single precision: errors do not grow with the number of nodes."""
    grid = Grid(Torus(0.0, 1.0), 4096)
    f = Function.from_callable(lambda x: jnp.sin(2 * jnp.pi * x), grid)
    x = np.random.default_rng(0).uniform(size=200).astype(np.float32)
    np.testing.assert_allclose(f.at(x[:, None])[:, 0], np.sin(2 * np.pi * x), atol=3e-6)
