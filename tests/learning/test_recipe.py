"""Recipes: sizes by the data, and an answer that no baseline beats."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz import fit, load, save
from riesz.domains import Box, Grid, Interval, Points, Torus
from riesz.errors import ModelError
from riesz.functions import Function, Pairs, batch, stack, take
from riesz.learning import Recipe, Status, recipe
from riesz.learning._base import errors_of, statistics
from riesz.learning._losses import surely_less
from riesz.operators import FNO, Corrected, Regridded, baselines, training_scale

KEY = jax.random.key(0)
CIRCLE = Grid(Torus(0.0, 1.0), 32)


@functools.cache
def derivatives(count=60, bend=0.0, seed=0):
    """Curves and their derivatives, plus `bend` times the square of the curve."""
    k, x = np.arange(1, 6), np.linspace(0, 1, 32, endpoint=False)
    c = np.random.default_rng(seed).standard_normal((2, count, 5)) / k
    wave = 2 * np.pi * k[:, None] * x
    a = c[0] @ np.cos(wave) + c[1] @ np.sin(wave)
    u = (2 * np.pi * k * c[1]) @ np.cos(wave) - (2 * np.pi * k * c[0]) @ np.sin(wave)
    return Pairs(*(batch(v[..., None].astype(np.float32), CIRCLE) for v in (a, u + bend * a**2)))


def trained(data, **options):
    made = recipe(data, "FNO(width=8, layers=1)", steps=options.pop("steps", 120))
    return made.fit(data, 0.2, key=KEY, progress=False, **options)


def test_a_linear_map_is_answered_by_ridge():
    fitted = trained(derivatives(), steps=30)
    assert fitted.kept == 0
    assert "+ ridge' is kept: on 12 validation samples" in fitted.notes[-1]
    test = derivatives(seed=1)
    after = training_scale(fitted.model)
    errors = errors_of(fitted.model, test, after)
    assert errors.mean() < 2e-5
    assert fitted.validation_error < 2e-5


@pytest.mark.long
def test_a_network_on_top_of_a_baseline_beats_it():
    data, test = derivatives(bend=4.0), derivatives(bend=4.0, seed=1)
    fitted = trained(data, steps=300, base=True)
    assert fitted.kept > 0
    assert isinstance(fitted.model.inner, Corrected)
    assert fitted.history[0].step == 0
    assert fitted.validation_error < 0.7 * fitted.history[0].validation
    after = training_scale(fitted.model)
    best = min(errors_of(b, test, after).mean() for b in baselines(data, key=KEY).values())
    assert errors_of(fitted.model, test, after).mean() < 0.8 * best


def test_noise_does_not_replace_a_baseline():
    """Outputs that only the mean predicts: whatever a network finds is luck."""
    data = derivatives()
    noise = np.random.default_rng(0).standard_normal((60, 32, 1)).astype(np.float32)
    fitted = trained(Pairs(data.inputs, batch(noise, CIRCLE)), steps=60)
    assert fitted.kept == 0
    assert "is kept" in fitted.notes[-1]


def test_what_is_surely_less():
    random = np.random.default_rng(0)
    base = 1 + 0.1 * random.random(20)
    assert surely_less(0.9 * base, base)
    assert not surely_less(0.9 * base, base, by=0.2)
    assert not surely_less(base + random.standard_normal(20), base)
    assert not surely_less([0.1], [1.0])


@pytest.mark.long
def test_ordered_data_are_judged_by_what_follows():
    """Steps of a slow walk: in between its neighbours everything is easy, ahead it is not."""
    random = np.random.default_rng(0)
    walk = np.cumsum(random.standard_normal((81, 32, 1)), 0).astype(np.float32)
    f = batch(walk, CIRCLE)
    data = Pairs(take(f, slice(0, 80)), take(f, slice(1, 81)))
    blocks = np.arange(60) * 5 // 60
    made = recipe(data, "FNO(width=4, layers=1)", steps=20)
    fitted = made.fit(data[:60], data[60:68], key=KEY, groups=blocks, ordered=True, progress=False)
    after = statistics(data[:60])[1]
    ridge = baselines(data[:60], key=KEY)
    errors = {name: errors_of(b, data[70:], after).mean() for name, b in ridge.items()}
    assert errors_of(fitted.model, data[70:], after).mean() < 1.02 * min(errors.values())


def test_sizes_grow_with_the_data():
    grid = Grid(Box((0.0, 0.0), (1.0, 1.0)), (18, 64), "centre")
    one = Pairs(*[batch(np.zeros((1, 18, 64, 1), np.float32), grid)] * 2)

    def weights(samples, **options):
        made = recipe(one, samples=samples, **options)
        operator = made.build(one.input_space, one.output_space, key=KEY)
        return sum(
            x.size for x in jax.tree.leaves(operator) if jnp.issubdtype(x.dtype, jnp.floating)
        )

    small, middle, large = weights(50), weights(205), weights(1000)
    assert small < middle < large
    assert middle < 300_000
    assert weights(1000, time_budget=20.0) < large / 3
    assert recipe(one, "FNO(width=48, modes=5)", samples=205).operator == (
        "FNO(modes=(5, 5), width=48, layers=2)"
    )
    assert recipe(one, "FNO(width=48)", samples=205).operator == (
        "FNO(modes=(6, 12), width=48, layers=2)"
    )
    assert recipe(one, samples=40).steps == 400


def test_a_text_may_name_the_normalisation_which_is_that_of_the_data():
    data = derivatives()
    plain = recipe(data, "FNO(width=4, layers=1)")
    assert recipe(data, "Normalised(FNO(width=4, layers=1))") == plain
    around = recipe(data, "Symmetrised(Normalised(FNO(width=4, layers=1)), (Reflection(0),))")
    assert around.operator.startswith("Symmetrised(FNO(")


def test_a_baseline_is_no_operator_to_train():
    with pytest.raises(ModelError, match=r"nothing to train(.|\n)*riesz.baselines"):
        recipe(derivatives(), "Persistence()")


def test_a_recipe_is_json():
    import json

    made = recipe(derivatives(), time_budget=10.0).replace(h1=0.0)
    assert Recipe(**json.loads(json.dumps(made.to_json()))) == made


def test_the_kind_follows_from_the_domains():
    line = Grid(Interval(0.0, 1.0), 32)
    other = Pairs(derivatives().inputs, batch(np.zeros((60, 32, 1), np.float32), line))
    assert recipe(derivatives()).operator.startswith("FNO(")
    assert recipe(other).operator.startswith("DeepONet(")
    with pytest.raises(ModelError, match=r"on the same domain(.|\n)*use a DeepONet"):
        recipe(other, "FNO()")
    fine = Grid(Torus(0.0, 1.0), 48)
    finer = Pairs(derivatives().inputs, batch(np.zeros((60, 48, 1), np.float32), fine))
    assert recipe(finer).latent["shape"] == [48]
    assert recipe(derivatives()).latent is None


@functools.cache
def sensors():
    """The field at 20 to 22 sensors, other ones in each sample, to the field on a grid."""
    random = np.random.default_rng(0)
    grid = Grid(Interval(0.0, 1.0), 16)
    inputs, outputs = [], []
    for i in range(24):
        turn, size = random.random(2)
        x = np.sort(np.append(random.random(18 + i % 3), [0, 1]))[:, None].astype(np.float32)
        inputs.append(Function(size * jnp.sin(4 * x + turn), Points(grid.domain, x)))
        outputs.append(Function(size * jnp.sin(4 * grid.coordinates + turn) ** 2, grid))
    return Pairs(stack(inputs), stack(outputs))


def test_sensors_at_other_places_in_each_sample(tmp_path):
    data = sensors()
    made = recipe(data, "FNO(width=4, layers=1)", steps=60)
    assert made.latent["shape"] == [16]
    fitted = made.fit(data, 0.25, key=KEY, progress=False)
    assert isinstance(fitted.model, Regridded)
    a, u = take(data.inputs, 0), take(data.outputs, 0)
    found = fitted.model(a, u.discretization)
    assert found.discretization == u.discretization
    save(tmp_path / "model", fitted.model)
    np.testing.assert_array_equal(
        load(tmp_path / "model")(a, u.discretization).values, found.values
    )


def test_fit_resamples_scattered_inputs_once(monkeypatch):
    data, calls = sensors(), []
    network = Regridded(
        FNO(data.input_space, data.output_space, modes=3, width=4, layers=1, key=KEY),
        Grid(data.input_space.domain, 16),
    )
    original = Regridded.regrid
    monkeypatch.setattr(
        Regridded, "regrid", lambda self, pairs: calls.append(1) or original(self, pairs)
    )
    fitted = fit(network, data, steps=10, batch_size=4, progress=False, key=KEY)
    assert len(calls) == 2  # training and validation
    assert isinstance(fitted.model, Regridded)
    assert fitted.status is Status.finished
