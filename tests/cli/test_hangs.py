"""No command on any accepted file hangs: each in a process of its own, with a time limit.

With the flags of XLA and of its compiler that users have, unlike the other tests.
"""

import os
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest

from riesz import write_pairs
from riesz.domains import Box, Points
from riesz.functions import Pairs, batch

LIMIT = 600  # seconds; on a quiet machine no command takes longer than 60
pytestmark = pytest.mark.timeout(21 * LIMIT)
STEPS = ["--steps", "30"]
SMALL = ["--operator", "FNO(modes=3, width=8, layers=1)", *STEPS]
SCATTERED = ["--operator", "DeepONet(basis=4, width=8, depth=1)", *STEPS]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Small files of every accepted kind, and the models trained on them."""
    folder = tmp_path_factory.mktemp("hangs")
    x, values = samples(24)
    curves = {"a": values[0], "u": values[1]}
    with h5py.File(folder / "grid.h5", "w") as file:
        for name, array in curves.items():
            file[name] = array
    np.savez(folder / "grid.npz", **curves)
    square = {name: array[:, :, None] * array[:, None, :] for name, array in curves.items()}
    np.savez(folder / "square.npz", **square)
    for name, dim in (("line", 1), ("plane", 2)):
        places = np.random.default_rng(dim).random((40, dim))
        on = Points(Box(0.0, 1.0) if dim == 1 else Box((0.0, 0.0), (1.0, 1.0)), places)
        pairs = Pairs(*(batch(v[..., None], on) for v in samples(40, places[:, 0])[1]))
        write_pairs(folder / f"{name}.h5", pairs)
    np.savetxt(folder / "curve.csv", np.stack([x, values[0][0]], 1), "%.6f", ",", header="x,y")
    return folder


def samples(count, x=None):
    x = np.linspace(0, 1, count) if x is None else x
    draw = np.random.default_rng(0)
    c, k = draw.normal(size=(60, 3)), np.arange(1, 4) * np.pi
    a = np.einsum("nk,kx->nx", c, np.cos(k[:, None] * x))
    u = np.einsum("nk,kx->nx", c / k, np.sin(k[:, None] * x))
    return x, (a.astype(np.float32), u.astype(np.float32))


def riesz(files, repository, *arguments, dump=None):
    """What a command said; fails when it hangs, or ends with anything but success."""
    environment = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS",)}
    if dump is not None:
        environment["XLA_FLAGS"] = f"--xla_dump_to={dump} --xla_dump_hlo_as_text"
        environment = {k: v for k, v in environment.items() if "COMPILATION_CACHE" not in k}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "riesz", *map(str, arguments)],
            cwd=files,
            env={**environment, "PYTHONPATH": str(repository)},
            timeout=LIMIT,
            capture_output=True,
            text=True,
        )
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"riesz {' '.join(map(str, arguments))} hangs: {late.stderr}")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def train(files, repository, name, options, out, **more):
    riesz(files, repository, "train", name, *options, "--out", out, **more)


CASES = {
    "grid.h5": ["--nodes", "vertex", *SMALL],
    "grid.npz": ["--nodes", "vertex", *SMALL],
    "square.npz": ["--nodes", "vertex", *SMALL],
    "line.h5": SCATTERED,
    "plane.h5": SCATTERED,
}


@pytest.mark.slow
def test_a_training_on_scattered_points_ends(files, repository):
    train(files, repository, "line.h5", SCATTERED, files / "first")
    riesz(files, repository, "predict", files / "first", "line.h5", "-o", files / "first.npz")


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_command_ends(files, repository, name):
    out = files / name.replace(".", "_")
    train(files, repository, name, CASES[name], out)
    nodes = CASES[name][:2] if CASES[name][0] == "--nodes" else []
    riesz(files, repository, "info", out)
    riesz(files, repository, "predict", out, name, *nodes, "-o", out / "predicted.npz")
    riesz(files, repository, "evaluate", out, "--data", name, *nodes)


@pytest.mark.slow
def test_processes_and_samples_end(files, repository):
    riesz(files, repository, "fit-process", "curve.csv", "--out", files / "process")
    sizes = ["--samples", "20", "--grid", "16"]
    riesz(files, repository, "sample", "darcy", *sizes, "-o", files / "darcy.h5")


@pytest.mark.slow
def test_twenty_trainings_on_scattered_points_end(files, repository):
    for number in range(20):
        options = [*SCATTERED, "--seed", number]
        train(files, repository, "plane.h5", options, files / f"run{number}")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["square.npz", "line.h5", "plane.h5"])
def test_no_program_of_a_training_holds_a_batched_lapack_call(files, repository, name, tmp_path):
    """Such calls wait, on threads of XLA, for work that only these threads can do."""
    train(files, repository, name, CASES[name], tmp_path / "run", dump=tmp_path / "hlo")
    programs = list((tmp_path / "hlo").glob("*before_optimizations.txt"))
    assert len(programs) > 20
    calls = [call for path in programs for call in batched_calls(path.read_text())]
    assert not calls


def batched_calls(program):
    """The LAPACK calls of a program, in HLO text, whose first result is more than a matrix."""
    pattern = r'= \(?\w+\[([\d,]*)\][^\n]*custom_call_target="lapack_(\w+)"'
    for shape, name in re.findall(pattern, program):
        sizes = [int(n) for n in shape.split(",") if n]
        if np.prod(sizes[:-2], dtype=int) > 1 and len(sizes) > 2:
            yield f"{name}{sizes}"


def test_batched_calls_are_found():
    import jax
    import jax.numpy as jnp

    def program(shape):
        factor = jax.jit(jax.vmap(jnp.linalg.cholesky)) if len(shape) > 2 else jnp.linalg.cholesky
        lowered = jax.jit(factor).lower(jax.ShapeDtypeStruct(shape, jnp.float32))
        return lowered.compiler_ir("hlo").as_hlo_text()

    assert list(batched_calls(program((5, 3, 3)))) == ["spotrf_ffi[5, 3, 3]"]
    assert not list(batched_calls(program((3, 3))))
