"""Bands: their guarantee on synthetic residuals, and their use at other resolutions."""

from math import ceil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz.domains import Grid, Points, Space, Torus
from riesz.errors import DataError, DomainError, ModelError
from riesz.evaluation._banded import rank
from riesz.evaluation._conformal import scale_count
from riesz.evaluation._inputs import STATISTICS
from riesz.evaluation._scale import FLOOR, PRIORS
from riesz.functions import Function, Pairs, batch, take
from riesz.operators import FNO, AbstractOperator

SPACE = Space(Torus(0.0, 1.0), 2)
GRID = Grid(SPACE.domain, 8)


class Same(AbstractOperator):
    """G(a) = a, so that the residuals are what a test adds."""

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)

    def __call__(self, a, on=None):
        return a if on is None else a.resample(on)


SAME = Same(SPACE, SPACE)


def noisy(n, key, grid=GRID):
    """Pairs with independent residuals of a size that varies over the domain and channels."""
    k1, k2 = jax.random.split(key)
    (points,) = grid.shape
    a = np.asarray(jax.random.normal(k1, (n, points, 2)))
    size = np.stack([1 + 3 * np.arange(points) / points, 0.1 + np.zeros(points)], -1)
    residual = size * np.asarray(jax.random.normal(k2, (n, points, 2)))
    return Pairs(batch(a, grid, SPACE), batch(a + residual.astype(np.float32), grid, SPACE))


@eqx.filter_jit
def coverage(banded, pairs):
    bands = jax.vmap(banded)(pairs.inputs)
    return jax.vmap(lambda band, u: band.contains(u))(bands, pairs.outputs).mean()


@pytest.mark.long
def test_coverage_over_random_splits(getkey):
    unseen = noisy(20_000, getkey())
    shares = []
    for _ in range(20):
        held_out = noisy(800, getkey())
        banded = riesz.calibrate(SAME, held_out, level=0.9, key=getkey())
        shares.append(float(coverage(banded, unseen)))
    assert 0.89 <= np.mean(shares) <= 0.92
    assert 0.005 < np.std(shares) < 0.025  # sqrt(0.9 * 0.1 / 600) is 0.012


@pytest.mark.long
def test_several_grids_have_a_band_each(getkey):
    # independent residuals at more points have a larger supremum
    fine = Grid(SPACE.domain, 64)
    held_out = noisy(4000, getkey()), noisy(3000, getkey(), fine)
    unseen = noisy(4000, getkey()), noisy(4000, getkey(), fine)
    one = riesz.calibrate(SAME, held_out[0], level=0.9, key=getkey())
    assert float(coverage(one, unseen[1])) < 0.6
    both = riesz.calibrate(SAME, list(held_out), level=0.9, key=getkey())
    assert (both.sizes, both.n) == ((8, 64), 2250)
    for pairs in unseen:
        assert 0.88 < float(coverage(both, pairs)) < 0.92
    low, high = both.quantile_at(8), both.quantile_at(64)
    assert np.isclose(both.quantile_at(16), low + (high - low) / 3, rtol=1e-5)
    assert both.quantile_at(4) == low and both.quantile_at(1000) == high


class Recorder:
    """Pairs that remember which members were read by their numbers."""

    def __init__(self, pairs):
        self.pairs, self.read = pairs, []

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        if isinstance(index, np.ndarray):
            self.read.append(set(index.tolist()))
        return self.pairs[index]


def test_members_that_gave_the_scale_score_on_no_grid(getkey):
    fine = Grid(SPACE.domain, 16)
    coarse, fine = Recorder(noisy(40, getkey())), Recorder(noisy(40, getkey(), fine))
    banded = riesz.calibrate(SAME, [coarse, fine], key=getkey())
    # the scale needs the first member for its grid, then its ten; scores are read in chunks
    scale = next(part for part in coarse.read if len(part) > 1)
    assert len(scale) == scale_count(40) == 10 and banded.n == 30
    assert set.union(*fine.read) == set(range(40)) - scale


@pytest.mark.long
@pytest.mark.parametrize("level", [0.5, 0.8])
def test_the_guarantee_for_few_pairs(level, getkey):
    # rank / (n + 1) exactly, by exchangeability, since the scale comes from other members
    total, repeats = 12, 250
    n = total - scale_count(total)
    expected = ceil((n + 1) * level) / (n + 1)
    assert level <= expected <= level + 1 / (n + 1)
    everything = noisy(repeats * (total + 64), getkey())
    shares = []
    for i in range(repeats):
        part = everything[i * (total + 64) : (i + 1) * (total + 64)]
        banded = riesz.calibrate(SAME, part[:total], level=level, key=getkey())
        assert banded.n == n
        shares.append(float(coverage(banded, part[total:])))
    error = np.std(shares) / repeats**0.5
    assert abs(np.mean(shares) - expected) < 3 * error < 0.035


