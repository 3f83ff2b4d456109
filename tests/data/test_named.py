"""Several arrays of a file, and numbers, as named functions."""

import json

import jax
import numpy as np
import pytest

from riesz import open_pairs, recipe, write_pairs
from riesz.data import PairsWriter, fingerprint, load_functions
from riesz.domains import Interval, Point, Torus
from riesz.errors import DataError, ModelError
from riesz.functions import Pairs

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


def sides(path):
    """A field, a curve on a circle at points of each sample and a number; a field and a number."""
    r = np.random.default_rng(1)
    places = np.sort(r.uniform(0, 4, (N, 7)), 1)
    places[::2, 5:] = np.nan  # five points in every other sample
    g = np.where(np.isnan(places), np.nan, np.cos(places))
    fields = {"f": r.normal(size=(N, 5, 6)), "u": r.normal(size=(N, 5, 6))}
    np.savez(path, **fields, g=g, g_coordinates=places, k=np.arange(N) + 1.0, q=np.arange(N) / 2)
    options = {"domain": {"g": Torus(0, 4)}, "nodes": {"f": "centre", "u": "centre"}}
    return np.load(path), {"input": "f,g,k", "output": "u,q", **options}


def test_functions_on_several_domains_are_kept_apart(path):
    stored, options = sides(path)
    file = open_pairs(path, **options)
    assert "taken: 'f', 'g', 'k' are kept apart, each on its own domain and points" in (
        file.understood()
    )
    assert (
        "input: f on 0..1 (5 centre) x  0..1 (6 centre); g on up to 7 scattered points"
        in (file.understood()[1])
    )
    pairs = file[[4, 1]]
    found = {**pairs.parts[0].split(pairs.inputs), **pairs.parts[1].split(pairs.outputs)}
    assert found["g"].domain == Torus(0, 4) and found["q"].domain == found["k"].domain == Point()
    for name in "fukq":
        expected = stored[name][[4, 1]].astype(np.float32).reshape(found[name].values.shape)
        np.testing.assert_array_equal(found[name].values, expected)
    here = np.asarray(found["g"].discretization.mask)
    np.testing.assert_array_equal(here.sum(1), [5, 7])
    np.testing.assert_allclose(found["g"].values[1, :, 0], stored["g"][1], rtol=1e-6)
    inputs = load_functions(path, name="f,g,k", nodes=options["nodes"], space=file.input_space)
    np.testing.assert_array_equal(inputs.values, file.all().inputs.values)
    with pytest.raises(DataError, match="'u' is none of the functions"):
        load_functions(path, name="f,g,u", nodes=options["nodes"], space=file.input_space)


def test_functions_of_one_domain_are_kept_apart_when_asked(path):
    options = {"input": "a,f", "output": "u", "nodes": "left"}
    file = open_pairs(path, **options, apart=True)
    assert [len(file[:1].inputs.components), len(file[:1].outputs.components)] == [2, 1]
    again = open_pairs(path, **options, problem=file)  # as by the spaces of a model
    assert again.input_space == file.input_space


@pytest.mark.parametrize("name", ["d.h5", "d.npz"])
def test_what_is_kept_apart_survives_a_file_of_riesz(path, tmp_path, name):
    pairs = open_pairs(path, **sides(path)[1]).all()
    (tmp_path / "own").mkdir()
    write_pairs(tmp_path / "own" / name, pairs)
    file = open_pairs(tmp_path / "own" / name)
    assert file.parts == pairs.parts and file.fingerprint == fingerprint(pairs)
    again = file.all()
    assert jax.tree.structure(again) == jax.tree.structure(pairs)
    for found, expected in zip(jax.tree.leaves(again), jax.tree.leaves(pairs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("apart", [False, True])
def test_pairs_are_written_some_at_a_time_with_their_names(path, tmp_path, apart):
    pairs = open_pairs(path, input="a,nu", output="u,drag", **OPTIONS).all()
    if apart:
        pairs = Pairs(
            pairs.parts[0].split(pairs.inputs), pairs.parts[1].split(pairs.outputs), apart=True
        )
    one = jax.tree.map(lambda x: x[0], pairs)
    spaces = pairs.input_space, pairs.output_space
    places = one.inputs.discretization, one.outputs.discretization
    out = tmp_path / "pairs.h5"
    with PairsWriter(out, "train", *spaces, *places, N, parts=pairs.parts) as writer:
        writer.append(pairs[:4])
        writer.append(pairs[4:])
    file = open_pairs(f"{out}::train")
    assert file.parts == pairs.parts
    np.testing.assert_array_equal(file.all().inputs.values, pairs.inputs.values)
