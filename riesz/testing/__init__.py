"""Checks of the contracts: run them on your own instances too."""

from riesz.testing._functions import DISCRETIZATIONS as DISCRETIZATIONS
from riesz.testing._functions import FUNCTION_CHECKS as FUNCTION_CHECKS
from riesz.testing._functions import check_function as check_function
from riesz.testing._kernels import KERNEL_CHECKS as KERNEL_CHECKS
from riesz.testing._kernels import KERNEL_INSTANCES as KERNEL_INSTANCES
from riesz.testing._kernels import KernelCase as KernelCase
from riesz.testing._kernels import check_kernel as check_kernel
from riesz.testing._networks import NETWORK_INSTANCES as NETWORK_INSTANCES
from riesz.testing._networks import Agreement as Agreement
from riesz.testing._networks import NetworkCase as NetworkCase
from riesz.testing._networks import check_network as check_network
from riesz.testing._operators import OPERATOR_CHECKS as OPERATOR_CHECKS
from riesz.testing._operators import OPERATOR_INSTANCES as OPERATOR_INSTANCES
from riesz.testing._operators import OperatorCase as OperatorCase
from riesz.testing._operators import check_operator as check_operator
from riesz.testing._problems import PROBLEM_INSTANCES as PROBLEM_INSTANCES
from riesz.testing._problems import check_problem as check_problem
from riesz.testing._processes import PROCESS_CHECKS as PROCESS_CHECKS
from riesz.testing._processes import PROCESS_INSTANCES as PROCESS_INSTANCES
from riesz.testing._processes import ProcessCase as ProcessCase
from riesz.testing._processes import check_process as check_process
