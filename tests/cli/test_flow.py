"""`riesz fit-flow`, and its model conditioned on values."""

import numpy as np
import pytest

SMALL = ["--nodes", "left", "--periodic", "yes", "--velocity", "FNO(modes=3, width=4, layers=1)"]


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    """Waves of one length, of random height and place, around 5."""
    rng = np.random.default_rng(0)
    x, (a, b) = np.arange(16) / 16, rng.normal(size=(2, 60, 1))
    path = tmp_path_factory.mktemp("waves") / "waves.npz"
    np.savez(path, u=5 + 2 * (a * np.sin(2 * np.pi * x) + b * np.cos(2 * np.pi * x)))
    return path


@pytest.fixture(scope="module")
def fitted(waves, tmp_path_factory, value):
    out = tmp_path_factory.mktemp("flow") / "run"
    return out, value("fit-flow", waves, *SMALL, "--steps", 300, "--out", out)


@pytest.mark.long
def test_a_flow_is_scored_beside_what_needs_no_training(fitted, waves, value, call):
    out, record = fitted
    assert record["n_train"] == 48 and record["n_test"] == 12
    scores = record["scores"]
    assert set(scores) == {"the fitted process", "a Gaussian process", "the training functions"}
    assert scores["the fitted process"] < 1.3 * scores["the training functions"]
    assert (out / "samples.png").exists() and "energy score" in call("info", out).stdout
    assert value("fit-flow", waves, *SMALL, "--steps", 300, "--out", out) == record


def test_a_flow_is_conditioned_on_values_of_a_file(fitted, tmp_path, call):
    (tmp_path / "points.csv").write_text("x\n0.25\n0.75\n")
    (tmp_path / "seen.csv").write_text("x,u\n0.25,8.0\n")
    widths = []
    for more in ([], ["--given", tmp_path / "seen.csv", "--noise", 0.1]):
        call(
            "predict", fitted[0], tmp_path / "points.csv", "-o", tmp_path / "a.npz", "--force",
            *more,
        )  # fmt: skip
        with np.load(tmp_path / "a.npz") as found:
            widths.append((found["upper"] - found["lower"])[:, 0])
            mean = found["mean"][:, 0]
    assert abs(mean[0] - 8) < 0.2 and mean[1] < 4.5  # waves are opposite half a circle away
    assert widths[1][0] < 0.3 * widths[0][0]


def test_what_is_no_set_of_functions_on_a_grid_is_said(tmp_path, call):
    holes = np.ones((6, 8))
    holes[0, 2] = np.nan
    np.savez(tmp_path / "holes.npz", u=holes)
    refused = call("fit-flow", tmp_path / "holes.npz", "--nodes", "left", code=2).stderr
    assert "without missing values" in refused
    np.savez(tmp_path / "flat.npz", u=np.ones((6, 8)))
    refused = call(
        "fit-flow", tmp_path / "flat.npz", *SMALL, "--out", tmp_path / "run", code=2
    ).stderr
    assert "constant" in refused and not (tmp_path / "run").exists()
