"""Whether functions, points and discretizations fit together."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from riesz._core.tracing import traced
from riesz.domains import AbstractDiscretization, AbstractDomain
from riesz.errors import DomainError

if TYPE_CHECKING:
    from riesz.functions._function import Function


def require_same_domain(call: str, first: AbstractDomain, second: AbstractDomain) -> None:
    """Raise for functions of different domains."""
    if first != second:
        raise DomainError(
            "two functions live on different domains",
            where=call,
            expected=str(first),
            found=str(second),
            repair="build both on one domain; functions of different domains do not combine",
        )


def is_batch(f: "Function") -> bool:
    """Whether the values have an axis before those of the discretization."""
    return f.values.ndim > f.discretization.dimensions + 1


def require_single(f: "Function", call: str, instead: str) -> None:
    """Raise for a batch of functions where one is needed."""
    if is_batch(f):
        raise DomainError(
            f"this is a batch of {f.values.shape[0]} functions, where one is needed",
            where=call,
            expected=f"values at {f.discretization.describe()} in {f.channels} channels",
            found=f"values of shape {f.values.shape}",
            repair=f"{instead}; one of them is riesz.functions.take(batch, 0)",
        )


def require_inside(
    on: AbstractDiscretization | AbstractDomain,
    relative: Array | np.ndarray,
    where: str = "Function.at(points)",
) -> None:
    """Raise for points outside a domain, measured from its origin, unless they are traced.

    Of a discretization: for points where its functions have no value.
    """
    domain = on.domain if isinstance(on, AbstractDiscretization) else on
    if traced(relative, *jax.tree.leaves(on)):
        return
    x, origin = np.asarray(relative, float), np.asarray(domain.origin)
    inside = on.contains(x + origin) if isinstance(on, AbstractDomain) else on.contains(x)
    outside = ~np.asarray(inside)
    if outside.any():
        raise DomainError(
            f"{int(outside.sum())} points lie outside the domain of the function",
            where=where,
            expected=f"points of {domain}",
            found=f"point {int(np.flatnonzero(outside)[0])} at {(x[outside][0] + origin).tolist()}",
            repair="a function is known on its domain only: drop these points",
        )


def shorten(value: Any) -> str:
    """A value in at most 40 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{text[:37]}..."


def require_points(domain: AbstractDomain, points: Any) -> None:
    """Raise for anything but an array of points of a domain, one per row."""
    dim, shape, hint = domain.dim, None, "write for example f.at([[0.5]])"
    if isinstance(points, AbstractDiscretization):
        found, hint = repr(points), "the function on other points is f.resample(points)"
    elif not isinstance(points, list | tuple | np.ndarray | Array | int | float | np.generic):
        found = f"{type(points).__name__} {shorten(points)}"
    else:
        try:
            shape = np.shape(points)
            kind = points.dtype if isinstance(points, Array) else np.asarray(points).dtype
        except ValueError:
            shape, kind = None, np.dtype(object)
        numbers = np.issubdtype(kind, np.floating) or np.issubdtype(kind, np.integer)
        if numbers and shape is not None and len(shape) == 2 and shape[1] == dim:
            return
        found = f"shape {shape}" if numbers else f"{kind} {shorten(points)}"
        if shape is not None and len(shape) == 1:
            hint = "points[:, None] makes rows of numbers on a line" if dim == 1 else "[point]"
            hint = "one point is given as [point]" if shape == (dim,) and dim > 1 else hint
    raise DomainError(
        "a function is evaluated at points given one per row",
        where="Function.at(points)",
        expected=f"shape (p, {dim})",
        found=found,
        repair=hint,
    )


def relative_points(
    on: AbstractDiscretization | AbstractDomain, points: Any, dtype: Any
) -> Array | np.ndarray:
    """Points measured from the domain's origin: in float64 and checked, where they are known.

    **Raises:** `DomainError` for anything but points where functions `on` have a value.
    """
    domain = on.domain if isinstance(on, AbstractDiscretization) else on
    if traced(*jax.tree.leaves(points)):
        points = jnp.asarray(points, dtype)  # a list may hold traced numbers
    require_points(domain, points)
    if traced(points):
        return points.astype(dtype) - jnp.asarray(domain.origin, dtype)
    relative = np.asarray(points, np.float64) - np.asarray(domain.origin)
    require_inside(on, relative)
    return relative


def require_axis(domain: AbstractDomain, axis: int, order: int, where: str) -> None:
    """Raise for a derivative that is none along an axis, or of another order than 1 or 2."""
    if not 0 <= axis < domain.dim or order not in (1, 2):
        raise DomainError(
            "a derivative is taken along an axis of the domain, once or twice",
            where=where,
            expected=f"0 <= axis < {domain.dim}, order 1 or 2",
            found=f"axis={axis}, order={order}",
            repair="higher derivatives are derivatives of derivatives",
        )


def require_operand(f: "Function", other: Any, call: str) -> None:
    """Raise for an array that is neither a number, one per channel, nor one per value."""
    shape = np.shape(other)
    if shape in ((), (f.channels,), f.values.shape):
        return
    raise DomainError(
        "a function combines with a number, one per channel, or an array of its values",
        where=call,
        expected=f"shape () or ({f.channels},) or {f.values.shape}",
        found=f"shape {shape}",
        repair="values at the function's points are Function(array[..., None], f.discretization)"
        if shape == f.values.shape[:-1]
        else "make a function of it: Function(values, f.discretization)",
    )


def require_finite(values: Array, discretization: AbstractDiscretization) -> None:
    """Raise for values at present points that are not finite, unless they are traced."""
    if traced(values, *jax.tree.leaves(discretization)) or np.isfinite(np.asarray(values)).all():
        return
    wrong = ~np.isfinite(np.asarray(values)).all(-1)
    first = np.argwhere(wrong)[0].tolist()
    if wrong.ndim > discretization.dimensions:
        place = f"point {first[1:]} of sample {first[0]}"
    else:
        x = np.asarray(discretization.coordinates)[tuple(first)].tolist()
        place = f"point {first}, x = {x}"
    raise DomainError(
        f"{int(wrong.sum())} of {wrong.size} points have values that are not finite",
        where="Function(values, discretization)",
        expected="finite numbers",
        found=f"{np.asarray(values)[tuple(first)].tolist()} at {place}",
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
    """Raise for functions of different points or channels; one channel may serve for several."""
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
            expected=f"{a.describe()}, {first.channels} channels",
            found=f"{b.describe()}, {second.channels} channels",
            repair="combine functions with as many channels"
            if same
            else "bring one to the other's points: g.resample(f.discretization)",
        )
