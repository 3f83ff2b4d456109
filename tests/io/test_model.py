"""Model folders: what is saved comes back, in this process and in another."""

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz._core.structure import to_json
from riesz.domains import Box, Grid, Interval, Product, Space, Torus
from riesz.domains._json import (
    discretization_from_json,
    discretization_to_json,
    space_from_json,
    space_to_json,
)
from riesz.errors import DomainError, ModelError
from riesz.evaluation import Banded, InputStatistics, Scale
from riesz.functions import Function, Pairs, batch
from riesz.io import read_card, read_model
from riesz.operators import FNO, DeepONet, Frozen, Normalised, ZeroDirichlet

CIRCLE = Space(Torus(0.0, 1.0), 1, ("u",), ("m",))
LINE = Space(Interval(0.0, 2.0))
SIZES = {"modes": 3, "width": 4, "layers": 1}


def pairs(space, n=12):
    values = jax.random.normal(jax.random.key(9), (n, 16, 1))
    functions = batch(values, Grid(space.domain, 16), space)
    return Pairs(functions, functions)


def fno():
    return FNO(CIRCLE, CIRCLE, **SIZES, key=jax.random.key(0))


def banded():
    grid = Grid(CIRCLE.domain, 16)
    field = Frozen(jnp.linspace(0.5, 1.5, 16)[:, None])
    one, scores = Frozen(jnp.ones(1)), (Frozen(jnp.linspace(1.0, 2.5, 40)),)
    scale = Scale(field, one, one, grid, 0.5)
    return Banded(fno(), scale, scores, InputStatistics.of(pairs(CIRCLE).inputs), (9,), 0.9)


OPERATORS = {
    "FNO": fno,
    "Normalised": lambda: Normalised(fno(), pairs(CIRCLE)),
    "ZeroDirichlet": lambda: ZeroDirichlet(FNO(LINE, LINE, **SIZES, key=jax.random.key(1))),
    "DeepONet": lambda: DeepONet(
        LINE, CIRCLE, sensors=5, width=4, depth=1, basis=3, key=jax.random.key(2)
    ),
    "POD": lambda: DeepONet.with_pod(
        pairs(LINE), basis=3, sensors=5, width=4, depth=1, key=jax.random.key(3)
    ),
    "Banded": banded,
}


def assert_same(first, second):
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        assert a.dtype == b.dtype and np.array_equal(a, b)


@pytest.mark.parametrize("name", OPERATORS)
def test_a_saved_operator_comes_back(name, tmp_path):
    operator = OPERATORS[name]()
    card = {"seed": 3, "metrics": {"relative_l2": [0.1, 0.2]}, "hardware": "CPU"}
    riesz.save(tmp_path / "model", operator, card=card)
    loaded = riesz.load(tmp_path / "model")
    assert_same(operator, loaded)
    assert loaded.input_space == operator.input_space
    assert loaded.output_space == operator.output_space
    assert read_card(tmp_path / "model") == card


def test_the_files_of_a_model(tmp_path):
    riesz.save(tmp_path / "model", Normalised(fno()), card={"seed": np.int64(3)})
    files = sorted(p.name for p in (tmp_path / "model").iterdir())
    assert files == ["model.json", "weights.safetensors"]
    record = json.loads((tmp_path / "model" / "model.json").read_text())
    assert record["format"] == "riesz.model" and record["version"] == 1
    assert record["structure"]["class"] == "operators.Normalised"
    assert record["text"] == "Normalised(FNO(modes=(3,), width=4, layers=1))"
    assert record["spaces"]["input_space"] == "Space(u [m] on circle[0, 1))"
    trained = sum(x.size for x in jax.tree.leaves(fno()))
    assert record["parameters"] == trained  # not the normaliser's constants
    assert record["card"] == {"seed": 3}
    assert "inner.blocks.0.spectrum" in to_json(Normalised(fno()), "")[1]
    del record["sha256"]
    assert read_model(tmp_path / "model") == record


@pytest.mark.long
def test_bitwise_the_same_outputs_in_a_fresh_process(tmp_path):
    operator = banded()
    riesz.save(tmp_path / "model", operator)
    code = f"""
import sys, numpy as np, riesz
from riesz.domains import Grid
from riesz.functions import Function
operator = riesz.load({str(tmp_path / "model")!r})
space = operator.input_space
values = np.sin(np.arange(24, dtype=np.float32))[:, None]
band = operator(Function(values, Grid(space.domain, 24), space))
np.savez({str(tmp_path / "out.npz")!r}, p=band.prediction.values, l=band.lower.values)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    a = Function(np.sin(np.arange(24, dtype=np.float32))[:, None], Grid(CIRCLE.domain, 24), CIRCLE)
    band = riesz.load(tmp_path / "model")(a)
    with np.load(tmp_path / "out.npz") as other:
        assert np.array_equal(other["p"], band.prediction.values)
        assert np.array_equal(other["l"], band.lower.values)


def test_64_bit_weights_stay_64_bit(tmp_path, x64):
    riesz.save(tmp_path / "model", fno())
    loaded = riesz.load(tmp_path / "model")
    assert loaded.lift.weight.dtype == jnp.float64
    assert_same(fno(), loaded)
    with jax.enable_x64(False), pytest.raises(ModelError) as caught:
        riesz.load(tmp_path / "model")
    assert "64-bit weights" in str(caught.value)
    assert 'repair:   jax.config.update("jax_enable_x64", True)' in str(caught.value)


def test_32_bit_weights_load_in_a_64_bit_program(tmp_path):
    riesz.save(tmp_path / "model", fno())
    with jax.enable_x64(True):
        assert riesz.load(tmp_path / "model").lift.weight.dtype == jnp.float32


def test_a_model_can_be_replaced(tmp_path):
    riesz.save(tmp_path, fno(), card={"seed": 1})
    riesz.save(tmp_path, banded(), card={"seed": 2})
    assert isinstance(riesz.load(tmp_path), Banded)
    assert read_card(tmp_path) == {"seed": 2}


@pytest.mark.parametrize(
    "space",
    [
        CIRCLE,
        Space(Box((0, 0), (1, 2)), 2, ("u", "v"), ("m/s", "")),
        Space(Torus((0.0, 0.0, 0.0), (1.0, 1.0, 2.0))),
        Space(Product(Interval(0, 0.1), Torus((0, 0), (1, 1)))),
    ],
)
def test_spaces_and_grids_survive_json(space):
    assert space_from_json(json.loads(json.dumps(space_to_json(space)))) == space
    grid = Grid(space.domain, 5)
    assert discretization_from_json(json.loads(json.dumps(discretization_to_json(grid)))) == grid


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        {"lower": [0], "upper": [1], "periodic": [0], "shape": [4], "nodes": ["vertex"]},
        {"lower": ["0"], "upper": [1], "periodic": [False], "shape": [4], "nodes": ["vertex"]},
        {"lower": [0, 0], "upper": [1], "periodic": [False], "shape": [4], "nodes": ["vertex"]},
        {"lower": [0], "upper": [1], "periodic": [False], "shape": [4.0], "nodes": ["vertex"]},
        {"lower": [1], "upper": [0], "periodic": [False], "shape": [4], "nodes": ["vertex"]},
        {"lower": [0], "upper": [1], "periodic": [False], "shape": [4], "nodes": ["middle"]},
    ],
)
def test_other_json_is_no_grid(record):
    with pytest.raises(DomainError):
        discretization_from_json(record)
    if record:
        with pytest.raises(DomainError):
            discretization_from_json({"kind": "Grid", **record})
