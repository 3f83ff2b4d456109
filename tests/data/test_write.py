"""Writing data: round trips, continuing, and the text of what is refused."""

import os
import subprocess
import sys

import equinox as eqx
import h5py
import jax
import numpy as np
import pytest

from riesz.data import (
    PairsWriter,
    fingerprint,
    load_functions,
    open_pairs,
    save_functions,
    write_pairs,
)
from riesz.domains import Box, Grid, Interval, MaskedGrid, Points, Space, Torus
from riesz.errors import DataError
from riesz.functions import Function, Pairs, batch

RANDOM = np.random.default_rng(0)
SPACE = Space(Torus(0, 1), 2, names=("u", "v"), units=("m/s", "K"))
MIXED = Grid(Interval(0, 1) * Torus(0, 2.5), (9, 16))


def pairs_of(n, seed=0):
    random = np.random.default_rng(seed)
    a = random.normal(size=(n, 9, 16, 1)).astype("f4")
    u = random.normal(size=(n, 32, 2)).astype("f4")
    return Pairs(batch(a, MIXED), batch(u, Grid(Torus(0, 1), 32), SPACE))


def same(first, second):
    assert jax.tree.structure(first) == jax.tree.structure(second)
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in pairs)


def writer_of(path, n, group="", **options):
    pairs = pairs_of(n)
    grids = pairs.inputs.discretization, pairs.outputs.discretization
    return PairsWriter(path, group, pairs.input_space, SPACE, *grids, n, **options)


@pytest.mark.parametrize("name", ["data.h5", "data.h5::a/b", "data.npz"])
def test_pairs_come_back(tmp_path, name):
    pairs = pairs_of(20)
    write_pairs(tmp_path / name, pairs, problem="Toy", seed=[0, 3])
    file = open_pairs(tmp_path / name)
    assert (file.problem, file.seed, len(file), file.notes) == ("Toy", [0, 3], 20, ())
    assert same(file.all(), pairs) and file.fingerprint == fingerprint(pairs)
    assert file.output_space == SPACE and file.input_grid == MIXED
    assert sorted(os.listdir(tmp_path)) == [name.partition("::")[0]]


@pytest.mark.parametrize("suffix", ["h5", "npz"])
def test_scattered_points_come_back(tmp_path, suffix):
    where = Points(Box((0, 0), (1, 1)), RANDOM.uniform(size=(12, 2)).astype("f4"))
    f = batch(RANDOM.normal(size=(3, 12, 1)).astype("f4"), where)
    write_pairs(tmp_path / f"pairs.{suffix}", Pairs(f, f))
    assert same(open_pairs(tmp_path / f"pairs.{suffix}").all(), Pairs(f, f))
    save_functions(tmp_path / f"functions.{suffix}", f)
    assert same(load_functions(tmp_path / f"functions.{suffix}"), f)
    moved = jax.vmap(lambda x: Points(where.domain, x, where.weights))(
        np.stack([where.coordinates, 1 - where.coordinates])
    )
    ragged = jax.vmap(lambda v, d: type(f)(v, d))(f.values[:2], moved)
    two = jax.tree.map(lambda leaf: leaf[:2], f)
    save_functions(tmp_path / f"ragged.{suffix}", ragged)
    assert same(load_functions(tmp_path / f"ragged.{suffix}"), ragged)
    write_pairs(tmp_path / f"ragged_pairs.{suffix}", Pairs(two, ragged))
    file = open_pairs(tmp_path / f"ragged_pairs.{suffix}")
    assert same(file.all(), Pairs(two, ragged))
    assert same(file[[1]].outputs, jax.tree.map(lambda x: x[1:], ragged))


@pytest.mark.parametrize("suffix", ["h5", "npz"])
@pytest.mark.parametrize("each", [False, True])
def test_holes_and_uneven_axes_come_back(tmp_path, suffix, each):
    grid = Grid(Interval(0, 100) * Torus(0, 1), (5, 8), ((0, 5, 12.5, 40, 100), "uniform"))
    masks = RANDOM.uniform(size=(4, 5, 8)) < 0.7
    masks = masks if each else np.broadcast_to(masks[:1], masks.shape)
    where = jax.vmap(lambda m: MaskedGrid(grid, m))(masks)
    values = RANDOM.normal(size=(4, 5, 8, 2)).astype("f4")
    f = jax.vmap(lambda v, m: Function(v, m))(values, where)
    assert (np.asarray(f.values)[~masks] == 0).all()
    write_pairs(tmp_path / f"d.{suffix}", Pairs(f, f))
    file = open_pairs(tmp_path / f"d.{suffix}")
    assert same(file.all(), Pairs(f, f)) and file.fingerprint == fingerprint(Pairs(f, f))
    picked = file[[3, 1]].inputs.discretization
    np.testing.assert_array_equal(picked.mask, masks[[3, 1]])
    assert ("in some samples" if each else "in all samples") in file.understood()[1]


