"""Baselines: what they compute, on which points, and their errors of samples left out."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz import load, save
from riesz.domains import Box, Grid, Interval, MaskedGrid, Points, Space, Torus
from riesz.errors import ModelError
from riesz.functions import Function, Pairs, batch, stack, take
from riesz.operators import (
    FNO,
    Corrected,
    DeepONet,
    Normalised,
    PCARidge,
    Persistence,
    Regridded,
    baselines,
    trainable,
    training_scale,
)
from riesz.operators._ridge import leading, nearest, ridge
from riesz.operators._yardstick import NAMES, fit_baselines

KEY = jax.random.key(0)
CIRCLE = Grid(Torus(0.0, 1.0), 32)


def signals(count, seed):
    """Random trigonometric polynomials, and their derivatives."""
    k, x = np.arange(1, 6), np.linspace(0, 1, 32, endpoint=False)
    c = np.random.default_rng(seed).standard_normal((2, count, 5))
    wave = 2 * np.pi * k[:, None] * x
    a = c[0] @ np.cos(wave) + c[1] @ np.sin(wave) + 3
    u = (2 * np.pi * k * c[1]) @ np.cos(wave) - (2 * np.pi * k * c[0]) @ np.sin(wave)
    return Pairs(*(batch(v[..., None].astype(np.float32), CIRCLE) for v in (a, u)))


@functools.cache
def fitted():
    return fit_baselines(signals(30, 0), key=KEY)


def error(operator, pairs):
    """|G(a) - u| / |u| over all pairs."""
    found = jax.vmap(operator)(pairs.inputs).values
    return float(
        jnp.linalg.norm(found - pairs.outputs.values) / jnp.linalg.norm(pairs.outputs.values)
    )


def test_ridge_finds_a_linear_operator_from_few_samples():
    test = signals(10, 1)
    errors = {name: error(fitted()[name].operator, test) for name in NAMES}
    assert errors["PCA + ridge"] < 2e-5  # ten coefficients, thirty samples, float32
    for name in ("training mean", "persistence", "pointwise linear"):
        assert errors[name] > 0.9


def test_errors_left_out_are_those_of_fits_without_the_sample():
    """By fitting without each group, penalty and neighbours as found."""
    random = np.random.default_rng(0)
    x, y = random.standard_normal((12, 5)), random.standard_normal((12, 3))
    for groups in (np.arange(12), np.arange(12) // 3, np.maximum(np.arange(12) - 5, 0)):
        basis = leading(x)
        found = ridge(basis, y, groups)
        # the penalty, from the synthesis: w = s / (s^2 + t) u^T y
        s = np.linalg.norm(basis.scores, axis=0)
        ratio = (s * found.synthesis.T) / ((basis.scores.T @ (y - y.mean(0))).T / s)
        penalty = np.median(s**2 / ratio - s**2)
        for label in np.unique(groups):
            out = groups == label
            mean, middle = y[~out].mean(0), basis.scores[~out].mean(0)
            t = basis.scores[~out] - middle
            weight = np.linalg.solve(t.T @ t + penalty * np.eye(len(s)), t.T @ (y[~out] - mean))
            expected = y[out] - mean - (basis.scores[out] - middle) @ weight
            np.testing.assert_allclose(found.left_out[out], expected, atol=1e-8)
        near = nearest(basis, y, groups, each=8)
        squares = ((x[:, None] - x[None]) ** 2).sum(-1)
        squares[groups[:, None] == groups] = np.inf
        order = np.argsort(squares, 1)[:, : near.neighbours]
        np.testing.assert_allclose(near.left_out, y - y[order].mean(1), atol=1e-10)


def test_left_out_errors_predict_those_of_new_samples():
    for name in ("training mean", "persistence", "nearest neighbours"):
        baseline, test = fitted()[name], signals(200, 2)
        scale = training_scale(fitted()["training mean"].operator)
        found = jax.vmap(baseline.operator)(test.inputs).values - test.outputs.values
        rms = np.sqrt(np.mean(np.asarray(found) ** 2, (1, 2))) / float(scale.deviation.value[0])
        np.testing.assert_allclose(baseline.error.mean(), rms.mean(), rtol=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_baselines_are_saved_and_loaded(tmp_path, name):
    operator, a = fitted()[name].operator, take(signals(3, 1).inputs, 0)
    save(tmp_path / "model", operator)
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again(a).values, operator(a).values)
    assert not jax.tree.leaves(eqx.filter(operator, trainable(operator)))


def test_inputs_at_another_resolution_are_resampled():
    x = np.linspace(0, 1, 48, endpoint=False)
    wave = Function(np.cos(2 * np.pi * x)[:, None].astype(np.float32) + 3, Grid(CIRCLE.domain, 48))
    found = fitted()["PCA + ridge"].operator(wave)
    assert found.discretization == wave.discretization
    slope = -2 * np.pi * np.sin(2 * np.pi * x)
    np.testing.assert_allclose(found.values[:, 0], slope, atol=2e-3)


def test_masked_values_never_matter(tmp_path):
    grid = Grid(Box((0.0, 0.0), (1.0, 1.0)), (6, 8), "centre")
    random = np.random.default_rng(0)
    mask = random.random((6, 8)) < 0.7
    values = random.standard_normal((12, 6, 8, 2)).astype(np.float32)

    def pairs(hidden):
        sea = MaskedGrid(grid, mask)
        filled = np.where(mask[..., None], values, np.float32(hidden))
        f = batch(filled, sea)
        return Pairs(take(f, slice(0, 11)), take(f, slice(1, 12)))

    first, second = baselines(pairs(0), key=KEY), baselines(pairs(1e20), key=KEY)
    assert tuple(first) == NAMES
    a = take(pairs(0).inputs, 3)
    for name in first:
        found, again = first[name](a).values, second[name](a).values
        np.testing.assert_array_equal(found, again)
        assert np.isfinite(np.asarray(found)).all()
    save(tmp_path / "model", first["PCA + ridge"])
    again = load(tmp_path / "model")(a).values
    np.testing.assert_array_equal(again, first["PCA + ridge"](a).values)


def test_ragged_points_get_baselines_on_a_grid():
    line, random = Interval(0.0, 1.0), np.random.default_rng(0)
    sides = [], []
    for i in range(12):
        slope = random.standard_normal()
        for side, factor in zip(sides, (1.0, 2.0), strict=True):
            x = np.sort(random.random((9 + i % 3, 1)), 0).astype(np.float32)
            x[0], x[-1] = 0, 1
            side.append(Function(factor * slope * jnp.asarray(x), Points(line, x)))
    data = Pairs(stack(sides[0]), stack(sides[1]))
    found = baselines(data, key=KEY)
    a, u = take(data.inputs, 0), take(data.outputs, 0)
    present = np.asarray(u.discretization.mask)
    for name in ("PCA + ridge", "pointwise linear"):
        values = np.asarray(found[name](a, u.discretization).values)
        # a line is what every interpolation reproduces
        np.testing.assert_allclose(values[present], np.asarray(u.values)[present], atol=2e-3)
    mean = found["training mean"](a, u.discretization).values
    assert np.ptp(np.asarray(mean)[present]) < 1e-6


def test_units_of_channels_do_not_change_what_is_near():
    data = signals(20, 0)
    two = np.concatenate([data.inputs.values, data.outputs.values], -1)
    scaled = two * np.array([1e-30, 1e30], np.float32)
    test = two[:1] + 0.01
    for name in ("PCA + ridge", "nearest neighbours"):
        plain = baselines(Pairs(batch(two, CIRCLE), data.outputs), key=KEY)[name]
        other = baselines(Pairs(batch(scaled, CIRCLE), data.outputs), key=KEY)[name]
        found = other(Function(test[0] * np.array([1e-30, 1e30], np.float32), CIRCLE)).values
        expected = plain(Function(test[0], CIRCLE)).values
        np.testing.assert_allclose(found, expected, atol=1e-3 * float(jnp.abs(expected).max()))


def test_persistence_needs_one_space():
    with pytest.raises(ModelError, match=r"persistence needs(.|\n)*training mean"):
        Persistence(Space(CIRCLE.domain), Space(CIRCLE.domain, 2))
    named = [Space(CIRCLE.domain, 1, (name,)) for name in ("a", "u")]
    data = signals(5, 0)
    parts = zip((data.inputs, data.outputs), named, strict=True)
    other = Pairs(*(batch(f.values, CIRCLE, space) for f, space in parts))
    assert "persistence" not in baselines(other, key=KEY)
    line = Space(Interval(0.0, 1.0))
    grid = Grid(line.domain, 8)
    far = Pairs(data.inputs, batch(np.random.default_rng(0).random((5, 8, 1)), grid))
    assert set(baselines(far, key=KEY)) == {"training mean", "PCA + ridge", "nearest neighbours"}


def test_a_residual_operator_starts_as_its_base_and_learns():
    space, core = Space(CIRCLE.domain), fitted()["PCA + ridge"].core
    assert isinstance(core, PCARidge)
    a = take(signals(3, 1).inputs, 0)
    for network in (
        FNO(space, space, modes=3, width=4, layers=1, key=KEY),
        Normalised(DeepONet(space, space, sensors=8, width=8, basis=4, depth=1, key=KEY)),
    ):
        operator = Corrected.starting_at(core, network, jnp.ones(1))
        np.testing.assert_array_equal(operator(a).values, core(a).values)
        parameters, rest = eqx.partition(operator, trainable(operator))
        gradient = jax.grad(lambda p, r=rest: eqx.combine(p, r)(a).norm("L2"))(parameters)
        assert any(bool((g != 0).any()) for g in jax.tree.leaves(gradient))
    with pytest.raises(ModelError, match=r"has parameters of its own(.|\n)*riesz.baselines"):
        Corrected.starting_at(network, network)
    with pytest.raises(ModelError, match=r"different spaces"):
        Corrected(FNO(Space(CIRCLE.domain, 2), space, modes=2, width=2, layers=1, key=KEY), core)


def test_a_regridded_operator_takes_scattered_inputs(tmp_path):
    space = Space(CIRCLE.domain)
    network = FNO(space, space, modes=3, width=4, layers=1, key=KEY)
    operator = Regridded(network, Grid(CIRCLE.domain, 16))
    x = np.linspace(0, 1, 40, endpoint=False).astype(np.float32)[:, None]
    f = Function(jnp.sin(2 * np.pi * x), Points(CIRCLE.domain, x))
    on = Grid(CIRCLE.domain, 20)
    expected = network(f.resample(Grid(CIRCLE.domain, 16)), on).values
    np.testing.assert_allclose(operator(f, on).values, expected, atol=1e-6)
    assert operator(f).discretization is f.discretization
    pairs = Pairs(stack([f, f]), batch(np.zeros((2, 20, 1), np.float32), on))
    once = operator.regrid(pairs)
    np.testing.assert_allclose(network(take(once.inputs, 1), on).values, expected, atol=1e-5)
    save(tmp_path / "model", operator)
    np.testing.assert_array_equal(load(tmp_path / "model")(f, on).values, operator(f, on).values)
    with pytest.raises(ModelError, match=r"grid of another domain"):
        Regridded(network, Grid(Interval(0.0, 1.0), 16))
