"""Grids with holes: land, dry cells, broken sensors."""

from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz._core.tracing import traced
from riesz.domains._axes import AbstractAxis, local_axis
from riesz.domains._discretization import AbstractDiscretization, register
from riesz.domains._domain import AbstractDomain, AbstractProductDomain
from riesz.domains._fill import fill
from riesz.domains._grid import (
    AbstractTensorGrid,
    Grid,
    differentiate_axis,
    interpolate_axes,
    resample_axes,
)
from riesz.domains._json import discretization_to_json
from riesz.errors import DomainError


@register
class MaskedGrid(AbstractDiscretization):
    """A tensor grid some of whose nodes carry no value.

    A function on it is 0 at masked nodes, whatever was there, and nothing depends on them:
    integrals, norms and inner products are those over the present part of the domain.
    Interpolation and derivatives are those of the grid, with local polynomials along periodic
    axes too, after the values were continued linearly into the holes (see `fill`); within 3 nodes
    of a hole they are therefore of order 2 and 1, and on Chebyshev axes everywhere.

    `mask` is an array: one compiled program serves all masks, and grids with different masks
    stack to a batch.

    **Arguments:**

    - `base`: the grid with all its nodes.
    - `mask`: shape `base.shape`, True where a value is present.

    **Raises:** `DomainError` for a mask of another shape, or without a present node.

    ```python
    grid = Grid(Box((15.0, 225.0), (60.0, 315.0)), (90, 180), nodes="centre")
    sea = MaskedGrid(grid, mask=np.isfinite(temperature))
    f = Function(temperature[..., None], sea)
    ```
    """

    stored: ClassVar[tuple[str, ...]] = ("mask",)
    base: AbstractTensorGrid
    mask: Bool[Array, "*shape"]

    def __init__(self, base: AbstractTensorGrid, mask: Bool[Any, "*shape"]):
        self.base = base
        self.mask = jnp.asarray(mask)

    def __check_init__(self):
        if not isinstance(self.base, AbstractTensorGrid) or self.mask.shape != self.base.shape:
            raise DomainError(
                "a masked grid needs a grid, and a mask of its shape",
                where="MaskedGrid(base, mask)",
                expected=f"shape {getattr(self.base, 'shape', 'of a Grid')}",
                found=f"{type(self.base).__name__}, mask of shape {self.mask.shape}",
                repair="a mask per sample: jax.vmap(lambda mask: MaskedGrid(grid, mask))(masks)",
            )
        if not traced(self.mask) and not np.asarray(self.mask).any():
            raise DomainError(
                "every node of a masked grid is masked",
                where="MaskedGrid(base, mask)",
                expected="True at nodes that carry a value",
                found=f"False at all {self.mask.size} nodes",
                repair="a mask of missing values is turned round: ~missing",
            )

    @property
    def domain(self) -> AbstractProductDomain:
        return self.base.domain

    @property
    def grid(self) -> AbstractTensorGrid:
        return self.base

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    @property
    def coordinates(self) -> Float[Array, "*shape d"]:
        return self.base.coordinates

    @property
    def relative(self) -> Float[Array, "*shape d"]:
        return self.base.relative

    @property
    def weights(self) -> Float[Array, "*shape"]:
        return jnp.where(self.mask, self.base.weights, 0)

    @property
    def method(self) -> str:
        return f"{self.base.method}; continued linearly into holes"

    def interpolate(
        self, values: Float[Array, "*shape c"], points: Float[Array | np.ndarray, "p d"]
    ) -> Float[Array, "p c"]:
        _, sign, offset = self.base.unmoved
        sign, offset = sign.astype(values.dtype), offset.astype(values.dtype)
        # the inverse motion: x -> sign (x - offset)
        points = jnp.asarray(points, values.dtype)
        return interpolate_axes(self._axes, self.filled(values), (points - offset) * sign)

    def resample(
        self, values: Float[Array, "*shape c"], onto: AbstractDiscretization
    ) -> Float[Array, "..."]:
        if isinstance(self.base, Grid) and onto.grid == self.base:
            return self.filled(values)
        if onto.grid is not None:
            return resample_axes(self.base, self._axes, self.filled(values), onto.grid)
        return AbstractDiscretization.resample(self, values, onto)

    def differentiate(
        self, values: Float[Array, "*shape c"], axis: int, order: int
    ) -> Float[Array, "*shape c"]:
        sign = self.base.unmoved[1][axis].astype(values.dtype)
        # chain rule: (d / dx)^order = sign^order (d / dx')^order
        slope = differentiate_axis(self._axes[axis], self.filled(values), axis, order)
        return self.present(sign**order * slope)

    def filled(self, values: Float[Array, "*shape c"]) -> Float[Array, "*shape c"]:
        return _fill(self.base.unmoved[0], self.mask, values)

    def masked(self, mask: Bool[Any, "*shape"]) -> "MaskedGrid":
        return MaskedGrid(self.base, self.mask & mask)

    def record(self) -> dict[str, Any]:
        return {"nodes": discretization_to_json(self.base)["nodes"]}  # raises for a moved grid

    def arrays(self) -> dict[str, np.ndarray]:
        return {**self.base.arrays(), "mask": np.asarray(self.mask, np.uint8)}

    @classmethod
    def restored(
        cls, domain: AbstractDomain, record: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> "MaskedGrid":
        return cls(Grid.restored(domain, record, {}), arrays["mask"].astype(bool))

    @property
    def _axes(self) -> tuple[AbstractAxis, ...]:
        """The axes of the grid; local ones on circles, where a hole has no effect far away."""
        return tuple(map(local_axis, self.base.unmoved[0].axes))


@partial(jax.jit, static_argnums=0)
def _fill(grid: Grid, mask: Array, values: Array) -> Array:
    nodes = [axis.coordinates() for axis in grid.axes]
    return fill(values, mask, nodes, grid.domain.periodic)
