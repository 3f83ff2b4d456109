"""Every operator against every promise of the contract."""

import functools

import pytest

from riesz.testing import OPERATOR_CHECKS, OPERATOR_INSTANCES


@functools.cache
def case(name):
    return OPERATOR_INSTANCES[name]()


@pytest.mark.parametrize("check", OPERATOR_CHECKS)
@pytest.mark.parametrize("name", OPERATOR_INSTANCES)
def test_contract(name, check):
    OPERATOR_CHECKS[check](case(name))
