import jax
import pytest

from riesz.testing import PROBLEM_INSTANCES, check_problem

LONG = ("navier-stokes", "two-phase")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long if name in LONG else ())
        for name in PROBLEM_INSTANCES
    ],
)
def test_a_problem_keeps_its_contract(name, x64):
    check_problem(PROBLEM_INSTANCES[name](), key=jax.random.key(0))
