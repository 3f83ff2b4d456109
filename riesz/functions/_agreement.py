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


def require_inside(domain: AbstractDomain, relative: Array | np.ndarray) -> None:
    """Raise for points outside the domain, measured from its lower end, unless traced."""
    if traced(relative):
        return
    x, lengths = np.asarray(relative, float), np.asarray(domain.lengths)
    slack = 1e-5 * lengths
    wrong = ((x < -slack) | (x > lengths + slack)) & ~np.asarray(domain.periodic)
    outside = (wrong | ~np.isfinite(x)).any(1)
    if outside.any():
        raise DomainError(
            f"{int(outside.sum())} points lie outside the domain of the function",
            where="Function.at(points)",
            expected=f"points of {domain}",
            found=f"point {int(np.flatnonzero(outside)[0])} at "
            f"{(x[outside][0] + np.asarray(domain.lower)).tolist()}",
            repair="a function is known on its domain only: drop these points",
        )


def require_finite(values: Array, discretization: AbstractDiscretization) -> None:
    """Raise for values at present points that are not finite, unless they are traced."""
    if traced(values, *jax.tree.leaves(discretization)) or np.isfinite(np.asarray(values)).all():
        return
    wrong = ~np.isfinite(np.asarray(values)).all(-1)
    first = np.argwhere(wrong)[0].tolist()
    where = np.asarray(discretization.coordinates)[tuple(first)].tolist()
    raise DomainError(
        f"{int(wrong.sum())} of {wrong.size} points have values that are not finite",
        where="Function(values, discretization)",
        expected="finite numbers",
        found=f"{np.asarray(values)[tuple(first)].tolist()} at point {first}, x = {where}",
        repair="mask missing values out: MaskedGrid(grid, np.isfinite(values).all(-1)), or "
        "Points(domain, x, mask=...)",
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
    grid = discretization.grid
    words = [" x ".join(map(str, discretization.shape))]
    if grid is None:
        words.append("scattered")
    else:
        words += ["moved"] * (grid is not grid.unmoved[0]) + [*grid.unmoved[0].kinds]
    present = "" if grid is discretization else _presence(discretization)
    return f"{' '.join(words)} points{present}"


def _presence(discretization: AbstractDiscretization) -> str:
    """How many points carry a value, where some do not."""
    weights = discretization.weights
    if traced(weights):
        return ""
    count, size = int((np.asarray(weights) > 0).sum()), weights.size
    return "" if count == size else f", {size - count} of them masked"
