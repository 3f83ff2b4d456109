"""Hyperparameters: the positive inexact leaves of a kernel."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


def as_traced(tree: Any, dtype: Any) -> Any:
    """The same tree with positive finite Python floats as arrays, so that they can be traced.

    One program then serves all their values. Zeros and infinities, which switch parts off, stay.
    """

    def convert(leaf: Any) -> Any:
        switch = isinstance(leaf, float) and 0 < leaf < float("inf")
        return jnp.asarray(leaf, dtype) if switch else leaf

    return jax.tree.map(convert, tree)


def is_hyperparameter(leaf: Any) -> bool:
    """Whether some entry of a leaf is inexact, positive and finite."""
    if not eqx.is_inexact_array_like(leaf):
        return False
    values = np.asarray(leaf)
    return bool(((values > 0) & np.isfinite(values)).any())
