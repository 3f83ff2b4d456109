"""Learnable maps between functions."""

from riesz.operators._operator import AbstractOperator as AbstractOperator
