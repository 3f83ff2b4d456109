"""Several arrays of a file, and numbers, as named functions."""

import numpy as np
import pytest

from riesz import open_pairs
from riesz.data import load_functions
from riesz.domains import Torus
from riesz.errors import DataError

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


def test_names_that_are_not_there(path):
    with pytest.raises(DataError, match="'b'"):
        open_pairs(path, input="a,b", output="u", nodes="left")
