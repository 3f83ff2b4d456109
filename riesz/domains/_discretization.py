"""The contract of a discretization: points, quadrature weights, evaluation and derivatives."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz._core.parameters import FROZEN
from riesz._core.tracing import traced
from riesz.domains._domain import AbstractDomain

if TYPE_CHECKING:
    from riesz.domains._grid import AbstractTensorGrid


class AbstractDiscretization(eqx.Module):
    """A finite set of points of a domain with quadrature weights.

    `coordinates` are the points, shape `(*shape, d)`; `relative` are the same points measured
    from `domain.lower`, which keeps the digits of coordinates far from zero (times of day in
    seconds since 1970); computations use these. `weights`, shape `shape`, are such that
    sum(weights * f) approximates the integral of f. A point of weight zero is padding or a hole:
    no result depends on what is there. Values of a function have shape `(*shape, channels)`.
    """

    parameter_kind: ClassVar[str] = FROZEN  # geometry is data

    domain: eqx.AbstractVar[AbstractDomain]
    shape: eqx.AbstractVar[tuple[int, ...]]
    coordinates: eqx.AbstractVar[Float[Array, "*shape d"]]
    relative: eqx.AbstractVar[Float[Array, "*shape d"]]
    weights: eqx.AbstractVar[Float[Array, "*shape"]]

    @property
    def grid(self) -> "AbstractTensorGrid | None":
        """The tensor grid whose nodes these points are, also where some are masked."""
        return None

    @abstractmethod
    def interpolate(
        self, values: Float[Array, "*shape c"], points: Float[Array, "p d"]
    ) -> Float[Array, "p c"]:
        """Values at other points of the domain, which are measured from `domain.lower`."""

    @abstractmethod
    def differentiate(
        self, values: Float[Array, "*shape c"], axis: int, order: int
    ) -> Float[Array, "*shape c"]:
        """The `order`-th partial derivative (1 or 2) along one axis of the domain."""

    def gradient(self, values: Float[Array, "*shape c"]) -> Float[Array, "*shape c d"]:
        """The first derivatives along all axes."""
        parts = [self.differentiate(values, axis, 1) for axis in range(self.domain.dim)]
        return jnp.stack(parts, -1)

    def resample(
        self, values: Float[Array, "*shape c"], onto: "AbstractDiscretization"
    ) -> Float[Array, "..."]:
        """Values at the points of another discretization of the domain."""
        flat = onto.relative.reshape(-1, self.domain.dim).astype(values.dtype)
        return self.interpolate(values, flat).reshape(*onto.shape, -1)

    @property
    def dimensions(self) -> int:
        """The number of axes of `values` without channels: that of the grid, or 1."""
        return 1 if self.grid is None else len(self.shape)

    @property
    def stacked(self) -> bool:
        """Whether these are several discretizations, along a leading axis of every array."""
        return jnp.ndim(getattr(self, "mask", 0)) > self.dimensions

    def describe(self) -> str:
        """The points in a few words, such as `16 x 16 vertex vertex points`."""
        grid = self.grid
        shape = self.shape if grid is not None else jnp.shape(getattr(self, "mask", 0))[-1:]
        words = [" x ".join(map(str, shape))]
        if grid is None:
            words.append("scattered")
        else:
            words += ["moved"] * (grid is not grid.unmoved[0]) + [*grid.unmoved[0].kinds]
        return f"{' '.join(words)} points{'' if grid is self else self._holes()}"

    def _holes(self) -> str:
        """How many points carry no value, where it is one mask and some do not."""
        if traced(self.weights) or self.weights.ndim != self.dimensions:
            return ""
        count = int((np.asarray(self.weights) == 0).sum())
        return f" ({count} masked)" if count else ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()} of {self.domain})"

    def present(self, values: Float[Array, "*shape c"]) -> Float[Array, "*shape c"]:
        """The values, with 0 at points of weight zero."""
        return jnp.where((self.weights > 0)[..., None], values, 0)

    @property
    @abstractmethod
    def method(self) -> str:
        """How functions are interpolated here, with the order of accuracy, in words."""
