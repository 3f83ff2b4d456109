"""Domains: intervals, boxes, tori and their products, and a point."""

from abc import abstractmethod
from collections.abc import Sequence
from itertools import groupby
from math import isfinite, prod
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz.errors import DomainError

Number = int | float


def _bounds(lower: Number | Sequence[Number], upper: Number | Sequence[Number], name: str):
    low = tuple(np.atleast_1d(np.asarray(lower, float)).tolist())
    high = tuple(np.atleast_1d(np.asarray(upper, float)).tolist())
    ok = len(low) == len(high) >= 1
    if not ok or not all(
        isfinite(a) and isfinite(b) and a < b for a, b in zip(low, high, strict=True)
    ):
        raise DomainError(
            f"{name} needs finite bounds with lower < upper along each axis",
            where=f"{name}(a, b)" if name == "Interval" else f"{name}(lower, upper)",
            expected="lower < upper, both finite",
            found=f"lower={low}, upper={high}",
            repair="for the unit interval write Interval(0.0, 1.0)"
            if name == "Interval"
            else f"for the unit square write {name}((0.0, 0.0), (1.0, 1.0))",
        )
    return low, high


Texts = str | Sequence[str]
_EXAMPLE = ("latitude", "longitude", "depth")


def texts(given: Texts | None, axes: int, what: str, name: str) -> tuple[str, ...]:
    """One text per axis; empty where none was given."""
    found = (given,) if isinstance(given, str) else tuple(given or ("",) * axes)
    if len(found) != axes or not all(isinstance(t, str) for t in found):
        raise DomainError(
            f"a domain takes one text for each axis as {what}",
            where=f"{name}(..., {what}=...)",
            expected=f"{axes} texts",
            found=repr(given),
            repair=f"write {what}={_EXAMPLE[:axes]!r}, or leave it out",
        )
    return found


class AbstractDomain(eqx.Module):
    """Where functions live: a set of points with `dim` coordinates each, and a measure.

    `names` and `units` of the coordinates are for people: plots, error texts and files use them.
    They are empty where none were given. Domains are static, hashable and compare by what they
    are, not by how they were built or named: `Interval(0, 1) == Box(0, 1)`.

    `origin` is the point that `relative` coordinates of discretizations are measured from.
    Bounds, periods and a volume are known of products of intervals and circles only, see
    `AbstractProductDomain`; asking another domain for them raises `DomainError`.
    """

    dim: eqx.AbstractVar[int]
    names: eqx.AbstractVar[tuple[str, ...]]
    units: eqx.AbstractVar[tuple[str, ...]]

    @property
    @abstractmethod
    def origin(self) -> tuple[float, ...]:
        """The point that `relative` coordinates are measured from."""

    @property
    @abstractmethod
    def measure(self) -> float | None:
        """The measure of the domain; None where it is that of the mesh of each function."""

    @abstractmethod
    def contains(self, points: Float[Any, "p d"]) -> Bool[Any, " p"]:
        """Which points lie in the domain, as far as it is known without a mesh."""

    @abstractmethod
    def _key(self) -> tuple[Any, ...]:
        """What domains are compared by."""

    def __getattr__(self, name: str) -> Any:
        if name in _OF_PRODUCTS:
            raise DomainError(
                f"a {type(self).__name__} has no {name}: it is no product of intervals and circles",
                where=f"{type(self).__name__}.{name}",
                expected="an Interval, Box, Torus, Point or a product of them",
                found=str(self),
                repair="use what meshes offer, or resample onto a grid of a box",
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __eq__(self, other: object) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        return isinstance(other, AbstractDomain) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def axis_label(self, axis: int) -> str:
        """The name of a coordinate, x, y or z where it has none, and its unit in brackets."""
        name = self.names[axis] or ("xyz"[axis] if self.dim <= 3 else f"x{axis}")
        return f"{name} [{self.units[axis]}]" if self.units[axis] else name


class AbstractProductDomain(AbstractDomain):
    """A product of intervals and circles: ends `lower`, `upper`, a flag `periodic` per axis."""

    lower: eqx.AbstractVar[tuple[float, ...]]
    upper: eqx.AbstractVar[tuple[float, ...]]
    periodic: eqx.AbstractVar[tuple[bool, ...]]

    @property
    def dim(self) -> int:
        """Number of axes."""
        return len(self.lower)

    @property
    def origin(self) -> tuple[float, ...]:
        return self.lower

    @property
    def lengths(self) -> tuple[float, ...]:
        """Length of each axis."""
        return tuple(b - a for a, b in zip(self.lower, self.upper, strict=True))

    @property
    def volume(self) -> float:
        """Lebesgue measure of the domain; that of a point is 1."""
        return prod(self.lengths, start=1.0)

    @property
    def measure(self) -> float:
        return self.volume

    def contains(self, points: Float[Any, "p d"]) -> Bool[Any, " p"]:
        """Which points lie in the domain, up to 1e-5 of its lengths; circles hold all."""
        xp = jnp if isinstance(points, Array) else np
        lower, slack = xp.asarray(self.lower), 1e-5 * xp.asarray(self.lengths)
        inside = (points >= lower - slack) & (points <= xp.asarray(self.upper) + slack)
        return ((inside | xp.asarray(self.periodic, bool)) & xp.isfinite(points)).all(-1)

    def __mul__(self, other: AbstractDomain) -> "Product":
        return Product(self, other)

    def _key(self) -> tuple[Any, ...]:
        return self.lower, self.upper, self.periodic

    def __repr__(self) -> str:
        factors = [
            f"{name + ' ' if name else ''}{'circle' if p else ''}[{_short(a)}, {_short(b)}"
            f"{')' if p else ']'}"
            for name, a, b, p in zip(self.names, self.lower, self.upper, self.periodic, strict=True)
        ]
        if self.dim <= 4:
            return " x ".join(factors) or "point"
        runs = [(factor, len(list(equal))) for factor, equal in groupby(factors)]
        return " x ".join(f"{factor}^{n}" if n > 1 else factor for factor, n in runs)


_OF_PRODUCTS = ("lower", "upper", "periodic", "lengths", "volume")


def _short(x: float) -> str:
    """Six digits, or all of a number such as a time in seconds since 1970."""
    return f"{x:g}" if abs(x) < 1e5 else f"{x:.15g}"


class Interval(AbstractProductDomain):
    """The closed interval [a, b].

    ```python
    Interval(0.0, 24.0, names="time", units="h")
    ```
    """

    a: float = eqx.field(static=True)
    b: float = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    units: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        a: Number = 0.0,
        b: Number = 1.0,
        *,
        names: Texts | None = None,
        units: Texts | None = None,
    ):
        low, high = _bounds(a, b, "Interval")
        self.a, self.b = low[0], high[0]
        self.names = texts(names, 1, "names", "Interval")
        self.units = texts(units, 1, "units", "Interval")

    @property
    def lower(self) -> tuple[float, ...]:
        return (self.a,)

    @property
    def upper(self) -> tuple[float, ...]:
        return (self.b,)

    @property
    def periodic(self) -> tuple[bool, ...]:
        return (False,)


