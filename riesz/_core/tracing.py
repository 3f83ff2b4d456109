"""Whether values are known."""

from typing import Any

import jax
from jax.core import Tracer


def traced(*trees: Any) -> bool:
    """Whether any leaf is abstract, inside jit, vmap or grad, so that values are unknown."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(trees))
