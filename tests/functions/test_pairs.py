"""Pairs: lengths, parts and splits."""

import jax
import numpy as np
import pytest

from riesz.domains import Grid, Interval
from riesz.errors import DataError
from riesz.functions import Pairs, batch

GRID = Grid(Interval(0.0, 1.0), 3)


def numbered(count):
    values = np.arange(count, dtype=np.float32)[:, None, None] * np.ones((1, 3, 1), np.float32)
    return Pairs(batch(values, GRID), batch(-values, GRID))


def numbers(pairs):
    np.testing.assert_array_equal(pairs.inputs.values, -pairs.outputs.values)
    return np.asarray(pairs.inputs.values)[:, 0, 0].tolist()


def test_parts_are_pairs():
    pairs = numbered(6)
    assert numbers(pairs[2]) == numbers(pairs[np.int64(2)]) == [2]
    assert numbers(pairs[-1]) == [5]
    assert numbers(pairs[1:3]) == [1, 2]
    assert numbers(pairs[np.array([4, 0])]) == [4, 0]


def test_a_split_shares_no_sample():
    training, held = numbered(20).split(0.25, key=jax.random.key(0))
    assert len(held) == 5
    assert sorted(numbers(training) + numbers(held)) == list(range(20))
    assert numbers(held) != list(range(5))


def test_refusals():
    with pytest.raises(DataError, match="5 inputs, 4 outputs"):
        Pairs(numbered(5).inputs, numbered(4).outputs)
    with pytest.raises(DataError, match=r"both sides(.|\n)*fraction 1.0 of 3 pairs"):
        numbered(3).split(1.0, key=jax.random.key(0))


def test_pairs_are_iterated_to_their_end():
    assert [float(pair.inputs.values[0, 0, 0]) for pair in numbered(3)] == [0.0, 1.0, 2.0]
    with pytest.raises(IndexError, match="sample 3 of 3 pairs"):
        numbered(3)[3]
