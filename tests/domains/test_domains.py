"""Domains, spaces and grids: what they are, and the text of their errors."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import (
    Box,
    Grid,
    Interval,
    MovedGrid,
    Point,
    Points,
    Product,
    Region,
    Space,
    Torus,
)
from riesz.domains._json import (
    discretization_from_json,
    discretization_to_json,
    domain_from_json,
    domain_to_json,
)
from riesz.errors import DomainError
from riesz.functions import Function, batch, take


def test_domains_compare_by_what_they_are():
    assert Interval(0, 1) == Box(0.0, 1.0) == Box((0,), (1,))
    assert hash(Interval(0, 1)) == hash(Box(0.0, 1.0))
    assert Interval(0, 1) != Torus(0, 1)
    assert Interval(0, 1) * Torus(0, 2) == Product(Box(0, 1), Torus(0, 2))
    assert (Interval() * Interval()) * Torus() == Interval() * (Interval() * Torus())
    assert len({Interval(0, 1), Box(0, 1), Torus(0, 1)}) == 2
    assert Interval(0, 1) != "Interval"
    assert Interval(0, 1) * Point() == Interval(0, 1)
    assert Region(2) == Region(2, names=("x", "y")) != Region(3)


def test_what_a_domain_knows():
    domain = Interval(0.0, 2.0) * Torus((0.0, 1.0), (1.0, 4.0))
    assert (domain.dim, domain.lengths, domain.volume) == (3, (2.0, 1.0, 3.0), 6.0)
    assert domain.periodic == (False, True, True)
    assert repr(domain) == "[0, 2] x circle[0, 1) x circle[1, 4)"
    assert Interval(np.float64(0), np.float64(np.pi)).upper == (np.pi,)


CASES = {
    "reversed": (
        lambda: Interval(1.0, 0.0),
        """Interval needs finite bounds with lower < upper along each axis
          where:    Interval(a, b)
          expected: lower < upper, both finite
          found:    lower=(1.0,), upper=(0.0,)
          repair:   for the unit interval write Interval(0.0, 1.0)""",
    ),
    "infinite": (
        lambda: Box((0.0, 0.0), (1.0, np.inf)),
        """Box needs finite bounds with lower < upper along each axis
          where:    Box(lower, upper)
          expected: lower < upper, both finite
          found:    lower=(0.0, 0.0), upper=(1.0, inf)
          repair:   for the unit square write Box((0.0, 0.0), (1.0, 1.0))""",
    ),
    "ragged": (
        lambda: Torus((0.0, 0.0), (1.0,)),
        """Torus needs finite bounds with lower < upper along each axis
          where:    Torus(lower, upper)
          expected: lower < upper, both finite
          found:    lower=(0.0, 0.0), upper=(1.0,)
          repair:   for the unit square write Torus((0.0, 0.0), (1.0, 1.0))""",
    ),
    "product of a region": (
        lambda: Interval() * Region(2),
        """a product takes domains that are products of intervals and circles
          where:    Product(first, second)
          expected: an Interval, Box, Torus, Point or a product of them
          found:    region of R^2
          repair:   make the other coordinate, such as time, a channel""",
    ),
    "bounds of a region": (
        lambda: Region(2).lengths,
        """a Region has no lengths: it is no product of intervals and circles
          where:    Region.lengths
          expected: an Interval, Box, Torus, Point or a product of them
          found:    region of R^2
          repair:   use what meshes offer, or resample onto a grid of a box""",
    ),
    "grid of a region": (
        lambda: Grid(Region(2), 8),
        """a grid discretizes products of intervals and circles
          where:    Grid(domain, shape, nodes)
          expected: an Interval, Box, Torus, Point or a product of them
          found:    region of R^2
          repair:   discretize regions and surfaces by a Mesh""",
    ),
    "region without coordinates": (
        lambda: Region(4),
        """a region lies on a line, in the plane or in space
          where:    Region(dim)
          expected: dim 1, 2 or 3
          found:    4
          repair:   write Region(2) for a region of the plane""",
    ),
    "space": (
        lambda: Space(Interval(), 2, names=("u",)),
        """a space needs at least one channel, and one name and one unit for each
          where:    Space(domain, channels, names, units)
          expected: 2 names and units
          found:    channels=2, names=('u',), units=('', '')
          repair:   give as many names and units as channels, or leave them out""",
    ),
    "nodes": (
        lambda: Grid(Interval(), 8, "middle"),
        """unknown nodes 'middle' for an axis of a grid
          where:    Grid(domain, shape, nodes)
          expected: centre or chebyshev or left or right or vertex
          found:    nodes='middle' on [0, 1]
          repair:   say where the samples lie: vertex (both ends), left (far end not stored), \
