"""Grids with holes: nothing depends on what is masked, and the rest keeps its accuracy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Box, Grid, Interval, MaskedGrid, MovedGrid, Points, Space, Torus
from riesz.domains._json import discretization_from_json, discretization_to_json
from riesz.errors import DomainError
from riesz.functions import Function, batch, stack, take
from riesz.learning._losses import slope_norm
from riesz.operators import FNO, DeepONet

STRIP = Box((0.0,), (1.0,)) * Torus(0.0, 2.0)
LINE = Interval(0.0, 1.0)


def disc(grid, radius=0.2):
    """All nodes but those near the middle of the domain."""
    unit = grid.relative / jnp.asarray(grid.domain.lengths, grid.relative.dtype)
    return jnp.sum((unit - 0.5) ** 2, -1) > radius**2


def wave(x, y):
    return jnp.exp(x) * jnp.sin(jnp.pi * y)


def masked(n=24, f=wave):
    grid = Grid(STRIP, n)
    return Function.from_callable(f, MaskedGrid(grid, disc(grid)))


@jax.jit
def everything(values, on, other):
    """All that a function on a masked grid can be asked, of values as they came."""
    f, g = Function(values, on), Function(values[::-1], on)
    points = jnp.asarray([[0.1, 0.3], [0.5, 1.0], [0.52, 1.1]])
    parts = [f.values, f.integral(), f.inner(g), f.at(points), f.gradient().values]
    parts += [f.norm(kind) for kind in ("L1", "L2", "Linf", "H1")]
    parts += [f.resample(other).values, f.resample(other.base).values, slope_norm(f)]
    # and of values that did not pass through the constructor
    parts += [on.interpolate(values, points), on.differentiate(values, 1, 2)]
    return parts


@pytest.mark.parametrize("dirt", [np.nan, np.inf, 1e30])
def test_masked_values_never_influence_anything(dirt):
    f = masked(16)
    other = MaskedGrid(Grid(STRIP, 11, "centre"), disc(Grid(STRIP, 11, "centre"), 0.1))
    dirty = jnp.where(f.discretization.mask[..., None], f.values, dirt)
    clean = everything(f.values, f.discretization, other)
    for a, b in zip(clean, everything(dirty, f.discretization, other), strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_array_equal(a, b)

    def total(values):
        return sum(jnp.sum(part) for part in everything(values, f.discretization, other))

    for slope in (jax.grad(total)(f.values), jax.grad(total)(dirty)):
        assert np.isfinite(slope).all()
        assert (np.asarray(slope)[~np.asarray(f.discretization.mask)] == 0).all()


def test_values_are_zero_where_masked_also_on_the_host():
    grid = MaskedGrid(Grid(LINE, 3), np.asarray([True, False, True]))
    f = Function(np.asarray([[1.0], [np.nan], [2.0]]), grid)
    np.testing.assert_array_equal(f.values, [[1], [0], [2]])
    with pytest.raises(DomainError, match="not finite"):
        Function(np.asarray([[np.nan], [0.0], [2.0]]), grid)


def test_integrals_are_those_of_the_present_part(x64):
    gaps = []
    for n in (40, 80, 160):
        grid = Grid(Box((0, 0), (1, 1)), n, "centre")
        x, y = jnp.moveaxis(grid.coordinates, -1, 0)
        inside = (x < 0.5) | (y < 0.25)
        f = Function.from_callable(lambda x, y: x * y, MaskedGrid(grid, inside))
        np.testing.assert_allclose(f.discretization.weights.sum(), 0.625)
        gaps.append(abs(f.integral()[0] - (1 / 4 - (3 / 8) * (15 / 32))))
    assert np.log2(gaps[0] / gaps[2]) / 2 > 1.9 and gaps[2] < 1e-5, gaps


def test_interpolation_next_to_a_hole_is_of_order_two_and_elsewhere_of_order_six(x64):
    near, far, slopes = [], [], []
    for n in (24, 48, 96):
        grid = Grid(STRIP, (n + 1, n))
        f = Function.from_callable(wave, MaskedGrid(grid, disc(grid)))
        points = np.random.default_rng(0).uniform(size=(2000, 2)) * [1.0, 2.0]
        radius = np.sqrt(((points / [1.0, 2.0] - 0.5) ** 2).sum(1))
        error = np.abs(f.at(points)[:, 0] - wave(*points.T))
        near.append(error[(radius > 0.2) & (radius < 0.35)].max())
        far.append(error[radius > 0.37].max())
        exact = Function.from_callable(lambda x, y: jnp.pi * jnp.exp(x) * jnp.cos(jnp.pi * y), grid)
        gap = np.abs(f.derivative(1).values - exact.values)[..., 0]
        slopes.append(gap[np.asarray(f.discretization.mask)].max())
    orders = [-np.polyfit(np.log([24, 48, 96]), np.log(e), 1)[0] for e in (near, slopes, far)]
    assert orders[0] > 1.6 and orders[1] > 0.7 and orders[2] > 5.0, (orders, near, slopes, far)


def test_constants_and_lines_go_on_into_holes(x64):
    grid = Grid(Box((0, 0), (1, 2)), (9, 12), ("chebyshev", "left"))
    mask = np.random.default_rng(1).uniform(size=(9, 12)) > 0.2
    f = Function.from_callable(lambda x, y: (1.0, x * 0 + 3), MaskedGrid(grid, mask))
    np.testing.assert_allclose(f.resample(grid).values, np.full((9, 12, 2), [1.0, 3.0]))
    line = Grid(LINE, nodes=((0.0, 0.1, 0.3, 0.4, 0.5, 0.9),))
    hole = MaskedGrid(line, np.asarray([1, 1, 1, 1, 0, 0], bool))
    g = Function.from_callable(lambda x: 2 * x - 1, hole).resample(line)
    np.testing.assert_allclose(g.values[:5, 0], 2 * line.coordinates[:5, 0] - 1, atol=1e-12)


def test_an_empty_corner_and_a_single_node_are_filled():
    grid = Grid(Box((0, 0), (1, 1)), (40, 33))
    mask = np.zeros((40, 33), bool)
    mask[3, 30] = True
    f = Function.from_callable(lambda x, y: (7.0, x), MaskedGrid(grid, mask))
    full = f.resample(grid).values
    np.testing.assert_allclose(full[..., 0], 7)
    np.testing.assert_allclose(full[..., 1], full[3, 30, 1])


def test_slopes_are_those_between_present_neighbours(x64):
    grid = Grid(LINE, 5)
    f = Function.from_callable(lambda x: x**2, MaskedGrid(grid, np.asarray([1, 1, 0, 1, 1], bool)))
    rises = np.asarray([0.0625, 1 - 0.5625])
    np.testing.assert_allclose(slope_norm(f) ** 2, (rises**2 / 0.25).sum())
    ring = Grid(Torus(0.0, 1.0), 4)
    mask = np.asarray([1, 1, 0, 1], bool)
    g = Function(np.asarray([[1.0], [3.0], [9.0], [4.0]]), MaskedGrid(ring, mask))
    np.testing.assert_allclose(slope_norm(g) ** 2, (2**2 + 3**2) / 0.25)


def test_masks_stack_and_one_program_serves_all():
    grid = Grid(STRIP, 12)
    masks = [disc(grid, r) for r in (0.1, 0.2, 0.3)]
    functions = [Function.from_callable(wave, MaskedGrid(grid, m)) for m in masks]
    many = stack(functions)
    assert many.discretization.mask.shape == (3, 12, 12)
    traces = []

    @jax.jit
    def norm(f):
        traces.append(1)
        return f.norm("H1")

    found = [norm(f) for f in functions]
    assert len(traces) == 1
    np.testing.assert_allclose(jax.vmap(lambda f: f.norm("H1"))(many), found, rtol=1e-5)
    assert take(many, 1).norm() == functions[1].norm()
    together = batch(np.ones((2, 12, 12, 1)), functions[0].discretization)
    assert together.discretization.mask.shape == (2, 12, 12)
    dirty = np.where(np.asarray(masks)[..., None], many.values, np.nan)
    again = batch(dirty, many.discretization)
    np.testing.assert_array_equal(again.values, many.values)
    with pytest.raises(DomainError, match="sampled differently"):
        functions[0] + functions[1]
    assert (functions[0] + functions[0]).norm() > 0


def test_a_moved_grid_may_have_holes(x64):
    grid = Grid(LINE, 16, "left")
    mask = np.arange(16) != 5
    moved = MovedGrid(grid, jnp.asarray([-1.0]), jnp.asarray([1.0]))
    f = Function.from_callable(jnp.sin, MaskedGrid(moved, mask))
    np.testing.assert_allclose(f.at([[0.3]]), np.sin(0.3), atol=1e-4)
    np.testing.assert_allclose(
        f.derivative().values[8], np.cos(f.discretization.coordinates[8]), atol=1e-3
    )


def test_json():
    grid = Grid(STRIP, (3, 4))
    for mask in (disc(grid), ~disc(grid), np.ones((3, 4), bool)):
        on = MaskedGrid(grid, mask)
        again = discretization_from_json(discretization_to_json(on), on.arrays())
        assert again.base == grid and (again.mask == mask).all()
    moved = grid.moved(0, -1.0, 1.0)
    for on in (moved, moved.masked(mask)):
        with pytest.raises(DomainError, match="MovedGrid"):
            discretization_to_json(on)


CASES = {
    "shape": (
        lambda: MaskedGrid(Grid(LINE, 4), np.ones(5, bool)),
        "needs a grid, and a mask of its shape;shape (4,);mask of shape (5,);jax.vmap(",
    ),
    "empty": (
        lambda: MaskedGrid(Grid(LINE, 4), np.zeros(4, bool)),
        "every node of a masked grid is masked;False at all 4 nodes;~missing",
    ),
    "dual": (
        lambda: Function(
            np.ones((4, 1)), MaskedGrid(Grid(Torus(), 4), np.asarray([1, 1, 1, 0], bool))
        ).norm("H-1"),
        "H-1 norm;MaskedGrid on circle[0, 1)",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_errors_say_where_and_what_to_do(name):
    call, parts = CASES[name]
    with pytest.raises(DomainError) as caught:
        call()
    assert all(part in str(caught.value) for part in parts.split(";")), str(caught.value)


SPACE = Space(STRIP)


@pytest.mark.parametrize("kind", [FNO, DeepONet])
def test_operators_depend_on_present_values_only(kind):
    key = jax.random.key(0)
    options = {"modes": 3, "width": 4, "layers": 2} if kind is FNO else {"sensors": 5, "width": 8}
    operator = kind(SPACE, SPACE, **options, key=key)
    grid = Grid(STRIP, 12)
    traces = []

    @eqx.filter_jit
    def call(operator, values, mask, on):
        traces.append(1)
        a = Function(values, MaskedGrid(grid, mask))
        everywhere = Points(STRIP, jnp.asarray([[0.5, 1.0], [0.1, 0.2]]), weights=jnp.ones(2))
        return operator(a).values, operator(a, on).values, operator(a, everywhere).values

    on = MaskedGrid(Grid(STRIP, 9), disc(Grid(STRIP, 9), 0.3))
    outputs = []
    for radius in (0.1, 0.25):
        mask = disc(grid, radius)
        values = Function.from_callable(wave, grid).values
        clean = call(operator, values, mask, on)
        dirty = call(operator, jnp.where(mask[..., None], values, jnp.nan), mask, on)
        for a, b in zip(clean, dirty, strict=True):
            assert np.isfinite(a).all()
            np.testing.assert_array_equal(a, b)
        assert (np.asarray(clean[0])[~np.asarray(mask)] == 0).all()
        outputs.append(clean[1])
    assert len(traces) == 1, "one compilation for all masks of one shape"
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-6  # and the mask has an influence


def test_an_fno_with_a_full_mask_is_an_fno_on_the_grid():
    operator = FNO(SPACE, SPACE, modes=3, width=4, layers=2, key=jax.random.key(0))
    grid = Grid(STRIP, 12)
    a = Function.from_callable(wave, grid)
    b = Function(a.values, MaskedGrid(grid, jnp.ones(grid.shape, bool)))
    np.testing.assert_allclose(operator(b).values, operator(a).values, atol=1e-6)


def test_integrals_of_a_layer_are_those_over_the_present_part():
    operator = FNO(SPACE, SPACE, modes=3, width=4, layers=1, key=jax.random.key(0))
    grid = Grid(STRIP, 8)
    v = jax.random.normal(jax.random.key(1), (8, 8, 4))
    present = disc(grid).T
    transforms = operator._transforms(grid)
    other = jnp.where(present[..., None], v, 1e3)
    found = [operator.blocks[0](x, transforms, present)[present] for x in (v, other)]
    np.testing.assert_array_equal(*found)
    everywhere = operator.blocks[0](other, transforms)[present]
    assert np.abs(everywhere - found[0]).max() > 1


@pytest.mark.long
def test_an_fno_on_refined_grids_with_one_hole_converges():
    operator = FNO(SPACE, SPACE, modes=3, width=4, layers=2, key=jax.random.key(0))
    points = np.asarray([[0.1, 0.2], [0.9, 1.7], [0.2, 1.0]])

    @eqx.filter_jit
    def answer(n):
        grid = Grid(STRIP, n, ("centre", "uniform"))
        # the hole is a union of cells of every one of the grids
        x, y = jnp.moveaxis(grid.relative, -1, 0)
        mask = ~((jnp.abs(x - 0.5) < 0.25) & (y > 0.7) & (y < 1.3))
        return operator(Function.from_callable(wave, MaskedGrid(grid, mask))).at(
            jnp.asarray(points)
        )

    outputs = [np.asarray(answer(n)) for n in (12, 24, 48, 96)]
    gaps = [np.abs(u - outputs[-1]).max() for u in outputs[:-1]]
    assert np.log2(gaps[0] / gaps[2]) / 2 > 0.7, gaps
    assert gaps[2] < 0.02 * np.abs(outputs[-1]).max(), gaps
