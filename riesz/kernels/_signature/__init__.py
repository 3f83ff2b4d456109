"""Signature kernels of paths."""

from riesz.kernels._signature._neural import NeuralSignature as NeuralSignature
from riesz.kernels._signature._signature import Signature as Signature