right, centre (cell centres), chebyshev; uniform on a torus""",
    ),
    "nodes of a torus": (
        lambda: Grid(Torus(), 8, "vertex"),
        """unknown nodes 'vertex' for a periodic axis of a grid
          where:    Grid(domain, shape, nodes)
          expected: uniform
          found:    nodes='vertex' on circle[0, 1)
          repair:   say where the samples lie: vertex (both ends), left (far end not stored), \
right, centre (cell centres), chebyshev; uniform on a torus""",
    ),
    "coordinates for sizes": (
        lambda: Grid(Interval(), np.linspace(0, 1, 5)),
        """the shape of a grid is the number of nodes of each axis, not their coordinates
          where:    Grid(domain, shape, nodes)
          expected: 1 whole numbers, or coordinates of every axis as nodes
          found:    shape=[0.0, 0.25, 0.5, 0.75, 1.0]
          repair:   nodes at given coordinates x are written \
Grid(domain, nodes=(x,)) for one axis, nodes=('vertex', x) for two""",
    ),
    "decreasing nodes": (
        lambda: Grid(Interval(0, 9), nodes=([5.0, 2.0, 7.0],)),
        """the coordinates given as nodes of axis 0 are not those of a grid
          where:    Grid(domain, shape, nodes)
          expected: 2 or more strictly increasing numbers within [0, 9], on an axis with ends
          found:    node 0 at 5 is followed by 2
          repair:   sort the nodes together with the values, and give a domain that contains \
them; a decreasing axis is turned round in the values, too: values[::-1]""",
    ),
    "text for a name": (
        lambda: Box((0, 0), (1, 1), names=("x",)),
        """a domain takes one text for each axis as names
          where:    Box(..., names=...)
          expected: 2 texts
          found:    ('x',)
          repair:   write names=('latitude', 'longitude'), or leave it out""",
    ),
    "sizes": (
        lambda: Grid(Interval(), (8, 8)),
        """a grid needs one size and one kind of nodes for each axis of its domain
          where:    Grid(domain, shape, nodes)
          expected: 1 sizes, at least 2 nodes on an axis with ends
          found:    shape=(8, 8), nodes=('vertex',) on [0, 1]
          repair:   give a single size for all axes, or one per axis; nodes at given \
coordinates x are written Grid(domain, nodes=(x,)) for one axis, nodes=('vertex', x) for two""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_errors_say_where_and_how_to_repair(name):
    call, text = CASES[name]
    with pytest.raises(DomainError) as caught:
        call()
    assert str(caught.value) == text.replace("\n        ", "\n")