@pytest.mark.parametrize("suffix", ["h5", "npz"])
def test_functions_come_back(tmp_path, suffix):
    path = tmp_path / f"f.{suffix}"
    f = pairs_of(4).outputs
    save_functions(path, f)
    assert same(load_functions(path), f)
    before = path.read_bytes()
    save_functions(path, f)  # what is there already stays
    other = pairs_of(4, seed=1).outputs
    with pytest.raises(DataError, match="say overwrite=True"):
        save_functions(path, other)
    assert path.read_bytes() == before
    save_functions(path, other, overwrite=True)
    assert same(load_functions(path), other)
    with pytest.raises(DataError, match=r"found:    riesz.functions"):
        open_pairs(path)
    write_pairs(tmp_path / f"pairs.{suffix}", pairs_of(4))
    assert same(load_functions(tmp_path / f"pairs.{suffix}"), pairs_of(4).inputs)
    one = jax.tree.map(lambda leaf: leaf[0], f)
    with pytest.raises(DataError, match="these are not a batch of functions"):
        save_functions(tmp_path / f"one.{suffix}", one)


def test_other_tools_read_what_is_written(tmp_path):
    pairs = pairs_of(5)
    write_pairs(tmp_path / "d.h5", pairs)
    write_pairs(tmp_path / "d.npz", pairs)
    with np.load(tmp_path / "d.npz") as arrays, h5py.File(tmp_path / "d.h5") as file:
        for source in (arrays, file):
            np.testing.assert_array_equal(source["output"], pairs.outputs.values)
            np.testing.assert_allclose(source["input_coordinates_0"], np.linspace(0, 1, 9))
            np.testing.assert_allclose(source["input_coordinates_1"], 2.5 * np.arange(16) / 16)
        assert file["output"].fletcher32


def test_groups_are_added_and_replaced(tmp_path):
    path = tmp_path / "d.h5"
    write_pairs(f"{path}::x/train", pairs_of(6))
    write_pairs(f"{path}::x/test", pairs_of(3))
    write_pairs(f"{path}::y", pairs_of(2))
    write_pairs(f"{path}::x/test", pairs_of(4, seed=1), overwrite=True)
    assert same(open_pairs(f"{path}::x/train").all(), pairs_of(6))
    assert same(open_pairs(f"{path}::x/test").all(), pairs_of(4, seed=1))
    assert len(open_pairs(f"{path}::y")) == 2
    with pytest.raises(DataError, match=r"did not write it(.|\n)*groups x/test, x/train, y"):
        write_pairs(path, pairs_of(2))
    assert os.listdir(tmp_path) == ["d.h5"]


def test_repeating_is_harmless_and_other_data_is_refused(tmp_path):
    path = tmp_path / "d.h5"
    write_pairs(path, pairs_of(6), problem="Toy")
    before = path.read_bytes()
    write_pairs(path, pairs_of(6), problem="Toy")
    with pytest.raises(DataError, match=r"expected: fingerprint(.|\n)*found:    fingerprint"):
        write_pairs(path, pairs_of(6, seed=1), problem="Toy")
    with pytest.raises(DataError) as caught:
        write_pairs(path, pairs_of(5), problem="Other")
    assert str(caught.value).splitlines() == [
        "the file holds data of another description",
        f"  where:    {path}",
        "  expected: length: 5",
        '            problem: "Other"',
        "  found:    length: 6",
        '            problem: "Toy"',
        "  repair:   choose another name or group, remove the file, or say overwrite=True",
    ]
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["d.h5"]
    (tmp_path / "notes.h5").write_text("mine")
    with pytest.raises(DataError, match="neither an HDF5"):
        write_pairs(tmp_path / "notes.h5", pairs_of(2))
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["a"] = 1
    with pytest.raises(DataError, match="Riesz did not write it"):
        write_pairs(tmp_path / "mine.h5", pairs_of(2))


@pytest.mark.parametrize("name", ["missing/d.h5", "missing/d.npz"])
def test_a_missing_folder_is_named(tmp_path, name):
    with pytest.raises(DataError, match=f"mkdir -p {tmp_path}/missing"):
        write_pairs(tmp_path / name, pairs_of(2))


def test_the_name_says_the_format(tmp_path):
    with pytest.raises(DataError, match=r"a name that ends in .h5, .hdf5, .hdf, .he5, .npz"):
        write_pairs(tmp_path / "d.txt", pairs_of(2))


@pytest.mark.parametrize("suffix", ["h5", "npz"])
def test_values_that_are_not_finite_are_not_written(tmp_path, suffix):
    pairs = pairs_of(3)
    values = np.array(pairs.inputs.values)
    values[1, 2, 3, 0] = np.nan
    with pytest.raises(DataError, match=r"found:    sample 1, at index \(2, 3, 0\)"):
        inputs = eqx.tree_at(lambda f: f.values, pairs.inputs, values)
        write_pairs(tmp_path / f"d.{suffix}", Pairs(inputs, pairs.outputs))
    assert not os.listdir(tmp_path)


