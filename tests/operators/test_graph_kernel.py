"""The graph neural operator: its integral, its neighbours, and fits on meshes that differ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz.domains import Box, Grid, Interval, Mesh, Region, Space, Torus
from riesz.errors import ModelError
from riesz.functions import Function, Pairs, stack
from riesz.operators import GNO

KEY = jax.random.key(0)
PLANE = Space(Region(2))


def small(space=PLANE, **options):
    return GNO(space, space, width=4, layers=2, rank=3, hidden=4, key=KEY, **options)


def wave(x, y):
    return jnp.sin(3 * x) * y


def test_the_integral_is_the_sum_over_nodes_within_the_radius(x64):
    operator, mesh = small(radius=0.7), Mesh.l_shape(4)
    a, w, x = wave(*mesh.coordinates.T)[:, None], mesh.weights, mesh.coordinates
    edges = operator._edges(mesh, a)
    v = jax.random.normal(KEY, (len(x), 4))
    block = operator.blocks[0]
    expected = np.zeros((len(x), 4))
    for i in range(len(x)):
        for j in range(len(x)):
            way = (x[i] - x[j]) / 0.7
            s = float(way @ way)
            if s < 1:
                h = operator.kernel(jnp.concatenate([way, jnp.array([s]), a[i], a[j]]))
                kappa = jnp.einsum("b,bcd->cd", h, block.last)
                expected[i] += w[j] * (1 - s) ** 2 * v[j] @ kappa / 0.7**2
    integral = jnp.einsum("nkb,kc,bcd->nd", edges.weight, v, block.last)
    np.testing.assert_allclose(integral, expected, atol=1e-12)


def test_a_share_that_holds_all_within_the_radius_changes_nothing():
    mesh = Mesh.disk(refinements=3)
    a = Function.from_callable(wave, mesh, PLANE)
    whole, part = (small(radius=0.3, share=share)(a).values for share in (1.0, 0.3))
    np.testing.assert_allclose(part, whole, atol=1e-5)
    assert abs(small(radius=0.3, share=0.02)(a).values - whole).max() > 1e-2


def test_the_smallest_share_still_has_neighbours():
    mesh = Mesh.disk(refinements=2)
    operator = small(share=1e-3)
    weight = operator._edges(mesh, jnp.ones((mesh.shape[0], 1))).weight
    assert weight.shape[1] == 3
    assert ((weight != 0).any(-1).sum(1) == 2).mean() > 0.3  # where no two are equally far


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_padding_changes_nothing(share):
    few, many = Mesh.l_shape(6), Mesh.disk(refinements=3)
    operator = small(radius=0.6, share=share)
    a, b = (Function.from_callable(wave, mesh, PLANE) for mesh in (few, many))
    together = jax.vmap(operator)(stack([a, b])).values
    np.testing.assert_allclose(together[0, : few.shape[0]], operator(a).values, atol=1e-5)
    np.testing.assert_allclose(together[1], operator(b).values, atol=1e-5)


def test_neighbours_wrap_around_a_circle():
    circle = Torus(0.0, 1.0)
    operator = small(Space(circle), radius=0.3, coordinates=False)
    a = Function.from_callable(lambda x: jnp.sin(2 * jnp.pi * x), Grid(circle, 16))
    turned = Function(jnp.roll(a.values, 5, 0), a.discretization)
    expected = jnp.roll(operator(a).values, 5, 0)
    np.testing.assert_allclose(operator(turned).values, expected, atol=1e-5)


def pairs(n):
    """u = a^2 / 2 on meshes that all differ."""
    inputs, outputs = [], []
    for seed in range(n):
        mesh = Mesh.disk(0.6 + 0.4 * np.random.default_rng(seed).uniform(), 2)
        mesh = Mesh.l_shape(4) if seed % 2 else mesh
        a = Function.from_callable(lambda x, y, p=seed: jnp.sin(3 * x + p) + y, mesh, PLANE)
        inputs.append(a)
        outputs.append(a * a / 2)
    return Pairs(stack(inputs), stack(outputs))


@pytest.mark.long
def test_meshes_that_differ_go_through_recipe_baselines_and_evaluation():
    data = pairs(20)
    recipe = riesz.recipe(data, "GNO(radius=0.5, width=8, layers=1)", steps=20)
    fitted = recipe.fit(data, key=KEY, base=True, progress=False)
    others = riesz.baselines(data, key=KEY)
    report = riesz.evaluate(fitted.model, data, baselines=others)
    errors = {b.name: b.error.mean for b in report.baselines}
    assert report.results[0].error.mean < errors["training mean"]
    with pytest.raises(ModelError, match=r"riesz.recipe\(data, \"GNO\(radius=0.5\)\"\)"):
        riesz.recipe(data)


@pytest.mark.parametrize("options", [{"radius": 0.0}, {"share": 1.5}, {"rank": 0}])
def test_arguments_that_make_no_operator_are_named(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ModelError, match=f"{name}={value}"):
        GNO(PLANE, PLANE, key=KEY, **options)


def test_one_domain_is_required():
    with pytest.raises(ModelError, match="DeepONet"):
        GNO(Space(Interval(0.0, 1.0)), Space(Box((0, 0), (1, 1))), key=KEY)
