"""Kernels: positive semidefinite functions of two inputs, with algebra."""

from riesz.kernels._kernel import AbstractKernel as AbstractKernel
from riesz.kernels._kernel import Product as Product
from riesz.kernels._kernel import Scaled as Scaled
from riesz.kernels._kernel import Sum as Sum
