"""Networks read as functions: derivatives, norms and equations against closed forms."""

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

import riesz
from riesz.domains import Box, Grid, Interval, Mesh, Region, Space, Torus
from riesz.errors import DomainError
from riesz.functions import Field, Function
from riesz.objectives import Residual
from riesz.testing._saving import comes_back

KEY = jax.random.key(0)
SQUARE = Space(Box((1.0, 2.0), (2.0, 4.0)), 1, ("p",), ("Pa",))


class Wave(eqx.Module):
    """sin(3 x) cos(2 y) of coordinates measured from the lower corner."""

    def __call__(self, x):
        return jnp.sin(3 * x[:1]) * jnp.cos(2 * x[1:])


def wave(x, y):
    return np.sin(3 * (x - 1)) * np.cos(2 * (y - 2))


def test_values_and_derivatives_are_those_of_the_formula(x64):
    u = Field(Wave(), SQUARE)
    points = np.random.default_rng(0).uniform((1, 2), (2, 4), (20, 2))
    x, y = points.T - np.array([[1], [2]])
    np.testing.assert_allclose(u.at(points)[:, 0], wave(*points.T), atol=1e-14)
    slope = 3 * np.cos(3 * x) * np.cos(2 * y)
    np.testing.assert_allclose(u.derivative(0).at(points)[:, 0], slope, atol=1e-13)
    np.testing.assert_allclose(u.derivative(1, 2).at(points), -4 * u.at(points), atol=1e-13)
    np.testing.assert_allclose(u.laplacian().at(points), -13 * u.at(points), atol=1e-13)
    gradient = u.gradient().at(points)
    np.testing.assert_allclose(gradient[:, 0], slope, atol=1e-13)
    np.testing.assert_allclose(gradient[:, 1], -2 * np.sin(3 * x) * np.sin(2 * y), atol=1e-13)
    assert u.derivative(0).space.names == ("dp/dx0",)


def test_a_field_agrees_with_its_samples(x64):
    u, grid = Field(Wave(), SQUARE), Grid(SQUARE.domain, 65)
    sampled = Function.from_callable(wave, grid, SQUARE)
    np.testing.assert_allclose(u.on(grid).values, sampled.values, atol=1e-14)
    assert abs(u.norm("L2", on=grid) - sampled.norm()) < 1e-12
    assert abs(u.norm("H1", on=grid) - sampled.norm("H1")) < 1e-6  # order 6 of the grid


def test_a_network_vanishes_on_the_boundary_and_is_periodic():
    u = Field.mlp(SQUARE, width=8, depth=1, zero_boundary=True, key=KEY)
    corners = np.array([[1.0, 3.0], [2.0, 2.5], [1.5, 2.0], [1.5, 4.0]])
    assert (np.asarray(u.at(corners)) == 0).all()
    assert abs(float(u.at([[1.3, 2.7]])[0, 0])) > 1e-3
    circle = Space(Torus(0.0, 2.0))
    v = Field.mlp(circle, width=8, depth=1, key=KEY)
    np.testing.assert_allclose(v.at([[0.0]]), v.at([[2.0]]), atol=1e-6)
    comes_back(v)


def test_poisson_on_a_square_without_data():
    square = Space(Box((0.0, 0.0), (1.0, 1.0)))

    def residual(u, key):  # -Laplace u = 2 pi^2 sin(pi x) sin(pi y), divided by 2 pi^2
        x = jax.random.uniform(key, (64, 2))
        f = jnp.prod(jnp.sin(jnp.pi * x), -1, keepdims=True)
        return -u.laplacian().at(x) / (2 * jnp.pi**2) - f

    u = Field.mlp(square, width=16, depth=2, zero_boundary=True, key=KEY)
    solved = riesz.fit(
        u, objective=Residual(residual), steps=400, weight_decay=0.0, progress=False, key=KEY
    ).model
    grid = Grid(square.domain, 33)
    exact = Function.from_callable(lambda x, y: jnp.sin(jnp.pi * x) * jnp.sin(jnp.pi * y), grid)
    assert float((solved.on(grid) - exact).norm() / exact.norm()) < 0.02
    assert float((u.on(grid) - exact).norm() / exact.norm()) > 0.3


@pytest.mark.parametrize(
    "mesh", [Mesh.l_shape(4), Mesh.icosphere(refinements=1)], ids=["plane", "surface"]
)
def test_meshes_are_drawn_by_triangles(mesh):
    f = Function.from_callable(lambda *x: x[0] + 2 * x[1], mesh)
    axes = f.plot()
    drawn = axes.collections[0]
    assert drawn.get_array().size in (mesh.shape[0], len(mesh.triangles))
    assert drawn.get_clim()[1] > 0.9 * float(f.values.max()) * (mesh.domain.dim == 2)
    plt.close("all")


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda u: u.derivative(2), r"along an axis(.|\n)*0 <= axis < 2"),
        (lambda u: u.derivative(0, 3), "order 1 or 2"),
        (lambda u: u.at([0.5, 0.5]), r"one per row(.|\n)*shape \(p, 2\)"),
        (lambda u: u.at([[0.5, 3.0]]), "outside the domain"),
        (lambda u: u.on(Grid(Interval(0.0, 1.0), 5)), "different domains"),
        (lambda u: Field.mlp(Space(Region(2)), zero_boundary=True, key=KEY), "boxes only"),
    ],
)
def test_refusals(act, text):
    with pytest.raises(DomainError, match=text):
        act(Field(Wave(), SQUARE))


def test_fields_on_an_interval_have_the_points_of_the_interval(x64):
    line = Space(Interval(1e9, 1e9 + 1.0))
    u = Field(lambda x: x**2, line)
    assert float(u.at([[1e9 + 0.5]])[0, 0]) == 0.25
