"""What may happen to a run folder."""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from riesz.cli import _defaults as defaults
from riesz.cli._folder import RunFolder, new_folder
from riesz.errors import RunError

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


def settings_of(path):
    return json.loads((path / "run.json").read_text())["settings"]


@pytest.mark.long
def test_a_run_that_fails_before_its_first_checkpoint_leaves_no_folder(
    data, tiny, value, tmp_path, monkeypatch
):
    command = ["train", data, "--nodes", "vertex", *tiny, "--out", tmp_path / "new" / "run"]
    with monkeypatch.context() as patch:
        patch.setattr("riesz.cli._training._fit", refuse)
        assert "no such modes" in value(*command, code=1)["error"]["message"]
    assert not (tmp_path / "new" / "run").exists()
    assert value(*command, "--seed", "1")["status"] == "finished"


def refuse(*_):
    raise RunError("no such modes")


def test_sampled_data_outlives_a_refused_run_and_serves_the_next(
    tiny, value, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    sizes = ["--samples", "12", "--grid", "16"]
    command = ["train", "antiderivative", *sizes, *tiny, "--out", out]
    monkeypatch.setattr("riesz.cli._training._fit", refuse)
    value(*command, code=1)
    before = age(out / "data.h5")
    assert before is not None and settings_of(out)["recipe"]["batch_size"] == 16
    value(*command, "--batch-size", "4", code=1)
    assert settings_of(out)["recipe"]["batch_size"] == 4 and age(out / "data.h5") == before
    value(*command, "--seed", "3", code=1)
    assert settings_of(out)["seed"] == 3 and age(out / "data.h5") != before


def test_a_folder_in_which_a_run_is_alive_is_not_to_be_deleted(run, data, tiny, value, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    shutil.copy(run / "run.json", out)
    before = snapshot(out)
    alive = RunFolder(out, settings_of(out))
    with alive.locked():
        for seed in ("0", "1"):
            options = ["--nodes", "vertex", *tiny, "--seed", seed, "--out", out]
            alive.record["state"] = "unfinished"
            error = value("train", data, *options, code=2)["error"]
            if seed == "1":
                assert "another process is at work" in error["message"]
                assert "delete" not in error["repair"]
            assert snapshot(out) == before


def test_a_new_folder_is_taken_away_by_what_fails_in_it(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "file").write_text("x")
        raise KeyboardInterrupt
    assert not (tmp_path / "a" / "b").exists()


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
MANY = ["--nodes", "vertex", "--operator", "FNO(modes=3, width=4, layers=1)", "--steps", "500"]
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


@pytest.mark.long
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


def interrupt_twice(data, out, moment, gap):
    """Two Ctrl-C some time after the command has come to one of its stages."""
    process = start(data, out)
    stage = STAGES[moment]
    deadline = time.monotonic() + 120
    while not (listens(process) and stage(out)):  # the folder may hold an earlier run
        if process.poll() is not None or time.monotonic() > deadline:
            break
        time.sleep(0.002)
    time.sleep(gap)
    for _ in range(2):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        time.sleep(gap)
    _, said = process.communicate(timeout=60)
    assert process.returncode in (0, 130), said
    if process.returncode:
        assert b"interrupted" in said and b"Traceback" not in said, said
    return process.returncode


def listens(process):
    """Whether the command, rather than the Python below it, runs and hears signals by its pipe."""
    place = pathlib.Path(f"/proc/{process.pid}")
    with contextlib.suppress(OSError):
        started = b"riesz\0train" in (place / "cmdline").read_bytes()
        files = [f for f in (place / "fd").iterdir() if int(f.name) > 2]
        return started and any("pipe" in os.readlink(f) for f in files)
    return False


# How one sees that a run imports and reads, compiles, writes a checkpoint, and has written one.
STAGES = {
    "start": lambda out: True,
    "compilation": lambda out: (out / "fit" / "fit.json").exists(),
    "checkpoint": lambda out: (out / "fit" / "checkpoint.safetensors.part").exists(),
    "steps": lambda out: (out / "fit" / "checkpoint.safetensors").exists(),
}


@pytest.mark.long
@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
def test_two_interruptions_end_a_run_at_once_and_it_goes_on(data, value, tmp_path):
    for moment, gap in [("start", 0.0), ("compilation", 0.05), ("steps", 0.0)]:
        assert interrupt_twice(data, tmp_path / "run", moment, gap) == 130
    result = value("train", data, *MANY, "--out", tmp_path / "run")
    assert result["status"] == "finished"


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
def test_twenty_times_two_interruptions(data, value, tmp_path):
    draw, codes = random.Random(0), []
    for number in range(20):
        out = tmp_path / str(number % 4)  # each goes on from the one before
        moment = draw.choice(list(STAGES))
        gap = draw.choice([0.0, 0.02, 0.1, 0.5, 1.0])
        codes.append(interrupt_twice(data, out, moment, gap))
    assert codes.count(130) >= 15, codes
    for number in range(4):
        result = value("train", data, *MANY, "--out", tmp_path / str(number))
        assert result["status"] == "finished"


def test_pairs_left_in_the_file_give_the_same_model(run, data, tiny, value, tmp_path, monkeypatch):
    monkeypatch.setattr(defaults, "MOST_VALUES_IN_MEMORY", 0)
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
