"""Compiled functions whose matrix products keep the precision of their operands."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import equinox as eqx
import jax

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`equinox.filter_jit` with full precision of matrix products.

    Some accelerators multiply float32 matrices with fewer digits unless asked, which leaves
    covariance matrices indefinite.
    """

    @wraps(function)
    def precise(*args: P.args, **kwargs: P.kwargs) -> R:
        with jax.default_matmul_precision("float32"):
            return function(*args, **kwargs)

    return eqx.filter_jit(precise)
