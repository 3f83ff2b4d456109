"""Warnings of inputs unlike those of a calibration: how rarely in vain, and what they catch."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz import check_range, input_range
from riesz.domains import Grid, Interval, MaskedGrid, Points, Space, Torus
from riesz.errors import InputRangeWarning
from riesz.evaluation import InputStatistics
from riesz.evaluation._range import RangeCheck, _exceeding
from riesz.functions import Function, batch, stack, take
from riesz.operators import FNO

SPACE = Space(Torus(0.0, 1.0), 2, names=("a", "b"))
GRID = Grid(SPACE.domain, 16)


def fields(n, seed, kind="gaussian", shift=0.0):
    """Two channels: smooth or two-valued fields, the second in units of 1e6 around 3e8."""
    draw = np.random.default_rng(seed)
    k = np.arange(1, 6)
    phase = 2 * np.pi * np.arange(16)[:, None] / 16 * k
    modes = np.concatenate([np.cos(phase), np.sin(phase)], 1) / np.tile(k, 2)  # (16, 10)
    z = np.einsum("xk,nkc->nxc", modes, draw.normal(size=(n, 10, 2)))
    z = z + 0.5 * draw.normal(size=(n, 1, 2))
    if kind == "two-valued":
        z = np.sign(z)
    if kind == "lognormal":
        z = z * np.exp(0.5 * draw.normal(size=(n, 1, 1)))
    z[..., 0] += shift
    values = z * np.asarray([1.0, 1e6]) + np.asarray([0.0, 3e8])
    return batch(values.astype(np.float32), GRID, SPACE)


def found(known, functions):
    check = RangeCheck(known)
    check.add(functions)
    return check.warnings()


@pytest.mark.long
@pytest.mark.parametrize("kind", ["gaussian", "two-valued", "lognormal"])
@pytest.mark.parametrize("n", [20, 100])
def test_it_rarely_warns_of_inputs_of_the_same_distribution(kind, n):
    batches = singles = 0
    repeats, few = 30, 5
    for seed in range(repeats):
        everything = fields(n + 50 + few, 1000 * n + seed, kind)
        known = InputStatistics.of(take(everything, slice(0, n)))
        batches += bool(found(known, take(everything, slice(n, n + 50))))
        for i in range(few):
            singles += bool(found(known, take(everything, slice(n + 50 + i, n + 51 + i))))
    # 5 % of 30 batches and 1 % of 150 inputs; more has probability 0.02
    assert batches <= 4
    assert singles <= 4


def test_the_rate_of_the_count_is_that_of_exchangeable_ranks():
    draw, n, many = np.random.default_rng(0), 10, 6
    ranks = draw.random((40_000, n + many)).argsort(1)
    beyond = (ranks[:, n:] > ranks[:, :n].max(1, keepdims=True)).sum(1)
    for k in range(4):
        share = np.mean(beyond >= k)
        assert abs(share - _exceeding(k, many, n)) < 4 * (share / 40_000) ** 0.5 + 1e-9


@pytest.mark.parametrize("n", [20, 100])
def test_it_catches_a_warmed_field(n):
    known = InputStatistics.of(fields(n, 1))
    ends = input_range(fields(n, 1))[0]
    warmed = fields(30, 2, shift=1.0)
    values = np.asarray(warmed.values)[..., 0]
    # most values stay between the smallest and the largest of the calibration
    assert np.mean((values > ends["min"]) & (values < ends["max"])) > 0.95
    with pytest.warns(InputRangeWarning):
        texts = [str(w) for w in check_range(known, warmed)]
    assert any("the channel 'a' has the mean 1" in text for text in texts)
    assert not any("'b'" in text for text in texts)
    assert all(text.endswith("Errors and bands are not to be trusted there") for text in texts)


def test_it_catches_one_point_a_new_pattern_and_a_jump():
    known = InputStatistics.of(fields(60, 3))
    one = np.array(take(fields(1, 4), 0).values)
    spike, rough = one.copy(), one.copy()
    spike[5, 1] += 3e7
    rough[:, 0] += 2.5 * (-1.0) ** np.arange(16)  # within the range of the values, not smooth
    for values, words in ((spike, "at one point"), (rough, "components"), (one + 40, "")):
        with pytest.warns(InputRangeWarning, match="the input is unlike the 60 inputs") as caught:
            check_range(known, Function(values, GRID, SPACE))
        assert words in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_range(known, Function(one, GRID, SPACE)) == []
    broken = jax.tree.map(lambda v: v[None] * jnp.nan, Function(one, GRID, SPACE))
    with pytest.warns(InputRangeWarning, match="input 0 holds values that are not finite"):
        check_range(known, broken)


def test_other_points_holes_and_resolutions():
    line = Space(Interval(0.0, 1.0))

    def at(x, amplitude):
        return amplitude * np.sin(3 * x) + 10

    draw, functions = np.random.default_rng(5), []
    for i in range(60):
        x = np.sort(draw.random(8 + i % 3)).astype(np.float32)[:, None]
        on = Points(line.domain, x, weights=np.ones(len(x)))
        functions.append(Function(at(x, 1 + 0.1 * draw.normal()).astype(np.float32), on, line))
    known = InputStatistics.of(stack(functions[:50]))
    assert found(known, stack(functions[50:])) == []
    far = [Function(f.values + 5, f.discretization, line) for f in functions[50:]]
    assert len(found(known, stack(far))) == 2  # unlike each one, and shifted together
    grid = Grid(line.domain, 40)
    regular = Function(at(np.asarray(grid.coordinates), 1.0), grid, line)
    assert found(known, regular) == []
    mask = np.arange(40) > 20
    half = Function(np.where(mask[:, None], regular.values, 1e9), MaskedGrid(grid, mask), line)
    assert found(known, half) == []


def test_who_knows_no_inputs_checks_nothing():
    operator = FNO(SPACE, SPACE, modes=1, width=2, layers=1, key=jax.random.key(0))
    assert check_range(operator, fields(3, 0)) == [] and check_range({}, fields(3, 0)) == []


def test_the_range_for_a_card():
    values = np.stack([np.linspace(0, 2, 8).reshape(2, 4), np.ones((2, 4))], -1)
    functions = batch(values.astype(np.float32), Grid(SPACE.domain, 4), SPACE)
    rows = [{"name": "a", "min": 0.0, "max": 2.0}, {"name": "b", "min": 1.0, "max": 1.0}]
    assert input_range(functions) == rows
    assert input_range(take(functions, 0))[0]["max"] < 1
    masks = jnp.asarray([[True, False, True, True], [True, True, True, False]])
    holes = jax.vmap(lambda v, m: Function(v, MaskedGrid(functions.discretization, m), SPACE))(
        functions.values, masks
    )
    assert input_range(holes)[0]["max"] == pytest.approx(12 / 7)
