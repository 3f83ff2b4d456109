"""Every operator against every promise of the contract."""

import functools

import pytest

from riesz.testing import OPERATOR_CHECKS, OPERATOR_INSTANCES

# Operators that another instance tests too, on domains where programs are large.
LONG = ("GNO mesh", "GNO masked", "DeepONet masked", "FNO masked", "FNO cube", "FNO vertex")


@functools.cache
def case(name):
    return OPERATOR_INSTANCES[name]()


@pytest.mark.parametrize("check", OPERATOR_CHECKS)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long if name in LONG else ())
        for name in OPERATOR_INSTANCES
    ],
)
def test_contract(name, check):
    OPERATOR_CHECKS[check](case(name))
