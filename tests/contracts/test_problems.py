import jax
import pytest

from riesz.problems import PROBLEMS
from riesz.testing import check_problem


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_keeps_its_contract(name, x64):
    check_problem(PROBLEMS[name](), key=jax.random.key(0))
