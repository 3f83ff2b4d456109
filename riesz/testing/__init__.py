"""Checks of the contracts: run them on your own instances too."""

from riesz.testing._functions import DISCRETIZATIONS as DISCRETIZATIONS
from riesz.testing._functions import FUNCTION_CHECKS as FUNCTION_CHECKS
from riesz.testing._functions import check_function as check_function
from riesz.testing._operators import OPERATOR_CHECKS as OPERATOR_CHECKS
from riesz.testing._operators import OPERATOR_INSTANCES as OPERATOR_INSTANCES
from riesz.testing._operators import OperatorCase as OperatorCase
from riesz.testing._operators import check_operator as check_operator
from riesz.testing._problems import PROBLEM_INSTANCES as PROBLEM_INSTANCES
from riesz.testing._problems import check_problem as check_problem
