"""Disjoint unions of domains, and points of each of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import (
    Box,
    DisjointPoints,
    DisjointUnion,
    Grid,
    Interval,
    Mesh,
    Point,
    Points,
    Region,
    Space,
    Torus,
    stack_discretizations,
)
from riesz.domains.internal import (
    discretization_from_json,
    discretization_to_json,
    space_from_json,
    space_to_json,
)
from riesz.errors import DomainError
from riesz.functions import Function, batch, stack, take

SQUARE, CIRCLE, LINE = Box((0, 0), (1, 2)), Torus(0.0, 3.0), Interval(-1.0, 1.0)
UNION = DisjointUnion(
    {"f": Space(SQUARE), "g": Space(CIRCLE, 2), "h": Space(LINE), "n": Space(Point())}
)


def points(*x: float) -> Points:
    return Points(LINE, jnp.asarray(x)[:, None])


def places(*x: float) -> DisjointPoints:
    return DisjointPoints(UNION, [Grid(SQUARE, 5), Grid(CIRCLE, 8), points(*x), Grid(Point())])


@pytest.fixture
def function():
    on = places(-1.0, -0.4, 0.1, 0.9, 1.0)
    r = np.random.default_rng(0)
    parts = [r.normal(size=s).astype(np.float32) for s in ((5, 5, 1), (8, 2), (5, 1), (1,))]
    return Function(on.joined(parts), on, Space(UNION, 5)), parts


def test_components_are_what_was_joined(function):
    f, parts = function
    assert f.values.shape == (25 + 8 + 5 + 1, 5)
    for g, v, (_, space) in zip(f.components, parts, UNION.spaces, strict=True):
        np.testing.assert_array_equal(g.values, v)
        assert g.space == space


def test_products_and_norms_are_sums_over_the_domains(function):
    f, _ = function
    parts = f.components
    np.testing.assert_allclose(
        f.integral(), jnp.concatenate([g.integral() for g in parts]), rtol=1e-6
    )
    for kind in ("L1", "L2", "H1"):
        power = 1 if kind == "L1" else 2
        total = sum(float(g.norm(kind)) ** power for g in parts) ** (1 / power)
        np.testing.assert_allclose(f.norm(kind), total, rtol=1e-6)
    assert UNION.measure == 2 + 3 + 2 + 1


def test_what_is_written_elsewhere_is_zero(function):
    f, _ = function
    moved = f + 1.0
    for g, h in zip(f.components, moved.components, strict=True):
        np.testing.assert_allclose(h.values, g.values + 1)
    assert int((moved.values == 0).sum()) == 39 * 5 - (25 + 2 * 8 + 5 + 1)


def test_resampling_is_by_components(function):
    f, _ = function
    on = DisjointPoints(UNION, [Grid(SQUARE, 7), Grid(CIRCLE, 8), points(0.0, 0.5), Grid(Point())])
    for g, part, h in zip(f.components, on.parts, f.resample(on).components, strict=True):
        np.testing.assert_allclose(h.values, g.resample(part).values, atol=1e-6)


def test_ragged_points_stack_and_come_back():
    functions = []
    for on in (places(-1.0, 0.1, 1.0), places(-0.9, -0.2, 0.3, 0.8)):
        parts = [jnp.ones((*p.shape, c)) for p, c in zip(on.parts, UNION.channels, strict=True)]
        functions.append(Function(on.joined(parts), on, Space(UNION, 5)))
    together = stack(functions)
    for i, f in enumerate(functions):
        found = take(together, i)
        np.testing.assert_allclose(found.norm(), f.norm(), rtol=1e-6)
        # the number behind the padding of the line
        np.testing.assert_array_equal(found.components[3].values, [1.0])
    both = stack_discretizations([f.discretization for f in functions])
    again = batch(together.values, both, Space(UNION, 5))
    assert both.stacked and both.weights.shape == (2, 25 + 8 + 4 + 1)
    np.testing.assert_array_equal(again.components[2].values, together.components[2].values)


def test_meshes_are_parts():
    union = DisjointUnion({"u": Space(Region(2)), "n": Space(Point())})
    mesh = Mesh.disk(refinements=2)
    on = DisjointPoints(union, [mesh, Grid(Point())])
    f = Function(on.joined([jnp.ones((*mesh.shape, 1)), jnp.ones(1)]), on)
    np.testing.assert_allclose(f.inner(f), mesh.weights.sum() + 1, rtol=1e-6)


def test_json():
    on = places(-1.0, 0.1, 1.0)
    assert space_from_json(space_to_json(Space(UNION, 5))) == Space(UNION, 5)
    record, arrays = discretization_to_json(on), on.arrays()
    assert set(type(on).stored_in(record)) <= set(arrays)
    again = discretization_from_json(record, arrays)
    assert jax.tree.structure(again) == jax.tree.structure(on)
    np.testing.assert_array_equal(again.relative, on.relative)


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda f: f.at([[0.0, 0.0]]), "several domains"),
        (lambda f: f.derivative(0), "several domains"),
        (lambda f: f.domain.lower, r"several domains(.|\n)*MIONet"),
        (lambda f: f.resample(Grid(SQUARE, 3)), "different domains"),
        (lambda f: Function(f.values[:, :2], f.discretization), r"5 channels(.|\n)*2 channels"),
        (lambda f: DisjointPoints(UNION, [Grid(SQUARE, 3)]), "each of its domains"),
        (lambda f: DisjointUnion({}), "found:    none"),
        (lambda f: DisjointUnion({"u": Space(UNION, 5)}), "a union as 'u'"),
    ],
)
def test_refusals(function, act, text):
    with pytest.raises(DomainError, match=text):
        act(function[0])
