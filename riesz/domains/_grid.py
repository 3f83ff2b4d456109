"""Tensor grids, and their images under reflections and translations of the domain."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial, reduce
from math import prod
from operator import index
from typing import cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.domains._axes import NODES, AbstractAxis, Nodes, make_axis
from riesz.domains._discretization import AbstractDiscretization
from riesz.domains._domain import AbstractDomain
from riesz.errors import DomainError

_CHUNK_FLOATS = 2**22  # working set of a chunk of scattered evaluations, about 16 MiB


class AbstractTensorGrid(AbstractDiscretization):
    """A discretization whose points and weights are products of those of its axes.

    `axis_coordinates`, `axis_weights` and `axis_cells` (the length that each node stands for)
    hold one array of shape (n,) an axis.
    """

    domain: eqx.AbstractVar[AbstractDomain]
    shape: eqx.AbstractVar[tuple[int, ...]]
    axis_coordinates: eqx.AbstractVar[tuple[Float[Array, " n"], ...]]
    axis_weights: eqx.AbstractVar[tuple[Float[Array, " n"], ...]]
    axis_cells: eqx.AbstractVar[tuple[Float[Array, " n"], ...]]

    @property
    def coordinates(self) -> Float[Array, "*shape d"]:
        return jnp.stack(jnp.meshgrid(*self.axis_coordinates, indexing="ij"), axis=-1)

    @property
    def weights(self) -> Float[Array, "*shape"]:
        return reduce(lambda a, b: a[..., None] * b, self.axis_weights)

    @abstractmethod
    def resample(
        self, values: Float[Array, "*shape c"], onto: "AbstractTensorGrid"
    ) -> Float[Array, "..."]:
        """Values at the points of another tensor grid of the domain, one axis at a time."""

    @property
    @abstractmethod
    def unmoved(self) -> "tuple[Grid, Float[Array, ' d'], Float[Array, ' d']]":
        """A grid, signs and offsets: this grid is its image under x -> sign * x + offset."""


class Grid(AbstractTensorGrid):
    """A tensor grid with named nodes on every axis.

    **Arguments:**

    - `domain`: an interval, box, torus or product of them.
    - `shape`: number of nodes of each axis; one number serves all axes.
    - `nodes`: for the axes with ends `"vertex"` (both ends are nodes, the default), `"left"`
      (the far end is not stored), `"right"`, `"centre"` (cell centres) or `"chebyshev"`;
      one name for all of them, or one an axis. Periodic axes are `"uniform"`.

    **Raises:** `DomainError` for unknown nodes, nodes that do not fit the axis, or too few.

    ```python
    Grid(Box((0, 0), (1, 1)), 64, nodes="centre")
    Grid(Interval(0, 1) * Torus(0, 1), (33, 128))     # time x space
    ```
    """

    domain: AbstractDomain = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    nodes: tuple[Nodes, ...] = eqx.field(static=True)

    def __init__(
        self,
        domain: AbstractDomain,
        shape: int | np.integer | Sequence[int] | np.ndarray,
        nodes: str | Sequence[str] | None = None,
    ):
        self.domain = domain
        sizes = np.atleast_1d(np.asarray(shape)).tolist()
        self.shape = tuple(map(index, sizes * domain.dim if np.ndim(shape) == 0 else sizes))
        self.nodes = _complete_nodes(domain, nodes)

    def __check_init__(self):
        ok = len(self.shape) == len(self.nodes) == self.domain.dim
        if not ok or any(n < NODES[k] for n, k in zip(self.shape, self.nodes, strict=True)):
            raise DomainError(
                "a grid needs one size and one kind of nodes for each axis of its domain",
                where="Grid(domain, shape, nodes)",
                expected=f"{self.domain.dim} sizes, at least 2 nodes on an axis with ends",
                found=f"shape={self.shape}, nodes={self.nodes} on {self.domain}",
                repair="give a single size for all axes, or one an axis",
            )

    @property
    def axes(self) -> tuple[AbstractAxis, ...]:
        """The one-dimensional grids whose product this is."""
        parts = zip(self.nodes, self.domain.lower, self.domain.upper, self.shape, strict=True)
        return tuple(make_axis(*part) for part in parts)

    @property
    def axis_coordinates(self) -> tuple[Float[Array, " n"], ...]:
        return tuple(jnp.asarray(axis.coordinates()) for axis in self.axes)

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
        }
        return " x ".join(names.get(k, "local polynomials of degree 5") for k in self.nodes)

    def interpolate(
        self, values: Float[Array, "*shape c"], points: Float[Array, "p d"]
    ) -> Float[Array, "p c"]:
        return _interpolate(self.axes, values, points)

    def resample(
        self, values: Float[Array, "*shape c"], onto: AbstractTensorGrid
    ) -> Float[Array, "..."]:
        dim = self.domain.dim
        unmoved = jnp.ones(dim, values.dtype), jnp.zeros(dim, values.dtype)
        return _resample(self, values, onto, *unmoved)

    @property
    def unmoved(self) -> "tuple[Grid, Float[Array, ' d'], Float[Array, ' d']]":
        return self, jnp.ones(self.domain.dim), jnp.zeros(self.domain.dim)

    def differentiate(
        self, values: Float[Array, "*shape c"], axis: int, order: int
    ) -> Float[Array, "*shape c"]:
        return _differentiate(self.axes[axis], values, axis, order)

    def refine(self, factor: int) -> "Grid":
        """The same kind of grid, `factor` times finer; old nodes stay nodes, except centres."""
        shape = tuple(
            factor * (n - 1) + 1 if k in ("vertex", "chebyshev") else factor * n
            for n, k in zip(self.shape, self.nodes, strict=True)
        )
        return Grid(self.domain, shape, self.nodes)


class MovedGrid(AbstractTensorGrid):
    """The image of a grid under x -> sign * x + offset along each axis.

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
    def domain(self) -> AbstractDomain:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.base.domain

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    @property
    def axis_coordinates(self) -> tuple[Float[Array, " n"], ...]:
        pairs = enumerate(self.base.axis_coordinates)
        sign, offset = self.sign, self.offset
        return tuple(sign[i].astype(x.dtype) * x + offset[i].astype(x.dtype) for i, x in pairs)

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
        self, values: Float[Array, "*shape c"], points: Float[Array, "p d"]
    ) -> Float[Array, "p c"]:
        sign, offset = self.sign.astype(points.dtype), self.offset.astype(points.dtype)
        return self.base.interpolate(values, (points - offset) * sign)

    def resample(
        self, values: Float[Array, "*shape c"], onto: AbstractTensorGrid
    ) -> Float[Array, "..."]:
        sign, offset = self.sign.astype(values.dtype), self.offset.astype(values.dtype)
        return _resample(self.base, values, onto, sign, -sign * offset)

    @property
    def unmoved(self) -> tuple[Grid, Float[Array, " d"], Float[Array, " d"]]:
        return self.base, self.sign, self.offset

    def differentiate(
        self, values: Float[Array, "*shape c"], axis: int, order: int
    ) -> Float[Array, "*shape c"]:
        return self.sign[axis].astype(values.dtype) ** order * self.base.differentiate(
            values, axis, order
        )