def test_the_scale_follows_the_residuals(getkey):
    banded = riesz.calibrate(SAME, noisy(4000, getkey()), key=getkey())
    expected = np.stack([1 + 3 * np.arange(8) / 8, 0.1 + np.zeros(8)], -1)
    # shrunk towards the mean over the domain, of 1000 samples
    square, found = expected**2, np.asarray(banded.scale.field.value)
    shrunk = [(1000 * square + p * square.mean(0)) / (1000 + p) for p in PRIORS[:2]]
    assert any(np.allclose(found, np.sqrt(s), rtol=0.1) for s in shrunk)
    assert banded.n == 3000 and banded.level == 0.9
    a = take(noisy(1, getkey()).inputs, 0)
    band = banded(a)
    factor = banded.scale.factor(a, band.prediction)
    expected = banded.quantile_at(8) * banded.scale.field.value * factor
    assert np.allclose(band.width().values, 2 * expected, rtol=1e-5)
    assert np.allclose(band.half_width(), expected.mean(0), rtol=1e-5)


@pytest.mark.long
def test_residuals_that_vanish_somewhere_or_everywhere(getkey):
    pairs = noisy(60, getkey())
    values = pairs.inputs.values + 10.0 * (np.arange(8) == 3)[:, None].astype(np.float32)
    outputs = batch(values, GRID, SPACE)
    many = Pairs(pairs.inputs, outputs)[np.arange(4000) % 60]
    scale = riesz.calibrate(SAME, many, key=getkey()).scale.field.value
    assert np.allclose(np.delete(scale, 3, 0), FLOOR * scale[3], atol=0.08 * scale[3])
    assert (scale > 0).all()  # predictions do not vanish there
    perfect = riesz.calibrate(SAME, Pairs(pairs.inputs, pairs.inputs), key=getkey())
    assert float(perfect.quantile_at(8)) == 0
    a = take(pairs.inputs, 3)
    assert bool(perfect(a).contains(a))


def test_a_band_at_any_resolution(getkey):
    banded = riesz.calibrate(SAME, noisy(60, getkey()), key=getkey())
    a = Function.from_callable(lambda x: (jnp.sin(2 * jnp.pi * x), x * 0), Grid(SPACE.domain, 50))
    band = banded(a)
    assert band.prediction.discretization == band.lower.discretization == a.discretization
    assert bool((band.width().values > 0).all()) and bool(band.contains(a))
    scale, on = banded.scale.field.value, banded.scale(a, band.prediction)
    on = on / banded.scale.factor(a, band.prediction)
    assert bool((on >= 0.999 * scale.min(0)).all()) and bool((on <= 1.001 * scale.max(0)).all())
    points = Points(SPACE.domain, jnp.linspace(0, 0.9, 13)[:, None])
    scattered = banded(a, on=points)
    assert scattered.lower.values.shape == (13, 2)
    outside = scattered.prediction + 100.0
    assert not bool(scattered.contains(outside))
    with pytest.raises(DomainError, match="two functions are sampled differently"):
        band.contains(scattered.prediction)


def test_padded_points_never_leave_a_band(getkey):
    banded = riesz.calibrate(SAME, noisy(60, getkey()), key=getkey())
    a = take(noisy(1, getkey()).inputs, 0)
    mask = jnp.arange(5) < 4
    points = Points(SPACE.domain, jnp.linspace(0, 0.9, 5)[:, None], mask=mask)
    band = banded(a, on=points)
    u = Function(band.prediction.values.at[4].set(1e9), points)
    assert bool(band.contains(u))
    assert not bool(band.contains(Function(band.prediction.values.at[3].set(1e9), points)))


def test_one_point_or_one_channel_outside_is_outside(getkey):
    banded = riesz.calibrate(SAME, noisy(60, getkey()), key=getkey())
    a = take(noisy(1, getkey()).inputs, 0)
    band = banded(a)
    for value in (band.upper.values, band.lower.values):
        u = a.values.at[5, 1].set(value[5, 1])
        assert bool(band.contains(Function(u, GRID, SPACE)))
        u = u.at[5, 1].add(jnp.sign(value[5, 1] - a.values[5, 1]) * 0.01)
        assert not bool(band.contains(Function(u, GRID, SPACE)))


