"""Processes: distributions over functions, to sample, to condition and to look at on any points."""

from riesz.processes._deep_kernel_machine import DeepKernelMachine as DeepKernelMachine
from riesz.processes._deep_kernel_machine import DeepKernelPosterior as DeepKernelPosterior
from riesz.processes._deep_kernel_machine_kernel import LearnedKernel as LearnedKernel
from riesz.processes._gaussian_posterior import GaussianPosterior as GaussianPosterior
from riesz.processes._gaussian_process import GaussianProcess as GaussianProcess
from riesz.processes._gradient_flow import Flow as Flow
from riesz.processes._gradient_flow import gradient_flow as gradient_flow
from riesz.processes._marginals import AbstractMarginal as AbstractMarginal
from riesz.processes._marginals import Normal as Normal
from riesz.processes._marginals import StudentT as StudentT
from riesz.processes._observations import AbstractObservation as AbstractObservation
from riesz.processes._observations import Derivatives as Derivatives
from riesz.processes._observations import Integrals as Integrals
from riesz.processes._observations import Values as Values
from riesz.processes._operator_process import OperatorPosterior as OperatorPosterior
from riesz.processes._operator_process import OperatorProcess as OperatorProcess
from riesz.processes._process import AbstractProcess as AbstractProcess
from riesz.processes._process import On as On
from riesz.processes._random_field import RandomField as RandomField
from riesz.processes._random_field import random_field as random_field
from riesz.processes._solvers import AbstractSolver as AbstractSolver
from riesz.processes._solvers import Cholesky as Cholesky
from riesz.processes._solvers import ConjugateGradients as ConjugateGradients
from riesz.processes._solvers import InducingPoints as InducingPoints
from riesz.processes._wide_network import TrainedNetwork as TrainedNetwork
from riesz.processes._wide_network import WideNetwork as WideNetwork
