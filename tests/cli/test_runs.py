"""What may happen to a run folder."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

from riesz.cli import _recipe as recipe

ROOT = pathlib.Path(__file__).resolve().parents[2]


def snapshot(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def test_a_finished_run_is_only_reported(run, data, tiny, value):
    before = snapshot(run)
    start = time.monotonic()
    result = value("train", data, "--nodes", "vertex", *tiny, "--out", run)
    assert result["status"] == "finished" and result["results"]
    assert snapshot(run) == before and time.monotonic() - start < 20


def test_a_folder_of_another_run_is_refused(run, data, tiny, value):
    before = snapshot(run)
    options = ["--nodes", "vertex", *tiny, "--seed", "1", "--out", run]
    error = value("train", data, *options, code=2)["error"]
    assert error["expected"] == "seed = 1" and error["found"] == "seed = 0"
    assert snapshot(run) == before


def test_a_folder_of_other_things_is_left_alone(data, tiny, value, tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    error = value("train", data, "--nodes", "vertex", *tiny, "--out", tmp_path, code=2)["error"]
    assert "thesis.tex" in error["found"]
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_unfinished_run_has_no_model(run, value, tmp_path):
    shutil.copy(run / "run.json", tmp_path)
    assert "unfinished" in value("info", tmp_path, code=2)["error"]["message"]


def test_a_damaged_record_is_refused(run, data, tiny, value, tmp_path):
    (tmp_path / "run.json").write_text("{")
    error = value("train", data, "--nodes", "vertex", *tiny, "--out", tmp_path, code=2)["error"]
    assert "damaged" in error["message"]


# checkpoints often enough that the kill falls between two of them
MANY = ["--nodes", "vertex", "--modes", "3", "--width", "4", "--layers", "1", "--steps", "500"]
MANY += ["--checkpoint-every", "0.2"]


def start(data, out):
    """The command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "riesz", "train", str(data), *MANY, "--out", str(out)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def age(path):
    return path.stat().st_mtime_ns if path.exists() else None


def stop_in_the_fit(process, out, how, before=None):
    checkpoint = out / "fit" / "checkpoint.safetensors"
    deadline = time.monotonic() + 120
    while age(checkpoint) == before and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    time.sleep(0.3 * (time.time() % 1))
    process.send_signal(how)
    return process.communicate(timeout=60)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(data, value, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    process = start(data, cut)
    stop_in_the_fit(process, cut, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert (cut / "run.json").exists() and not (cut / "model.json").exists()
    before = age(cut / "fit" / "checkpoint.safetensors")
    process = start(data, cut)
    _, said = stop_in_the_fit(process, cut, signal.SIGINT, before)
    if process.returncode:  # unless it was done before the signal came
        assert process.returncode == 130, said
        assert b"to go on, repeat:" in said and b"Traceback" not in said
    process = start(data, cut)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    value("train", data, *MANY, "--out", whole)
    digests = [hashlib.sha256((x / "weights.safetensors").read_bytes()) for x in (cut, whole)]
    assert digests[0].hexdigest() == digests[1].hexdigest()


def test_pairs_left_in_the_file_give_the_same_model(run, data, tiny, value, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "MOST_VALUES_IN_MEMORY", 0)
    value("train", data, "--nodes", "vertex", *tiny, "--out", tmp_path / "run")
    weights = "weights.safetensors"
    assert (tmp_path / "run" / weights).read_bytes() == (run / weights).read_bytes()


@pytest.mark.parametrize("stage", ["_calibrate", "_measure"])
def test_a_run_stopped_after_its_fit_goes_on(run, data, tiny, call, value, tmp_path, stage):
    command = ("train", data, "--nodes", "vertex", *tiny, "--out", tmp_path / "run")

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"riesz.cli._training.{stage}", stop)
        assert "to go on, repeat:" in call(*command, code=130).stderr
    assert json.loads((tmp_path / "run" / "run.json").read_text())["state"] == "unfinished"
    assert value(*command)["status"] == "finished"
    weights = "weights.safetensors"
    assert (tmp_path / "run" / weights).read_bytes() == (run / weights).read_bytes()
