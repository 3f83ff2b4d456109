"""The examples, with fewer samples and steps: they run, and learn what they show."""

import importlib.util
import pathlib
import sys

import jax
import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def example(monkeypatch):
    """An example as a module."""

    def load(name):
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    with jax.numpy_dtype_promotion("standard"):
        yield load


@pytest.mark.slow
def test_an_operator_learns_poisson_on_meshes_that_differ(example):
    errors = example("poisson_on_meshes").main(n=32, steps=60)
    assert errors["meshes"] < 0.75 * errors["mean"]
    assert errors["refined"] < 0.75 * errors["mean"]


@pytest.mark.slow
def test_fields_solve_equations_without_data(example):
    errors = example("solve_without_data").main(steps=300)
    assert errors["Poisson", "residual"] < 0.02
    assert errors["Poisson", "energy"] < 0.1
    # after 300 of 1000 steps; the error of zero is 1
    assert errors["Darcy", "residual"] < 0.2
    assert errors["Darcy", "energy"] < 0.4


@pytest.mark.slow
def test_a_flow_learns_the_covariance_of_a_field(example):
    errors = example("flow_on_fields").main(n=256, steps=300)
    assert errors["fitted"] < 0.5 * errors["noise"]
    assert errors["mean"] < 0.2


@pytest.mark.slow
def test_a_mionet_learns_from_functions_on_three_domains(example):
    report = example("heat_in_a_plate").main(n=96, steps=300).to_json()
    errors = {b["name"]: b["error"] for b in report["baselines"]}
    assert report["results"][0]["error"] < 0.75 * errors["training mean"]


@pytest.mark.slow
def test_an_operator_makes_steps_of_burgers(example):
    reports = example("burgers_in_steps").main(n=32, steps=100)
    for report in reports.values():
        assert report.errors[0].mean < 0.5 * report.persistence[0].mean
        assert report.errors[-1].mean < 0.5 * report.persistence[-1].mean
        assert report.lasts == 20
