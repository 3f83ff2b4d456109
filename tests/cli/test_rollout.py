"""`riesz train --rollout`, on a problem and on the series of a file."""

import numpy as np
import pytest

TINY = ["--operator", "FNO(modes=3, width=4, layers=1)", "--steps", 40]


@pytest.mark.long
def test_a_problem_is_stepped(value, call, tmp_path):
    out = tmp_path / "run"
    record = value(
        "train", "Burgers(viscosity=0.05, time=0.1)", "--rollout", 2, "--samples", 40, "--grid", 16,
        *TINY, "--out", out,
    )  # fmt: skip
    found = record["rollout"]
    assert len(found["steps"]) == 20 and 0 < found["lasts"] <= 20
    first = found["steps"][0]
    assert first["error"]["mean"] < 5 and first["persistence"]["mean"] > 0
    assert "Rollout of 20 steps" in (out / "report.md").read_text()
    assert "Rollout of 20 steps" in call("info", out).stdout


@pytest.mark.long
def test_a_series_of_a_file_is_stepped(value, tmp_path):
    t, x = np.arange(160)[:, None], np.arange(16) / 16
    series = np.sin(2 * np.pi * (x - t / 37)) + 0.5 * np.cos(4 * np.pi * (x - t / 53))
    np.savez(tmp_path / "series.npz", u=series)
    record = value(
        "train", tmp_path / "series.npz", "--lead", 1, "--split", "time", "--nodes", "left",
        "--periodic", "yes", "--rollout", 3, *TINY, "--out", tmp_path / "run",
    )  # fmt: skip
    steps = record["rollout"]["steps"]
    assert len(steps) == 3 and all(np.isfinite(s["error"]["mean"]) for s in steps)
    persistence = [s["persistence"]["mean"] for s in steps]
    assert persistence == sorted(persistence)


def test_problems_that_do_not_step_are_named(call, tmp_path):
    said = call("train", "darcy", "--rollout", 2, "--samples", 20, "--grid", 8, *TINY, "--out",
                tmp_path / "run", code=2).stderr  # fmt: skip
    assert "does not step in time" in said
    said = call("train", "Burgers(vis=0.1)", code=2).stderr
    assert "Burgers(viscosity=0.02, time=0.1)" in said
