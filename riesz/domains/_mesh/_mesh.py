"""Meshes of lines, triangles and tetrahedra, and of surfaces, with piecewise linear functions."""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Bool, Float, Int

from riesz._core.tracing import padded, traced
from riesz.domains._discretization import AbstractDiscretization, register
from riesz.domains._domain import AbstractDomain, AbstractProductDomain, Box, Interval
from riesz.domains._mesh._cells import (
    cell_slopes,
    geometry,
    matrix,
    summed,
    times_mass,
    times_stiffness,
)
from riesz.domains._mesh._check import checked_parts
from riesz.domains._mesh._generators import (
    annulus_parts,
    box_parts,
    disk_parts,
    icosphere_parts,
    l_parts,
)
from riesz.domains._mesh._locate import Bins, locate, make_bins
from riesz.domains._mesh._refine import boundary_faces, boundary_markers, refined
from riesz.domains._region import Region
from riesz.errors import DomainError


@register
class Mesh(AbstractDiscretization):
    """A mesh; functions on it are continuous, and linear in every cell (P1 finite elements).

    Inner products, integrals and energies are exact for such functions: they are those of the
    mass matrix and of the stiffness matrix, see `mass` and `stiffness`. `weights` are the
    integrals of the hat functions; the L1 norm is the integral by them. A gradient is constant in
    every cell, see `cell_gradient`; `gradient` takes it to the nodes by the L2 projection with the
    lumped mass matrix. The H1 norm has the exact gradient. Second derivatives vanish in every cell
    and are not offered. On surfaces and curves gradients are tangential.

    Between nodes functions are linear; outside the mesh they have the value of the nearest point
    of it. `Function.at` takes points up to about one edge away, as those of a curved
    domain beyond the polygon of its mesh, and raises for others.

    Everything but sizes is data: one compiled program serves all meshes of one size, and meshes of
    different sizes are padded and stacked by `riesz.functions.stack`. Padded nodes have weight 0
    and influence no result.

    **Arguments:**

    - `domain`: a `Region(d)`, or a `Box` that holds the mesh.
    - `nodes`: coordinates, shape (n, d).
    - `cells`: numbers of the nodes at the corners, shape (m, k): lines (k = 2), triangles (3) or
      tetrahedra (4). Triangles in space make a surface. Nodes of no cell count as padding.
    - `boundary`: one whole number per node, shape (n,), 0 in the interior. When absent, 1 for the
      nodes of faces that belong to one cell only.

    **Raises:** `DomainError` for shapes that disagree, nodes outside the domain or not finite,
    numbers of nodes that do not exist, and cells without extent.

    ```python
    mesh = Mesh.disk()
    f = Function.from_callable(lambda x, y: 1 - x**2 - y**2, mesh)
    f.integral(), f.norm("H1"), f.at([[0.1, 0.2]])
    ```
    """

    stored: ClassVar[tuple[str, ...]] = ("nodes", "cells", "boundary", "cell_mask")
    domain: AbstractDomain = eqx.field(static=True)
    relative: Float[Array, "n d"]
    weights: Float[Array, " n"]
    cells: Int[Array, "m k"]
    boundary: Int[Array, " n"]
    mask: Bool[Array, " n"]
    cell_mask: Bool[Array, " m"]
    bins: Bins

    def __init__(
        self,
        domain: AbstractDomain,
        nodes: Any,
        cells: Any,
        boundary: Any = None,
    ):
        self.domain = domain
        nodes, corners, given = checked_parts(domain, nodes, cells, boundary)
        exact = nodes - np.asarray(domain.origin)
        relative = jnp.asarray(exact)  # in the default type
        measure, _ = geometry(np, exact[corners])
        k, n = corners.shape[1], len(nodes)
        # w_i = integral of lambda_i = sum over the cells at i of |T| / k
        weights = np.bincount(corners.ravel(), np.repeat(measure / k, k), n)
        self.relative = relative
        self.weights = jnp.asarray(weights, relative.dtype)
        self.cells = jnp.asarray(corners, jnp.int32)
        found = boundary_markers(corners, n) if given is None else given
        self.boundary = jnp.asarray(found, jnp.int32)
        self.mask = jnp.asarray(weights > 0)
        self.cell_mask = jnp.ones(len(corners), bool)
        self.bins = make_bins(exact, corners, relative.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.relative.shape[:1]

    @property
    def coordinates(self) -> Float[Array, "*shape d"]:
        return self.relative + jnp.asarray(self.domain.origin, self.relative.dtype)

    @property
    def method(self) -> str:
        return "linear in every cell (order 2)"

    def describe(self) -> str:
        kind = {2: "lines", 3: "triangles", 4: "tetrahedra"}[self.cells.shape[-1]]
        if self.stacked or traced(self.mask, self.cell_mask):
            return f"{self.mask.shape[-1]} nodes, {self.cells.shape[-2]} {kind}"
        present, whole = int(np.asarray(self.mask).sum()), len(self.mask)
        padding = f" ({whole - present} padded)" if present < whole else ""
        return f"{present} nodes{padding}, {int(np.asarray(self.cell_mask).sum())} {kind}"

    # Padding

    @property
    def sizes(self) -> tuple[int, ...]:
        return (*self.relative.shape[:1], *self.cells.shape[:1], *self.bins.sizes)

    def pad(self, *sizes: int) -> "Mesh":
        """The same mesh with padded nodes and cells, in arrays of these `sizes`."""
        nodes, cells, *bins = sizes
        more, extra = nodes - self.shape[0], cells - len(self.cells)
        by_node = [
            padded(x, ((0, more),) + ((0, 0),) * (x.ndim - 1))
            for x in (self.relative, self.weights, self.boundary, self.mask)
        ]
        # a padded cell has its corners in one place, so that its measure is zero
        by_cell = padded(self.cells, ((0, extra), (0, 0))), padded(self.cell_mask, (0, extra))
        where = lambda m: (m.relative, m.weights, m.boundary, m.mask, m.cells, m.cell_mask, m.bins)  # noqa: E731
        return eqx.tree_at(where, self, (*by_node, *by_cell, self.bins.pad(*bins)))

    # Files

    def arrays(self) -> dict[str, np.ndarray]:
        nodes = np.asarray(self.relative, np.float64) + np.asarray(self.domain.origin)
        kept = {name: np.asarray(getattr(self, name)) for name in ("cells", "boundary")}
        return {"nodes": nodes, **kept, "cell_mask": np.asarray(self.cell_mask, np.uint8)}

    @classmethod
    def restored(
        cls, domain: AbstractDomain, record: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> "Mesh":
        cells = arrays["cells"][arrays["cell_mask"].astype(bool)]
        return cls(domain, arrays["nodes"], cells, arrays["boundary"])

    # Integrals

    def geometry(self, dtype: Any = None) -> tuple[Float[Array, " m"], Float[Array, "m k d"]]:
        """Measures of the cells and gradients of the hat functions at their corners."""
        corners = self.relative[self.cells]
        return geometry(jnp, corners.astype(dtype or corners.dtype))

    def inner(self, first: Float[Array, "n c"], second: Float[Array, "n c"]) -> Float[Array, " c"]:
        return _inner(self, first, second)

    def energy(self, first: Float[Array, "n c"], second: Float[Array, "n c"]) -> Float[Array, " c"]:
        return _energy(self, first, second)

    def mass(self, values: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """The mass matrix times values: integrals of u times every hat function."""
        return times_mass(self.geometry(values.dtype)[0], self.cells, self.present(values))

    def stiffness(self, values: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """The stiffness matrix times values: integrals of grad u . grad lambda_i."""
        return times_stiffness(*self.geometry(values.dtype), self.cells, self.present(values))

    def mass_matrix(self) -> "scipy.sparse.csr_matrix":
        """The integrals of products of hat functions, shape (n, n), in float64; not under jit."""
        measure, _, cells = self._host()
        k = cells.shape[1]
        # |T| (1 + delta_ij) / (k (k + 1)), (m, k, k)
        local = (measure / (k * (k + 1)))[:, None, None] * (1 + np.eye(k))
        return matrix(cells, local, self.shape[0])

    def stiffness_matrix(self) -> "scipy.sparse.csr_matrix":
        """The integrals of products of their gradients, shape (n, n), in float64; not under jit."""
        measure, slopes, cells = self._host()
        # |T| grad lambda_i . grad lambda_j, (m, k, k)
        local = measure[:, None, None] * (slopes @ slopes.swapaxes(1, 2))
        return matrix(cells, local, self.shape[0])

    def _host(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        cells = np.asarray(self.cells)
        return *geometry(np, np.asarray(self.relative, np.float64)[cells]), cells

    # Values elsewhere and derivatives

    def interpolate(
        self, values: Float[Array, "n c"], points: Float[Array | np.ndarray, "p d"]
    ) -> Float[Array, "p c"]:
        corners, share, _ = self._locate(points)
        # u(x) = sum_i lambda_i(x) u_i
        return jnp.einsum("pk,pkc->pc", share.astype(values.dtype), values[corners])

    def contains(self, points: Float[Array | np.ndarray, "p d"]) -> Bool[Array, " p"]:
        # at most a diagonal of a bin away
        squared = self._locate(points)[2]
        return squared <= jnp.sum(self.bins.step**2)  # also False for points that are not finite

    def _locate(self, points: Any) -> tuple[Array, Array, Array]:
        points = jnp.asarray(points, self.relative.dtype)
        return locate(self.bins, self.relative, self.cells, points)

    def cell_gradient(self, values: Float[Array, "n c"]) -> Float[Array, "m c d"]:
        """The gradient in every cell, where it is constant; 0 in padded cells."""
        return cell_slopes(self.geometry(values.dtype)[1], self.cells, values)

    def gradient(self, values: Float[Array, "n c"]) -> Float[Array, "n c d"]:
        """The L2 projection of the gradient with the lumped mass matrix."""
        return _gradient(self, values)

    def differentiate(
        self, values: Float[Array, "n c"], axis: int, order: int
    ) -> Float[Array, "n c"]:
        if order != 1:
            raise DomainError(
                "second derivatives of piecewise linear functions vanish in every cell",
                where="Function on a Mesh",
                expected="first derivatives",
                found=f"order {order}",
                repair="the weak Laplacian is -mesh.stiffness(f.values), the integrals of the "
                "Laplacian times every hat function",
            )
        return self.gradient(values)[..., axis]

    # Pictures and other meshes

    @property
    def triangles(self) -> Int[np.ndarray, "t 3"] | None:
        cells = np.asarray(self.cells)[np.asarray(self.cell_mask)]
        if cells.shape[1] == 4:  # what is seen from outside
            return boundary_faces(cells)
        return cells if cells.shape[1] == 3 else None

    def refine(
        self, project: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    ) -> "Mesh":
        """A mesh with every edge halved; nodes stay, and midpoints of edges follow.

        `project(nodes, boundary)` returns the nodes moved, such as those of the boundary onto the
        curve that it stands for. Padding is left out.
        """
        keep = np.asarray(self.mask)
        # numbers of the nodes without those left out
        number = np.cumsum(keep) - 1
        cells = number[np.asarray(self.cells)[np.asarray(self.cell_mask)]]
        exact = np.asarray(self.relative, np.float64)[keep] + np.asarray(self.domain.origin)
        nodes, cells, boundary = refined(exact, cells, np.asarray(self.boundary)[keep])
        nodes = nodes if project is None else project(nodes, boundary)
        return Mesh(self.domain, nodes, cells, boundary)

    @classmethod
    def rectangle(
        cls, lower: Any = (0.0, 0.0), upper: Any = (1.0, 1.0), cells: int | tuple[int, ...] = 16
    ) -> "Mesh":
        """A box of 1 to 3 axes, divided into `cells` lines, squares or cubes per axis.

        Squares are cut into 2 triangles, cubes into 6 tetrahedra. The ends of axis i have the
        boundary markers 2 i + 1 and 2 i + 2; where sides meet, the larger.
        """
        lower, upper = np.atleast_1d(lower), np.atleast_1d(upper)
        domain: AbstractProductDomain = Box(lower.tolist(), upper.tolist())
        domain = Interval(*lower.tolist(), *upper.tolist()) if domain.dim == 1 else domain
        counts = (cells,) * domain.dim if isinstance(cells, int) else tuple(cells)
        return cls(domain, *box_parts(lower, upper, counts))

    @classmethod
    def disk(cls, radius: float = 1.0, refinements: int = 4) -> "Mesh":
        """The disk about 0: a square refined so often, with its rim on the circle.

        It has 145, 545, 2113, 8321 nodes after 3, 4, 5, 6 refinements.
        """
        return cls(Region(2), *disk_parts(radius, refinements))

    @classmethod
    def annulus(
        cls, inner: float = 0.5, outer: float = 1.0, cells: tuple[int, int] = (8, 64)
    ) -> "Mesh":
        """A ring about 0, marked 1 inside and 2 outside, of `cells` radially and around."""
        return cls(Region(2), *annulus_parts(inner, outer, cells))

    @classmethod
    def l_shape(cls, cells: int = 16) -> "Mesh":
        """(-1, 1)^2 without the quarter x > 0, y < 0; an even number of squares per long side."""
        return cls(Region(2), *l_parts(cells))

    @classmethod
    def icosphere(cls, radius: float = 1.0, refinements: int = 3) -> "Mesh":
        """The sphere about 0: an icosahedron refined so often, 10 4^refinements + 2 nodes."""
        return cls(Region(3), *icosphere_parts(radius, refinements))


# compiled: outside jit every operation would be a program of its own
@jax.jit
def _inner(mesh: Mesh, first: Array, second: Array) -> Array:
    measure, k = mesh.geometry(first.dtype)[0], mesh.cells.shape[1]
    # (m, k, c)
    u, v = mesh.present(first)[mesh.cells], mesh.present(second)[mesh.cells]
    # u^T M v = sum over cells of |T| / (k (k + 1)) (sum_i u_i sum_j v_j + sum_i u_i v_i)
    local = u.sum(1) * v.sum(1) + (u * v).sum(1)
    return (measure / (k * (k + 1))) @ local


@jax.jit
def _energy(mesh: Mesh, first: Array, second: Array) -> Array:
    measure, slopes = mesh.geometry(first.dtype)
    # (m, c, d)
    u, v = (cell_slopes(slopes, mesh.cells, mesh.present(x)) for x in (first, second))
    # sum over cells of |T| grad u . grad v
    return jnp.einsum("m,mcd,mcd->c", measure, u, v)


@jax.jit
def _gradient(mesh: Mesh, values: Array) -> Array:
    measure, slopes = mesh.geometry(values.dtype)
    k = mesh.cells.shape[1]
    flat = cell_slopes(slopes, mesh.cells, values)  # (m, c, d)
    # integral of lambda_i grad u over T = |T| / k grad u, the same for all corners i
    share = (measure / k)[:, None, None] * flat
    # (m, c, d) -> (m, k, c d), added at the corners: (n, c d) -> (n, c, d)
    local = jnp.broadcast_to(share.reshape(len(share), 1, -1), (len(share), k, share[0].size))
    total = summed(mesh.cells, local, len(values)).reshape(len(values), *flat.shape[1:])
    # g_i = (1 / w_i) sum over the cells at i of |T| / k grad u
    weights = jnp.where(mesh.weights > 0, mesh.weights, 1).astype(values.dtype)
    return jnp.where(mesh.mask[:, None, None], total / weights[:, None, None], 0)
