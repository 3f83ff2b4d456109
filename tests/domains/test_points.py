"""Scattered points: weights, padding, interpolation, errors."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Box, Grid, Interval, Points, Torus
from riesz.errors import DomainError
from riesz.functions import Function, batch, stack

SQUARE = Box((0.0, 0.0), (2.0, 1.0))


def scattered(domain, count, seed=0):
    """Points of a jittered lattice: gaps shrink like the lattice spacing."""
    rng = np.random.default_rng(seed)
    side = round(count ** (1 / domain.dim))
    cells = np.stack(np.meshgrid(*[np.arange(side)] * domain.dim, indexing="ij"), -1)
    unit = (
        cells.reshape(-1, domain.dim) + rng.uniform(0.2, 0.8, (side**domain.dim, domain.dim))
    ) / side
    return np.asarray(domain.lower) + unit * np.asarray(domain.lengths)


def wave(x, y):
    return jnp.sin(2 * x) * jnp.cos(3 * y)


def test_weights_of_three_points_integrate_the_parabola(x64):
    points = Points(Interval(0.0, 1.0), np.asarray([[0.9], [0.0], [0.4]]))
    powers = points.coordinates ** jnp.arange(3.0)
    np.testing.assert_allclose(points.weights @ powers, [1, 1 / 2, 1 / 3], rtol=1e-12)
    points = Points(Torus(0.0, 1.0), np.asarray([[0.75], [0.25]]))
    np.testing.assert_allclose(points.weights, [0.5, 0.5], rtol=1e-12)


@pytest.mark.parametrize("domain", [Interval(0.0, 2.0), SQUARE, Interval() * Torus()], ids=str)
def test_estimated_weights_integrate_to_first_order(domain, x64):
    def f(*x):
        return jnp.exp(x[0]) * (2 + jnp.sin(2 * jnp.pi * x[-1] / domain.lengths[-1]))

    fine = Function.from_callable(f, Grid(domain, 128)).integral()[0]
    gap = {}
    for count in (64, 1024):
        points = Points(domain, scattered(domain, count))
        assert (points.weights > 0).all()
        np.testing.assert_allclose(points.weights.sum(), domain.volume, rtol=1e-12)
        gap[count] = abs(Function.from_callable(f, points).integral()[0] / fine - 1)
    assert gap[64] < 0.05 and gap[1024] < 0.05 / 16 ** (1 / domain.dim)


def test_interpolation_of_points_converges(x64):
    inside = scattered(Box((0.2, 0.2), (1.8, 0.8)), 400, seed=1)
    everywhere = np.random.default_rng(2).uniform(size=(500, 2)) * [2.0, 1.0]
    errors = []
    both = np.concatenate([inside, everywhere])
    for count in (64, 256, 1024):
        f = Function.from_callable(wave, Points(SQUARE, scattered(SQUARE, count)))
        gap = np.abs(eqx.filter_jit(f.at)(both)[:, 0] - wave(*both.T))
        errors.append([gap[: len(inside)].max(), gap[len(inside) :].max()])
    orders = -np.polyfit(np.log([8, 16, 32]), np.log(errors), 1)[0]
    assert orders[0] > 2.5 and orders[1] > 1.5, orders
    assert errors[-1][0] < 1e-4 and errors[-1][1] < 1e-2, errors


def test_derivatives_of_points(x64):
    f = Function.from_callable(wave, Points(SQUARE, scattered(SQUARE, 900)))
    x, y = f.discretization.coordinates.T
    inner = (abs(x - 1) < 0.8) & (abs(y - 0.5) < 0.3)
    exact = 2 * jnp.cos(2 * x) * jnp.cos(3 * y)
    assert abs(f.derivative(0).values[:, 0] - exact)[inner].max() < 5e-3
    assert abs(f.laplacian().values[:, 0] + 13 * f.values[:, 0])[inner].max() < 0.5


@pytest.mark.parametrize("domain", [SQUARE, Torus((0.0, 0.0), (2.0, 1.0))], ids=str)
def test_padding_changes_nothing(domain):
    sets = [scattered(domain, 49), scattered(domain, 64, seed=3)]
    plain = [Function.from_callable(wave, Points(domain, x)) for x in sets]
    stacked = stack(plain)
    assert stacked.values.shape == (2, 64, 1)
    # whatever lies in the padding
    spoiled = jnp.where(stacked.discretization.mask[..., None], stacked.values, jnp.nan)
    stacked = jax.vmap(Function)(spoiled, stacked.discretization)
    probe = jnp.asarray(scattered(domain, 16, seed=9))

    def everything(f):
        norms = [f.norm(k) for k in ("L1", "L2", "Linf", "H1")]
        return f.integral(), jnp.stack(norms), f.at(probe), f.inner(f)

    batched = jax.jit(jax.vmap(everything))(stacked)
    for i, f in enumerate(plain):
        for a, b in zip(jax.jit(everything)(f), batched, strict=True):
            np.testing.assert_allclose(b[i], a, rtol=2e-3, atol=2e-3)
    slopes = jax.jit(jax.vmap(lambda f: f.derivative(1).values))(stacked)
    for i, f in enumerate(plain):
        np.testing.assert_allclose(
            slopes[i, : len(f.values)], f.derivative(1).values, rtol=1e-2, atol=1e-2
        )
    assert (slopes[0, 49:] == 0).all()
    gradient = jax.grad(lambda v: Function(v, plain[0].discretization.pad(64)).norm("H1"))
    assert jnp.isfinite(gradient(spoiled[0])).all()


def test_padding_may_have_any_coordinates():
    x = np.asarray([[0.5, 0.5], [1.0, 0.25], [np.nan, 9.0]])
    points = Points(SQUARE, x, mask=np.asarray([True, True, False]))
    assert jnp.isfinite(points.coordinates).all() and points.weights[2] == 0
    f = Function.from_callable(lambda x, y: x, points)
    assert jnp.isfinite(f.at(np.asarray([[1.0, 0.5]]))).all()


def test_points_on_a_line_in_the_plane_still_interpolate():
    x = np.linspace(0.1, 1.9, 12)
    points = Points(SQUARE, np.stack([x, 0.25 + 0 * x], 1))
    f = Function.from_callable(lambda x, y: jnp.sin(x), points)
    np.testing.assert_allclose(f.at(points.coordinates), f.values, atol=1e-3)
    single = Function.from_callable(lambda x, y: 3 + 0 * x, Points(SQUARE, [[0.5, 0.5]]))
    np.testing.assert_allclose(single.at(np.asarray([[0.5, 0.5], [1.5, 0.2]])), 3.0, rtol=1e-3)


def test_a_batch_on_shared_points_and_integer_coordinates():
    points = Points(SQUARE, np.asarray([[0, 0], [1, 0], [2, 1], [0, 1]]))
    assert points.coordinates.dtype == jnp.float32
    f = batch(np.ones((3, 4, 2)), points)
    np.testing.assert_allclose(jax.vmap(Function.integral)(f), 2.0, rtol=1e-6)


LINE = Interval(0.0, 1.0)
CASES = {
    "shape": (
        lambda: Points(SQUARE, np.zeros(3)),
        """points of [0, 2] x [0, 1] need coordinates of shape (n, 2)
          where:    Points(domain, coordinates)
          expected: shape (n, 2)
          found:    shape (3,)
          repair:   put one point per row; a batch of point sets is made by jax.vmap""",
    ),
    "weights": (
        lambda: Points(LINE, np.zeros((3, 1)), weights=np.ones(2)),
        """points need one weight and one mask entry each
          where:    Points(domain, coordinates, weights, mask)
          expected: shape (3,)
          found:    weights (2,), mask (3,)
          repair:   give as many weights and mask entries as rows of coordinates""",
    ),
    "negative": (
        lambda: Points(LINE, np.asarray([[0.1], [0.2]]), weights=np.asarray([1.0, -0.5])),
        """quadrature weights are negative or not finite
          where:    Points(domain, coordinates, weights)
          expected: finite weights >= 0
          found:    smallest weight -0.5
          repair:   leave the weights out and they are estimated from the points""",
    ),
    "outside": (
        lambda: Points(LINE, np.asarray([[0.5], [1.5], [-3.0]])),
        """2 points do not lie in [0, 1]
          where:    Points(domain, coordinates)
          expected: finite points of [0, 1]
          found:    point 1 at [1.5]
          repair:   give a larger domain, or mask these points out""",
    ),
    "empty": (
        lambda: Points(LINE, np.zeros((2, 1)), mask=np.zeros(2, bool)),
        """quadrature weights need at least one point, and finite coordinates
          where:    Points(domain, coordinates)
          expected: one or more finite points
          found:    0 unmasked points, 0 of them not finite
          repair:   remove or mask points that are not finite""",
    ),
    "traced": (
        lambda: jax.jit(lambda x: Points(LINE, x).weights)(jnp.zeros((2, 1))),
        """quadrature weights of points cannot be estimated inside a compiled function
          where:    Points(domain, coordinates)
          expected: concrete coordinates, or weights
          found:    traced coordinates and no weights
          repair:   make the Points outside jit, or pass weights=""",
    ),
    "pad": (
        lambda: Points(LINE, np.asarray([[0.1], [0.2]])).pad(1),
        """points are padded to at least their number
          where:    Points.pad(size)
          expected: size >= 2
          found:    1
          repair:   pad to the size of the largest set""",
    ),
    "twice": (
        lambda: Function(np.ones((2, 1)), Points(LINE, np.full((2, 1), 0.5))).at(np.ones((1, 1))),
        """two points lie in one place, so that the function between them is not determined
          where:    Function on Points
          expected: distinct points
          found:    2 points, 1 distinct
          repair:   average repeated measurements, or mask all but one of them out""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_errors_say_where_and_how_to_repair(name):
    call, text = CASES[name]
    with pytest.raises(DomainError) as caught:
        call()
    assert str(caught.value) == text.replace("\n        ", "\n")
