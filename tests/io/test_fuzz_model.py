"""600 damaged copies of a model folder: each loads as the same model, or is refused."""

import random
import shutil
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz.domains import Grid, Space, Torus
from riesz.errors import RieszError
from riesz.functions import Pairs, batch
from riesz.io import read_card, read_model
from riesz.operators import FNO, Normalised

FILES = ("model.json", "weights.safetensors")


def operator():
    space = Space(Torus(0.0, 1.0))
    values = batch(jnp.linspace(0.0, 1.0, 64).reshape(8, 8, 1), Grid(space.domain, 8), space)
    inner = FNO(space, space, modes=2, width=3, layers=1, key=jax.random.key(0))
    return Normalised(inner, Pairs(values, values))


def truncation(data, draw):
    return data[: draw.randrange(len(data))]


def flip(data, draw):
    at = draw.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :]


def overwriting(data, draw):
    at, length = draw.randrange(len(data)), draw.randrange(1, 17)
    new = draw.choice([draw.randbytes(length), bytes(length), b"0" * length, b"9" * length])
    new = new[: len(data) - at]
    return data[:at] + new + data[at + len(new) :]


def same(first, second):
    if jax.tree.structure(first) != jax.tree.structure(second):
        return False
    leaves = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in leaves)


@pytest.mark.parametrize("mutate", [truncation, flip, overwriting])
def test_damaged_models_are_refused_or_the_same(mutate, tmp_path):
    whole = tmp_path / "whole"
    card = {"seed": 1, "metrics": {"relative_l2": 0.125}, "hardware": "CPU, 2 cores"}
    riesz.save(whole, operator(), card=card)
    expected, record = riesz.load(whole), read_model(whole)
    draw = random.Random(mutate.__name__)
    outcomes = {"same": 0, "refused": 0}
    for i in range(200):
        name = FILES[i % 2]
        folder = tmp_path / "damaged"
        shutil.copytree(whole, folder)
        data = (folder / name).read_bytes()
        changed = mutate(data, draw)
        (folder / name).write_bytes(changed)
        start = time.perf_counter()
        try:
            loaded = riesz.load(folder)
            assert same(loaded, expected), f"{name}: other weights ({mutate.__name__} {i})"
            assert read_model(folder) == record and read_card(folder) == card
            # only the layout of the description may differ
            assert changed == data or name == "model.json"
            outcomes["same"] += 1
        except RieszError as error:
            assert error.repair and error.where, error
            outcomes["refused"] += 1
        assert time.perf_counter() - start < 10
        shutil.rmtree(folder)
    assert outcomes["refused"] >= 170, outcomes
    print(mutate.__name__, outcomes)
