"""Warnings of inputs outside the range of the training data."""

import jax
import jax.numpy as jnp
import pytest

from riesz import check_range, input_range
from riesz._calibrate import Banded
from riesz.domains import Grid, Space, Torus
from riesz.errors import InputRangeWarning
from riesz.functions import Function, batch
from riesz.operators import FNO, Constant

SPACE = Space(Torus(0.0, 1.0), 2, names=("a", "b"))
GRID = Grid(SPACE.domain, 4)


def functions(low, high):
    values = jnp.linspace(low, high, 8).reshape(2, 4)
    return batch(jnp.stack([values, jnp.ones((2, 4))], -1), GRID, SPACE)


CARD = {"input_range": input_range(functions(0.0, 2.0))}


def test_the_range_of_a_batch():
    rows = [{"name": "a", "min": 0.0, "max": 2.0}, {"name": "b", "min": 1.0, "max": 1.0}]
    assert CARD["input_range"] == rows
    one = Function(functions(0.0, 2.0).values[0], GRID, SPACE)
    assert input_range(one)[0]["max"] < 1


def test_inside_or_a_little_outside_is_silent():
    assert check_range(CARD, functions(0.5, 1.0)) == []
    assert check_range(CARD, functions(-0.09, 2.09)) == []
    assert check_range({}, functions(-9, 9)) == []


@pytest.mark.parametrize("ends", [(-0.2, 1.0), (0.0, 2.2), (0.0, float("nan"))])
def test_outside_warns(ends):
    with pytest.warns(InputRangeWarning, match="the input channel 'a' has values from") as caught:
        found = check_range(CARD, functions(*ends))
    assert [w.message for w in caught] == found
    assert "the model has seen 0 to 2" in str(found[0])


def test_a_constant_channel_has_a_margin_too():
    moved = Function(functions(0, 2).values[0] * 1.2, GRID, SPACE)
    with pytest.warns(InputRangeWarning, match="channel 'b'"):
        check_range(CARD, moved)


def test_whole_descriptions_and_calibrated_operators_know_their_range():
    operator = FNO(SPACE, SPACE, modes=1, width=2, layers=1, key=jax.random.key(0))
    seen = jnp.asarray([[0.0, 1.0], [2.0, 1.0]])
    ones = jnp.ones((4, 2))
    banded = Banded(
        operator, Constant(ones), Constant(jnp.ones(1)), Constant(seen), GRID, (8,), 0.9, 20
    )
    for source in ({"format": "riesz.model", "card": CARD}, banded):
        with pytest.warns(InputRangeWarning, match="the model has seen 0 to 2"):
            check_range(source, functions(0.0, 3.0))
    assert check_range(operator, functions(0.0, 3.0)) == []
