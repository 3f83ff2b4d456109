"""Opening data: what is understood, and the text of what is refused."""

import ast
import shlex
import textwrap
import zipfile

import h5py
import jax
import numpy as np
import pytest

from riesz.data import fingerprint, load_functions, open_pairs, write_pairs
from riesz.domains import Box, Grid, Interval, Points, Space, Torus
from riesz.errors import DataError
from riesz.functions import Pairs, batch

RANDOM = np.random.default_rng(0)
A, U = RANDOM.normal(size=(2, 6, 8)).astype("f4")


@pytest.fixture(params=["h5", "npz"])
def make(request, tmp_path):
    """Writes arrays to a file of either format."""

    def write(**arrays):
        path = tmp_path / f"data.{request.param}"
        if request.param == "npz":
            np.savez(path, **arrays)
        else:
            with h5py.File(path, "w") as file:
                for name, array in arrays.items():
                    file[name] = array
        return path

    return write


def message(*arguments, **options):
    with pytest.raises(DataError) as caught:
        open_pairs(*arguments, **options)
    assert caught.value.repair
    return str(caught.value)


def test_the_darcy_file_simply_works(darcy_file):
    file = open_pairs(f"{darcy_file}::train_16", nodes="left")
    pairs = file.all()
    assert len(file) == len(pairs) == 1000
    assert pairs.inputs.values.dtype == pairs.outputs.values.dtype == np.float32
    assert isinstance(pairs.inputs.values, np.ndarray)
    assert file.input_grid == Grid(Box((0, 0), (1, 1)), 16, "left")
    assert set(np.unique(pairs.inputs.values)) == {0.0, 1.0}
    assert file.notes == ("input='coefficient' and output='pressure' by their names",)
    assert file.fingerprint == fingerprint(pairs)
    picked = file[[999, 3, 3, -1]]
    np.testing.assert_array_equal(picked.outputs.values, pairs.outputs.values[[999, 3, 3, 999]])
    chunks = list(file.chunks(300))
    assert [len(c) for c in chunks] == [300, 300, 300, 100]
    np.testing.assert_array_equal(chunks[2].inputs.values, pairs.inputs.values[600:900])


def test_a_file_with_groups_suggests_one(darcy_file):
    text = message(darcy_file, nodes="left")
    assert "the file holds no data sets outside groups" in text
    assert f"repair:   write {darcy_file}::test_16, or one of test_32, train_16" in text
    text = message(f"{darcy_file}::train", nodes="left")
    assert "the file has no group 'train'" in text
    assert f"write {darcy_file}::train_16" in text
    text = message(f"{darcy_file}::train_16/pressure")
    assert "is a data set, not a group" in text and f"write {darcy_file}::train_16" in text


@pytest.mark.parametrize("dtype", ["u1", "?", "i8", "f2", "f8"])
def test_every_real_type_becomes_float32(make, dtype):
    values = (A > 0).astype(dtype)
    pairs = open_pairs(make(a=values, u=U), nodes="vertex").all()
    assert pairs.inputs.values.dtype == np.float32
    np.testing.assert_array_equal(pairs.inputs.values[..., 0], A > 0)


def test_channels_and_different_grids(make):
    wide = RANDOM.normal(size=(6, 4, 5, 3))
    path = make(x=A, y=wide)
    file = open_pairs(
        path,
        domain={"input": Torus(0, 2), "output": Box((0, 0), (1, 2))},
        nodes={"output": "centre"},
    )
    assert file.input_grid == Grid(Torus(0, 2), 8)
    assert file.output_grid == Grid(Box((0, 0), (1, 2)), (4, 5), "centre")
    assert file[1:3].outputs.values.shape == (2, 4, 5, 3)
    assert file.output_space.names == ("y0", "y1", "y2")


def test_points_and_problems_say_where_samples_lie(make):
    points = Points(Interval(0, 1), np.linspace(0, 1, 8, dtype="f4")[:, None])

    class Problem:
        input_space = Space(Torus(0, 1), names=("a",))
        output_space = Space(Interval(0, 1), names=("w",), units=("m",))

    path = make(a=A, u=U)
    pairs = open_pairs(path, nodes=points).all()
    assert pairs.inputs.discretization.coordinates.shape == (6, 8, 1)
    file = open_pairs(path, nodes="left", problem=Problem())
    assert file.input_space == Problem.input_space and file.output_space.units == ("m",)
    assert "the domain and the problem disagree" in message(
        path, problem=Problem(), domain=Interval(0, 2)
    )
    assert "another number of channels" in message(
        make(a=np.stack([A, A], -1), u=U), problem=Problem(), nodes="left"
    )


