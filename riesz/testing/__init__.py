"""Checks of the contracts: run them on your own instances too."""

from riesz.testing._problems import check_problem as check_problem
