import json
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest

from riesz.cli import run as run_command
from riesz.cli._app import ORDER


@pytest.mark.parametrize("name", ORDER)
def test_each_command_has_help_with_an_example(name, call):
    text = call(name, "--help").stdout
    assert "Example" in text and f"riesz {name}" in text
    assert "--json" in text


def test_help_lists_every_command_in_order(call):
    text = call("--help").stdout
    places = [text.index(f"\n  {name} ") for name in ORDER]
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["problems", "operators", "papers"])
def test_lists_are_json(name, value):
    rows = value(name)
    assert rows and all(row["name"] for row in rows)


def test_papers_have_their_fields(value):
    names = {"name", "title", "claim", "published", "measured", "seconds", "date"}
    assert all(set(row) == names for row in value("papers"))


def test_lists_for_people(call):
    assert "burgers" in call("problems").stdout
    assert "DeepONet" in call("operators").stdout


def test_a_run_folder_holds_all_of_it(run):
    there = {path.name for path in run.iterdir()}
    assert {"model.json", "weights.safetensors", "run.json", "report.md"} <= there
    assert {"prediction.png", "loss.png", "spectrum.png"} <= there
    report = (run / "report.md").read_text()
    assert "riesz info" in report and "held-out pairs" in report


def test_the_card_says_where_the_model_comes_from(run, value, call):
    card = value("info", run)
    split = card["split"]
    parts = [split[name] for name in ("training", "validation", "calibration", "test")]
    assert sum(parts) == card["data"]["pairs"] == 80
    assert not set(split["calibration_pairs"]) & set(split["test_pairs"])
    assert card["parameters"] > 0 and card["text"].startswith("Banded(")
    assert "FNO" in call("info", run).stdout


def test_evaluate_on_data(run, data, value, call):
    report = value("evaluate", run, "--data", data)
    assert report["parameters"] == value("info", run)["parameters"]
    (result,) = report["results"]
    assert {"resolution", "n", "relative_l2", "relative_h1", "coverage"} <= set(result)
    assert result["n"] == 80 and 0 <= result["coverage"] <= 1
    text = call("evaluate", run, "--data", data)
    assert "Coverage promised: 90%" in text.stdout and "*" not in text.stdout
    assert "trained on this data" in text.stderr


def test_a_band_that_was_not_calibrated_on_a_grid_is_marked(run, folder, write, call):
    x = np.linspace(0, 1, 40)
    waves = np.sin(np.arange(1, 6)[:, None] * x)
    path = folder / "finer.h5"
    write(path, a=waves, u=waves)
    text = call("evaluate", run, "--data", path).stdout
    assert re.search(r"\* \d+\.\d% \(", text)
    assert "* The band was not calibrated on these points" in text


def test_evaluate_refuses_data_of_another_space(run, folder, value, write):
    path = folder / "plane.h5"
    write(path, a=np.ones((5, 8, 8)), u=np.ones((5, 8, 8)))
    error = value("evaluate", run, "--data", path, code=2)["error"]
    assert error["kind"] == "DataError" and error["repair"]


def test_evaluate_warns_beyond_the_range_seen(run, folder, call, write):
    path = folder / "large.h5"
    x = np.linspace(0, 1, 24)
    write(path, a=np.full((3, 24), 100.0), u=100.0 * x * np.ones((3, 1)))
    result = call("evaluate", run, "--data", path, "--json")
    json.loads(result.stdout)
    assert result.stderr.count("unlike the") == 1


def test_evaluate_without_a_solver_asks_for_data(run, value):
    assert "--data" in value("evaluate", run, code=2)["error"]["expected"]


@pytest.mark.parametrize("suffix", ["npz", "h5"])
@pytest.mark.parametrize("points", [24, 40])
def test_predict_many(run, folder, value, write, suffix, points):
    source, target = folder / f"in{points}.h5", folder / f"out{points}.{suffix}"
    write(source, a=np.random.default_rng(1).normal(size=(3, points)))
    result = value("predict", run, source, "-o", target)
    assert result["samples"] == 3 and result["shape"] == [points]
    assert result["calibrated"] == (points == 24)
    if suffix == "npz":
        arrays = dict(np.load(target))
    else:
        with h5py.File(target) as file:
            arrays = {name: file[name][...] for name in file}
    assert arrays["prediction"].shape == arrays["lower"].shape == (3, points, 1)
    assert (arrays["lower"] < arrays["upper"]).all()
    assert arrays["coordinates"].shape == (points, 1)
    assert not list(folder.glob("*.partial"))


def test_predict_reads_npz(run, folder, value):
    np.savez(folder / "in.npz", a=np.zeros((2, 24)))
    assert value("predict", run, folder / "in.npz", "-o", folder / "npz-out.npz")["samples"] == 2


def test_predict_takes_one_function_and_overwrites_nothing(run, folder, value, write):
    source, target = folder / "one.h5", folder / "one-out.npz"
    write(source, curve=np.zeros(24))
    value("predict", run, source, "-o", target)
    before = target.read_bytes()
    error = value("predict", run, source, "-o", target, code=2)["error"]
    assert "left untouched" in error["message"] and target.read_bytes() == before
    assert value("predict", run, source, "-o", target, "--force")["samples"] == 1


def test_predict_refuses_values_that_are_not_finite(run, folder, value, write):
    source = folder / "nan.h5"
    write(source, curve=np.full(24, np.nan))
    value("predict", run, source, "-o", folder / "nan-out.npz", code=2)
    assert not (folder / "nan-out.npz").exists()


def test_sample_then_train_knows_the_problem(folder, value, call):
    path = folder / "pendulum.h5"
    result = value("sample", "antiderivative", "--samples", 3, "--grid", 16, "-o", path)
    assert result["pairs"] == 3
    again = value("sample", "antiderivative", "--samples", 3, "--grid", 16, "-o", path)
    assert again["fingerprint"] == result["fingerprint"]
    error = value("train", path, "--out", folder / "few", code=2)["error"]
    assert "too few pairs" in error["message"] and not (folder / "few").exists()


ERRORS = [
    (["train", "burger"], "did you mean 'burgers'?"),
    (["train", "missing.h5"], "check"),
    (["train", "burgers", "--level", "90"], "leave --level out"),
    (["train", "burgers", "--nodes", "left"], "leave --nodes out"),
    (["train", "burgers", "--data", "x.h5", "--samples", "9"], "leave --samples out"),
    (["sample", "darcy", "-o", "x.npz"], "x.h5"),
    (["info", "nowhere"], "check the path"),
    (["evaluate", "nowhere"], "check the path"),
    (["predict", "nowhere", "x.npz", "-o", "x.doc"], "x.npz"),
    (["reproduce", "nothing"], "riesz papers"),
    (["reproduce"], "riesz papers"),
]


@pytest.mark.parametrize("arguments, repair", ERRORS, ids=lambda x: "-".join(x)[:30])
def test_errors_say_how_to_repair(arguments, repair, value, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = value(*arguments, code=2)["error"]
    assert repair in error["repair"]
    text = call(*arguments, code=2)
    assert text.stdout == "" and text.stderr.startswith("error: ")
    assert "Traceback" not in text.stderr
    assert not list(tmp_path.iterdir())


def test_misspelt_options_are_json_too(capsys):
    assert run_command(["info", "runs/x", "--jsn", "--json"]) == 2
    out = capsys.readouterr().out
    assert json.loads(out)["error"]["kind"] == "UsageError"
    assert run_command([]) == 2
    assert "Commands:" in capsys.readouterr().err


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "riesz", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("Usage: riesz")
