"""Bands that follow the local roughness of inputs and predictions: narrower, at equal coverage."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz.domains import Box, Grid, MaskedGrid, Points, Space, Torus
from riesz.evaluation import Roughness
from riesz.evaluation._roughness import local_sizes
from riesz.functions import Function, Pairs, batch, take
from riesz.operators import FNO, Frozen

CIRCLE = Space(Torus(0.0, 1.0))
GRID = Grid(CIRCLE.domain, 64)


def waves(n, draw):
    """A slow wave, and a fast one in a random tenth of the circle."""
    x = np.arange(64) / 64
    where = draw.random((n, 1))
    near = np.exp(-0.5 * ((np.abs(x - where) - (np.abs(x - where) > 0.5)) / 0.05) ** 2)
    return np.sin(2 * np.pi * (x - draw.random((n, 1)))) + 0.5 * near * np.sin(40 * np.pi * x), near


def operator():
    return FNO(CIRCLE, CIRCLE, modes=6, width=6, layers=1, key=jax.random.key(0))


def pairs(n, seed, local=True):
    """Residuals that are ten times larger where the input has the fast wave."""
    draw = np.random.default_rng(seed)
    a, near = waves(n, draw)
    inputs = batch(a[..., None].astype(np.float32), GRID, CIRCLE)
    size = (0.1 + near) if local else np.ones_like(near)
    noise = (0.01 * size * draw.normal(size=near.shape))[..., None].astype(np.float32)
    return Pairs(inputs, batch(jax.vmap(operator())(inputs).values + noise, GRID, CIRCLE))


@eqx.filter_jit
def measured(banded, test):
    bands = jax.vmap(banded)(test.inputs)
    inside = jax.vmap(lambda b, u: b.contains(u))(bands, test.outputs)
    return inside.mean(), jax.vmap(lambda b: b.half_width())(bands).mean()


@pytest.mark.long
@pytest.mark.parametrize("local", [True, False])
def test_narrower_where_residuals_follow_roughness_and_the_level_holds(local, monkeypatch):
    held_out, test, key = pairs(400, 1, local), pairs(2000, 2, local), jax.random.key(3)
    banded = riesz.calibrate(operator(), held_out, key=key)
    covered, width = measured(banded, test)
    monkeypatch.setattr("riesz.evaluation._scale._exponents", lambda data: (0.0, 0.0))
    plain = riesz.calibrate(operator(), held_out, key=key)
    before, wide = measured(plain, test)
    assert plain.scale.roughness is None
    # 0.9 within 3 deviations of a calibration of 300 and a test of 2000
    for share in (covered, before):
        assert abs(float(share) - 0.9) < 3 * (0.09 / 300 + 0.09 / 2000) ** 0.5
    if local:
        assert banded.scale.roughness.exponents[0] > 0.2
        assert float(width) < 0.67 * float(wide)
    else:
        assert float(width) < 1.05 * float(wide)


@pytest.mark.long
def test_saved_and_loaded(tmp_path):
    banded = riesz.calibrate(operator(), pairs(100, 1), key=jax.random.key(3))
    assert banded.scale.roughness is not None
    riesz.save(tmp_path / "model", banded)
    loaded = riesz.load(tmp_path / "model")
    a = take(pairs(1, 4).inputs, 0)
    assert np.array_equal(loaded(a).upper.values, banded(a).upper.values)
    assert loaded.scale.roughness.exponents == banded.scale.roughness.exponents


SQUARE = Space(Box((0.0, 0.0), (1.0, 1000.0)))


def sizes(a, u=None):
    return local_sizes(a, a if u is None else u, jnp.ones(1), jnp.ones(1))


@pytest.mark.long
def test_sizes_do_not_depend_on_the_resolution_or_the_unit_of_a_place():
    def smooth(x, y):
        return jnp.sin(5 * x) * jnp.cos(3 * y / 1000)

    def steps(x, y):
        return jnp.where(x + 0.5 * y / 1000 > 0.6, 12.0, 3.0)

    coarse, fine = Grid(SQUARE.domain, 33), Grid(SQUARE.domain, 129)
    u, v = (Function.from_callable(smooth, g, SQUARE) for g in (coarse, fine))
    for f in (smooth, steps):
        a, b = (Function.from_callable(f, g, SQUARE) for g in (coarse, fine))
        (slope, bend), (slope2, bend2) = sizes(a, u), sizes(b, v)
        # slopes of a jump that meets the boundary are those of one-sided formulas
        slope, slope2 = (np.asarray(s)[6:-6, 6:-6] for s in (slope, slope2[::4, ::4]))
        assert np.linalg.norm(slope2 - slope) < 0.1 * np.linalg.norm(slope)
        assert np.linalg.norm(bend2[::4, ::4] - bend) < 0.1 * np.linalg.norm(bend)
    # |grad| of 5 x + 3 y / 1000 in units of the domain's lengths, with the lower bound
    line = Function.from_callable(lambda x, y: 5 * x + 3 * y / 1000, coarse, SQUARE)
    slope, bend = sizes(line)
    assert np.allclose(slope, (34 + 0.01) ** 0.5, rtol=1e-3)
    assert np.allclose(bend, 0.1, atol=0.05)


def test_holes_have_no_effect_and_points_no_roughness():
    grid = Grid(SQUARE.domain, 33)
    line = Function.from_callable(lambda x, y: 5 * x + 3 * y / 1000, grid, SQUARE)
    mask = np.ones((33, 33), bool)
    mask[5:20, 8:30] = False
    holes = Function(jnp.where(mask[..., None], line.values, 1e9), MaskedGrid(grid, mask), SQUARE)
    # near holes derivatives are of order 1
    assert np.allclose(sizes(holes)[0][mask], 34.01**0.5, rtol=0.03)
    points = Points(SQUARE.domain, np.random.default_rng(0).random((9, 2)) * [1, 1000])
    some = Function(jnp.ones((9, 1)), points, SQUARE)
    slope, bend = sizes(some)
    assert (slope == 1).all() and (bend == 1).all()
    slope, bend = sizes(line, some)  # a grid's slopes at points
    assert np.allclose(slope, 34.01**0.5, rtol=1e-3) and (bend == 1).all()
    flat = Roughness(Frozen(jnp.ones(1)), Frozen(jnp.ones(1)), (0.5, 0.5))
    zero = Function(jnp.zeros((33, 33, 1)), grid, SQUARE)
    assert np.allclose(flat(zero, zero), 0.1)
