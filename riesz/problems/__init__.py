"""Parametric families of equations with reference solvers."""

from riesz.problems._problem import AbstractProblem as AbstractProblem
from riesz.problems._problem import Solution as Solution
