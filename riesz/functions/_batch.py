"""Batches of functions: a leading axis on every leaf."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Shaped

from riesz.domains import AbstractDiscretization, Points, Space
from riesz.errors import DomainError
from riesz.functions._agreement import describe, require_same_domain
from riesz.functions._function import Function


def batch(
    values: Shaped[Any, "n ..."], discretization: AbstractDiscretization, space: Space | None = None
) -> Function:
    """A batch of functions on one discretization, from values `(n, *shape, channels)`."""
    return jax.vmap(lambda v: Function(v, discretization, space))(jnp.asarray(values))


def take(functions: Function, index: Any) -> Function:
    """Member `index` (or members, for a slice or an array of numbers) of a batch."""
    return jax.tree.map(lambda leaf: leaf[index], functions)


def stack(functions: Sequence[Function]) -> Function:
    """A batch from functions of one space, padding scattered points to the largest set.

    Functions on one grid share it; functions on different `Points` keep each their own.
    """
    if not functions:
        raise DomainError(
            "a batch needs at least one function",
            where="stack(functions)",
            expected="a sequence of functions",
            found="an empty one",
            repair="stack the members that you have",
        )
    size = max(f.values.shape[0] for f in functions)
    members = []
    for f in functions:
        require_same_domain("stack(functions)", functions[0].domain, f.domain)
        if isinstance(f.discretization, Points):
            values = jnp.pad(f.values, ((0, size - f.values.shape[0]), (0, 0)))
            f = Function(values, f.discretization.pad(size), f.space)
        members.append(f)
    first = members[0]
    for f in members:
        if (
            jax.tree.structure(f) != jax.tree.structure(first)
            or f.values.shape != first.values.shape
        ):
            raise DomainError(
                "functions of a batch are sampled alike and have the same channels",
                where="stack(functions)",
                expected=f"{describe(first.discretization)}, {first.space.names}",
                found=f"{describe(f.discretization)}, {f.space.names}",
                repair="resample them onto one grid: f.resample(grid)",
            )
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
