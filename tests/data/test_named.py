"""Several arrays of a file, and numbers, as named functions."""

import json

import numpy as np
import pytest

from riesz import open_pairs, recipe, write_pairs
from riesz.data import load_functions
from riesz.domains import Interval, Torus
from riesz.errors import DataError, ModelError

N = 6


@pytest.fixture
def path(tmp_path):
    r = np.random.default_rng(0)
    arrays = {"a": r.normal(size=(N, 8)), "f": r.normal(size=(N, 8)), "u": r.normal(size=(N, 8))}
    np.savez(tmp_path / "d.npz", **arrays, nu=r.normal(size=(N, 2)), drag=np.arange(N) / 2)
    return tmp_path / "d.npz"


OPTIONS = {"channels": {"nu": "last"}, "nodes": "left"}


def test_arrays_become_channels_and_come_back(path):
    file = open_pairs(path, input="a,f,nu", output="u,drag", **OPTIONS)
    assert file.input_space.names == ("a", "f", "nu.0", "nu.1")
    assert "taken: 'drag' is a number per sample" in file.understood()
    pairs = file[[4, 1]]
    assert pairs.parts == file.parts and pairs.inputs.values.shape == (2, 8, 4)
    stored = np.load(path)
    split = {**pairs.parts[0].split(pairs.inputs), **pairs.parts[1].split(pairs.outputs)}
    for name, f in split.items():
        expected = stored[name][[4, 1]].astype(np.float32).reshape(f.values.shape)
        np.testing.assert_allclose(f.values, expected, rtol=1e-6)


def test_a_number_of_a_curve(path):
    file = open_pairs(path, input="a", output="drag", nodes="left")
    assert file.parts is not None and file.output_space.domain == file.input_space.domain
    np.testing.assert_allclose(file.all().outputs.values[:, 3, 0], np.arange(N) / 2)


def test_missing_values_of_one_field_are_missing_in_all(path):
    stored = dict(np.load(path))
    stored["a"][:, :2] = np.nan
    np.savez(path, **stored)
    pairs = open_pairs(path, input="a,nu", output="drag", **OPTIONS).all()
    assert (np.asarray(pairs.inputs.discretization.weights) > 0).sum() == 6 * N
    drag = pairs.parts[1].split(pairs.outputs)["drag"]
    np.testing.assert_allclose(drag.values[:, 0], np.arange(N) / 2)


def test_inputs_without_outputs(path):
    inputs = load_functions(path, name="a,nu", domain=Torus(0, 1), **OPTIONS)
    assert inputs.values.shape == (N, 8, 3)
    same = open_pairs(path, input="a,nu", output="u", domain=Torus(0, 1), **OPTIONS)
    np.testing.assert_array_equal(inputs.values, same.all().inputs.values)


def test_a_place_that_is_missing_in_one_is_missing_in_all(path):
    stored = dict(np.load(path))
    stored["f"][:, :2] = np.nan
    stored["a"][3, 5] = np.nan
    np.savez(path, **stored)
    pairs = open_pairs(path, input="a,f", output="drag", nodes="left").all()
    present = np.ones((N, 8), bool)
    present[:, :2] = present[3, 5] = False
    weights = np.asarray(pairs.inputs.discretization.mask)
    np.testing.assert_array_equal(weights, present)
    found = np.asarray(pairs.inputs.values)
    for channel, name in enumerate("af"):
        np.testing.assert_allclose(
            found[..., channel][present], stored[name][present].astype(np.float32)
        )
    stored["a"][2, 2:] = np.nan
    np.savez(path, **stored)
    with pytest.raises(DataError, match=r"no place where all(.|\n)*1 samples"):
        open_pairs(path, input="a,f", output="drag", nodes="left")


