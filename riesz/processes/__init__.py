"""Processes: distributions over functions, to sample, to condition and to look at on any points."""

from riesz.processes._marginals import AbstractMarginal as AbstractMarginal
from riesz.processes._marginals import Normal as Normal
from riesz.processes._marginals import StudentT as StudentT
from riesz.processes._process import AbstractProcess as AbstractProcess
from riesz.processes._process import On as On
