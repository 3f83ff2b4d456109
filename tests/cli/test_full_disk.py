"""A disk without space is told as such, whoever notices it, and takes no finished file along."""

import contextlib
import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from riesz.cli import _guard as guard
from riesz.data.internal import write_arrays
from riesz.errors import DataError


@contextlib.contextmanager
def tiny_disk(folder, size):
    """A disk of so many bytes."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("needs the command mount")
    if done.returncode:
        pytest.skip(f"needs permission to mount a tiny disk: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def check(error, where):
    assert error["message"] == "the disk is full"
    assert where in error["where"]
    assert "free some space" in error["repair"]
    assert error["exit_code"] == 1


def test_a_checkpoint_without_space(data, tiny, value, tmp_path, monkeypatch):
    out = tmp_path / "run"
    fsync, count = os.fsync, [0]

    def third(file):  # run.json, fit.json, then the checkpoint
        count[0] += 1
        (full if count[0] >= 3 else fsync)(file)

    monkeypatch.setattr(os, "fsync", third)
    error = value("train", data, "--nodes", "vertex", *tiny, "--out", out, code=1)["error"]
    check(error, "checkpoint.safetensors")
    assert not out.exists()


@pytest.mark.parametrize("name", ["p.npz", "p.h5"])
def test_predictions_without_space(run, data, value, tmp_path, name):
    before = (run / "weights.safetensors").read_bytes()
    with tiny_disk(tmp_path / "disk", 16384) as disk:
        error = value("predict", run, data, "-o", disk / name, code=1)["error"]
        check(error, name)
        assert not list(disk.iterdir())
    assert (run / "weights.safetensors").read_bytes() == before


def test_samples_without_space(value, tmp_path):
    with tiny_disk(tmp_path / "disk", 16384) as disk:
        command = ["sample", "antiderivative", "--samples", "200", "--grid", "64"]
        check(value(*command, "-o", disk / "x.h5", code=1)["error"], "x.h5")
        assert not list(disk.iterdir())


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "x"),
        OSError(errno.EDQUOT, "x"),
        RuntimeError("file write failed: errno = 28, error message = 'No space left on device'"),
        DataError("the data file cannot be written", found="OSError: No space left on device"),
    ],
)
def test_every_way_of_saying_it(error):
    code, record, text = guard._explain(error, "runs/x")
    assert code == 1 and record["message"] == "the disk is full"
    assert "runs/x" in text and "fault of riesz" not in text


def test_an_error_of_the_system_without_a_file_is_no_fault_of_riesz():
    _, record, _ = guard._explain(OSError(errno.EIO, "Input/output error"), "runs/x")
    assert record["message"] == "the operating system denies access to a file or folder"
    assert record["where"] == "runs/x"


def test_writing_arrays_names_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left") as caught:
        write_arrays(tmp_path / "x.npz", {"a": np.zeros(3)}, {})
    assert caught.value.where == str(tmp_path / "x.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.long
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_an_answer_and_a_log_without_space(repository):
    command = [sys.executable, "-m", "riesz", "problems"]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    with open("/dev/full", "w") as nowhere:
        ended = subprocess.run(
            command, stdout=nowhere, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert ended.returncode == 1 and "the disk is full" in ended.stderr
        assert "standard output" in ended.stderr and "Traceback" not in ended.stderr
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=nowhere, text=True, env=environment
        )
        assert ended.returncode == 0 and "darcy" in ended.stdout
