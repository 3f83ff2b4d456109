"""Holes of inputs where the calibration had none: said by check_range, reports and predictions."""

import json
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

import riesz
from riesz.cli import app
from riesz.data import save_functions
from riesz.domains import Box, Grid, MaskedGrid, Space, Torus
from riesz.errors import InputRangeWarning
from riesz.evaluation import InputStatistics
from riesz.evaluation._inputs import STATISTICS
from riesz.evaluation._range import RangeCheck
from riesz.functions import Function, Pairs, batch, take
from riesz.operators import FNO

SPACE = Space(Box((0.0, 10.0), (1.0, 12.0)))
SIDE = 16


def grid(size=SIDE):
    return Grid(SPACE.domain, size, nodes="centre")


def sea(size=SIDE):
    """All but a disc of land."""
    x = (np.arange(size) + 0.5) / size
    return (x[:, None] - 0.3) ** 2 + (x - 0.6) ** 2 > 0.04


def fixed(n, draw):
    return np.repeat(sea()[None], n, 0)


def rare(n, draw):
    return sea() & (draw.random((n, SIDE, SIDE)) > 0.002)


def many(n, draw):
    return sea() & (draw.random((n, SIDE, SIDE)) > 0.1)


def clouds(n, draw):
    return sea() & (gaussian_filter(draw.normal(size=(n, SIDE, SIDE)), (0, 2, 2)) < 0.25)


def fields(mask, draw):
    """Smooth fields present where the masks (n, size, size) say, 1e9 elsewhere."""
    n, size, _ = mask.shape
    values = gaussian_filter(draw.normal(size=mask.shape), (0, size / 6, size / 6)) * size / 3
    values = jnp.asarray(np.where(mask, values, 1e9)[..., None], np.float32)
    on = grid(size)
    return jax.vmap(lambda v, m: Function(v, MaskedGrid(on, m), SPACE))(values, jnp.asarray(mask))


def said(known, functions):
    check = RangeCheck(known)
    check.add(functions)
    return [str(w) for w in check.warnings()]


@pytest.mark.long
@pytest.mark.parametrize("kind", [fixed, rare, many, clouds])
@pytest.mark.parametrize("n", [20, 100])
def test_holes_of_the_same_kind_are_not_said(kind, n):
    draw, batches, singles = np.random.default_rng(n), 0, 0
    for _ in range(10):
        everything = fields(kind(n + 40, draw), draw)
        known = InputStatistics.of(take(everything, slice(0, n)))
        batches += bool(said(known, take(everything, slice(n, n + 30))))
        for i in range(n + 30, n + 40):
            singles += bool(said(known, take(everything, slice(i, i + 1))))
    # 5 % of 10 batches and 1 % of 100 inputs; more has probability 0.02
    assert batches <= 2 and singles <= 4


@pytest.mark.parametrize("kind", [fixed, rare, many, clouds])
def test_other_holes_are_said(kind):
    draw = np.random.default_rng(0)
    known = InputStatistics.of(fields(kind(60, draw), draw))
    block = kind(1, draw)
    block[0, 6:] = False
    full = np.ones_like(block)
    assert len(said(known, fields(block, draw))) == 1
    (text,) = said(known, fields(full, draw))
    land = int((~sea()).sum())
    assert f"at {land} node(s) it has a hole where none" in text and "or a value" in text
    assert text.endswith("Errors and bands are not to be trusted there")


def test_where_and_how_many():
    draw = np.random.default_rng(1)
    known = InputStatistics.of(fields(fixed(30, draw), draw))
    mask = fixed(1, draw)
    mask[0, 14, 2:4] = False
    (text,) = said(known, fields(mask, draw))
    assert "the input is unlike the 30 inputs of the calibration: at 2 node(s) it has a" in text
    assert "between (0.90625, 10.3125) and (0.90625, 10.4375); counted on 16 x 16" in text
    assert said(known, take(fields(mask, draw), 0)) == [text]  # one function, no batch
    masks = fixed(9, draw)
    masks[4] = mask[0]
    assert "input 4 of 9 is unlike" in said(known, fields(masks, draw))[0]