UNEVEN = {
    "no size": (lambda: Grid(Interval()), "shape=[None];nodes=(x,)"),
    "outside": (lambda: Grid(Interval(), nodes=([0.5, 2.0],)), "nodes from 0.5 to 2;within [0, 1]"),
    "repeated": (lambda: Grid(Interval(), nodes=([0.5, 0.5],)), "node 0 at 0.5 is followed by 0.5"),
    "missing": (lambda: Grid(Interval(), nodes=([0.1, np.nan],)), "0.1 is followed by nan"),
    "on a circle": (lambda: Grid(Torus(), nodes=([0.1, 0.5],)), "uneven nodes on a periodic axis"),
    "one": (lambda: Grid(Interval(), nodes=([0.1],)), "2 or more;of shape (1,)"),
    "other size": (lambda: Grid(Interval(), 3, nodes=([0.1, 0.5],)), "(3,), nodes=('uneven',)"),
    "axes": (lambda: Grid(Interval() * Torus(), nodes=([0.1, 0.5],)), "2 entries of nodes;1 on"),
    "whole numbers": (lambda: Grid(Interval(0, 9), [1, 5, 9]), "1 sizes;(1, 5, 9);nodes=(x,)"),
}


@pytest.mark.parametrize("name", UNEVEN)
def test_uneven_nodes_are_checked(name):
    call, parts = UNEVEN[name]
    with pytest.raises(DomainError) as caught:
        call()
    assert all(part in str(caught.value) for part in parts.split(";")), str(caught.value)


def test_uneven_nodes():
    depths = [5, 10, 25, 50]
    grid = Grid(Interval(0, 50) * Torus(), (4, 8), (depths, "uniform"))
    assert grid.nodes == ((5.0, 10.0, 25.0, 50.0), "uniform") and grid.kinds[0] == "uneven"
    assert grid == Grid(grid.domain, (4, 8), (np.asarray(depths), "left"))
    assert Grid(Interval(0, 50), nodes=depths) == Grid(Interval(0, 50), 4, nodes=(depths,))
    assert grid.method == "cubic splines x Fourier (spectral)"
    fine = grid.refine(2)
    assert fine.shape == (7, 16) and fine.nodes[0][:3] == (5.0, 7.5, 10.0)
    assert discretization_from_json(json.loads(json.dumps(discretization_to_json(grid)))) == grid


def test_names_and_units_of_axes():
    named = Box((0, 0), (1, 2), names=("lat", "lon"), units=("deg", ""))
    assert named == Box((0, 0), (1, 2)) and hash(named) == hash(Box((0, 0), (1, 2)))
    assert repr(named) == "lat [0, 1] x lon [0, 2]"
    product = Interval(0, 24, names="time", units="h") * Torus()
    assert product.names == ("time", "") and product.units == ("h", "")
    assert [product.axis_label(i) for i in range(2)] == ["time [h]", "y"]
    region = Region(2, names=("x", "y"), units=("m", "m"))
    for domain in (named, product, Torus(0.0, 1.0, names="angle"), Interval(), region, Point()):
        again = domain_from_json(json.loads(json.dumps(domain_to_json(domain))))
        assert again == domain and again.names == domain.names and again.units == domain.units
    assert repr(Interval(1.7e9, 1.7e9 + 86400)) == "[1700000000, 1700086400]"


def test_a_function_on_a_point_is_a_vector():
    grid = Grid(Point())
    assert grid.shape == () and float(grid.weights) == Point().volume == Point().measure == 1.0
    f = Function(np.asarray([3.0, 4.0]), grid, Space(Point(), 2, ("drag", "lift")))
    assert float(f.norm()) == float(f.norm("H1")) == 5.0 and float(f.norm("L1")) == 7.0
    np.testing.assert_array_equal(f.integral(), [3.0, 4.0])
    np.testing.assert_array_equal(f.at(np.zeros((2, 0))), [[3.0, 4.0]] * 2)
    np.testing.assert_array_equal(jax.jit(Function.resample)(f, grid).values, f.values)
    many = batch(np.ones((5, 2)), grid)
    assert repr(many).startswith("5 functions u0, u1") and take(many, 1).values.shape == (2,)
    np.testing.assert_array_equal(jax.vmap(Function.norm)(many), np.full(5, 2**0.5, np.float32))


