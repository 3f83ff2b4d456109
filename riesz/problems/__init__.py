"""Parametric families: equations, distributions of their inputs, and reference solvers."""

from riesz.problems._antiderivative import Antiderivative as Antiderivative
from riesz.problems._antiderivative import CellIntegrals as CellIntegrals
from riesz.problems._antiderivative import Integration as Integration
from riesz.problems._burgers import Burgers as Burgers
from riesz.problems._burgers import BurgersEquation as BurgersEquation
from riesz.problems._darcy import Darcy as Darcy
from riesz.problems._darcy import DarcyEquation as DarcyEquation
from riesz.problems._darcy import DarcyFiniteVolumes as DarcyFiniteVolumes
from riesz.problems._darcy import Pieces as Pieces
from riesz.problems._equation import AbstractEquation as AbstractEquation
from riesz.problems._equation import EquationOfInput as EquationOfInput
from riesz.problems._evolution import AbstractEvolution as AbstractEvolution
from riesz.problems._fourier import AbstractSemilinear as AbstractSemilinear
from riesz.problems._fourier import FourierETDRK4 as FourierETDRK4
from riesz.problems._navier_stokes import NavierStokes as NavierStokes
from riesz.problems._navier_stokes import NavierStokesEquation as NavierStokesEquation
from riesz.problems._pendulum import Pendulum as Pendulum
from riesz.problems._pendulum import PendulumEquation as PendulumEquation
from riesz.problems._pendulum import RungeKutta4 as RungeKutta4
from riesz.problems._problem import PROBLEMS as PROBLEMS
from riesz.problems._problem import AbstractProblem as AbstractProblem
from riesz.problems._problem import parse as parse
from riesz.problems._problem import register as register
from riesz.problems._solver import AbstractReferenceSolver as AbstractReferenceSolver
from riesz.problems._solver import Solution as Solution
