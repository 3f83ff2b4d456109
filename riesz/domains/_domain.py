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


class AbstractDomain(eqx.Module):
    """A product of intervals and circles: ends `lower`, `upper` and a flag `periodic` an axis.

    Domains are static, hashable and compare by what they are, not by how they were built:
    `Interval(0, 1) == Box(0, 1)`.
    """

    lower: eqx.AbstractVar[tuple[float, ...]]
    upper: eqx.AbstractVar[tuple[float, ...]]
    periodic: eqx.AbstractVar[tuple[bool, ...]]

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
            f"{'circle' if p else ''}[{a:g}, {b:g}{')' if p else ']'}"
            for a, b, p in zip(*self._key(), strict=True)
        )
        return " x ".join(factors)


class Interval(AbstractDomain):
    """The closed interval [a, b]."""

    a: float = eqx.field(static=True)
    b: float = eqx.field(static=True)

    def __init__(self, a: Number = 0.0, b: Number = 1.0):
        low, high = _bounds(a, b, "Interval")
        self.a, self.b = low[0], high[0]

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
    """The closed box [lower_1, upper_1] x ... in 1 to 3 dimensions."""

    lower: tuple[float, ...] = eqx.field(static=True)
    upper: tuple[float, ...] = eqx.field(static=True)

    def __init__(self, lower: Number | Sequence[Number], upper: Number | Sequence[Number]):
        self.lower, self.upper = _bounds(lower, upper, "Box")

    @property
    def periodic(self) -> tuple[bool, ...]:
        return (False,) * len(self.lower)


class Torus(AbstractDomain):
    """The flat torus: a box whose opposite faces are identified, in 1 to 3 dimensions."""

    lower: tuple[float, ...] = eqx.field(static=True)
    upper: tuple[float, ...] = eqx.field(static=True)

    def __init__(
        self, lower: Number | Sequence[Number] = 0.0, upper: Number | Sequence[Number] = 1.0
    ):
        self.lower, self.upper = _bounds(lower, upper, "Torus")

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

    def __check_init__(self):
        if self.dim > 3:
            raise DomainError(
                "a product of domains has at most 3 axes",
                where="Product(first, second)",
                expected="1 to 3 axes",
                found=f"{self.first} x {self.second}, {self.dim} axes",
                repair="drop an axis, or make it a channel",
            )
