"""Activations, with the expectations that make kernels."""

from riesz.networks._activations._activation import AbstractActivation as AbstractActivation
