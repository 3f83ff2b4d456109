"""Functions: evaluation, resampling, calculus, algebra, types and errors."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Box, Grid, Interval, MaskedGrid, Points, Space, Torus
from riesz.errors import DomainError
from riesz.functions import Function, Pairs, batch, relative_error, stack, take

MIXED = Interval(0.0, 2.0) * Torus(0.0, 1.0)
CIRCLE = Torus(0.0, 2 * np.pi)


def mixed(t, x):
    return jnp.exp(-t) * jnp.sin(2 * jnp.pi * x) + t**2


def line(n=16, nodes="vertex", f=jnp.sin):
    return Function.from_callable(f, Grid(Interval(0.0, 1.0), n, nodes))


def test_a_mixed_domain_converges_to_order_six(x64):
    points = np.random.default_rng(0).uniform(size=(400, 2)) * [2.0, 3.0]
    points[:4] = [[0, 0], [2, 0], [2, 1], [0, 0.5]]
    gaps = []
    for n in (16, 32, 64):
        f = Function.from_callable(mixed, Grid(MIXED, (n + 1, 16)))
        t, x = jnp.moveaxis(f.discretization.coordinates, -1, 0)
        wave = jnp.sin(2 * jnp.pi * x)
        bend = (1 - 4 * jnp.pi**2) * jnp.exp(-t) * wave + 2
        gaps.append(
            [
                abs(f.at(points)[:, 0] - mixed(*points.T)).max(),
                abs(f.derivative(0).values[..., 0] + jnp.exp(-t) * wave - 2 * t).max(),
                abs(f.laplacian().values[..., 0] - bend).max(),
            ]
        )
        np.testing.assert_allclose(f.integral(), 8 / 3, atol=1e-12)
    orders = -np.polyfit(np.log([16, 32, 64]), np.log(gaps), 1)[0]
    assert (orders > [5.6, 5.5, 4.5]).all(), orders
    assert (np.asarray(gaps[-1]) < [1e-9, 1e-8, 1e-6]).all(), gaps[-1]


def test_norms_against_closed_forms(x64):
    f = Function.from_callable(jnp.sin, Grid(CIRCLE, 64))
    for kind, exact in {
        "L2": np.pi**0.5,
        "H1": (2 * np.pi) ** 0.5,
        "H-1": (np.pi / 2) ** 0.5,
    }.items():
        np.testing.assert_allclose(f.norm(kind), exact, rtol=1e-13)
    np.testing.assert_allclose([f.norm("L1"), f.norm("Linf")], [4, 1], rtol=1e-2)
    pair = Function.from_callable(lambda x: (jnp.sin(x), 2 * jnp.cos(x)), Grid(CIRCLE, 64))
    np.testing.assert_allclose(pair.norm(), (5 * np.pi) ** 0.5, rtol=1e-13)
    np.testing.assert_allclose(pair.inner(2 * pair), 10 * np.pi, rtol=1e-13)
    np.testing.assert_allclose(relative_error(1.1 * f, f), 0.1)


def test_norms_of_zero_have_gradient_zero():
    grid = Grid(CIRCLE, 8)
    for kind in ("L1", "L2", "Linf", "H1", "H-1"):
        slope = jax.grad(lambda v, k=kind: Function(v, grid).norm(k))(jnp.zeros((8, 1)))
        assert jnp.isfinite(slope).all() and (kind in ("L1", "Linf") or (slope == 0).all())
    # NaN that arises inside compiled code is not hidden
    assert jnp.isnan(jax.jit(lambda v: Function(v, grid).norm())(jnp.full((8, 1), jnp.nan)))


def test_single_precision_stays_single_under_x64(x64):
    for grid in (
        Grid(MIXED, 8),
        Grid(Interval(), 8, "chebyshev"),
        Points(Box((0, 0), (1, 1)), np.eye(2)),
    ):
        f = Function(np.ones((*grid.shape, 1), np.float32), grid)
        probe = np.asarray([[0.5] * f.domain.dim])
        fine = Grid(f.domain, 6)
        for out in (
            f.at(probe),
            f.resample(fine).values,
            f.derivative().values,
            f.integral(),
            f.norm("H1"),
            (np.float64(2) * f).values,
            np.sin(f).values,
            (f / 3).values,
        ):
            assert out.dtype == jnp.float32
    assert line().values.dtype == line().at([[0.5]]).dtype == jnp.float64


@pytest.mark.parametrize("nodes", ["vertex", "left", "right", "centre", "chebyshev"])
def test_resampling_between_kinds(nodes, x64):
    f = line(24, nodes, lambda x: jnp.cos(3 * x))
    assert f.resample(f.discretization) is f
    for other in ("vertex", "centre", "chebyshev"):
        g = f.resample(Grid(Interval(0, 1), 19, other))
        x = g.discretization.coordinates[:, 0]
        np.testing.assert_allclose(g.values[:, 0], np.cos(3 * x), atol=3e-5)
    points = Points(Interval(0, 1), np.random.default_rng(0).uniform(size=(9, 1)))
    np.testing.assert_allclose(f.resample(points).values, f.at(points.coordinates), atol=1e-12)


def test_band_limited_round_trip_is_exact(x64):
    torus = Torus((0.0, 0.0), (1.0, 2.0))
    values = np.random.default_rng(0).normal(size=(64, 9, 2))
    f = Function(values, Grid(torus, (64, 9)))
    there = f.resample(Grid(torus, (128, 18)))
    np.testing.assert_allclose(there.resample(f.discretization).values, values, atol=1e-12)
    np.testing.assert_allclose(there.norm() ** 2 >= 0.9 * f.norm() ** 2, True)


def test_evaluation_in_chunks_is_evaluation(monkeypatch):
    import riesz._core.blocks as module

    for grid in (
        Grid(MIXED, (9, 8)),
        Grid(Torus((0, 0), (1, 1)), 8),
        Grid(Box((0,) * 3, (1,) * 3), 7),
    ):
        f = Function(np.random.default_rng(0).normal(size=(*grid.shape, 2)), grid)
        x = np.random.default_rng(1).uniform(size=(101, f.domain.dim))
        whole = f.at(x)
        monkeypatch.setattr(module, "_FLOATS", 4000)
        jax.clear_caches()
        np.testing.assert_allclose(f.at(x), whole, atol=1e-5)
        monkeypatch.undo()


def test_large_evaluations_stay_small():
    grid = Grid(Box((0,) * 3, (1,) * 3), 64)
    values = jax.ShapeDtypeStruct((64, 64, 64, 1), jnp.float32)
    points = jax.ShapeDtypeStruct((262_144, 3), jnp.float32)
    for each in (grid, Grid(Torus((0,) * 3, (1,) * 3), 64)):
        memory = jax.jit(each.interpolate).lower(values, points).compile().memory_analysis()
        assert memory.temp_size_in_bytes < 600 * 2**20
    start = time.perf_counter()
    long = Function(np.ones((8192, 1), np.float32), Grid(Torus(), 8192))
    assert long.resample(Grid(Torus(), 16384)).values.shape == (16384, 1)
    onto = Grid(Torus(), 16384)
    memory = jax.jit(lambda f: f.resample(onto)).lower(long).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 4 * 2**20
    assert time.perf_counter() - start < 30


def test_algebra():
    f, g = line(), line(f=jnp.cos)
    x = f.values
    for found, exact in [
        (f + g, x + g.values),
        (f - 1, x - 1),
        (1 - f, 1 - x),
        (f * g, x * g.values),
        (2 / g, 2 / g.values),
        (f**2, x**2),
        (2**f, 2**x),
        (-f, -x),
        (abs(-f), x),
        (+f, x),
        (np.maximum(f, 0.5), jnp.maximum(x, 0.5)),
        (np.sin(f), jnp.sin(x)),
        (f.map(jnp.tanh), jnp.tanh(x)),
        (np.float32(3) * f, 3 * x),
        (np.ones(1, np.float32) + f, 1 + x),
        (jnp.ones(1) + f, 1 + x),
        (np.hypot(f, g), jnp.ones_like(x)),
    ]:
        assert isinstance(found, Function)
        np.testing.assert_allclose(found.values, exact, rtol=1e-6)
    with pytest.raises(TypeError):
        f + "one"
    with pytest.raises(TypeError):
        np.modf(f)


def test_points_may_be_lists_of_traced_numbers():
    f = line()
    one = jax.jit(lambda x: f.at([[x], [0.5]]))(0.25)
    np.testing.assert_allclose(one, f.at([[0.25], [0.5]]), atol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda x: f.at([[x]])[0, 0])(0.25), np.cos(0.25), atol=1e-4)


def test_arrays_that_combine():
    two = Function(np.ones((4, 2), np.float32), GRID)
    np.testing.assert_array_equal((two + np.asarray([1, 2], np.float32)).values[0], [2, 3])
    np.testing.assert_array_equal((two * np.ones((4, 2), np.float32)).values, two.values)


def test_functions_print_what_a_person_wants():
    domain = Box((15, 225), (60, 315), names=("latitude", "longitude"), units=("deg", "deg"))
    grid = Grid(domain, (3, 4), "centre")
    space = Space(domain, 2, ("T", "p"), ("K", ""))
    values = np.stack([np.arange(12.0), np.full(12, 7)], -1).reshape(3, 4, 2)
    f = Function(values, grid, space)
    where = "latitude [15, 60] x longitude [225, 315]"
    place = f"3 x 4 centre centre points of {where}"
    assert repr(f) == f"Function T [K], p on {place}, values T 0 to 11, p 7 to 7"
    mask = np.arange(12).reshape(3, 4) < 11
    sea = Function(values, MaskedGrid(grid, mask), space)
    assert f"points (1 masked) of {where}, values T 0 to 10, p 7 to 7" in repr(sea)
    assert repr(grid) == f"Grid({place})" and repr(space) == f"Space(T [K], p on {where})"
    many = batch(values[None], grid, space)
    assert repr(many) == f"1 functions T [K], p on {place}, values T 0 to 11, p 7 to 7"
    assert repr(Pairs(many, many)) == f"1 pairs: T [K], p on {place} -> T [K], p on {place}"
    assert repr(F) == "Function u on 4 vertex points of [0, 1], values 1 to 1"
    shown = []
    jax.jit(lambda f: shown.append(repr(f)))(F)
    assert shown == ["Function u on 4 vertex points of [0, 1], float32 traced"]
    line = [Points(Interval(), np.linspace(0, 1, k)[:, None]) for k in (2, 3)]
    ragged = stack([Function(np.ones((len(p.weights), 1)), p) for p in line])
    assert repr(ragged) == "2 functions u on 3 scattered points of [0, 1], values 1 to 1"


def test_one_channel_broadcasts():
    grid = Grid(Interval(), 5)
    one, two = (
        Function(np.ones((5, 1)), grid),
        Function(np.ones((5, 2)), grid, Space(Interval(), 2, ("p", "q"))),
    )
    assert (one + two).channels == (two * one).channels == 2


def test_names_and_units_follow_what_they_name():
    space = Space(Interval(0, 1), 1, ("T",), ("K",))
    f = Function(1 + line().values, line().discretization, space)
    assert (
        (f + f).space
        == (2 * f).space
        == (-f).space
        == f.resample(Grid(Interval(), 5)).space
        == space
    )
    for other in (f * f, f / f, f**2, 1 / f, f.map(jnp.exp), np.exp(f)):
        assert other.space.names == ("u",) and other.space.units == ("",)
    assert f.derivative().space == Space(Interval(), 1, ("dT/dx0",), ("K/[x0]",))
    assert f.derivative(0, 2).space.names == ("d^2T/dx0^2",)
    assert f.laplacian().space == Space(Interval(), 1, ("laplacian T",), ("K/[x]^2",))
    g = Function.from_callable(lambda t, x: (t, x), Grid(MIXED, 8)).gradient()
    assert g.space.names == ("du0/dx0", "du0/dx1", "du1/dx0", "du1/dx1")


def test_samples_of_callables():
    grid = Grid(Interval(0, 1), 4)
    f = Function.from_callable(lambda x: (x, 0, 1.5), grid)
    np.testing.assert_allclose(f.values[:, 1:], [[0, 1.5]] * 4)
    assert Function.from_callable(lambda x: x > 0.5, grid).values.dtype == jnp.float32


def test_batches():
    grid = Grid(Interval(0, 1), 4)
    many = batch(np.arange(12.0).reshape(3, 4, 1), grid)
    assert take(many, -2).norm() == take(many, 1).norm()
    assert take(many, slice(1, 100)).values.shape[0] == 2
    assert take(many, np.asarray([True, False, True])).values.shape[0] == 2
    assert take(many, 1).norm() == Function(np.arange(4.0, 8)[:, None], grid).norm()
    again = stack([take(many, i) for i in range(3)])
    assert jax.tree.structure(again) == jax.tree.structure(many)
    np.testing.assert_array_equal(again.values, many.values)


GRID = Grid(Interval(0.0, 1.0), 4)
F = Function(np.ones((4, 1)), GRID)
MANY = batch(np.arange(12.0).reshape(3, 4, 1), GRID)
HOLED = Function(np.ones((4, 1)), MaskedGrid(GRID, np.arange(4) > 0))
PLANE = batch(np.ones((2, 3, 3, 1)), Grid(Box((0, 0), (1, 1)), 3))
CASES = {
    "channels": (
        lambda: Function(np.ones(4), GRID),
        "where: expected:shape (4, channels) found:shape (4,) values[..., None]",
    ),
    "batch": (
        lambda: Function(np.ones((2, 4, 1)), GRID),
        "expected:shape (4, channels) riesz.functions.batch",
    ),
    "complex": (
        lambda: Function(np.ones((4, 1)) * 1j, GRID),
        "values of a function are real;complex64;two channels",
    ),
    "space": (
        lambda: Function(F.values, GRID, Space(Torus(), 1)),
        "different domains;circle[0, 1);[0, 1];Space(discretization.domain",
    ),
    "at": (
        lambda: F.at(np.ones(3)),
        "one per row;Function.at(points);shape (p, 1);shape (3,);points[:, None]",
    ),
    "outside": (
        lambda: F.at([[0.5], [1.5]]),
        "1 points lie outside;Function.at(points);[0, 1];point 1 at [1.5];drop these",
    ),
    "domains": (
        lambda: F.resample(Grid(Torus(), 4)),
        "different domains;Function.resample;[0, 1];circle[0, 1);one domain",
    ),
    "grids": (
        lambda: F + Function(np.ones((5, 1)), Grid(Interval(), 5)),
        "sampled differently;Function + Function;4 vertex points;5 vertex points;g.resample(",
    ),
    "ufunc": (
        lambda: np.add(F, Function(np.ones((4, 1)), Grid(Interval(), 4, "left"))),
        "sampled differently;np.add(Function);4 left points",
    ),
    "inner": (
        lambda: F.inner(Function(np.ones((4, 2)), GRID)),
        "different channels;Function.inner(other);as many channels",
    ),
    "derivative": (
        lambda: F.derivative(1),
        "along an axis;Function.derivative(axis, order);0 <= axis < 1, order 1 or 2;axis=1",
    ),
    "dual": (
        lambda: F.norm("H-1"),
        'H-1 norm;Function.norm("H-1");a Grid of a Torus;Grid on [0, 1];L2 norm',
    ),
    "callable": (
        lambda: Function.from_callable(lambda x: x[:2], GRID),
        "one array;from_callable;shape (4,);shape (2,);tuple of arrays",
    ),
    "stack": (
        lambda: stack([F, line(5)]),
        "sampled alike;stack(functions);4 vertex;5 vertex;resample",
    ),
    "array of values": (
        lambda: F + np.ones(4),
        "with a number;Function + array;shape () or (1,) or (4, 1);shape (4,);array[..., None]",
    ),
    "array of channels": (
        lambda: F * np.ones(3),
        "combines with a number;Function * array;shape (3,);make a function of it",
    ),
    "array in a ufunc": (lambda: np.maximum(F, np.ones(4)), "np.maximum(Function);shape (4,)"),
    "missing values": (
        lambda: Function(np.asarray([[1.0], [np.nan], [2.0], [np.inf]]), GRID),
        "2 of 4 points have values that are not finite;[nan] at point [1], x = [0.333;MaskedGrid(",
    ),
    "division by zero": (
        lambda: F / (F - F),
        "4 of 4 points have values;[inf]",
    ),
    "take beyond": (
        lambda: take(MANY, 100),
        "by its number;take(functions, index);from -3 to 2;index 100 of values;count the samples",
    ),
    "take far below": (lambda: take(MANY, [-4, 0]), "from -3 to 2;index [-4, 0]"),
    "take by booleans": (lambda: take(MANY, np.ones(2, bool)), "3 booleans;[True, True]"),
    "take of one": (lambda: take(F, 0), "a sample is taken from a batch;values of shape (4, 1)"),
    "resample to a size": (
        lambda: F.resample(20),
        "resampled onto a discretization;int 20;f.resample(Grid(f.domain, 20))",
    ),
    "resample to a shape": (
        lambda: F.resample((8, 9)),
        "tuple (8, 9);f.resample(Grid(f.domain, (8, 9)))",
    ),
    "resample to an array": (
        lambda: F.resample(np.linspace(0, 1, 3)),
        "ndarray array([0. , 0.5, 1. ]);values at points are f.at(points)",
    ),
    "at a number": (lambda: F.at(0.3), "one per row;shape ();f.at([[0.5]])"),
    "at a point": (
        lambda: take(PLANE, 0).at([0.3, 0.4]),
        "one per row;shape (p, 2);shape (2,);one point is given as [point]",
    ),
    "at a grid": (lambda: F.at(GRID), "Grid(4 vertex points of [0, 1]);f.resample(points)"),
    "at a text": (lambda: F.at("here"), "one per row;str 'here'"),
    "at texts": (lambda: F.at([["a"]]), "one per row;[['a']]"),
    "at nothing finite": (lambda: F.at([[np.nan]]), "1 points lie outside;at [nan]"),
    "norm of a batch": (
        lambda: MANY.norm(),
        "where one is needed;4 vertex points in 1 channel;(3, 4, 1);jax.vmap(Function.norm)(batch)",
    ),
    "at of a batch": (lambda: MANY.at([[0.5]]), "a batch of 3 functions;jax.vmap(lambda f: f.at("),
    "integral of a batch": (lambda: MANY.integral(), "a batch of 3;Function.integral()"),
    "resampled batch": (lambda: MANY.resample(GRID), "a batch of 3 functions;f.resample(grid)"),
    "derivative of a batch": (lambda: MANY.derivative(), "a batch of 3;Function.derivative"),
    "plot of a batch": (lambda: MANY.plot(), "a batch of 3 functions;take(batch, 0)"),
    "sum of batches": (lambda: MANY + MANY, "a batch of 3 functions;Function + Function;jax.vmap"),
    "missing values of a batch": (
        lambda: batch(np.asarray([[[1.0], [2.0]], [[3.0], [np.nan]]]), Grid(Interval(), 2)),
        "1 of 4 points have values that are not finite;[nan] at point [1] of sample 1",
    ),
    "a batch of grids": (
        lambda: Function(np.ones((4, 1)), stack([HOLED, HOLED]).discretization),
        "given on one discretization;a batch of them, MaskedGrid;riesz.functions.batch(values, on)",
    ),
    "empty batch": (
        lambda: batch(np.ones((0, 4, 1)), GRID),
        "at least one function;batch(values, discretization);n >= 1;shape (0, 4, 1)",
    ),
    "nothing": (
        lambda: stack([]),
        "at least one;stack(functions);a sequence;an empty one;leave out",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_errors_say_where_and_how_to_repair(name):
    call, parts = CASES[name]
    with pytest.raises(DomainError) as caught:
        call()
    text = str(caught.value)
    assert all(f"\n  {part}" in text for part in ("where:", "expected:", "found:", "repair:"))
    if ";" in parts:
        assert all(part in text for part in parts.split(";")), text


@pytest.fixture
def close():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


def test_plots(tmp_path, close):
    cube = Grid(Box((0,) * 3, (1,) * 3), 4)
    points = Points(Box((0, 0), (1, 1)), np.eye(2)).pad(4)
    for f, title in (
        (Function(F.values, GRID, Space(Interval(), 1, ("T",), ("K",))), ""),
        (Function(np.ones((4, 4, 4, 1)), cube), "u at x = 0.667"),
        (Function(np.ones((4, 1)), points), "u"),
        (Function(np.ones((8, 8, 2)), Grid(MIXED, 8)), "u0"),
    ):
        ax = f.plot()
        assert ax.get_title() == title
        assert ax.get_ylabel() in ("T [K]", "y", "z")
        ax.figure.savefig(tmp_path / "f.png")


LATITUDES = {"names": ("latitude", "longitude"), "units": ("degrees_north", "degrees_east")}


def test_maps_are_drawn_with_longitude_across_in_true_proportions_and_holes_blank(close):
    domain = Box((-5, 0), (5, 60), **LATITUDES)
    grid = Grid(domain, (5, 12), "centre")
    values = np.arange(60.0).reshape(5, 12, 1)
    ax = Function(values, MaskedGrid(grid, values[..., 0] != 26), Space(domain, 1, "T", "K")).plot()
    assert ax.get_xlabel() == "longitude [degrees_east]"
    assert ax.get_ylabel() == "latitude\n[degrees_north]" and ax.get_title() == "T [K]"
    assert ax.get_xlim() == (0, 60) and ax.get_ylim() == (-5, 5)
    assert ax.get_box_aspect() == pytest.approx(1 / 6)
    width, height = ax.figure.get_size_inches()
    assert width > 3 * height
    drawn = ax.collections[0].get_array()
    np.testing.assert_array_equal(drawn.mask.reshape(5, 12), values[..., 0] == 26)
    np.testing.assert_array_equal(drawn.compressed(), np.delete(np.arange(60.0), 26))
    # the same map, stored the other way round
    other = Box((0, -5), (60, 5), names=("longitude", "latitude"))
    turned = Function(values.swapaxes(0, 1), Grid(other, (12, 5), "centre")).plot()
    assert turned.get_xlabel() == "longitude" and turned.get_xlim() == (0, 60)
    np.testing.assert_array_equal(turned.collections[0].get_array().ravel(), np.arange(60.0))


def test_strips_are_wide_and_axes_of_different_units_of_any_shape(close):
    strip = Function(np.ones((4, 96, 1)), Grid(Box((0, 0), (1, 1)), (4, 96), "centre")).plot()
    assert strip.get_xlabel() == "y" and strip.get_box_aspect() == pytest.approx(1 / 16)
    section = Interval(0, 5000, names="depth", units="m") * Interval(0, 60, names="latitude")
    ax = Function(np.ones((4, 5, 1)), Grid(section, (4, 5))).plot()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("latitude", "depth [m]")
    assert ax.get_box_aspect() is None
    time = Interval(0, 1, names="time", units="h") * Box((0, 0), (1, 1))
    assert Function(np.ones((3, 4, 4, 1)), Grid(time, (3, 4, 4))).plot().get_title() == (
        "u at time = 0.5 h"
    )


def test_lines_break_at_holes(close):
    mask = np.arange(6) != 2
    ax = Function(
        np.ones((6, 1)), MaskedGrid(Grid(Interval(0, 5, names="time", units="h"), 6), mask)
    ).plot()
    np.testing.assert_array_equal(np.isnan(ax.lines[0].get_ydata()), ~mask)
    assert ax.get_xlabel() == "time [h]"
