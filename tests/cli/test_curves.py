"""`riesz fit-process` of curves to a number and to a class."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    """Curves with an offset that says nothing, a slope to be found, and three classes of waves."""
    rng = np.random.default_rng(0)
    t, k = np.linspace(0, 1, 30), rng.integers(0, 3, 60)
    c = rng.normal(size=(60, 2))
    waves = 0.4 * (1 + k[:, None]) * np.cos(9 * t)
    path = tmp_path_factory.mktemp("curves") / "curves.npz"
    np.savez(path, spectra=20 * c[:, :1] + c[:, 1:] * t + waves, fat=c[:, 1], kind=10 * k)
    return path


def test_derivatives_tell_what_offsets_hide(curves, tmp_path, value, call):
    errors = []
    for order in (0, 1):
        out = tmp_path / str(order)
        record = value(
            "fit-process", curves, "--points", "spectra", "--values", "fat", "--curves", order,
            "--restarts", 0, "--out", out,
        )  # fmt: skip
        errors.append(record["relative_rmse"][0])
        assert ("derivative=1" in record["tuned_kernel"]) == (order == 1)
    assert errors[1] < 0.05 and errors[1] < 0.5 * errors[0], errors
    call("predict", tmp_path / "1", curves, "-o", tmp_path / "answers.npz")
    with np.load(tmp_path / "answers.npz") as found, np.load(curves) as given:
        inside = (found["lower"][:, 0] <= given["fat"]) & (given["fat"] <= found["upper"][:, 0])
        assert found["mean"].shape == (60, 1) and inside.mean() > 0.7


def test_classes_have_probabilities(curves, tmp_path, value, call):
    out = tmp_path / "run"
    record = value(
        "fit-process", curves, "--points", "spectra", "--values", "kind", "--curves", 1,
        "--classes", "--restarts", 0, "--out", out,
    )  # fmt: skip
    assert record["classes"] == [0, 10, 20] and record["accuracy"] > 0.9
    assert record["log_loss"] < record["log_loss_of_shares"] and (out / "test.png").exists()
    assert "of 3 classes" in call("info", out).stdout
    call("predict", out, curves, "-o", tmp_path / "p.npz")
    with np.load(tmp_path / "p.npz") as found, np.load(curves) as given:
        p = found["probability"]
        np.testing.assert_allclose(p.sum(1), 1, atol=0.01)
        assert (10 * p.argmax(1) == given["kind"]).mean() > 0.9
    call("predict", out, curves, "-o", tmp_path / "p.csv")
    header = (tmp_path / "p.csv").read_text().splitlines()[0]
    assert header.endswith("kind 0 probability,kind 10 probability,kind 20 probability")


def test_what_makes_no_classes_is_said(curves, call, tmp_path):
    options = ["fit-process", curves, "--points", "spectra", "--out", tmp_path / "run"]
    said = call(*options, "--values", "fat", "--classes", code=2).stderr
    assert "60 different values of fat" in said
    said = call(*options, "--values", "fat", "--curves", 1, "--kernel", "ntk", code=2).stderr
    assert "compared by kernels of distances" in said and not (tmp_path / "run").exists()