class Box(AbstractProductDomain):
    """The closed box [lower_1, upper_1] x ... in any number of dimensions.

    ```python
    Box((15, 225), (60, 315), names=("latitude", "longitude"), units=("degrees", "degrees"))
    ```
    """

    lower: tuple[float, ...] = eqx.field(static=True)
    upper: tuple[float, ...] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    units: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        lower: Number | Sequence[Number],
        upper: Number | Sequence[Number],
        *,
        names: Texts | None = None,
        units: Texts | None = None,
    ):
        self.lower, self.upper = _bounds(lower, upper, "Box")
        self.names = texts(names, len(self.lower), "names", "Box")
        self.units = texts(units, len(self.lower), "units", "Box")

    @property
    def periodic(self) -> tuple[bool, ...]:
        return (False,) * len(self.lower)


class Torus(AbstractProductDomain):
    """The flat torus: a box whose opposite faces are identified."""

    lower: tuple[float, ...] = eqx.field(static=True)
    upper: tuple[float, ...] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    units: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        lower: Number | Sequence[Number] = 0.0,
        upper: Number | Sequence[Number] = 1.0,
        *,
        names: Texts | None = None,
        units: Texts | None = None,
    ):
        self.lower, self.upper = _bounds(lower, upper, "Torus")
        self.names = texts(names, len(self.lower), "names", "Torus")
        self.units = texts(units, len(self.lower), "units", "Torus")

    @property
    def periodic(self) -> tuple[bool, ...]:
        return (True,) * len(self.lower)


class Product(AbstractProductDomain):
    """The Cartesian product of two domains, such as time x space; also written `a * b`."""

    first: AbstractProductDomain = eqx.field(static=True)
    second: AbstractProductDomain = eqx.field(static=True)

    def __init__(self, first: AbstractDomain, second: AbstractDomain):
        for factor in (first, second):
            if not isinstance(factor, AbstractProductDomain):
                raise DomainError(
                    "a product takes domains that are products of intervals and circles",
                    where="Product(first, second)",
                    expected="an Interval, Box, Torus, Point or a product of them",
                    found=repr(factor),
                    repair="make the other coordinate, such as time, a channel",
                )
        self.first, self.second = first, second  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def lower(self) -> tuple[float, ...]:
        return self.first.lower + self.second.lower

    @property
    def upper(self) -> tuple[float, ...]:
        return self.first.upper + self.second.upper

    @property
    def periodic(self) -> tuple[bool, ...]:
        return self.first.periodic + self.second.periodic

    @property
    def names(self) -> tuple[str, ...]:
        return self.first.names + self.second.names

    @property
    def units(self) -> tuple[str, ...]:
        return self.first.units + self.second.units


class Point(AbstractProductDomain):
    """One point of measure 1, the product of no domains: a function on it is a vector.

    Parameters of an equation, class scores and other numbers are functions on it.

    ```python
    drag = Function(jnp.asarray([0.31]), Grid(Point()))     # values of shape (channels,)
    ```
    """

    def __init__(self):
        """Make the point, which has no arguments."""

    @property
    def lower(self) -> tuple[float, ...]:
        return ()

    @property
    def upper(self) -> tuple[float, ...]:
        return ()

    @property
    def periodic(self) -> tuple[bool, ...]:
        return ()

    @property
    def names(self) -> tuple[str, ...]:
        return ()

    @property
    def units(self) -> tuple[str, ...]:
        return ()