# The functions below are compiled once for each grid, also where they are called outside jit.


@jax.jit
def _resample(
    grid: Grid, values: Array, onto: AbstractTensorGrid, sign: Array, offset: Array
) -> Array:
    """Values at the points sign * x + offset for x in `onto`."""
    other, other_sign, other_offset = onto.unmoved
    other_sign, other_offset = other_sign.astype(sign.dtype), other_offset.astype(sign.dtype)
    offset = sign * other_offset + offset
    sign = sign * other_sign
    for i, (source, target) in enumerate(zip(grid.axes, other.axes, strict=True)):
        moved = source.resample(jnp.moveaxis(values, i, 0), target, sign[i], offset[i])
        values = jnp.moveaxis(moved, 0, i)
    return values


@partial(jax.jit, static_argnums=(2, 3))
def _differentiate(along: AbstractAxis, values: Array, axis: int, order: int) -> Array:
    moved = jnp.moveaxis(values, axis, 0)
    return jnp.moveaxis(along.differentiate(moved, order), 0, axis)


@jax.jit
def _interpolate(axes: tuple[AbstractAxis, ...], values: Array, points: Array) -> Array:
    """Gather the stencils of the local axes, then contract one axis after the other."""
    width = [axis.basis(points[:1, i])[0].shape[1] for i, axis in enumerate(axes)]
    local = [i for i, axis in enumerate(axes) if width[i] < axis.size]
    order = local + [i for i in range(len(axes)) if i not in local]
    leading = jnp.transpose(values, (*order, len(axes)))

    def one(point):
        bases = [axes[i].basis(point[i][None]) for i in order]
        out = leading
        if local:
            out = leading[jnp.ix_(*(nodes[0] for nodes, _ in bases[: len(local)]))]
        for _, weight in bases:
            out = jnp.einsum("s,s...->...", weight[0].astype(values.dtype), out)
        return out

    block = prod(width) * values.shape[-1]
    each = block if local else block // width[0] + width[0]
    chunk = max(1, _CHUNK_FLOATS // each)
    if points.shape[0] <= chunk:
        return jax.vmap(one)(points)
    return jax.lax.map(one, points, batch_size=chunk)


def _complete_nodes(domain: AbstractDomain, nodes: str | Sequence[str] | None) -> tuple[Nodes, ...]:
    if nodes is None or isinstance(nodes, str):
        ends = nodes if nodes not in (None, "uniform") else "vertex"
        wanted = ["uniform" if p else ends for p in domain.periodic]
        if all(domain.periodic) and nodes not in (None, "uniform", "left"):
            wanted = [str(nodes)] * domain.dim
        elif nodes == "uniform" and not all(domain.periodic):
            wanted = ["uniform"] * domain.dim
    else:
        wanted = [
            "uniform" if p and k == "left" else k
            for p, k in zip(domain.periodic, nodes, strict=False)
        ]
    for periodic, kind in zip(domain.periodic, wanted, strict=False):
        if kind not in NODES or (kind == "uniform") != periodic:
            allowed = ["uniform"] if periodic else sorted(set(NODES) - {"uniform"})
            raise DomainError(
                f"unknown nodes {kind!r} for {'a periodic' if periodic else 'an'} axis of a grid",
                where="Grid(domain, shape, nodes)",
                expected=" or ".join(allowed),
                found=f"nodes={nodes!r} on {domain}",
                repair="say where the samples lie: vertex (both ends), left (far end not "
                "stored), right, centre (cell centres), chebyshev; uniform on a torus",
            )
    return cast(tuple[Nodes, ...], tuple(wanted))
