"""Splits that match the use: at random, by time with gaps, by whole groups."""

import jax
import numpy as np
import pytest

from riesz.domains import Grid, Interval
from riesz.errors import DataError
from riesz.evaluation._conformal import rank, scale_count
from riesz.functions import Pairs, batch
from riesz.learning._split import dependence, least_for_calibration, split

KEY = jax.random.key(0)


def series(count, memory):
    """Fields of an autoregressive process: `memory` is the correlation of neighbours."""
    random = np.random.default_rng(0)
    values = np.zeros((count, 8))
    for i in range(1, count):
        values[i] = memory * values[i - 1] + (1 - memory**2) ** 0.5 * random.standard_normal(8)
    grid = Grid(Interval(0.0, 1.0), 8)
    return Pairs(*[batch(values[..., None].astype(np.float32), grid)] * 2)


def parts(found):
    return found.training, found.validation, found.calibration, found.test


def test_a_random_split_is_a_partition():
    found = split(series(200, 0.0), key=KEY)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts(found))), np.arange(200))
    assert found.counts() == {"training": 144, "validation": 16, "calibration": 20, "test": 20}
    assert found.level == 0.9
    assert not found.notes
    assert found.groups is None
    again = split(series(200, 0.0), key=jax.random.key(1))
    assert not np.array_equal(found.test, again.test)
    assert [len(p) for p in found.take(series(200, 0.0))] == [144, 16, 20, 20]


@pytest.mark.parametrize("gap", [0, 3])
def test_a_split_by_time_tests_on_the_last_samples(gap):
    times = np.random.default_rng(1).permutation(100).astype(float)
    found = split(series(100, 0.0), times=times, gap=gap, key=KEY)
    assert found.by == "time"
    ends = [(times[p].min(), times[p].max()) for p in parts(found)]
    for (_, last), (first, _) in zip(ends[:-1], ends[1:], strict=True):
        assert first - last == gap + 1
    assert ends[0][0] == 0
    assert ends[-1][1] == 99
    assert sum(found.counts().values()) == 100 - 3 * gap
    blocks = found.groups  # of time: ascending along the training part
    assert len(blocks) == len(found.training)
    assert (np.diff(blocks) >= 0).all()
    assert len(np.unique(blocks)) == 5
    assert (np.diff(times[found.training]) > 0).all()


def test_without_a_test_there_is_one_gap():
    found = split(series(100, 0.0), by="time", gap=5, held_out=0.0, key=KEY)
    assert found.counts()["test"] == found.counts()["calibration"] == 0
    assert sum(found.counts().values()) == 95
    assert found.validation.min() - found.training.max() == 6


def test_the_gap_is_as_wide_as_samples_depend_on_each_other():
    independent, slow = series(300, 0.0), series(300, 0.9)
    assert dependence(independent, np.arange(300)) == 1
    # |x_k - x_0| / |x_far - x_0| = sqrt(1 - memory^k) = 0.8 at k = 9.7
    assert 6 <= dependence(slow, np.arange(300)) <= 16
    assert split(independent, by="time", key=KEY).gap == 1
    found = split(slow, by="time", key=KEY)
    assert found.gap == dependence(slow, np.arange(300))
    short = split(series(60, 0.97), by="time", key=KEY)
    assert short.gap == 6
    assert any("depend on each other over" in note for note in short.notes)


def test_groups_stay_whole():
    labels = np.repeat(np.arange(20), 10)[np.random.default_rng(0).permutation(200)]
    found = split(series(200, 0.0), groups=labels, key=KEY)
    assert found.by == "group"
    sets = [set(labels[p]) for p in parts(found)]
    assert sum(map(len, sets)) == 20
    assert set.union(*sets) == set(range(20))
    assert all(sets)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts(found))), np.arange(200))
    assert len(found.training) > 120
    assert found.notes[-1].startswith("groups in training, validation, calibration, test: ")
    unlike = np.array(["one"] * 197 + ["two", "three", "four"])
    assert all(len(p) for p in parts(split(series(200, 0.0), groups=unlike, key=KEY)))


def test_few_calibration_samples_are_said():
    found = split(series(24, 0.0), key=KEY)
    assert len(found.calibration) < least_for_calibration(0.9)
    scores = len(found.calibration) - scale_count(len(found.calibration))
    assert found.level == scores / (scores + 1)
    assert rank(scores, found.level) <= scores
    (note,) = found.notes
    assert f"a band of level 0.9 needs {least_for_calibration(0.9)}" in note
    assert f"their maximum, of level {found.level:.2f}" in note


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"by": "when"}, r"unknown split(.|\n)*random, time or group"),
        ({"by": "group"}, "needs the groups"),
        ({"groups": [1, 2]}, r"groups are one per pair(.|\n)*shape \(2,\)"),
        ({"times": [np.nan] * 40}, "times must be finite"),
        ({"groups": [1, 2] * 20}, r"too few groups(.|\n)*2: 1, 2"),
        ({"level": 1.5}, "level between 0 and 1"),
        ({"by": "time", "gap": 12}, "too few pairs"),
    ],
)
def test_what_cannot_be_split_is_said(options, text):
    with pytest.raises(DataError, match=text):
        split(series(40, 0.0), key=KEY, **options)


def test_too_few_pairs():
    with pytest.raises(DataError, match=r"too few pairs(.|\n)*at least 8 pairs(.|\n)*5 pairs"):
        split(series(5, 0.0), key=KEY)
