"""Bands by place, size and channel, on grids with holes and on points per sample."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz.domains import Box, Grid, Interval, MaskedGrid, Points, Space, Torus
from riesz.evaluation._latent import latent_grid, on_grid, sums
from riesz.functions import Function, Pairs, batch, take
from riesz.operators import AbstractOperator

LINE = Space(Interval(0.0, 1.0))
GRID = Grid(LINE.domain, 9)


class Amplitude(AbstractOperator):
    """The mean of a, times a function of the place."""

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    shape: str = eqx.field(static=True, default="one")

    def __call__(self, a, on=None):
        on = a.discretization if on is None else on
        x = on.relative[..., :1] / self.output_space.domain.lengths[0]
        weights = a.discretization.weights
        mean = jnp.sum(weights[..., None] * a.values) / weights.sum()
        form = jnp.ones_like(x) if self.shape == "one" else x * (1 - x)
        values = jnp.repeat(mean * form, self.output_space.channels, -1)
        return Function(values, on, self.output_space)


def amplitudes(n, seed=0):
    return np.exp(np.random.default_rng(seed).normal(size=n)).astype(np.float32)


def constant_inputs(amplitude, space=LINE, grid=GRID):
    return batch(amplitude[:, None, None] * np.ones((1, *grid.shape, 1), np.float32), grid, space)


@eqx.filter_jit
def inside(banded, pairs):
    on = pairs.outputs.discretization
    if jax.tree.leaves(on):
        bands = jax.vmap(lambda a, d: banded(a, d))(pairs.inputs, on)
    else:
        bands = jax.vmap(lambda a: banded(a, on))(pairs.inputs)
    return jax.vmap(lambda b, u: b.contains(u))(bands, pairs.outputs), jax.vmap(
        lambda b: b.half_width()
    )(bands)


def proportional(n, seed, channels=1, factors=(1.0,)):
    """Residuals proportional to the size of the prediction, as those of a relative loss are."""
    draw, a = np.random.default_rng(seed + 100), amplitudes(n, seed)
    noise = draw.normal(size=(n, 9, channels)) * 0.1 * np.asarray(factors)
    u = a[:, None, None] * (np.ones((1, 9, channels)) + noise)
    space = Space(LINE.domain, channels)
    return Pairs(constant_inputs(a), batch(u.astype(np.float32), GRID, space)), space


def test_bands_grow_with_the_prediction_where_residuals_do(getkey):
    (held_out, space), (unseen, _) = proportional(400, 1), proportional(2000, 2)
    operator = Amplitude(LINE, space)
    banded = riesz.calibrate(operator, held_out, key=getkey())
    assert banded.scale.exponent == 1.0
    flat = without_size(operator, held_out)
    covered, widths = inside(banded, unseen)
    plain, wide = inside(flat, unseen)
    # 0.9 within 3 deviations of a calibration of 300 and a test of 2000
    for share in (covered.mean(), plain.mean()):
        assert abs(float(share) - 0.9) < 3 * (0.09 / 300 + 0.09 / 2000) ** 0.5
    assert float(widths.mean()) < 0.75 * float(wide.mean())


def without_size(operator, held_out):
    from riesz.evaluation import _scale

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_scale, "_OPTIONS", [o for o in _scale._OPTIONS if o[1] == 0])
        return riesz.calibrate(operator, held_out, key=jax.random.key(1))


def test_bands_do_not_grow_where_residuals_do_not(getkey):
    a, draw = amplitudes(400, 3), np.random.default_rng(4)
    u = a[:, None, None] + draw.normal(size=(400, 9, 1))
    pairs = Pairs(constant_inputs(a), batch(u.astype(np.float32), GRID, LINE))
    assert riesz.calibrate(Amplitude(LINE, LINE), pairs, key=getkey()).scale.exponent == 0.0


def test_zero_width_where_the_output_is_known(getkey):
    a, draw = amplitudes(80, 5), np.random.default_rng(6)
    x = np.linspace(0, 1, 9)[:, None]
    bump = (x * (1 - x))[None]
    u = a[:, None, None] * bump + 0.1 * bump * draw.normal(size=(80, 9, 1))
    pairs = Pairs(constant_inputs(a), batch(u.astype(np.float32), GRID, LINE))
    banded = riesz.calibrate(Amplitude(LINE, LINE, "bump"), pairs, key=getkey())
    covered, _ = inside(banded, pairs)
    width = np.asarray(banded(take(pairs.inputs, 0)).width().values)[:, 0]
    assert width[0] == width[-1] == 0 and (width[1:-1] > 0).all()
    assert float(covered.mean()) > 0.8
    moved = Function(take(pairs.outputs, 0).values.at[0].add(0.01), GRID, LINE)
    assert not bool(banded(take(pairs.inputs, 0)).contains(moved))


def test_a_point_that_was_known_by_chance_makes_no_infinite_band(getkey):
    # zero in the quarter that gives the scale, and not in the scores
    a = amplitudes(40, 7)
    u = np.repeat(a[:, None, None] * np.asarray([[0.0], *[[1.0]] * 8]), 1, -1)
    order = np.asarray(jax.random.permutation(jax.random.key(9), 40))
    u[order[10:], 0] = 1.0
    x = Function(jnp.asarray(u[0]).astype(jnp.float32), GRID, LINE)

    class Zero(Amplitude):
        def __call__(self, a, on=None):
            out = super().__call__(a, on)
            return Function(out.values.at[0].set(0.0), out.discretization, out.space)

    pairs = Pairs(constant_inputs(a), batch(u.astype(np.float32), GRID, LINE))
    banded = riesz.calibrate(Zero(LINE, LINE), pairs, key=jax.random.key(9))
    assert np.isfinite(banded.quantile_at(9)) and x.values.shape == (9, 1)
    assert float(banded(take(pairs.inputs, 0)).width().values[0, 0]) > 0


@pytest.mark.parametrize("factors", [(1e-30, 1e30), (1.0, 1e-30)])
def test_channels_have_scales_of_their_own(factors, getkey):
    (plain, space), _ = proportional(60, 8, 2), None
    units = np.asarray(factors, np.float64)
    values = (np.asarray(plain.outputs.values, np.float64) * units).astype(np.float32)

    class Scaled(Amplitude):
        def __call__(self, a, on=None):
            out = super().__call__(a, on)
            return Function(out.values * jnp.asarray(units, jnp.float32), out.discretization, space)

    scaled = Pairs(plain.inputs, batch(values, GRID, space))
    first = riesz.calibrate(Amplitude(LINE, space), plain, key=jax.random.key(1))
    second = riesz.calibrate(Scaled(LINE, space), scaled, key=jax.random.key(1))
    assert np.allclose(first.quantile_at(9), second.quantile_at(9), rtol=1e-4)
    back = np.asarray(second.scale.field.value, np.float64) / units
    assert np.allclose(back, first.scale.field.value, rtol=1e-4)
    one, two = inside(first, plain), inside(second, scaled)
    assert np.array_equal(one[0], two[0])
    assert np.allclose(np.asarray(two[1], np.float64) / units, one[1], rtol=1e-4)


SQUARE = Box((0.0, 0.0), (1.0, 1.0))
PLANE = Space(SQUARE)


def ragged(n, seed):
    """Sensors at 5 to 8 places that differ from sample to sample; noisier to the right."""
    draw, a = np.random.default_rng(seed), amplitudes(n, seed)
    x = draw.random((n, 8, 2)).astype(np.float32)
    noise = draw.normal(size=(n, 8, 1)) * (0.1 + x[..., :1])
    mask = np.arange(8) < 5 + np.arange(n)[:, None] % 4
    on = jax.vmap(lambda x, m: Points(SQUARE, x, weights=jnp.ones(8), mask=m))(x, mask)
    values = jnp.asarray(a[:, None, None] + noise, jnp.float32)
    outputs = jax.vmap(lambda v, d: Function(v, d, PLANE))(values, on)
    return Pairs(constant_inputs(a), outputs)


@pytest.mark.long
def test_points_that_differ_from_sample_to_sample(getkey, tmp_path):
    held_out, unseen = ragged(400, 11), ragged(600, 12)
    banded = riesz.calibrate(Amplitude(LINE, PLANE), held_out, key=getkey())
    covered, _ = inside(banded, unseen)
    assert abs(float(covered.mean()) - 0.9) < 3 * (0.09 / 300 + 0.09 / 600) ** 0.5
    hidden = np.asarray(unseen.outputs.discretization.weights)[..., None] == 0
    assert hidden.any()
    spoilt = np.where(hidden, np.float32(7e9), np.asarray(unseen.outputs.values))
    spoilt = eqx.tree_at(lambda p: p.outputs.values, unseen, jnp.asarray(spoilt))
    assert np.array_equal(inside(banded, spoilt)[0], covered)
    on = Points(SQUARE, np.asarray([[0.05, 0.5], [0.95, 0.5]], np.float32), weights=np.ones(2))
    width = np.asarray(banded(take(unseen.inputs, 0), on).width().values)[:, 0]
    assert width[1] > 1.5 * width[0]
    assert banded.calibrated_on(on) and not banded.calibrated_on(Grid(SQUARE, 4))
    report = riesz.evaluate(banded, unseen, chunk=600)
    assert report.results[0].coverage.share == pytest.approx(float(covered.mean()))
    assert report.results[0].coverage.calibrated and report.results[0].spectrum is None


def holes(n, seed, value=0.0):
    """Fields of which each sample lacks other nodes; the middle one is always absent."""
    draw, a = np.random.default_rng(seed), amplitudes(n, seed)
    mask = draw.random((n, 9)) < 0.7
    mask[:, 4], mask[:, 0] = False, True
    u = a[:, None, None] + draw.normal(size=(n, 9, 1)) * np.linspace(0.1, 1, 9)[:, None]
    u = np.where(mask[..., None], u, value).astype(np.float32)
    on = jax.vmap(lambda m: MaskedGrid(GRID, m))(jnp.asarray(mask))
    return constant_inputs(a), u, on


def masked_pairs(n, seed, value=0.0):
    inputs, u, on = holes(n, seed, value)
    outputs = jax.vmap(lambda v, d: Function(v, d, LINE))(jnp.asarray(u), on)
    return Pairs(inputs, outputs)


def test_grids_with_holes():
    held_out, unseen = masked_pairs(200, 13), masked_pairs(600, 14)
    banded = riesz.calibrate(Amplitude(LINE, LINE), held_out, key=jax.random.key(2))
    covered, _ = inside(banded, unseen)
    assert abs(float(covered.mean()) - 0.9) < 3 * (0.09 / 150 + 0.09 / 600) ** 0.5
    again = riesz.calibrate(
        Amplitude(LINE, LINE), masked_pairs(200, 13, 5e8), key=jax.random.key(2)
    )
    assert np.array_equal(again.scale.field.value, banded.scale.field.value)
    assert again.quantile_at(9) == banded.quantile_at(9)
    first = jax.tree.map(lambda x: x[0], unseen.outputs.discretization)
    width = banded(take(unseen.inputs, 0), first).width().values[:, 0]
    assert ((np.asarray(width) == 0) == ~np.asarray(first.mask)).all()
    assert banded.calibrated_on(first) and banded.calibrated_on(GRID)


@pytest.mark.parametrize(
    "domain", [Interval(2.0, 5.0), Torus(1.0, 3.0), Interval(0, 1) * Torus(0, 2), SQUARE]
)
def test_fields_on_a_grid_and_back(domain, x64):
    grid = Grid(domain, 5)
    points = np.random.default_rng(0).random((40, domain.dim)) * domain.lengths + domain.lower
    on = Points(domain, points, weights=np.ones(40))
    ones = np.asarray(on_grid(jnp.ones((*grid.shape, 1)), grid, on))
    assert np.allclose(ones, 1)

    # multilinear functions of the position along axes with ends are met exactly
    def product(points):
        x = jnp.where(jnp.asarray(domain.periodic), 0.0, points)
        return jnp.prod(1 + x, -1)[..., None]

    assert np.allclose(on_grid(product(grid.relative), grid, on), product(on.relative))
    # a sum is the adjoint of the interpolation
    f, v = (
        np.random.default_rng(1).random((*grid.shape, 1)),
        np.random.default_rng(2).random((40, 1)),
    )
    total, count = sums(jnp.asarray(v), grid, on)
    assert np.isclose(np.sum(on_grid(jnp.asarray(f), grid, on) * v), np.sum(np.asarray(total) * f))
    assert np.isclose(np.sum(count), 40)
    assert latent_grid(on, 40).shape == (2,) * domain.dim
    assert (
        latent_grid(on, 4000).shape
        == (int(100 ** (1 / domain.dim)) if domain.dim > 1 else 16,) * domain.dim
    )
