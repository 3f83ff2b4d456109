"""Operators between several named functions: made, fitted, measured, banded, saved."""

import jax
import numpy as np
import pytest

import riesz
from riesz.domains import Grid, Point, Torus
from riesz.errors import DomainError, ModelError
from riesz.functions import Function, Pairs, batch, take
from riesz.operators import FNO, Assembled, apply

GRID, NUMBERS, KEY = Grid(Torus(0.0, 1.0), 24), Grid(Point()), jax.random.key(0)


@pytest.fixture(scope="module")
def pairs():
    """Two waves and two numbers to their combination and a number."""
    random = np.random.default_rng(0)
    shift, nu = random.uniform(0, 1, (64, 2)), random.uniform(0.5, 2, (64, 2))
    x = np.arange(24) / 24
    a, f = np.sin(2 * np.pi * (x + shift[:, :1])), np.cos(4 * np.pi * (x + shift[:, 1:]))
    u, drag = nu[:, :1] * a + nu[:, 1:] * f, nu[:, :1] ** 2
    fields = [batch(v[..., None], GRID) for v in (a, f, u)]
    return Pairs(
        {"a": fields[0], "f": fields[1], "nu": batch(nu, NUMBERS)},
        {"u": fields[2], "drag": batch(drag, NUMBERS)},
    )


@pytest.fixture(scope="module")
def fitted(pairs):
    training, held = pairs.split(0.25, key=KEY)
    inner = FNO(pairs.input_space, pairs.output_space, modes=4, width=16, layers=2, key=KEY)
    operator = Assembled(inner, pairs.parts)
    return riesz.fit(operator, training, steps=400, key=KEY, progress=False).model, held


@pytest.mark.long
def test_named_functions_are_learned(fitted):
    model, held = fitted
    report = riesz.evaluate(model, held, key=KEY)
    assert max(c.error.mean for c in report.results[0].channels) < 0.15  # the mean has 1
    inputs, outputs = held.parts[0].split(held.inputs), held.parts[1].split(held.outputs)
    answers = jax.vmap(model)(inputs)
    assert answers["drag"].values.shape == (16, 1)
    for name, target in outputs.items():
        error = np.linalg.norm(answers[name].values - target.values)
        assert error < 0.15 * np.linalg.norm(target.values - target.values.mean(0))


def test_both_calls_agree_and_numbers_are_constant(fitted):
    model, held = fitted
    a = take(held.inputs, 0)
    joined, named = model(a), model(held.parts[0].split(a))
    np.testing.assert_allclose(joined.values[:, 0], named["u"].values[:, 0], rtol=1e-5)
    np.testing.assert_allclose(joined.values[:, 1], named["drag"].values[0], rtol=1e-5)


def test_bands_and_files_keep_the_names(fitted, tmp_path):
    model, held = fitted
    banded = riesz.calibrate(model, held, level=0.8, key=KEY)
    riesz.save(tmp_path / "model", banded)
    loaded = riesz.load(tmp_path / "model")
    a = take(held.inputs, 0)
    np.testing.assert_array_equal(loaded(a).upper.values, banded(a).upper.values)
    assert loaded.operator.parts == model.parts
    named = loaded(held.parts[0].split(a))
    drag = held.parts[1].split(take(held.outputs, 0))["drag"]
    assert named["drag"].lower.values < named["drag"].upper.values
    assert named["drag"].contains(drag) == (
        named["drag"].lower.values <= drag.values <= named["drag"].upper.values
    )
    whole = held.parts[1].split(banded(a).upper)["u"]
    np.testing.assert_allclose(named["u"].upper.values, whole.values, rtol=1e-5)
    assert repr(model) == "Assembled(Normalised(FNO(modes=(4,), width=16, layers=2)))"


def test_a_recipe_gives_an_operator_of_named_functions(pairs):
    model = riesz.recipe(pairs, steps=5).fit(pairs, key=KEY, base=False, progress=False).model
    assert isinstance(model, Assembled) and model.parts == pairs.parts


def test_batches_by_name(fitted):
    model, held = fitted
    named = apply(model, held.parts[0].split(held.inputs))
    together = held.parts[1].split(apply(model, held.inputs))
    for name, f in together.items():
        np.testing.assert_allclose(named[name].values, f.values, rtol=1e-5, atol=1e-6)


def test_an_operator_of_one_function_refuses_names(pairs):
    inner = FNO(pairs.input_space, pairs.output_space, modes=2, width=2, layers=1, key=KEY)
    with pytest.raises(DomainError, match="found:    dict"):
        apply(inner, {"a": pairs.inputs})


def test_refusals(pairs, fitted):
    with pytest.raises(ModelError, match=r"spaces of the assembled functions(.|\n)*pairs\.input"):
        Assembled(FNO(pairs.output_space, pairs.output_space, key=KEY), pairs.parts)
    with pytest.raises(DomainError, match="'nu': Space"):
        fitted[0]({"a": Function(np.ones((24, 1), np.float32), GRID)})
