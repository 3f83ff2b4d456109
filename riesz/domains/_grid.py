"""Tensor grids, and their images under reflections and translations of the domain."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial, reduce
from math import prod
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz._core.blocks import fitting, mapped
from riesz.domains._axes import AbstractAxis, Nodes, make_axis
from riesz.domains._discretization import AbstractDiscretization, register
from riesz.domains._domain import AbstractDomain, AbstractProductDomain
from riesz.domains._json import damaged, entries
from riesz.domains._nodes import (
    UNEVEN,
    axis_coordinates,
    complete_nodes,
    fits,
    measured_from,
    sizes,
)
from riesz.errors import DomainError

if TYPE_CHECKING:
    from riesz.domains._masked import MaskedGrid


class AbstractTensorGrid(AbstractDiscretization):
    """A discretization whose points and weights are products of those of its axes.

    `axis_coordinates`, `axis_relative` (the same, from the lower end of the axis),
    `axis_weights` and `axis_cells` (the length that each node stands for) hold one array of
    shape (n,) per axis.
    """

    domain: eqx.AbstractVar[AbstractProductDomain]
    shape: eqx.AbstractVar[tuple[int, ...]]
    axis_coordinates: eqx.AbstractVar[tuple[Float[Array, " n"], ...]]
    axis_relative: eqx.AbstractVar[tuple[Float[Array, " n"], ...]]
    axis_weights: eqx.AbstractVar[tuple[Float[Array, " n"], ...]]
    axis_cells: eqx.AbstractVar[tuple[Float[Array, " n"], ...]]

    @property
    def grid(self) -> "AbstractTensorGrid":
        return self

    @property
    def mask(self) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return None

    def masked(self, mask: Bool[Any, "*shape"]) -> "MaskedGrid":
        from riesz.domains._masked import MaskedGrid

        return MaskedGrid(self, mask)

    def present(self, values: Float[Array, "*shape c"]) -> Float[Array, "*shape c"]:
        return values  # no node is missing

    @property
    def coordinates(self) -> Float[Array, "*shape d"]:
        return _product(self.axis_coordinates)

    @property
    def relative(self) -> Float[Array, "*shape d"]:
        return _product(self.axis_relative)

    @property
    def weights(self) -> Float[Array, "*shape"]:
        # w_{i_1 ... i_d} = w_{i_1} ... w_{i_d}
        return reduce(lambda a, b: a[..., None] * b, self.axis_weights or (jnp.ones(()),))

    @property
    @abstractmethod
    def unmoved(self) -> "tuple[Grid, Float[Array, ' d'], Float[Array, ' d']]":
        """A grid, signs and offsets: this grid is its image under x -> sign * x + offset.

        Here x is measured from the lower end of the domain.
        """

    def moved(
        self, axis: int, sign: float | Float[Array, ""], offset: float | Float[Array, ""]
    ) -> "MovedGrid":
        """The image of this grid under x -> sign * x + offset along one axis."""
        base, signs, offsets = self.unmoved
        sign, offset = jnp.asarray(sign, signs.dtype), jnp.asarray(offset, signs.dtype)
        # sign (s x + o) + offset = (sign s) x + (sign o + offset)
        offsets = offsets.at[axis].set(sign * offsets[axis] + offset)
        return MovedGrid(base, signs.at[axis].multiply(sign), offsets)

    @abstractmethod
    def exchanged(self, first: int, second: int, swap: Bool[Array, ""]) -> "AbstractTensorGrid":
        """This grid, or where `swap` its image with two axes that are alike exchanged."""

    def resample(
        self, values: Float[Array, "*shape c"], onto: AbstractDiscretization
    ) -> Float[Array, "..."]:
        """Values at other points: on a tensor grid one axis at a time, else by `interpolate`."""
        if onto.grid is not None:
            return resample_axes(self, self.unmoved[0].axes, values, onto.grid)
        return AbstractDiscretization.resample(self, values, onto)


@register
class Grid(AbstractTensorGrid):
    """A tensor grid: the product of the nodes of its axes.

    **Arguments:**

    - `domain`: an interval, box, torus or product of them.
    - `shape`: number of nodes of each axis; one number serves all axes. `None` where `nodes`
      holds the coordinates of every axis.
    - `nodes`: for the axes with ends `"vertex"` (both ends are nodes, the default), `"left"`
      (the far end is not stored), `"right"`, `"centre"` (cell centres) or `"chebyshev"`;
      one name for all of them, or one entry per axis. Periodic axes are `"uniform"`. An entry
      for an axis with ends may be the coordinates of its nodes, strictly increasing and within
      the axis: functions are cubic splines along such an axis.

    **Raises:** `DomainError` for unknown nodes, nodes that do not fit the axis, or too few.

    ```python
    Grid(Box((0, 0), (1, 1)), 64, nodes="centre")
    Grid(Interval(0, 1) * Torus(0, 1), (33, 128))     # time x space
    depths = (5.0, 10.0, 25.0, 50.0, 100.0)
    Grid(Interval(0, 1) * Interval(0, 100), (33, 5), nodes=("vertex", depths))
    ```
    """

    domain: AbstractProductDomain = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    nodes: tuple[Nodes, ...] = eqx.field(static=True)

    def __init__(
        self,
        domain: AbstractDomain,
        shape: int | np.integer | Sequence[int] | np.ndarray | None = None,
        nodes: str | Sequence[Any] | np.ndarray | None = None,
    ):
        if not isinstance(domain, AbstractProductDomain):
            raise DomainError(
                "a grid discretizes products of intervals and circles",
                where="Grid(domain, shape, nodes)",
                expected="an Interval, Box, Torus, Point or a product of them",
                found=repr(domain),
                repair="discretize regions and surfaces by a Mesh",
            )
        self.domain = domain
        self.nodes = complete_nodes(domain, nodes)
        self.shape = sizes(domain, shape, self.nodes)

    def __check_init__(self):
        ok = len(self.shape) == len(self.nodes) == self.domain.dim
        if not ok or not all(map(fits, self.shape, self.nodes)):
            raise DomainError(
                "a grid needs one size and one kind of nodes for each axis of its domain",
                where="Grid(domain, shape, nodes)",
                expected=f"{self.domain.dim} sizes, at least 2 nodes on an axis with ends",
                found=f"shape={self.shape}, nodes={self.kinds} on {self.domain}",
                repair="give a single size for all axes, or one per axis; nodes at given "
                f"coordinates x are written {UNEVEN}",
            )

    @property
    def stacked(self) -> bool:
        return False

    @property
    def tensor(self) -> "Grid":
        return self

    def exchanged(self, first: int, second: int, swap: Bool[Array, ""]) -> "Grid":
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of nodes of each axis, `"uneven"` where they are given by coordinates."""
        return tuple("uneven" if isinstance(k, tuple) else k for k in self.nodes)

    @property
    def axes(self) -> tuple[AbstractAxis, ...]:
        """The one-dimensional grids whose product this is, on [0, length]."""
        ends = zip(self.nodes, self.domain.lower, self.domain.lengths, self.shape, strict=True)
        return tuple(make_axis(measured_from(k, low), 0.0, length, n) for k, low, length, n in ends)

    @property
    def axis_relative(self) -> tuple[Float[Array, " n"], ...]:
        return tuple(jnp.asarray(axis.coordinates()) for axis in self.axes)

    @property
    def axis_coordinates(self) -> tuple[Float[Array, " n"], ...]:
        ends = zip(self.domain.lower, self.domain.upper, self.axes, strict=True)
        return tuple(jnp.asarray(axis_coordinates(axis, low, up)) for low, up, axis in ends)

    @property
    def axis_weights(self) -> tuple[Float[Array, " n"], ...]:
        return tuple(jnp.asarray(axis.weights()) for axis in self.axes)

    @property
    def axis_cells(self) -> tuple[Float[Array, " n"], ...]:
        return tuple(jnp.asarray(axis.cells()) for axis in self.axes)

    @property
    def method(self) -> str:
        names = {
            "uniform": "Fourier (spectral)",
            "chebyshev": "Chebyshev (spectral)",
            "uneven": "cubic splines",
        }
        return " x ".join(names.get(k, "local polynomials of degree 5") for k in self.kinds)

    def interpolate(
        self, values: Float[Array, "*shape c"], points: Float[Array | np.ndarray, "p d"]
    ) -> Float[Array, "p c"]:
        return interpolate_axes(self.axes, values, jnp.asarray(points, values.dtype))

    @property
    def unmoved(self) -> "tuple[Grid, Float[Array, ' d'], Float[Array, ' d']]":
        return self, jnp.ones(self.domain.dim), jnp.zeros(self.domain.dim)

    def differentiate(
        self, values: Float[Array, "*shape c"], axis: int, order: int
    ) -> Float[Array, "*shape c"]:
        return differentiate_axis(self.axes[axis], values, axis, order)

    def refine(self, factor: int) -> "Grid":
        """The same kind of grid, `factor` times finer; old nodes stay nodes, except centres.

        Steps between nodes given by coordinates are divided into `factor` equal ones.
        """
        ends = ("vertex", "chebyshev", "uneven")
        shape = tuple(
            factor * (n - 1) + 1 if k in ends else factor * n
            for n, k in zip(self.shape, self.kinds, strict=True)
        )
        nodes = tuple(
            # new node k lies at the old index k / factor
            np.interp(np.arange(n) / factor, np.arange(len(k)), k) if isinstance(k, tuple) else k
            for n, k in zip(shape, self.nodes, strict=True)
        )
        return Grid(self.domain, shape, nodes)

    def record(self) -> dict[str, Any]:
        return {"nodes": [list(k) if isinstance(k, tuple) else k for k in self.nodes]}

    def arrays(self) -> dict[str, np.ndarray]:
        """Coordinates of each axis, for other programs."""
        axes = enumerate(zip(self.domain.lower, self.axes, strict=True))
        return {f"coordinates_{i}": lower + axis.coordinates() for i, (lower, axis) in axes}

    @classmethod
    def restored(
        cls, domain: AbstractDomain, record: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> "Grid":
        shape, nodes = entries(record, "shape", "nodes")
        if not all(type(n) is int for n in shape) or not all(map(_is_nodes, nodes)):
            raise damaged("shape and nodes: whole numbers, and names or lists of numbers", record)
        return cls(domain, shape, nodes)


def _is_nodes(entry: Any) -> bool:
    numbers = isinstance(entry, list) and all(type(x) in (int, float) for x in entry)
    return isinstance(entry, str) or numbers


class MovedGrid(AbstractTensorGrid):
    """The image of a grid under x -> sign * x + offset along each axis, x from its lower end.

    A symmetry of the domain moves the points and leaves the values where they are, so that a
    reflected grid whose far end is not stored is still an exact set of samples. `sign` and
    `offset` are arrays: one compiled program serves every motion. Along a periodic axis the
    coordinates may lie outside [lower, upper).
    """

    base: Grid
    sign: Float[Array, " d"]
    offset: Float[Array, " d"]

    def __init__(self, base: Grid, sign: Float[Array, " d"], offset: Float[Array, " d"]):
        self.base, self.sign, self.offset = base, sign, offset

    @property
    def domain(self) -> AbstractProductDomain:
        return self.base.domain

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    @property
    def tensor(self) -> None:
        return None

    def exchanged(self, first: int, second: int, swap: Bool[Array, ""]) -> "MovedGrid":
        order = jnp.arange(self.domain.dim).at[first].set(second).at[second].set(first)
        sign, offset = (jnp.where(swap, x[order], x) for x in (self.sign, self.offset))
        return MovedGrid(self.base, sign, offset)

    @property
    def stacked(self) -> bool:
        return self.sign.ndim > 1

    @property
    def axis_relative(self) -> tuple[Float[Array, " n"], ...]:
        pairs = enumerate(self.base.axis_relative)
        sign, offset = self.sign, self.offset
        return tuple(sign[i].astype(x.dtype) * x + offset[i].astype(x.dtype) for i, x in pairs)

    @property
    def axis_coordinates(self) -> tuple[Float[Array, " n"], ...]:
        pairs = zip(self.axis_relative, self.domain.lower, strict=True)
        return tuple(x + jnp.asarray(low, x.dtype) for x, low in pairs)

    @property
    def axis_weights(self) -> tuple[Float[Array, " n"], ...]:
        return self.base.axis_weights

    @property
    def axis_cells(self) -> tuple[Float[Array, " n"], ...]:
        return self.base.axis_cells

    @property
    def method(self) -> str:
        return self.base.method

    def interpolate(
        self, values: Float[Array, "*shape c"], points: Float[Array | np.ndarray, "p d"]
    ) -> Float[Array, "p c"]:
        # the inverse motion: x -> sign (x - offset), since sign^-1 = sign
        sign, offset = self.sign.astype(values.dtype), self.offset.astype(values.dtype)
        points = jnp.asarray(points, values.dtype)
        return self.base.interpolate(values, (points - offset) * sign)

    @property
    def unmoved(self) -> tuple[Grid, Float[Array, " d"], Float[Array, " d"]]:
        return self.base, self.sign, self.offset

    def differentiate(
        self, values: Float[Array, "*shape c"], axis: int, order: int
    ) -> Float[Array, "*shape c"]:
        # chain rule: d / dx = sign d / dx'
        return self.sign[axis].astype(values.dtype) ** order * self.base.differentiate(
            values, axis, order
        )


def _product(axes: tuple[Array, ...]) -> Float[Array, "*shape d"]:
    """The coordinates of the nodes of a grid with these axes."""
    if not axes:
        return jnp.zeros((0,))
    # d arrays (n_1, ..., n_d) -> (n_1, ..., n_d, d)
    return jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1)


