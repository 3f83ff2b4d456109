"""Whether functions, points and discretizations fit together."""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from riesz.domains import AbstractDiscretization, AbstractDomain
from riesz.domains._discretization import traced
from riesz.errors import DomainError

if TYPE_CHECKING:
    from riesz.functions._function import Function


def require_same_domain(call: str, first: AbstractDomain, second: AbstractDomain) -> None:
    """Refuse functions of different domains."""
    if first != second:
        raise DomainError(
            "two functions live on different domains",
            where=call,
            expected=str(first),
            found=str(second),
            repair="build both on one domain; functions of different domains do not combine",
        )


def require_inside(domain: AbstractDomain, points: Array) -> None:
    """Refuse points outside the domain, unless they are traced."""
    if traced(points):
        return
    x = np.asarray(points)
    slack = 1e-5 * np.asarray(domain.lengths)
    low, high = np.asarray(domain.lower) - slack, np.asarray(domain.upper) + slack
    outside = (((x < low) | (x > high)) & ~np.asarray(domain.periodic)).any(1)
    if outside.any():
        raise DomainError(
            f"{int(outside.sum())} points lie outside the domain of the function",
            where="Function.at(points)",
            expected=f"points of {domain}",
            found=f"point {int(np.flatnonzero(outside)[0])} at {x[outside][0].tolist()}",
            repair="a function is known on its domain only: drop these points",
        )


def same_points(a: AbstractDiscretization, b: AbstractDiscretization, unknown: bool) -> bool:
    """Whether two discretizations are the same points; `unknown` answers for traced ones."""
    if a is b:
        return True
    if jax.tree.structure(a) != jax.tree.structure(b):
        return False
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if x is y:
            continue
        if x.shape != y.shape or x.dtype != y.dtype:
            return False
        if not (unknown if traced(x, y) else bool(jnp.all(x == y))):
            return False
    return True


def require_same(first: "Function", second: "Function", call: str, broadcast: bool = True) -> None:
    """Refuse functions of different points or channels; one channel may serve for several."""
    require_same_domain(call, first.domain, second.domain)
    a, b = first.discretization, second.discretization
    fits = first.channels == second.channels
    fits = fits or (broadcast and 1 in (first.channels, second.channels))
    same = same_points(a, b, unknown=True)
    if not same or not fits:
        raise DomainError(
            "two functions have different channels"
            if same
            else "two functions are sampled differently",
            where=call,
            expected=f"{describe(a)}, {first.channels} channels",
            found=f"{describe(b)}, {second.channels} channels",
            repair="combine functions with as many channels"
            if same
            else "bring one to the other's points: g.resample(f.discretization)",
        )


def describe(discretization: AbstractDiscretization) -> str:
    """A discretization in a few words, such as `16 x 16 vertex vertex points`."""
    base = getattr(discretization, "base", discretization)
    nodes = " ".join(getattr(base, "nodes", ("scattered",)))
    nodes = nodes if base is discretization else f"moved {nodes}"
    return f"{' x '.join(map(str, discretization.shape))} {nodes} points"
