"""Trajectories are found in pairs of a state and the next one."""

import numpy as np
import pytest

from riesz.domains import Grid, Interval, MaskedGrid
from riesz.errors import DataError
from riesz.functions import Pairs, batch, trajectories

GRID = Grid(Interval(0.0, 1.0), 3)


def pairs_of(series):
    """Pairs of each state and the next, of series (t,) of numbers."""
    states = [np.float32(s)[:, None, None] * np.ones((1, 3, 1), np.float32) for s in series]
    first, second = ([s[cut] for s in states] for cut in (slice(-1), slice(1, None)))
    return Pairs(batch(np.concatenate(first), GRID), batch(np.concatenate(second), GRID))


def test_runs_follow_the_series_and_not_the_order():
    series = np.arange(5.0), np.arange(10.0, 13.0)
    pairs = pairs_of(series)
    shuffled = pairs[np.array([4, 2, 0, 5, 1, 3])]
    found = trajectories(shuffled, 2)
    assert found.values.shape == (4, 3, 3, 1) and isinstance(found.values, np.ndarray)
    runs = sorted(found.values[:, :, 0, 0].tolist())
    assert runs == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [10, 11, 12]]
    assert trajectories(pairs, 4).values[:, :, 0, 0].tolist() == [[0, 1, 2, 3, 4]]


def test_what_holds_no_run_is_said():
    pairs = pairs_of([np.arange(5.0)])
    with pytest.raises(DataError, match="for 5 steps"):
        trajectories(pairs, 5)
    masked = batch(pairs.inputs.values, MaskedGrid(GRID, np.array([True, True, False])))
    with pytest.raises(DataError, match="of their own"):
        trajectories(Pairs(masked, pairs.outputs), 1)