# The functions below are compiled once for each grid, also where they are called outside jit.


def resample_axes(
    grid: AbstractTensorGrid,
    axes: tuple[AbstractAxis, ...],
    values: Array,
    onto: AbstractTensorGrid,
) -> Array:
    """Values on `onto` from those on `grid`, interpolated along each of `axes`.

    These have the nodes of the axes of the grid `grid.unmoved`.
    """
    _, sign, offset = grid.unmoved
    # the values belong to x -> sign * (x - offset) on the unmoved grid
    sign, offset = sign.astype(values.dtype), offset.astype(values.dtype)
    return _resample(axes, values, onto, sign, -sign * offset)


@jax.jit
def _resample(
    axes: tuple[AbstractAxis, ...],
    values: Array,
    onto: AbstractTensorGrid,
    sign: Array,
    offset: Array,
) -> Array:
    """Values at the points sign * x + offset for x in `onto`."""
    other, other_sign, other_offset = onto.unmoved
    other_sign, other_offset = other_sign.astype(sign.dtype), other_offset.astype(sign.dtype)
    # sign (s' x + o') + offset for x on the unmoved target
    offset = sign * other_offset + offset
    sign = sign * other_sign
    # f(s_1 x_1 + o_1, ..., s_d x_d + o_d), one axis after the other: n_i -> m_i nodes
    for i, (source, target) in enumerate(zip(axes, other.axes, strict=True)):
        moved = source.resample(jnp.moveaxis(values, i, 0), target, sign[i], offset[i])
        values = jnp.moveaxis(moved, 0, i)
    return values


