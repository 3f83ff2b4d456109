"""One tiny model for all tests of the command line, trained through the command line."""

import json
import pathlib

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from riesz.cli import app

TINY = ["--operator", "FNO(modes=3, width=4, layers=1)", "--steps", "20", "--no-base"]


def _call(*arguments, code=0):
    """The command's result; its exit code is checked."""
    result = CliRunner().invoke(app, [str(x) for x in arguments])
    assert result.exit_code == code, (result.exit_code, result.stdout, result.stderr)
    return result


def _value(*arguments, code=0):
    """The JSON value on standard output, and nothing else there."""
    return json.loads(_call(*arguments, "--json", code=code).stdout)


@pytest.fixture(scope="session")
def call():
    return _call


@pytest.fixture(scope="session")
def value():
    return _value


def _write(path, **arrays):
    """Plain arrays in an HDF5 file, as another program would write them."""
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return path


@pytest.fixture(scope="session")
def write():
    return _write


@pytest.fixture(scope="session")
def tiny():
    """Options of a training that takes seconds."""
    return TINY


@pytest.fixture(scope="session")
def repository():
    return pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return pathlib.Path(tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="session")
def data(folder):
    """Antiderivatives as another program would write them: plain arrays."""
    x = np.linspace(0, 1, 24)
    draw = np.random.default_rng(0)
    c, k = draw.normal(size=(2, 80, 3)), np.arange(1, 4) * np.pi
    a = np.einsum("nk,kx->nx", c[0], np.cos(k[:, None] * x)) + c[1][:, :1]
    u = np.einsum("nk,kx->nx", c[0] / k, np.sin(k[:, None] * x)) + c[1][:, :1] * x
    return _write(folder / "curves.h5", a=a.astype("f4"), u=u.astype("f4"))


@pytest.fixture(scope="session")
def run(folder, data):
    """The run folder of a tiny model."""
    out = folder / "run"
    result = _value("train", data, "--nodes", "vertex", *TINY, "--out", out)
    assert result["status"] == "finished" and result["out"] == str(out)
    return out
