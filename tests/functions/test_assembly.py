"""Several named functions as the channels of one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Box, Grid, Interval, MaskedGrid, Point, Points, Space
from riesz.errors import DataError, DomainError
from riesz.functions import Assembly, Function, Pairs, batch, take

LINE = Interval(0.0, 1.0)
GRID = Grid(LINE, 9)
NUMBERS = Space(Point(), 2, ("density", "viscosity"), ("kg", "Pa s"))


def field(n, on=GRID, scale=1.0):
    x = np.asarray(on.coordinates)[..., :1]
    return batch(scale * np.arange(1, n + 1).reshape(n, *[1] * x.ndim) * x, on)


def numbers(n):
    return batch(np.arange(2.0 * n).reshape(n, 2), Grid(Point()), NUMBERS)


def test_numbers_are_constant_channels_and_come_back():
    assembly = Assembly({"a": Space(LINE), "material": NUMBERS})
    assert assembly.space.names == ("a", "material.density", "material.viscosity")
    assert assembly.space.units == ("", "kg", "Pa s")
    functions = {"a": field(3), "material": numbers(3)}
    joined = assembly.join(functions)
    assert joined.values.shape == (3, 9, 3)
    back = assembly.split(joined)
    np.testing.assert_allclose(back["a"].values, functions["a"].values)
    np.testing.assert_allclose(back["material"].values, functions["material"].values, rtol=1e-6)
    assert back["material"].space == NUMBERS
    one = assembly.join({name: take(f, 1) for name, f in functions.items()})
    np.testing.assert_array_equal(one.values, joined.values[1])


@pytest.mark.parametrize(
    "on",
    [
        Grid(LINE, 12, "chebyshev"),
        MaskedGrid(GRID, np.arange(9) > 2),
        Points(LINE, np.linspace(0, 1, 7)[:, None] ** 2),
    ],
)
def test_the_mean_is_an_integral_over_what_is_present(on):
    assembly = Assembly({"drag": Space(Point())}, LINE)
    x = jnp.asarray(on.coordinates)[..., :1]
    f = Function(x.astype(jnp.float32), on, assembly.space)
    weights = np.asarray(on.weights)
    mean = (weights * np.asarray(x[..., 0])).sum() / weights.sum()
    np.testing.assert_allclose(assembly.split(f)["drag"].values, [mean], rtol=1e-5)
    projected = assembly.project(f)
    np.testing.assert_allclose(np.asarray(projected.values)[weights > 0], mean, rtol=1e-5)


def test_fields_are_resampled_to_the_points_of_the_first():
    fine = Grid(LINE, 33)
    assembly = Assembly({"a": Space(LINE), "f": Space(LINE)})
    joined = assembly.join({"a": field(2), "f": field(2, fine, 3.0)})
    np.testing.assert_allclose(joined.values[..., 1], 3 * joined.values[..., 0], atol=1e-5)


def test_points_that_differ_from_sample_to_sample():
    sets = [
        Points(LINE, np.sort(np.random.default_rng(i).uniform(0, 1, 6))[:, None]) for i in (1, 2)
    ]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *sets)
    a = batch(np.ones((2, 6, 1)), stacked)
    pairs = Pairs(
        {"a": a, "material": numbers(2)},
        {"u": a, "drag": batch(np.array([[3.0], [4.0]]), Grid(Point()))},
    )
    assert pairs.inputs.values.shape == (2, 6, 3)
    np.testing.assert_allclose(
        pairs.parts[1].split(pairs.outputs)["drag"].values, [[3], [4]], rtol=1e-6
    )


def test_pairs_of_named_functions_are_pairs():
    pairs = Pairs({"a": field(8), "material": numbers(8)}, {"drag": numbers(8)})
    assert (pairs.inputs.channels, pairs.outputs.channels, len(pairs[2:5])) == (3, 2, 3)
    assert pairs.outputs.domain == LINE
    assert pairs[:2].parts == pairs.parts
    left, held = pairs.split(0.25, key=jax.random.key(0))
    assert left.parts == held.parts == pairs.parts


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (
            lambda: Assembly({"a": Space(LINE)}, Box((0, 0), (1, 1))),
            DomainError,
            r"on their own domain(.|\n)*'a' on",
        ),
        (lambda: Assembly({}), DomainError, "found:    none"),
        (
            lambda: Assembly({"a": Space(LINE)}).join({"b": field(2)}),
            DomainError,
            r"'a': Space\(u on \[0, 1\]\)(.|\n)*'b': Space",
        ),
        (
            lambda: Assembly({"n": NUMBERS}, LINE).join({"n": numbers(2)}),
            DomainError,
            "on: a discretization",
        ),
        (lambda: Pairs({"a": field(2)}, field(2)), DataError, "dict and Function"),
        (lambda: Pairs({"a": field(2)}, {"u": field(3)}), DataError, "2 inputs, 3 outputs"),
        (lambda: Pairs({"a": field(2), "n": numbers(3)}, {"u": field(2)}), DataError, "n: 3"),
    ],
)
def test_refusals(act, error, text):
    with pytest.raises(error, match=text):
        act()
