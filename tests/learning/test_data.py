"""Fits on the data that people have: other points for outputs, flat channels, any units."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Box, Grid, Interval, Points, Space, Torus
from riesz.errors import DataError, DomainError, RunError
from riesz.functions import Function, Pairs, batch, stack
from riesz.learning import RelativeLoss, Status, _check, fit
from riesz.learning._check import check_pairs, check_types
from riesz.learning._losses import Scale, headline
from riesz.objectives import Supervised
from riesz.operators import FNO, Affine, DeepONet, training_scale

KEY = jax.random.key(0)
LINE, CIRCLE = Interval(0.0, 1.0), Torus(0.0, 1.0)
TURNS = np.random.default_rng(0).random(20)


def run(operator, data, **options):
    objective = Supervised(options.pop("loss", RelativeLoss()))
    settings = {"steps": 25, "batch_size": 4, "progress": False, "key": KEY, **options}
    return fit(operator, data, objective, **settings)


def fno(space, target=None):
    return FNO(space, target or space, modes=3, width=4, layers=1, coordinates=False, key=KEY)


def deeponet(space, target):
    return DeepONet(space, target, sensors=8, width=8, basis=4, depth=1, key=KEY)


def curves(grid, turns=TURNS):
    x = np.asarray(grid.coordinates)
    return np.sin(2 * np.pi * (x + turns[:, None, None])).astype(np.float32)


def test_inputs_and_outputs_on_different_grids():
    coarse, fine = Grid(LINE, 16), Grid(LINE, 24)
    data = Pairs(batch(curves(coarse), coarse), batch(2 * curves(fine), fine))
    fitted = run(fno(Space(LINE)), data)
    assert fitted.status is Status.finished
    assert fitted.validation_error < fitted.history[0].validation


@functools.cache
def ragged():
    """Curves, and a field at 5 to 7 points of the plane that differ from sample to sample."""
    square, random = Box((0.0, 0.0), (1.0, 1.0)), np.random.default_rng(1)
    outputs = []
    for i, turn in enumerate(TURNS):
        on = Points(square, random.random((5 + i % 3, 2)).astype(np.float32))
        outputs.append(Function(jnp.sin(on.coordinates[:, :1] + float(turn)), on))
    grid = Grid(LINE, 16)
    return Pairs(batch(curves(grid), grid), stack(outputs))


def test_a_curve_to_values_at_other_points_in_each_sample():
    data = ragged()
    fitted = run(deeponet(data.input_space, data.output_space), data)
    assert fitted.validation_error < fitted.history[0].validation
    hidden = np.asarray(data.outputs.discretization.weights)[..., None] == 0
    assert hidden.any()
    values = np.where(hidden, np.float32(7e9), np.asarray(data.outputs.values))
    spoilt = eqx.tree_at(lambda pairs: pairs.outputs.values, data, values)
    again = run(deeponet(data.input_space, data.output_space), spoilt)
    np.testing.assert_allclose(again.validation_error, fitted.validation_error, rtol=1e-6)
    found = Affine.of([spoilt.outputs])
    np.testing.assert_array_equal(found.mean.value, Affine.of([data.outputs]).mean.value)


def waves(scales=(1.0, 1.0), constant=None):
    """Waves of two channels to the same in other units; channel 1 may be constant."""
    grid = Grid(CIRCLE, 16)
    a = np.concatenate([curves(grid), curves(grid, TURNS[::-1] ** 2)], -1)
    u = a.astype(np.float64) + 0.5
    if constant is not None:
        u[..., 1] = constant
    return Pairs(batch(a, grid), batch((u * np.asarray(scales)).astype(np.float32), grid))


@functools.cache
def fitted_waves(scales=(1.0, 1.0), constant=None):
    data = waves(scales, constant)
    return run(fno(data.input_space), data, loss=RelativeLoss(1.0, 0.3))


@pytest.mark.parametrize("scales", [(1e-30, 1e30), (1e30, 1e-30)])
def test_the_units_of_channels_change_nothing(scales):
    plain, fitted = fitted_waves(), fitted_waves(scales)
    assert fitted.status is Status.finished
    np.testing.assert_allclose(
        [r.validation for r in fitted.history], [r.validation for r in plain.history], rtol=1e-3
    )
    np.testing.assert_allclose(
        [r.loss for r in fitted.history], [r.loss for r in plain.history], rtol=1e-3
    )
    scale = training_scale(fitted.model)
    np.testing.assert_allclose(
        scale.deviation.value / np.asarray(scales, np.float32),
        training_scale(plain.model).deviation.value,
        rtol=1e-5,
    )


@pytest.mark.parametrize(("constant", "scale"), [(0.0, 1.0), (3.0, 1e-30), (3.0, 1e30)])
def test_a_constant_channel_stays_constant_and_is_named(constant, scale):
    fitted = fitted_waves((1.0, scale), constant)
    assert fitted.status is Status.finished
    assert np.isfinite([r[2:4] for r in fitted.history]).all()
    a = jax.tree.map(lambda x: x[0], waves().inputs)
    found = np.asarray(fitted.model(a).values)[..., 1]
    np.testing.assert_array_equal(found, np.float32(constant * scale))
    (note,) = fitted.notes
    assert note.startswith("output channel 'u1' is ")
    assert note.endswith("in all training samples: kept so")


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_one_constant_output_is_named_and_trains(value):
    data = waves()
    values = np.array(data.outputs.values)
    values[3, :, 0] = value
    data = Pairs(data.inputs, batch(values, Grid(CIRCLE, 16)))
    fitted = run(fno(data.input_space), data, loss=RelativeLoss(1.0, 0.3), validation=waves()[:4])
    assert fitted.status is Status.finished
    assert np.isfinite([r[2:4] for r in fitted.history]).all()
    assert fitted.notes == ("output channel 'u0' is constant in 1 training samples: 3",)


def test_all_outputs_zero():
    data = waves()
    nothing = Pairs(data.inputs, batch(np.zeros_like(data.outputs.values), Grid(CIRCLE, 16)))
    fitted = run(fno(data.input_space), nothing, loss=RelativeLoss(1.0, 0.3))
    assert fitted.status is Status.finished
    assert fitted.validation_error == 0
    assert len(fitted.notes) == 2


def test_the_validation_error_does_not_depend_on_the_zero_of_the_unit():
    shifted = waves()
    values = np.asarray(shifted.outputs.values) + np.float32(256)
    shifted = Pairs(shifted.inputs, batch(values, Grid(CIRCLE, 16)))
    fitted = run(fno(shifted.input_space), shifted, loss=RelativeLoss(1.0, 0.3))
    np.testing.assert_allclose(fitted.validation_error, fitted_waves().validation_error, rtol=1e-3)


def test_the_loss_is_relative_to_the_deviation_of_each_channel():
    grid = Grid(CIRCLE, 16)
    wave = np.sin(2 * np.pi * np.asarray(grid.coordinates))
    u = Function(np.concatenate([wave + 5, 1000 * wave], -1), grid)
    v = Function(np.concatenate([1.1 * wave + 5, 1000 * wave], -1), grid)
    after = Affine.of([batch(np.asarray(u.values)[None], grid)])
    loss = RelativeLoss(1.0, 0.0, Scale.of(after, [Pairs(*[batch(u.values[None], grid)] * 2)]))
    np.testing.assert_allclose(loss(v, u), 0.1 / 2, rtol=1e-4)
    np.testing.assert_allclose(headline(v, u, after), 0.1 / 2, rtol=1e-4)
    flat = Function(jnp.full((16, 2), jnp.array([5.0, 0.0])), grid)
    # |e| = 0.1 |wave| over the floor, a tenth of the deviation
    off = Function(flat.values + 0.1 * jnp.asarray(u.values - flat.values), grid)
    np.testing.assert_allclose(loss(off, flat), 1.0, rtol=1e-4)


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        ((np.ones((4, 16)), np.ones((4, 16))), DataError, r"tuple of \[\(4, 16\), \(4, 16\)\]"),
        (np.ones((4, 16)), DataError, "found:    a ndarray"),
        ("data.h5", DataError, r"found:    a str(.|\n)*riesz.open_pairs"),
        (3, DataError, "found:    a int"),
    ],
)
def test_what_is_no_pairs_is_said(data, kind, text):
    with pytest.raises(kind, match=r"pairs of functions(.|\n)*" + text):
        check_pairs(data, "riesz.fit(operator, data)")


def test_what_is_no_operator_is_said():
    with pytest.raises(RunError, match=r"needs an operator(.|\n)*found:    the class FNO"):
        check_types(FNO)
    with pytest.raises(RunError, match=r"needs an operator(.|\n)*found:    a float"):
        check_types(3.0)


def test_what_cannot_work_is_refused_before_training(monkeypatch):
    data = waves()
    with pytest.raises(RunError, match=r"output space(.|\n)*expected: 1 channels(.|\n)*2 channels"):
        run(fno(data.input_space, Space(CIRCLE)), data)
    with pytest.raises(DomainError, match=r"not of the operator's input space"):
        run(fno(Space(CIRCLE), data.output_space), data)
    monkeypatch.setattr(_check, "_free_memory", lambda: 1000.0)
    with pytest.raises(RunError, match=r"does not fit into the memory(.|\n)*smaller width"):
        run(fno(data.input_space), data)


def test_a_bad_value_is_named():
    data = waves()
    values = np.array(data.outputs.values)
    values[7, 2, 1] = np.inf
    bad = eqx.tree_at(lambda pairs: pairs.outputs.values, data, values)
    with pytest.raises(RunError, match=r"training sample 7(.|\n)*inf in the output, channel 'u1'"):
        run(fno(data.input_space), bad, validation=data[:4])