def test_more_deeper_and_elsewhere():
    draw = np.random.default_rng(2)
    north = draw.random((50, SIDE, SIDE)) > 0.15
    north[:, SIDE // 2 :] = True
    known = InputStatistics.of(fields(north, draw))
    assert said(known, fields(north[:1], draw)) == []
    assert "where none of these has one" in said(known, fields(north[:1, ::-1], draw))[0]
    ragged = draw.random((1, SIDE, SIDE)) > 0.8
    ragged[:, SIDE // 2 :] = True
    assert "hole(s) where not all" in said(known, fields(ragged, draw))[0]
    deep = np.ones((1, SIDE, SIDE), bool)
    deep[0, 1:6, 5:10] = False  # 25 holes; random ones are 20 of 128 or so
    (text,) = said(known, fields(deep, draw))
    assert "its holes reach 3 nodes from the nearest value, there at most 1" in text


def test_depth_goes_around_a_circle():
    space = Space(Torus(0.0, 1.0))
    on = Grid(space.domain, 20)
    mask = np.random.default_rng(3).random((60, 20)) > 0.3

    def of(m):
        return jax.vmap(lambda m: Function(jnp.ones((20, 1)), MaskedGrid(on, m), space))(
            jnp.asarray(m)
        )

    known = InputStatistics.of(of(mask))
    seam = np.ones((1, 20), bool)
    seam[0, [0, 1, 18, 19]] = False
    inner = np.roll(seam, 10, axis=1)
    depths = [known.statistics(of(m))[0][0, -1] for m in (seam, inner)]
    assert depths == [2, 2]


@pytest.mark.parametrize("size", [8, 24, 40])
def test_the_same_land_on_another_grid_is_not_said(size):
    draw = np.random.default_rng(4)
    known = InputStatistics.of(fields(fixed(60, draw), draw))
    alike = fields(np.repeat(sea(size)[None], 10, 0), draw)
    assert (known.statistics(alike)[0][:, STATISTICS.index("mask") :] == 0).all()
    assert not any("hole" in text for text in said(known, alike))
    mask = sea(size)[None].copy()
    mask[0, : size // 4, : size // 4] = False
    (text,) = said(known, fields(mask, draw))
    assert "it has a hole where none of these has one" in text


@pytest.mark.long
def test_a_saved_band_promises_nothing_for_other_holes(tmp_path):
    draw = np.random.default_rng(5)
    operator = FNO(SPACE, SPACE, modes=2, width=2, layers=1, key=jax.random.key(0))
    inputs = fields(fixed(40, draw), draw)
    outputs = batch(np.zeros((40, SIDE, SIDE, 1), np.float32), grid(), SPACE)
    banded = riesz.calibrate(operator, Pairs(inputs, outputs), key=jax.random.key(1))
    riesz.save(tmp_path / "model", banded)
    loaded = riesz.load(tmp_path / "model")

    mask = fixed(4, draw)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alike = riesz.evaluate(loaded, Pairs(fields(mask, draw), take(outputs, slice(0, 4))))
    assert any(line.startswith("Coverage promised: 90%") for line in alike.promise)
    mask[1, 12:, 4:9] = False
    holes = fields(mask, draw)
    texts = said(banded, holes)
    assert texts == said(loaded, holes) and "at 20 node(s) it has a hole" in texts[0]
    with pytest.warns(InputRangeWarning, match="input 1 of 4 is unlike"):
        report = riesz.evaluate(loaded, Pairs(holes, take(outputs, slice(0, 4))))
    assert report.warnings == tuple(texts) and "at 20 node(s)" in str(report)
    assert "Coverage promised" not in str(report) and "is not promised here" in str(report)

    save_functions(tmp_path / "in.h5", holes)
    command = ["predict", tmp_path / "model", tmp_path / "in.h5", "-o", tmp_path / "out.npz"]
    answer = CliRunner().invoke(app, [*map(str, command), "--json"])
    assert answer.exit_code == 0, answer.stderr
    assert json.loads(answer.stdout)["warnings"] == texts
    answer = CliRunner().invoke(app, [*map(str, command), "--force"])
    assert "nothing is promised" in answer.stdout and "probability" not in answer.stdout
    assert "at 20 node(s)" in answer.stderr
