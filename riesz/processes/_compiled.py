"""Compiled functions whose matrix products keep the precision of their operands."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import equinox as eqx
import jax
from jax.core import Tracer

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


def is_traced(*trees: Any) -> bool:
    """Whether any leaf is abstract, inside jit, vmap or grad, so that values are unknown."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(trees))
