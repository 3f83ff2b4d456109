"""Activations, with the expectations that make kernels."""

from riesz.networks._activations._activation import AbstractActivation as AbstractActivation
from riesz.networks._activations._error_functions import Erf as Erf
from riesz.networks._activations._error_functions import Gelu as Gelu
from riesz.networks._activations._numerical import (
    AbstractNumericalActivation as AbstractNumericalActivation,
)
from riesz.networks._activations._numerical import Activation as Activation
from riesz.networks._activations._numerical import Silu as Silu
from riesz.networks._activations._numerical import Tanh as Tanh
from riesz.networks._activations._piecewise_linear import Abs as Abs
from riesz.networks._activations._piecewise_linear import LeakyRelu as LeakyRelu
from riesz.networks._activations._piecewise_linear import Relu as Relu
from riesz.networks._activations._polynomials import Hermite as Hermite
from riesz.networks._activations._polynomials import Monomial as Monomial
from riesz.networks._activations._rectified import RectifiedMonomial as RectifiedMonomial
from riesz.networks._activations._rectified import Sign as Sign
from riesz.networks._activations._sinusoids import Cos as Cos
from riesz.networks._activations._sinusoids import Exp as Exp
from riesz.networks._activations._sinusoids import Rbf as Rbf
from riesz.networks._activations._sinusoids import Sin as Sin
