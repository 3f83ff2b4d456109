"""Targets by which a network learns the errors of a base on samples left out of it."""

import jax
import numpy as np
import pytest

from riesz.domains import Grid, Interval, MaskedGrid, Points, Torus
from riesz.functions import Pairs, batch
from riesz.functions._pairs import Subset
from riesz.learning import recipe
from riesz.learning._base import errors_of, statistics
from riesz.learning._budget import Budget
from riesz.learning._left_out import left_out
from riesz.learning._step import _step, _validate
from riesz.operators import Corrected, _yardstick
from riesz.operators._yardstick import fit_baselines, samples_fitted

KEY = jax.random.key(0)
RIDGE = "PCA + ridge"


def rough(on, channels=1, count=20):
    """Functions of more modes than there are samples, and quadratic functionals of them."""
    random = np.random.default_rng(0)
    a = random.standard_normal((count, *on.shape, channels)).astype(np.float32)
    u = np.cumsum(a, 1) + 10 * a**2
    return Pairs(batch(a, on), batch((u * np.array([1.0, 1e3])[:channels]).astype("f4"), on))


def discretizations():
    grid, x = Grid(Interval(0.0, 1.0), 48), np.sort(np.random.default_rng(1).random(40))[:, None]
    return {
        "grid": grid,
        "masked": MaskedGrid(grid, np.arange(48) % 5 > 0),
        "points": Points(grid.domain, x.astype(np.float32)),
    }


@pytest.mark.parametrize("by_groups", [False, True])
@pytest.mark.parametrize("kind", ["grid", "masked", "points"])
def test_the_base_leaves_its_left_out_errors(kind, by_groups):
    pairs = rough(discretizations()[kind], channels=2)
    groups = np.arange(20) // 4 if by_groups else None
    base, after = fit_baselines(pairs, key=KEY, groups=groups)[RIDGE], statistics(pairs)[1]
    assert errors_of(base.operator, pairs, after).mean() < 0.5 * base.error.mean()
    targets = left_out(pairs, np.arange(20), base.influence, after)
    np.testing.assert_allclose(errors_of(base.operator, targets, after), base.error, rtol=2e-3)


def test_samples_beyond_those_of_the_base_stay(monkeypatch):
    """Pairs in a file, of which the base was fitted to some."""
    monkeypatch.setattr(_yardstick, "_SAMPLES", 8)
    pairs = rough(discretizations()["grid"])
    file, after = Subset(pairs, np.arange(20)), statistics(pairs)[1]
    base, chosen = fit_baselines(file, key=KEY)[RIDGE], samples_fitted(file, KEY)
    assert len(chosen) == len(base.error) == 8
    targets = left_out(file, chosen, base.influence, after)
    rest = np.setdiff1d(np.arange(20), chosen)
    np.testing.assert_array_equal(targets[rest].outputs.values, pairs[rest].outputs.values)
    found = errors_of(base.operator, targets, after)
    np.testing.assert_allclose(found[chosen], base.error, rtol=2e-3)


def test_where_ridge_interpolates_there_is_something_to_learn():
    """Antiderivatives of rough curves: exact for its own 40 samples, 1 % off for others."""
    k, x = np.arange(1, 25), np.linspace(0, 1, 48, endpoint=False)
    c = np.random.default_rng(0).standard_normal((2, 56, 24)) / k
    sin, cos = np.sin(2 * np.pi * k[:, None] * x), np.cos(2 * np.pi * k[:, None] * x)
    a, u = c[0] @ cos + c[1] @ sin, (c[0] / k) @ sin - (c[1] / k) @ cos
    circle = Grid(Torus(0.0, 1.0), 48)
    pairs = Pairs(*(batch(v[..., None].astype("f4"), circle) for v in (a, u)))
    made = recipe(pairs, "FNO(width=4, layers=1)", steps=2).replace(h1=0.0)
    fitted = made.fit(pairs[:40], pairs[40:], key=KEY, progress=False, base=True)
    first = fitted.history[0]
    assert 0.005 < first.validation < 0.3
    assert 0.5 * first.validation < first.loss < 3 * first.validation


def test_constant_samples_are_still_named():
    pairs = rough(Grid(Torus(0.0, 1.0), 48))
    values = np.array(pairs.outputs.values)
    values[3] = 1.0
    pairs = Pairs(pairs.inputs, batch(values, pairs.outputs.discretization))
    made = recipe(pairs, "FNO(width=4, layers=1)", steps=2)
    fitted = made.fit(pairs[:16], pairs[16:], key=KEY, progress=False, base=True)
    assert "is constant in 1 training samples: 3" in fitted.notes[0]


def test_a_fifth_and_the_fit_share_their_programs():
    pairs = rough(Grid(Torus(0.0, 1.0), 48))
    jax.clear_caches()
    made = recipe(pairs, "FNO(width=4, layers=1)", steps=5)
    fitted = made.fit(pairs[:16], pairs[16:], key=KEY, progress=False)
    assert fitted.steps == 5
    assert _step._cached._cache_size() == 1
    assert _validate._cached._cache_size() == 1


def test_a_network_beside_a_base_is_the_network_alone():
    pairs = rough(Grid(Torus(0.0, 1.0), 48))
    network = recipe(pairs, "FNO(width=4, layers=1)").build(
        pairs.input_space, pairs.output_space, key=KEY
    )
    a = jax.tree.map(lambda leaf: leaf[0], pairs.inputs)
    for name, base in fit_baselines(pairs, key=KEY).items():
        beside = Corrected.beside(base.core, network)
        np.testing.assert_array_equal(beside(a).values, network(a).values, err_msg=name)


@pytest.mark.long
def test_a_time_budget_counts_everything_and_says_so():
    pairs = rough(Grid(Torus(0.0, 1.0), 48))
    made = recipe(pairs, "FNO(width=4, layers=1)", time_budget=6.0)
    fitted = made.fit(pairs[:16], pairs[16:], key=KEY, progress=False)
    assert fitted.history
    assert fitted.notes[-1].startswith("of a time budget of 6.0 s: ")
    for part in ("to build the network", "for baselines", "to compile", "for the fit"):
        assert part in fitted.notes[-1]


def test_what_is_left_of_a_budget():
    budget = Budget(20.0)
    budget.lap("to compile", 5.0)
    assert budget.left() == 15.0
    budget.lap("for the fit", 14.9)
    assert budget.left() == 1.0  # the least
    assert budget.notes() == ("of a time budget of 20.0 s: 5.0 s to compile, 14.9 s for the fit",)
    assert Budget(None).left() is None
    assert Budget(None).notes() == ()