def test_batches_and_saved_bands_are_the_same(getkey, tmp_path):
    operator = FNO(SPACE, SPACE, modes=3, width=4, layers=1, key=getkey())
    pairs = noisy(40, getkey())
    banded = riesz.calibrate(operator, pairs, level=0.8, key=getkey())
    riesz.save(tmp_path / "model", banded)
    loaded = riesz.load(tmp_path / "model")
    assert (loaded.level, loaded.n, loaded.scale.grid) == (0.8, 30, GRID)
    assert jax.tree.all(jax.tree.map(np.array_equal, banded, loaded))
    bands, again = banded.apply(pairs.inputs), loaded.apply(pairs.inputs)
    assert np.array_equal(bands.lower.values, again.lower.values)
    one = banded(take(pairs.inputs, 7))
    assert np.allclose(bands.upper.values[7], one.upper.values, rtol=1e-5, atol=1e-5)
    assert loaded.inputs.reference.value.shape == (40, len(STATISTICS))


def test_the_rank_of_the_quantile():
    assert [rank(n, 0.9) for n in (9, 10, 19, 29, 99)] == [9, 10, 18, 27, 90]
    assert rank(999, 0.95) == 950


def refusal(error, **kwargs):
    arguments = {"operator": SAME, "held_out": noisy(40, jax.random.key(0)), "level": 0.9}
    with pytest.raises(error) as caught:
        riesz.calibrate(**{**arguments, **kwargs}, key=jax.random.key(1))
    assert caught.value.repair
    return str(caught.value)


def test_too_few_pairs():
    text = refusal(DataError, held_out=noisy(11, jax.random.key(0)))
    assert text.startswith("too few held-out pairs for a band of this level")
    assert "expected: at least 12 pairs for level 0.9" in text
    assert "found:    11 pairs: 8 scores reach 88.9% at most" in text
    assert "few='maximum'" in text
    riesz.calibrate(SAME, noisy(12, jax.random.key(0)), key=jax.random.key(1))
    assert "found:    0 pairs" in refusal(DataError, held_out=[])
    text = refusal(DataError, level=0.999)
    assert "expected: at least 1332 pairs for level 0.999" in text
    assert rank(1332 - scale_count(1332), 0.999) == 1332 - scale_count(1332) == 999


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0])
def test_levels_are_probabilities(level):
    text = refusal(DataError, level=level)
    assert text.startswith("the level of a band is a probability between 0 and 1")
    assert "repair:   for a coverage of 90 % write level=0.9" in text


def test_data_that_cannot_calibrate():
    pairs = noisy(40, jax.random.key(0))
    broken = eqx.tree_at(lambda p: p.outputs.values, pairs, pairs.outputs.values * np.nan)
    text = refusal(DataError, held_out=broken)
    assert text.startswith("residuals of the held-out pairs are not finite")


def test_parts_of_a_band_must_fit(getkey):
    banded = riesz.calibrate(SAME, noisy(60, getkey()), key=getkey())
    parts = SAME, banded.scale, banded.scores, banded.inputs
    other = riesz.calibrate(SAME, noisy(60, getkey(), Grid(SPACE.domain, 16)), key=getkey())
    bad = eqx.tree_at(lambda b: b.scale.field, banded, other.scale.field)
    with pytest.raises(ModelError, match=r"(?s)parts of a calibrated operator.*Banded\(..., scale"):
        type(banded)(SAME, bad.scale, *parts[2:], (8,), 0.9)
    with pytest.raises(ModelError, match="numbers of points of a calibrated operator"):
        type(banded)(*parts, (16, 16), 0.9)


def test_few_scores_say_what_their_level_is(getkey):
    nine = riesz.calibrate(SAME, noisy(12, getkey()), key=getkey())
    assert nine.n == 9
    assert nine.meaning().startswith("9 scores: the band is their maximum; its level is 90.0%")
    few = riesz.calibrate(SAME, noisy(6, getkey()), few="maximum", key=getkey())
    assert few.n == 4 and few.level == 0.8
    assert few.meaning().startswith("4 scores: the band is their maximum; its level is 80.0%")
    assert (
        "the band is the 28th smallest"
        in riesz.calibrate(SAME, noisy(40, getkey()), key=getkey()).meaning()
    )


def test_bands_print_their_numbers(getkey):
    space = Space(Torus(0.0, 1.0), 2, ("t", "q"), ("K", ""))
    pairs = noisy(60, getkey())
    pairs = Pairs(batch(pairs.inputs.values, GRID, space), batch(pairs.outputs.values, GRID, space))
    banded = riesz.calibrate(Same(space, space), pairs, key=getkey())
    band = banded(take(pairs.inputs, 0))
    t, q = (f"{x:.3g}" for x in np.asarray(band.half_width()))
    assert repr(band) == f"Band(mean half-width {t} K, {q})"
    assert repr(banded.apply(pairs.inputs)).startswith("Band(60 bands, mean half-width ")
    assert repr(banded).startswith("Banded(Same(), level=0.9, n=45, half-width ")
