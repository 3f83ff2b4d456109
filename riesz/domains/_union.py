"""Disjoint unions of domains, on which functions that are kept apart are one function."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
from jaxtyping import Bool, Float

from riesz.domains._domain import AbstractDomain
from riesz.errors import DomainError

if TYPE_CHECKING:
    from riesz.domains._space import Space


class DisjointUnion(AbstractDomain):
    """The disjoint union of the domains of named spaces.

    L2(D_1; R^c_1) x ... x L2(D_k; R^c_k) is the space of the functions on D_1 + ... + D_k with
    c_1 + ... + c_k channels, each of which is zero but on the domain of its own space: inner
    products and norms are sums over the domains. Data and models hold functions on several
    domains so, see `riesz.functions.Assembly`; `Function.components` are the functions on each.

    Points have as many coordinates as the largest of the domains; the others are zero.

    **Arguments:**

    - `spaces`: by name.

    **Raises:** `DomainError` without spaces, and for unions of unions.

    ```python
    DisjointUnion({"source": Space(Box((0, 0), (1, 1))), "boundary": Space(Torus(0, 4))})
    ```
    """

    spaces: "tuple[tuple[str, Space], ...]" = eqx.field(static=True)

    def __init__(self, spaces: "Mapping[str, Space]"):
        self.spaces = tuple(spaces.items())

    def __check_init__(self):
        nested = [name for name, s in self.spaces if isinstance(s.domain, DisjointUnion)]
        if nested or not self.spaces:
            raise DomainError(
                "a disjoint union has spaces on one domain each",
                where="DisjointUnion(spaces)",
                expected="one or more spaces, by name",
                found=f"a union as {nested[0]!r}" if nested else "none",
                repair="give the spaces of the inner union as spaces of the outer one",
            )

    @property
    def domains(self) -> tuple[AbstractDomain, ...]:
        """That of each space."""
        return tuple(space.domain for _, space in self.spaces)

    @property
    def channels(self) -> tuple[int, ...]:
        """The number of channels of each space."""
        return tuple(space.channels for _, space in self.spaces)

    @property
    def dim(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The largest number of coordinates."""
        return max(domain.dim for domain in self.domains)

    @property
    def names(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Of coordinates: none."""
        return ("",) * self.dim

    @property
    def units(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Of coordinates: none."""
        return ("",) * self.dim

    @property
    def origin(self) -> tuple[float, ...]:
        return (0.0,) * self.dim

    @property
    def measure(self) -> float | None:
        found = [domain.measure for domain in self.domains]
        return None if None in found else sum(x for x in found if x is not None)

    def contains(self, points: Float[Any, "p d"]) -> Bool[Any, " p"]:
        raise apart(self, "DisjointUnion.contains(points)")

    def _key(self) -> tuple[Any, ...]:
        return "union", tuple((name, s.domain, s.channels) for name, s in self.spaces)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except DomainError as error:
            raise apart(self, str(error.where)) from None

    def __repr__(self) -> str:
        return " + ".join(f"{space.domain} ({name})" for name, space in self.spaces)


def apart(union: DisjointUnion, where: str) -> DomainError:
    """The error for what is defined on one domain only."""
    return DomainError(
        "these are functions on several domains, which no single grid or box holds",
        where=where,
        expected="functions on one domain",
        found=str(union),
        repair="an operator that takes functions apart, such as MIONet, reads each on its own "
        "domain; or extend them to one domain; of one function, use f.components",
    )