def test_guesses_are_noted_and_doubts_are_errors(make):
    path = make(force=A, shape=U)
    assert "the only two arrays" in open_pairs(path, nodes="left").notes[0]
    file = open_pairs(path, input="shape", nodes="left")
    assert file.outputs.name == "force" and "the other of two" in file.notes[0]
    assert message(make(p=A, q=U, r=U), nodes="left").splitlines()[-5:] == [
        "  expected: input=... and output=..., or names such as input/output, a/u, x/y",
        "  found:    p: shape (6, 8), float32",
        "            q: shape (6, 8), float32",
        "            r: shape (6, 8), float32",
        "  repair:   say which is which: input='p', output='q' (or the other way round)",
    ]
    text = message(make(a=A, u=U[..., None] * np.ones(3)), nodes="left")
    assert "could be channels or an axis" in text and "channels='last' (--channels last)" in text


def test_missing_things_are_named(make, tmp_path):
    path = make(a=A, u=U)
    text = message(tmp_path / f"datta{path.suffix}")
    assert text.startswith("there is no such data file") and path.name in text
    assert "does not exist either" in message(tmp_path / "x" / "y.h5")
    text = message(path, input="aa", output="u", nodes="left")
    assert "there is no data set 'aa'" in text and "such as 'a'" in text
    text = message(path)
    assert "where the samples of 'a' lie is not known" in text and "left (the far end" in text
    text = message(path, nodes="middle")
    assert "unknown nodes 'middle'" in text and f"{path}::a" in text
    assert "folder" in message(tmp_path)


def test_shapes_and_lengths(make):
    text = message(make(a=A, u=U[:4]), nodes="left")
    assert "different numbers of samples" in text
    assert "'a' has shape (6, 8), 'u' has shape (4, 8)" in text
    assert "the data has no samples" in message(make(a=A[:0], u=U[:0]), nodes="left")
    text = message(make(a=A, u=U), nodes="left", domain=Box((0, 0, 0), (1, 1, 1)))
    assert "expected: (samples, n1, n2, n3) or (samples, n1, n2, n3, channels)" in text
    assert "'a' is a number per sample" in open_pairs(make(a=A[:, 0], u=U), nodes="left").notes


def test_infinite_values_and_samples_without_values(make):
    bad = A.copy()
    bad[3, 5], bad[5, 0] = -np.inf, np.inf
    path = make(a=A, u=bad)
    assert message(path, nodes="left") == textwrap.dedent(f"""\
        data set 'u' has infinite values
          where:    {path}::u
          expected: numbers within the range of 32-bit floats (3.4e38), NaN where a value is missing
          found:    2 or more, the first one in sample 3 at (5, 0)
          repair:   drop the samples concerned, starting with sample 3, or rescale; for missing \
values write NaN""")
    assert "in sample 0 at (0, 0)" in message(make(a=A.astype("f8") * 1e300, u=U), nodes="left")
    bad = A.copy()
    bad[4] = np.nan
    assert "found:    only NaN in sample 4" in message(make(a=A, u=bad), nodes="left")


@pytest.mark.parametrize(
    "kind, values",
    [("complex", A + 1j), ("text", np.full((6, 8), b"x")), ("records", np.zeros(6, "f4,f4"))],
)
def test_other_types_are_refused(make, kind, values):
    text = message(make(a=values, u=U), nodes="left")
    assert "does not hold real numbers" in text and f"found:    {kind}" in text


def test_objects_are_never_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    path = tmp_path / "objects.npz"
    np.savez(path, a=np.array([Bomb()] * 6, object), u=U)
    text = message(path, nodes="left")
    assert "found:    Python objects" in text and "never unpickles" in text


def test_regular_coefficients_may_be_compressed(tmp_path):
    """Two values in large regions shrink some 300 times."""
    a = np.where(np.arange(400) < 170, 3.0, 12.0) * np.ones((6, 400, 1))
    np.savez_compressed(tmp_path / "a.npz", a=a, u=a)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("a", "u"):
            file.create_dataset(name, data=a, compression="gzip", shuffle=True)
    for path in (tmp_path / "a.npz", tmp_path / "a.h5"):
        assert path.stat().st_size < 2 * a.nbytes / 100
        data = open_pairs(path, nodes="vertex")
        np.testing.assert_array_equal(data.all().inputs.values[..., 0], a)


def test_files_that_unfold_are_refused(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, values in (("a", np.zeros((100, 64, 64))), ("u", U)):
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, values)
    assert "far more values than the file stores" in message(path, nodes="left")
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        file.create_dataset("a", (10**9, 64, 64), "f4", chunks=(1, 64, 64))
        file["u"] = U
    text = message(tmp_path / "bomb.h5", nodes="left")
    assert "16,384,000,000,000 bytes declared, 0 stored" in text


