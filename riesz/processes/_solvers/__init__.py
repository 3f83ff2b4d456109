"""Ways to condition a Gaussian process."""

from riesz.processes._solvers._cholesky import Cholesky as Cholesky
from riesz.processes._solvers._conjugate_gradients import (
    ConjugateGradients as ConjugateGradients,
)
from riesz.processes._solvers._inducing_points import InducingPoints as InducingPoints
from riesz.processes._solvers._solver import AbstractSolution as AbstractSolution
from riesz.processes._solvers._solver import AbstractSolver as AbstractSolver
