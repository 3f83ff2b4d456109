import jax
import pytest

from riesz.testing import PROBLEM_INSTANCES, check_problem


@pytest.mark.parametrize("name", PROBLEM_INSTANCES)
def test_a_problem_keeps_its_contract(name, x64):
    check_problem(PROBLEM_INSTANCES[name](), key=jax.random.key(0))
