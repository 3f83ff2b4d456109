"""Kernels: positive semidefinite functions of two inputs, with algebra."""

from riesz.kernels._empirical import TangentKernel as TangentKernel
from riesz.kernels._empirical_labelled import LabelledTangentKernel as LabelledTangentKernel
from riesz.kernels._features import AbstractFeatures as AbstractFeatures
from riesz.kernels._features import FeatureKernel as FeatureKernel
from riesz.kernels._kernel import AbstractKernel as AbstractKernel
from riesz.kernels._kernel import Product as Product
from riesz.kernels._kernel import Scaled as Scaled
from riesz.kernels._kernel import Sum as Sum
from riesz.kernels._matern import Matern as Matern
from riesz.kernels._power_spectrum import PowerSpectrum as PowerSpectrum
from riesz.kernels._squared_exponential import RationalQuadratic as RationalQuadratic
from riesz.kernels._squared_exponential import SquaredExponential as SquaredExponential
from riesz.kernels._stationary import AbstractSpectrum as AbstractSpectrum
from riesz.kernels._stationary import AbstractStationary as AbstractStationary
from riesz.kernels._taylor import TaylorModel as TaylorModel
from riesz.kernels._taylor import linearise as linearise
from riesz.kernels._taylor import taylor as taylor
