"""The third reading of a network: how to initialise and train it at any width and depth."""

from riesz.networks._scaling._rules import ParameterScaling as ParameterScaling
from riesz.networks._scaling._scaling import Scaling as Scaling
from riesz.networks._scaling._scaling import make_scaling as make_scaling
