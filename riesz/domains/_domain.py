"""Domains: intervals, boxes, tori and their products."""

from collections.abc import Sequence
from math import isfinite, prod

import equinox as eqx
import numpy as np

from riesz.errors import DomainError

Number = int | float


def _bounds(lower: Number | Sequence[Number], upper: Number | Sequence[Number], name: str):
    low = tuple(np.atleast_1d(np.asarray(lower, float)).tolist())
    high = tuple(np.atleast_1d(np.asarray(upper, float)).tolist())
    ok = len(low) == len(high) and 1 <= len(low) <= 3
    if not ok or not all(
        isfinite(a) and isfinite(b) and a < b for a, b in zip(low, high, strict=True)
    ):
        raise DomainError(
            f"{name} needs finite bounds with lower < upper along 1 to 3 axes",
            where=f"{name}(a, b)" if name == "Interval" else f"{name}(lower, upper)",
            expected="lower < upper, both finite",
            found=f"lower={low}, upper={high}",
            repair="for the unit interval write Interval(0.0, 1.0)"
            if name == "Interval"
            else f"for the unit square write {name}((0.0, 0.0), (1.0, 1.0))",
        )
    return low, high


Texts = str | Sequence[str]


def _texts(given: Texts | None, axes: int, what: str, name: str) -> tuple[str, ...]:
    """One text per axis; empty where none was given."""
    texts = (given,) if isinstance(given, str) else tuple(given or ("",) * axes)
    if len(texts) != axes or not all(isinstance(t, str) for t in texts):
        raise DomainError(
            f"a domain takes one text for each axis as {what}",
            where=f"{name}(..., {what}=...)",
            expected=f"{axes} texts",
            found=repr(given),
            repair=f"write {what}={('latitude', 'longitude', 'depth')[:axes]!r}, or leave it out",
        )
    return texts


class AbstractDomain(eqx.Module):
    """A product of intervals and circles: ends `lower`, `upper`, a flag `periodic` per axis.

    `names` and `units` of the axes are for people: plots, error texts and files use them. They
    are empty where none were given. Domains are static, hashable and compare by what they are,
    not by how they were built or named: `Interval(0, 1) == Box(0, 1)`.
    """

    lower: eqx.AbstractVar[tuple[float, ...]]
    upper: eqx.AbstractVar[tuple[float, ...]]
    periodic: eqx.AbstractVar[tuple[bool, ...]]
    names: eqx.AbstractVar[tuple[str, ...]]
    units: eqx.AbstractVar[tuple[str, ...]]

    @property
    def dim(self) -> int:
        """Number of axes."""
        return len(self.lower)

    @property
    def lengths(self) -> tuple[float, ...]:
        """Length of each axis."""
        return tuple(b - a for a, b in zip(self.lower, self.upper, strict=True))

    @property
    def volume(self) -> float:
        """Lebesgue measure of the domain."""
        return prod(self.lengths)

    def __mul__(self, other: "AbstractDomain") -> "Product":
        return Product(self, other)

    def __eq__(self, other: object) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        return isinstance(other, AbstractDomain) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self):
        return self.lower, self.upper, self.periodic

    def __repr__(self) -> str:
        factors = (
            f"{name + ' ' if name else ''}{'circle' if p else ''}[{_short(a)}, {_short(b)}"
            f"{')' if p else ']'}"
            for name, a, b, p in zip(self.names, *self._key(), strict=True)
        )
        return " x ".join(factors)

    def axis_label(self, axis: int) -> str:
        """The name of an axis, x, y or z where it has none, and its unit in brackets."""
        name = self.names[axis] or "xyz"[axis]
        return f"{name} [{self.units[axis]}]" if self.units[axis] else name


def _short(x: float) -> str:
    """Six digits, or all of a number such as a time in seconds since 1970."""
    return f"{x:g}" if abs(x) < 1e5 else f"{x:.15g}"


class Interval(AbstractDomain):
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
        self.names = _texts(names, 1, "names", "Interval")
        self.units = _texts(units, 1, "units", "Interval")

    @property
    def lower(self) -> tuple[float, ...]:
        return (self.a,)

    @property
    def upper(self) -> tuple[float, ...]:
        return (self.b,)

    @property
    def periodic(self) -> tuple[bool, ...]:
        return (False,)


class Box(AbstractDomain):
    """The closed box [lower_1, upper_1] x ... in 1 to 3 dimensions.

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
        self.names = _texts(names, len(self.lower), "names", "Box")
        self.units = _texts(units, len(self.lower), "units", "Box")

    @property
    def periodic(self) -> tuple[bool, ...]:
        return (False,) * len(self.lower)


class Torus(AbstractDomain):
    """The flat torus: a box whose opposite faces are identified, in 1 to 3 dimensions."""

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
        self.names = _texts(names, len(self.lower), "names", "Torus")
        self.units = _texts(units, len(self.lower), "units", "Torus")

    @property
    def periodic(self) -> tuple[bool, ...]:
        return (True,) * len(self.lower)


class Product(AbstractDomain):
    """The Cartesian product of two domains, such as time x space; also written `a * b`."""

    first: AbstractDomain = eqx.field(static=True)
    second: AbstractDomain = eqx.field(static=True)

    def __init__(self, first: AbstractDomain, second: AbstractDomain):
        self.first, self.second = first, second

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

    def __check_init__(self):
        if self.dim > 3:
            raise DomainError(
                "a product of domains has at most 3 axes",
                where="Product(first, second)",
                expected="1 to 3 axes",
                found=f"{self.first} x {self.second}, {self.dim} axes",
                repair="drop an axis, or make it a channel",
            )
