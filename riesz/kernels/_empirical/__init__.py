"""The empirical tangent kernel of a finite model."""

from riesz.kernels._empirical._labelled import LabelledTangentKernel as LabelledTangentKernel
from riesz.kernels._empirical._model import Parametrised as Parametrised
from riesz.kernels._empirical._model import parameters as parameters
from riesz.kernels._empirical._model import values_of as values_of
from riesz.kernels._empirical._tangent import TangentKernel as TangentKernel