@partial(jax.jit, static_argnums=(2, 3))
def differentiate_axis(along: AbstractAxis, values: Array, axis: int, order: int) -> Array:
    """The derivative of values along one axis of their grid."""
    # (..., n, ...) -> (n, ...) and back
    moved = jnp.moveaxis(values, axis, 0)
    return jnp.moveaxis(along.differentiate(moved, order), 0, axis)


@jax.jit
def interpolate_axes(axes: tuple[AbstractAxis, ...], values: Array, points: Array) -> Array:
    """Gather the stencils of the local axes, then contract one axis after the other."""
    if not axes:  # a vector, the same at all points
        return jnp.broadcast_to(values, (points.shape[0], values.shape[-1]))
    # nodes of the stencil of each axis; axes whose stencil is all nodes come last
    width = [axis.basis(points[:1, i])[0].shape[1] for i, axis in enumerate(axes)]
    local = [i for i, axis in enumerate(axes) if width[i] < axis.size]
    order = local + [i for i in range(len(axes)) if i not in local]
    # (local axes, global axes, c)
    leading = jnp.transpose(values, (*order, len(axes)))

    def one(point):
        bases = [axes[i].basis(point[i][None]) for i in order]
        out = leading
        if local:
            # (s_1, ..., s_l, n_{l+1}, ..., n_d, c): the nodes around the point
            out = leading[jnp.ix_(*(nodes[0] for nodes, _ in bases[: len(local)]))]
        # f(x) = sum_{s_1} w_{s_1} ... sum_{s_d} w_{s_d} f_{s_1 ... s_d}
        for _, weight in bases:
            out = jnp.einsum("s,s...->...", weight[0].astype(values.dtype), out)
        return out

    # floats per point: the gathered block, or what the first contraction leaves
    block = prod(width) * values.shape[-1]
    each = block if local else block // width[0] + width[0]
    return mapped(one, points, fitting(each))