def test_an_interrupted_writer_continues(tmp_path):
    n, path = 1000, tmp_path / "d.h5"
    pairs = pairs_of(n)
    with writer_of(tmp_path / "whole.h5", n) as writer:
        writer.append(pairs)
        assert 100 < writer.rows < 500
    with pytest.raises(KeyboardInterrupt), writer_of(path, n) as writer:
        writer.append(pairs[: 2 * writer.rows + 5])
        raise KeyboardInterrupt
    assert not path.exists()
    with pytest.raises(DataError, match="the generation of this data was interrupted"):
        open_pairs(f"{path}.partial")
    with pytest.raises(DataError, match=r"where:    .*d.h5.partial(.|\n)*remove the file"):
        writer_of(path, n, seed=1)
    with writer_of(path, n) as writer:
        assert writer.complete == 2 * writer.rows and not writer.done
        with pytest.raises(DataError, match="the data is not complete"):
            writer.finish()
        for start in range(writer.complete, n, 77):
            writer.append(pairs[start : start + 77])
    assert writer.done
    assert path.read_bytes() == (tmp_path / "whole.h5").read_bytes()
    with writer_of(path, n) as writer:
        assert writer.done and writer.complete == n
    assert sorted(os.listdir(tmp_path)) == ["d.h5", "whole.h5"]


def test_members_that_do_not_fit_are_refused(tmp_path):
    with writer_of(tmp_path / "d.h5", 4) as writer:
        pairs = pairs_of(2)
        with pytest.raises(DataError, match="these output values do not fit the file"):
            writer.append(Pairs(pairs.inputs, pairs.inputs))
        with pytest.raises(DataError, match="samples from 0 of 4"):
            writer.append(pairs_of(5))


@pytest.mark.parametrize("suffix", ["h5", "npz"])
def test_damage_to_a_finished_file_is_named(tmp_path, suffix):
    path = tmp_path / f"d.{suffix}"
    write_pairs(path, pairs_of(20), problem="Toy")
    content = path.read_bytes()
    value = np.asarray(pairs_of(20).inputs.values)[3, 2, 1].tobytes()
    for changed in (content[:-100], content.replace(value, value[::-1])):
        path.write_bytes(changed)
        with pytest.raises(DataError, match="damaged or was not written completely") as caught:
            open_pairs(path)
        assert "again" in caught.value.repair


def test_what_other_programs_change_is_seen(tmp_path):
    where = Points(Box((0, 0), (1, 1)), RANDOM.uniform(size=(12, 2)).astype("f4"))
    f = batch(RANDOM.normal(size=(3, 12, 1)).astype("f4"), where)

    def text(file):
        file.attrs["riesz"] = np.bytes_(file.attrs["riesz"].replace(b'"Toy"', b'"Tox"'))

    def values(file):
        file["output"][1, 2, 0] = 0

    def places(file):
        file["input_coordinates"][3] = 0.5

    for change, words in ((text, "description"), (places, "places"), (values, "values")):
        path = tmp_path / f"{words}.h5"
        write_pairs(path, Pairs(f, f), problem="Toy")
        with h5py.File(path, "r+") as file:
            change(file)
        for read in (open_pairs, load_functions):
            with pytest.raises(DataError, match=rf"{words}.* are not those that were written"):
                read(path)


def test_a_call_may_not_contradict_the_file(tmp_path):
    path = tmp_path / "d.h5"
    write_pairs(path, pairs_of(3))
    assert len(open_pairs(path, input="input", nodes={"input": "vertex"})) == 3
    assert len(open_pairs(path, nodes={"output": "left"})) == 3
    for options, what in [
        ({"nodes": "left"}, "nodes of the input"),
        ({"nodes": {"input": ("left", "uniform")}}, "nodes of the input"),
        ({"output": "pressure"}, "name of the output"),
        ({"domain": {"output": Torus(0, 2)}}, "domain of the output"),
    ]:
        with pytest.raises(DataError, match=f"disagree on the {what}"):
            open_pairs(path, **options)


def test_two_processes_do_not_write_the_same_data(tmp_path):
    writer_of(tmp_path / "d.h5", 4).close()
    code = (
        "import h5py, sys; f = h5py.File(sys.argv[1], 'r+'); print(1, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, f"{tmp_path}/d.h5.partial"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline()
        with pytest.raises(DataError, match="another process is writing this data"):
            writer_of(tmp_path / "d.h5", 4)
        with pytest.raises(DataError, match="another process is writing to the data file"):
            open_pairs(tmp_path / "d.h5.partial")
        other.stdin.close()
