"""Tensor grids, and their images under reflections and translations of the domain."""

from collections.abc import Sequence
from functools import reduce

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.domains._axes import AXES, AbstractAxis
from riesz.domains._discretization import AbstractDiscretization
from riesz.domains._domain import AbstractDomain
from riesz.errors import DomainError

_CHUNK_FLOATS = 2**22  # working set of a chunk of scattered evaluations, about 16 MiB


class AbstractTensorGrid(AbstractDiscretization):
    """A discretization whose points and weights are products of those of its axes.

    `axis_coordinates` and `axis_weights` hold one array of shape (n,) an axis.
    """

    domain: eqx.AbstractVar[AbstractDomain]
    shape: eqx.AbstractVar[tuple[int, ...]]
    axis_coordinates: eqx.AbstractVar[tuple[Float[Array, " n"], ...]]
    axis_weights: eqx.AbstractVar[tuple[Float[Array, " n"], ...]]

    @property
    def coordinates(self) -> Float[Array, "*shape d"]:
        return jnp.stack(jnp.meshgrid(*self.axis_coordinates, indexing="ij"), axis=-1)

    @property
    def weights(self) -> Float[Array, "*shape"]:
        return reduce(lambda a, b: a[..., None] * b, self.axis_weights)


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
    nodes: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        domain: AbstractDomain,
        shape: int | Sequence[int],
        nodes: str | Sequence[str] | None = None,
    ):
        self.domain = domain
        self.shape = (shape,) * domain.dim if isinstance(shape, int) else tuple(map(int, shape))
        self.nodes = _complete_nodes(domain, nodes)

    def __check_init__(self):
        ok = len(self.shape) == len(self.nodes) == self.domain.dim
        if not ok or any(n < AXES[k].minimum for n, k in zip(self.shape, self.nodes, strict=True)):
            raise DomainError(
                "a grid needs one size and one kind of nodes for each axis of its domain",
                expected=f"{self.domain.dim} sizes, at least 2 nodes on an axis with ends",
                found=f"shape={self.shape}, nodes={self.nodes} on {self.domain}",
                repair="give a single size for all axes, or one an axis",
            )

    @property
    def axes(self) -> tuple[AbstractAxis, ...]:
        """The one-dimensional grids whose product this is."""
        parts = zip(self.nodes, self.domain.lower, self.domain.upper, self.shape, strict=True)
        return tuple(AXES[kind](a, b, n) for kind, a, b, n in parts)  # pyright: ignore[reportCallIssue]

    @property
    def axis_coordinates(self) -> tuple[Float[Array, " n"], ...]:
        return tuple(jnp.asarray(axis.coordinates()) for axis in self.axes)

    @property
    def axis_weights(self) -> tuple[Float[Array, " n"], ...]:
        return tuple(jnp.asarray(axis.weights()) for axis in self.axes)

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
        axes = self.axes

        def one(point):
            out = values
            for axis, x in zip(axes, point, strict=True):
                index, weight = axis.basis(x[None])
                out = jnp.einsum("s,s...->...", weight[0].astype(values.dtype), out[index[0]])
            return out

        each = values.size // self.shape[0] * 6 + self.shape[0]
        chunk = max(1, _CHUNK_FLOATS // each)
        if points.shape[0] <= chunk:
            return jax.vmap(one)(points)
        return jax.lax.map(one, points, batch_size=chunk)

    def interpolate_axis(
        self, values: Float[Array, "*shape c"], axis: int, x: Float[Array, " p"]
    ) -> Float[Array, "..."]:
        """Values with the nodes of one axis replaced by the points `x` of that axis."""
        moved = jnp.moveaxis(values, axis, 0)
        index, weight = self.axes[axis].basis(x)
        weight = weight.astype(values.dtype)
        if index.shape[1] == self.shape[axis]:
            out = jnp.einsum("ps,s...->p...", weight, moved)
        else:
            out = jnp.einsum("ps,ps...->p...", weight, moved[index])
        return jnp.moveaxis(out, 0, axis)

    def differentiate(
        self, values: Float[Array, "*shape c"], axis: int, order: int
    ) -> Float[Array, "*shape c"]:
        moved = jnp.moveaxis(values, axis, 0)
        return jnp.moveaxis(self.axes[axis].differentiate(moved, order), 0, axis)

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
    `offset` are arrays: one compiled program serves every motion.
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
        return tuple(self.sign[i] * x + self.offset[i] for i, x in pairs)

    @property
    def axis_weights(self) -> tuple[Float[Array, " n"], ...]:
        return self.base.axis_weights

    @property
    def method(self) -> str:
        return self.base.method

    def interpolate(
        self, values: Float[Array, "*shape c"], points: Float[Array, "p d"]
    ) -> Float[Array, "p c"]:
        return self.base.interpolate(values, (points - self.offset) * self.sign)

    def differentiate(
        self, values: Float[Array, "*shape c"], axis: int, order: int
    ) -> Float[Array, "*shape c"]:
        return self.sign[axis] ** order * self.base.differentiate(values, axis, order)


def _complete_nodes(domain: AbstractDomain, nodes: str | Sequence[str] | None) -> tuple[str, ...]:
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
        if kind not in AXES or (kind == "uniform") != periodic:
            allowed = ["uniform"] if periodic else sorted(set(AXES) - {"uniform"})
            raise DomainError(
                f"unknown nodes {kind!r} for {'a periodic' if periodic else 'an'} axis of a grid",
                expected=" or ".join(allowed),
                found=f"nodes={nodes!r} on {domain}",
                repair="say where the samples lie: vertex (both ends), left (far end not "
                "stored), right, centre (cell centres), chebyshev; uniform on a torus",
            )
    return tuple(wanted)
