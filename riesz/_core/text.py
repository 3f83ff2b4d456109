"""Trees of numbers as text."""

from typing import Any

import equinox as eqx
import jax
import numpy as np

from riesz._core.tracing import traced

_DIGITS = 6
_SHOWN = 8  # numbers of an array that are written out


def written(tree: Any) -> str:
    """A kernel or a process as Equinox prints it, with its numbers to six digits.

    Arrays of more than eight numbers are given by type and shape.
    """
    return eqx.tree_pformat(jax.tree.map(_rounded, tree))


def _rounded(leaf: Any) -> Any:
    if traced(leaf) or not eqx.is_inexact_array_like(leaf):
        return leaf
    numbers = np.asarray(leaf)
    if numbers.size > _SHOWN or not np.isrealobj(numbers):
        return leaf
    return np.vectorize(lambda v: float(f"{v:.{_DIGITS}g}"), otypes=[float])(numbers).tolist()