def test_a_header_that_claims_too_much_is_refused(tmp_path):
    path = tmp_path / "claims.npz"
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 8), }"
    for claim in (10**12, 7):
        text = (header % claim).ljust(117) + b"\n"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", b"\x93NUMPY\x01\x00v\x00" + text + A.tobytes())
            archive.writestr("u.npy", b"\x93NUMPY\x01\x00v\x00" + text + A.tobytes())
        assert "does not fit the bytes" in message(path, nodes="left")
    np.savez(path, a=np.asfortranarray(A), u=U)
    assert "Fortran order" in message(path, nodes="left")
    assert "have no groups" in message(f"{path}::a")


def test_links_are_not_followed(tmp_path):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["a"], file["u"] = A, U
    path = tmp_path / "links.h5"
    with h5py.File(path, "w") as file:
        file["outside"] = h5py.ExternalLink("other.h5", "/")
        file["soft"] = h5py.SoftLink("/real")
        file["real/a"], file["real/u"] = A, U
        file.create_group("far").create_dataset(
            "a", A.shape, "f4", external=[(str(tmp_path / "raw"), 0, A.nbytes)]
        )
        layout = h5py.VirtualLayout(A.shape, "f4")
        layout[:] = h5py.VirtualSource(str(other), "a", A.shape)
        file.create_group("virtual").create_virtual_dataset("a", layout)
    assert "a link that leads to another file is not followed" in message(f"{path}::outside")
    assert "found:    external storage" in message(f"{path}::far")
    assert "found:    a virtual data set" in message(f"{path}::virtual")
    for group in ("real", "soft"):
        assert len(open_pairs(f"{path}::{group}", nodes="left")) == 6


def test_damaged_files_are_refused(make):
    path = make(a=A, u=U)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "the data file cannot be read; it is damaged" in message(path, nodes="left")
    path.write_bytes(b"")
    assert "found:    an empty file" in message(path)
    path.write_text("a,u\n1,2\n")
    assert "neither an HDF5, NPZ, MATLAB nor NetCDF file" in message(path)


def test_changed_bytes_of_arrays_of_others_are_seen_where_there_is_a_checksum(tmp_path):
    np.savez(tmp_path / "data.npz", a=A, u=U)
    with h5py.File(tmp_path / "data.h5", "w") as file:
        for name, array in (("a", A), ("u", U)):
            file.create_dataset(name, data=array, chunks=(2, 8), fletcher32=True)
    for path in (tmp_path / "data.npz", tmp_path / "data.h5"):
        changed = path.read_bytes().replace(A[4:6].tobytes(), A[:2].tobytes())
        path.write_bytes(changed)
        assert "damaged" in message(path, nodes="left")


def test_members(make):
    file = open_pairs(make(a=A, u=U), nodes="left")
    assert [len(p) for p in file] == [1] * 6
    np.testing.assert_array_equal(file[-1].inputs.values[0, :, 0], A[5])
    np.testing.assert_array_equal(file[A[:, 0] > 0].inputs.values[..., 0], A[A[:, 0] > 0])
    assert len(file[[]]) == 0 and len(file[4:99]) == 2
    for index in (6, [0, -7], [0.5], np.ones((2, 2), int), "all"):
        with pytest.raises(DataError, match="whole numbers from 0 to 5"):
            file[index]


def test_a_file_that_changes_after_opening(make):
    path = make(a=A, u=U)
    file = open_pairs(path, nodes="left")
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DataError, match="changed, replaced or removed since it was opened"):
        file[0]


def test_functions_of_others(make):
    f = load_functions(make(anything=A), nodes="left")
    assert f.values.shape == (6, 8, 1) and f.space.names == ("anything",)
    with pytest.raises(DataError, match="say which: name='p'"):
        load_functions(make(p=A, q=U), nodes="left")
    f = load_functions(make(p=A, q=U), name="q", domain=Torus(0, 1))
    np.testing.assert_array_equal(f.values[..., 0], U)


def test_a_fingerprint_depends_on_values_order_and_shape(make, tmp_path):
    grid = Grid(Interval(0, 1), 8, "left")
    pairs = Pairs(batch(A[..., None], grid), batch(U[..., None], grid))
    seen = {
        fingerprint(pairs),
        fingerprint(pairs[::-1]),
        fingerprint(Pairs(pairs.outputs, pairs.inputs)),
    }
    assert len(seen) == 3
    write_pairs(tmp_path / "native.h5", pairs)
    for path in (make(a=A, u=U), tmp_path / "native.h5"):
        assert open_pairs(path, nodes="left").fingerprint == fingerprint(pairs)
    jax.block_until_ready(pairs)


def test_the_repair_of_a_pickle_is_a_safe_command(tmp_path):
    path = tmp_path / "a$(touch made) 'b.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
    with pytest.raises(DataError) as caught:
        open_pairs(path)
    program, option, code = shlex.split(caught.value.repair.splitlines()[1])
    assert (program, option) == ("python", "-c")
    call = ast.parse(code).body[1].value
    assert ast.literal_eval(call.args[0]) == str(path)