def test_what_is_resampled_is_said(path):
    x = np.arange(16) / 16
    np.savez(path, **{**np.load(path), "f": np.sin(2 * np.pi * x) * np.ones((N, 1))})
    options = {"nodes": "uniform", "domain": Torus(0, 1)}
    file = open_pairs(path, input="a,f", output="drag", **options)
    assert "'f' is resampled to the points of 'a'" in file.notes
    np.testing.assert_allclose(
        file.all().inputs.values[:, :, 1], np.sin(2 * np.pi * x[::2]) * np.ones((N, 1)), atol=1e-5
    )


def test_numbers_alone_lose_none(path):
    file = open_pairs(path, input="nu,drag", output="u", **OPTIONS)
    assert file.input_space.names == ("nu.0", "nu.1", "drag")
    stored = dict(np.load(path))
    np.savez(path, x1=stored["nu"][:, 0], x2=stored["nu"][:, 1], y=stored["drag"])
    file = open_pairs(path, input="x1,x2", output="y")
    np.testing.assert_allclose(file.all().inputs.values, stored["nu"], rtol=1e-6)
    with pytest.raises(ModelError, match=r"numbers to numbers(.|\n)*fit-process"):
        recipe(file)


def test_numbers_of_trajectories_are_those_of_their_times(path):
    r = np.random.default_rng(0)
    v, nu = r.normal(size=(N, 5, 8)), np.arange(N) / 2
    np.savez(path, v=v, nu=nu)
    options = {"nodes": "left", "domain": Interval(0, 1), "channels": "none"}
    file = open_pairs(path, input="v,nu", output="v", lead=1, **options)
    pairs = file.all()
    assert len(file) == 4 * N
    np.testing.assert_allclose(pairs.inputs.values[:, 0, 1], np.repeat(nu, 4))
    np.testing.assert_allclose(pairs.outputs.values[..., 0], v[:, 1:].reshape(-1, 8), rtol=1e-6)


@pytest.mark.parametrize("name", ["d.h5", "d.npz"])
def test_names_survive_a_file_of_riesz(path, tmp_path, name):
    pairs = open_pairs(path, input="a,nu", output="u,drag", **OPTIONS).all()
    (tmp_path / "own").mkdir()
    write_pairs(tmp_path / "own" / name, pairs)
    file = open_pairs(tmp_path / "own" / name)
    assert file.parts == pairs.parts == file[:2].parts
    np.testing.assert_array_equal(file.all().inputs.values, pairs.inputs.values)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"nu": np.ones((N - 1, 2))}, "different numbers of samples"),
        ({"nu": np.full((N, 2), np.inf)}, "infinite"),
        ({"nu": np.where(np.arange(2) == 0, np.nan, np.ones((N, 2)))}, "'nu'"),
        ({"drag": np.full(N, np.nan)}, "'drag'"),
    ],
)
def test_refusals(path, change, text):
    np.savez(path, **{**np.load(path), **change})
    with pytest.raises(DataError, match=text):
        open_pairs(path, input="a,nu", output="u,drag", **OPTIONS)


@pytest.mark.parametrize(
    ("input", "output", "text"),
    [
        ("a,b", "u", "'b'"),
        ("a,,f", "u", "no data set ''"),
        ("a,a", "u", "named twice"),
        ("a,drag", "drag", r"among the inputs(.|\n)*lead=K"),
    ],
)
def test_names_that_are_wrong(path, input, output, text):
    with pytest.raises(DataError, match=text):
        open_pairs(path, input=input, output=output, nodes="left")


def test_a_damaged_record_of_names_names_the_file(path, tmp_path):
    pairs = open_pairs(path, input="a,nu", output="u,drag", **OPTIONS).all()
    write_pairs(tmp_path / "own.npz", pairs)
    stored = dict(np.load(tmp_path / "own.npz"))
    name = next(name for name in stored if stored[name].dtype.kind == "S")
    record = json.loads(stored[name].item())
    record["sets"]["input"]["functions"].pop()
    stored[name] = np.array(json.dumps(record).encode())
    np.savez(tmp_path / "own.npz", **stored)
    with pytest.raises(DataError, match=r"named functions and channels disagree(.|\n)*own\.npz"):
        open_pairs(tmp_path / "own.npz")