def test_boxes_of_any_dimension():
    box = Box([0.0] * 100, [2.0] * 99 + [1.0])
    assert box.dim == 100 and repr(box) == "[0, 2]^99 x [0, 1]" and box.axis_label(7) == "x7"
    inside = box.contains(np.stack([np.ones(100), np.full(100, 1.5)]))
    assert inside.tolist() == [True, False]
    time_and_space = Interval() * Torus((0.0,) * 3, (1.0,) * 3)
    grid = Grid(time_and_space, 5)
    wave = Function.from_callable(lambda t, x, y, z: t * jnp.sin(2 * jnp.pi * z), grid)
    found = wave.at([[0.25, 0.1, 0.2, 0.2]])[0, 0]
    np.testing.assert_allclose(found, 0.25 * np.sin(0.4 * np.pi), rtol=1e-5)


def test_scattered_points_in_many_dimensions(x64):
    count, dim = 4000, 20
    points = Points(
        Box([-1.0] * dim, [1.0] * dim), np.random.default_rng(0).uniform(-1, 1, (count, dim))
    )
    f = Function((points.coordinates**2).sum(-1, keepdims=True), points)
    mean, spread = dim / 3, (dim * (1 / 5 - 1 / 9)) ** 0.5  # of |x|^2
    assert abs(float(f.integral()[0]) / 2**dim - mean) < 4 * spread / count**0.5
    gradient = jax.jit(Function.gradient)
    for call in (lambda: f.at(np.zeros((1, dim))), lambda: f.derivative(0), lambda: gradient(f)):
        with pytest.raises(DomainError, match="not interpolated in more than 3 dimensions"):
            call()


@pytest.mark.parametrize("size", [0, 1])
def test_too_few_nodes(size):
    with pytest.raises(DomainError, match="one size and one kind"):
        Grid(Interval(), size)


def test_sizes_may_be_numpy_numbers():
    assert Grid(Interval(), np.int64(8)) == Grid(Interval(), 8) == Grid(Interval(), (8,))
    assert Grid(Box((0, 0), (1, 1)), np.asarray([3, 4])).shape == (3, 4)


def test_defaults_of_nodes():
    assert Grid(Interval() * Torus(), 8).nodes == ("vertex", "uniform")
    assert Grid(Interval() * Torus(), 8, "left").nodes == ("left", "uniform")
    assert Grid(Torus(), 8, "left").nodes == ("uniform",)
    assert Grid(Interval() * Torus(), 8, ("centre", "left")).nodes == ("centre", "uniform")


def test_refine_keeps_nodes():
    domain = Box((0, 0), (1, 1)) * Torus()
    grid = Grid(domain, (5, 4, 6), ("vertex", "left", "uniform"))
    fine = grid.refine(2)
    assert fine.shape == (9, 8, 12) and fine.nodes == grid.nodes
    for x, y in zip(grid.axis_coordinates, fine.axis_coordinates, strict=True):
        np.testing.assert_allclose(y[::2], x, atol=1e-6)
    assert Grid(Interval(), 5, "centre").refine(3).shape == (15,)


def test_grid_coordinates_weights_and_method():
    grid = Grid(Interval(0.0, 2.0) * Torus(0.0, 1.0), (3, 4))
    assert grid.coordinates.shape == (3, 4, 2) and grid.weights.shape == (3, 4)
    np.testing.assert_allclose(grid.coordinates[2, 1], [2.0, 0.25])
    assert grid.method == "local polynomials of degree 5 x Fourier (spectral)"
    moved = MovedGrid(grid, jnp.asarray([-1.0, 1.0]), jnp.asarray([2.0, 0.5]))
    np.testing.assert_allclose(moved.coordinates[2, 1], [0.0, 0.75])
    assert moved.method == grid.method and moved.domain == grid.domain


def test_space_accepts_by_domain_and_channels():
    space = Space(Interval(), 2, ("p", "q"))
    assert space.accepts(Space(Box(0, 1), 2)) and not space.accepts(Space(Interval(), 1))
    assert Space(Interval(), 2).names == ("u0", "u1") and Space(Interval()).names == ("u",)
