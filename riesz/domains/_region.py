"""Regions and surfaces whose geometry is data."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz.domains._domain import AbstractDomain, Texts, texts
from riesz.errors import DomainError


class Region(AbstractDomain):
    """A bounded region or surface in R^dim, whose shape is data of each mesh of it.

    Functions on different meshes are functions of one space, as the samples of a data set whose
    geometry varies. What holds for one function alone, such as its area, comes from its mesh.

    ```python
    Region(2, names=("x", "y"), units=("m", "m"))
    ```

    **Raises:** `DomainError` for another number of coordinates than 1, 2 or 3.
    """

    dim: int = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    units: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, dim: int, *, names: Texts | None = None, units: Texts | None = None):
        if dim not in (1, 2, 3):
            raise DomainError(
                "a region lies on a line, in the plane or in space",
                where="Region(dim)",
                expected="dim 1, 2 or 3",
                found=repr(dim),
                repair="write Region(2) for a region of the plane",
            )
        self.dim = int(dim)
        self.names = texts(names, self.dim, "names", "Region")
        self.units = texts(units, self.dim, "units", "Region")

    @property
    def origin(self) -> tuple[float, ...]:
        return (0.0,) * self.dim

    @property
    def measure(self) -> None:
        return None

    def contains(self, points: Float[Any, "p d"]) -> Bool[Any, " p"]:
        """Which points are finite: the mesh of a function holds its boundary."""
        xp = jnp if isinstance(points, Array) else np
        return xp.isfinite(points).all(-1)

    def _key(self) -> tuple[Any, ...]:
        return "region", self.dim

    def __repr__(self) -> str:
        named = f" ({', '.join(self.names)})" if any(self.names) else ""
        return f"region of R^{self.dim}{named}"
