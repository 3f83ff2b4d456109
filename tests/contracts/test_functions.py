"""Every discretization against every promise of the contract."""

import functools

import equinox as eqx
import jax.numpy as jnp
import pytest

from riesz.domains import Grid, Interval
from riesz.testing import DISCRETIZATIONS, FUNCTION_CHECKS, check_function
from riesz.testing._functions import sample


@functools.cache
def function(name):
    return sample(DISCRETIZATIONS[name]())


@pytest.mark.parametrize("check", FUNCTION_CHECKS)
@pytest.mark.parametrize("name", DISCRETIZATIONS)
def test_contract(name, check):
    FUNCTION_CHECKS[check](function(name))


@pytest.mark.long
def test_the_contract_in_double_precision(x64):
    check_function(DISCRETIZATIONS["time x circle"]())


def test_a_broken_discretization_is_named():
    f = sample(Grid(Interval(0.0, 1.0), 9))
    nan = eqx.tree_at(lambda g: g.values, f, f.values.at[3].set(jnp.nan))  # behind the constructor
    with pytest.raises(AssertionError, match="^interpolation:"):
        check_function(nan)
