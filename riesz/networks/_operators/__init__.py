"""Descriptions of operators: finite ones, and kernels between functions."""

from riesz.networks._operators._contract import AbstractOperatorNetwork as AbstractOperatorNetwork
from riesz.networks._operators._deeponet import DeepONet as DeepONet
from riesz.networks._operators._deeponet import FiniteDeepONet as FiniteDeepONet
from riesz.networks._operators._spectral import FiniteSpectralOperator as FiniteSpectralOperator
from riesz.networks._operators._spectral import SpectralOperator as SpectralOperator
