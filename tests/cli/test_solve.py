"""`riesz solve`, and what `riesz predict` says of its model."""

import numpy as np
import pytest

import riesz

SMALL = ["--grid", 8, "--width", 8, "--depth", 1, "--smooth"]


@pytest.fixture(scope="module")
def solved(tmp_path_factory, value):
    out = tmp_path_factory.mktemp("solve") / "run"
    record = value("solve", "darcy", *SMALL, "--steps", 150, "--objective", "energy", "--out", out)
    return out, record


def test_a_solution_is_measured_against_the_reference_solver(solved, value, call):
    out, record = solved
    assert 0 < record["error"] < 0.5 and record["shape"] == [33, 33]
    assert {"model.json", "weights.safetensors", "solution.png"} <= {p.name for p in out.iterdir()}
    again = ["solve", "darcy", *SMALL, "--steps", 150, "--objective", "energy", "--out", out]
    assert value(*again) == record  # finished: nothing is computed
    assert "relative L2 error" in call("info", out).stdout
    other = call("solve", "darcy", *SMALL, "--steps", 9, "--out", out, code=2)
    assert "another run" in other.stderr or "settings" in other.stderr


def test_a_solution_is_predicted_at_points(solved, call, tmp_path):
    points = np.array([[0.5, 0.5], [0.0, 0.3]])
    np.savez(tmp_path / "points.npz", points=points)
    call("predict", solved[0], tmp_path / "points.npz", "-o", tmp_path / "values.npz")
    with np.load(tmp_path / "values.npz") as found:
        assert found["prediction"][1] == 0  # on the boundary
        expected = riesz.load(solved[0]).at(points)
        np.testing.assert_allclose(found["prediction"], expected, rtol=1e-5)
    refused = call(
        "predict", solved[0], tmp_path / "points.npz", "-o", tmp_path / "x.npz", "--given",
        tmp_path / "points.npz", code=2,
    )  # fmt: skip
    assert "--given" in refused.stderr


def test_the_input_may_come_from_a_file(tmp_path, value):
    np.savez(tmp_path / "one.npz", a=np.ones((1, 17, 17)))
    record = value(
        "solve", "darcy", "--data", tmp_path / "one.npz", "--nodes", "vertex", "--width", 8,
        "--depth", 1, "--steps", 150, "--objective", "energy", "--out", tmp_path / "run",
    )  # fmt: skip
    assert record["shape"] == [17, 17] and record["error"] < 0.2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["burgers"], "boundary or initial values"),
        (["darcy", "--objective", "power"], "residual or energy"),
        (["darci"], "darcy"),
    ],
)
def test_what_cannot_be_solved_is_said(arguments, text, call):
    assert text in call("solve", *arguments, code=2).stderr
