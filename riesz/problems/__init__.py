"""Parametric families of equations with reference solvers."""

from riesz.problems._antiderivative import Antiderivative as Antiderivative
from riesz.problems._burgers import Burgers as Burgers
from riesz.problems._darcy import Darcy as Darcy
from riesz.problems._navier_stokes import NavierStokes as NavierStokes
from riesz.problems._pendulum import Pendulum as Pendulum
from riesz.problems._problem import PROBLEMS as PROBLEMS
from riesz.problems._problem import AbstractProblem as AbstractProblem
from riesz.problems._problem import Solution as Solution
from riesz.problems._problem import register as register
