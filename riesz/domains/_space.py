"""Spaces: a domain with named channels and units."""

from collections.abc import Sequence

import equinox as eqx

from riesz.domains._domain import AbstractDomain
from riesz.domains._union import DisjointUnion
from riesz.errors import DomainError


class Space(eqx.Module):
    """Functions from a domain to R^channels, each channel with a name and a unit.

    **Arguments:**

    - `domain`: where the functions live.
    - `channels`: number of components of a value.
    - `names`: one name per channel; `("u0", "u1", ...)` when absent.
    - `units`: one unit per channel, free text; `""` (dimensionless) when absent.

    ```python
    Space(Box((0, 0), (1, 1)), 2, names=("u", "v"), units=("m/s", "m/s"))
    ```
    """

    domain: AbstractDomain = eqx.field(static=True)
    channels: int = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    units: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        domain: AbstractDomain,
        channels: int = 1,
        names: Sequence[str] | None = None,
        units: Sequence[str] | None = None,
    ):
        self.domain = domain
        self.channels = int(channels)
        default = ("u",) if channels == 1 else tuple(f"u{i}" for i in range(channels))
        self.names = default if names is None else tuple(names)
        self.units = ("",) * self.channels if units is None else tuple(units)

    def __check_init__(self):
        if self.channels < 1 or not self.channels == len(self.names) == len(self.units):
            raise DomainError(
                "a space needs at least one channel, and one name and one unit for each",
                where="Space(domain, channels, names, units)",
                expected=f"{max(self.channels, 1)} names and units",
                found=f"channels={self.channels}, names={self.names}, units={self.units}",
                repair="give as many names and units as channels, or leave them out",
            )

    @property
    def components(self) -> "tuple[Space, ...]":
        """The spaces of `Function.components`: this one, but on a `DisjointUnion`."""
        union = self.domain
        return tuple(s for _, s in union.spaces) if isinstance(union, DisjointUnion) else (self,)

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of each channel, and its unit in brackets."""
        pairs = zip(self.names, self.units, strict=True)
        return tuple(f"{name} [{unit}]" if unit else name for name, unit in pairs)

    def __repr__(self) -> str:
        return f"Space({', '.join(self.labels)} on {self.domain})"

    def accepts(self, other: "Space") -> bool:
        """Whether a function of `other` is one of this space: same domain, as many channels."""
        return self.domain == other.domain and self.channels == other.channels
