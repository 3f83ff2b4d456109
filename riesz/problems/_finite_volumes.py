"""Finite volumes for -div(a grad u) with u = 0 on the boundary of a box."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.domains import Grid


class FiniteVolumes(eqx.Module):
    """One control volume around each node that is not on the boundary.

    Between neighbouring nodes the flux is their harmonic mean coefficient times the difference
    quotient. Next to the boundary the other node is on it, with the coefficient stored there;
    where it is not stored (`left`, `right`, `centre`) the inner node's coefficient serves, at
    half the distance for `centre`.
    """

    grid: Grid
    faces: tuple[Float[Array, "..."], ...]

    def __init__(self, grid: Grid, coefficient: Float[Array, "*shape"]):
        self.grid = grid
        faces = []
        for axis in range(grid.domain.dim):
            at = coefficient
            for other in range(grid.domain.dim):
                if other != axis:
                    # faces across this axis lie at inner nodes of the others
                    at = at[(slice(None),) * other + (self._inner(other),)]
            pad = [(0, 0)] * grid.domain.dim
            kind = grid.nodes[axis]
            pad[axis] = (int(kind in ("right", "centre")), int(kind in ("left", "centre")))
            # the inner node's coefficient where the node on the boundary is not stored
            at = jnp.moveaxis(jnp.pad(at, pad, mode="edge"), axis, 0)
            # harmonic mean 2 a b / (a + b)
            mean = 2 * at[1:] * at[:-1] / (at[1:] + at[:-1])
            if kind == "centre":
                # at half the distance the difference quotient is 2 u / h
                mean = mean.at[0].multiply(2).at[-1].multiply(2)
            # a / h^2: times a difference of u it is the flux a du / h, over the step h
            faces.append(jnp.moveaxis(mean, 0, axis) / self._step(axis) ** 2)
        self.faces = tuple(faces)

    def _step(self, axis: int) -> float:
        kind, size = self.grid.nodes[axis], self.grid.shape[axis]
        return self.grid.domain.lengths[axis] / (size - (kind == "vertex"))

    def _inner(self, axis: int) -> slice:
        first = self.grid.nodes[axis] in ("vertex", "left")
        last = self.grid.nodes[axis] in ("vertex", "right")
        return slice(int(first), self.grid.shape[axis] - int(last))

    @property
    def _window(self) -> tuple[slice, ...]:
        return tuple(self._inner(axis) for axis in range(self.grid.domain.dim))

    def interior(self, values: Float[Array, "*shape"]) -> Float[Array, "*inner"]:
        """The values at the nodes that are not on the boundary."""
        return values[self._window]

    def replace_interior(
        self, values: Float[Array, "*shape"], inner: Float[Array, "*inner"]
    ) -> Float[Array, "*shape"]:
        """`values` with others at the nodes that are not on the boundary."""
        return values.at[self._window].set(inner)

    def extend(self, inner: Float[Array, "*inner"]) -> Float[Array, "*shape"]:
        """The values at all nodes, zero on the boundary."""
        return self.replace_interior(jnp.zeros(self.grid.shape, inner.dtype), inner)

    def fluxes(
        self, inner: Float[Array, "*inner"], closed: bool = False
    ) -> tuple[Float[Array, "..."], ...]:
        """-a du/dx at the faces across each axis, over the step.

        u is zero on the boundary, or with `closed` nothing flows through it.
        """
        # n inner nodes with both ends: n + 1 faces along the axis
        around = _bordered(inner, "edge" if closed else "constant")
        pairs = enumerate(zip(self.faces, around, strict=True))
        return tuple(-face * jnp.diff(u, axis=axis) for axis, (face, u) in pairs)

    def divergence(self, fluxes: Sequence[Float[Array, "..."]]) -> Float[Array, "*inner"]:
        """Flux out of every volume, divided by its volume, for fluxes over the step."""
        return sum((jnp.diff(f, axis=i) for i, f in enumerate(fluxes)), start=jnp.zeros(()))

    def apply(self, inner: Float[Array, "*inner"]) -> Float[Array, "*inner"]:
        """-div(a grad u), with u = 0 on the boundary."""
        return self.divergence(self.fluxes(inner))

    def inverse_laplacian(self, inner: Float[Array, "*inner"]) -> Float[Array, "*inner"]:
        """The solution for coefficient 1, by diagonalisation in sines along every axis."""
        bases, total = [], np.zeros(())
        for axis, count in enumerate(inner.shape):
            basis, eigenvalues = _sines(count, self.grid.nodes[axis] == "centre")
            bases.append(jnp.asarray(basis, inner.dtype))
            # (*inner,): sum_i 4 sin(pi k_i / (2 n_i))^2 / h_i^2
            total = total[..., None] + eigenvalues / self._step(axis) ** 2
        # S diag(total)^-1 S^T with S = S_1 kron ... kron S_d, axis by axis
        for axis, basis in enumerate(bases):
            inner = _along(basis.T, inner, axis)
        inner = inner / jnp.asarray(total, inner.dtype)
        for axis, basis in enumerate(bases):
            inner = _along(basis, inner, axis)
        return inner


def at_faces(inner: Float[Array, "*inner"]) -> tuple[Float[Array, "..."], ...]:
    """The means of neighbours at the faces across each axis; at the ends the last values."""
    means = []
    for axis, u in enumerate(_bordered(inner, "edge")):
        u = jnp.moveaxis(u, axis, 0)
        means.append(jnp.moveaxis((u[:-1] + u[1:]) / 2, 0, axis))
    return tuple(means)


def _bordered(inner: Array, mode: str) -> list[Array]:
    """For each axis the values with one more at both of its ends."""
    axes = range(inner.ndim)
    return [jnp.pad(inner, [(int(i == axis),) * 2 for i in axes], mode=mode) for axis in axes]


def _along(matrix: Array, values: Array, axis: int) -> Array:
    # sum_j matrix_ij values_..j.., in full float32 precision on accelerators too
    out = jnp.tensordot(matrix, values, axes=(1, axis), precision=jax.lax.Precision.HIGHEST)
    return jnp.moveaxis(out, 0, axis)


def _sines(count: int, centred: bool) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors (columns) and eigenvalues of the second difference with zero ends."""
    cells = count if centred else count + 1
    wave = np.arange(1, count + 1)
    node = np.arange(count) + (0.5 if centred else 1.0)
    # S_jk = sqrt(2 / n) sin(pi x_j k / n), n cells, x_j = j + 1/2 or j + 1 cells from the end
    basis = np.sqrt(2 / cells) * np.sin(np.pi * np.outer(node, wave) / cells)
    if centred:
        # sin(pi (j + 1/2)) = +-1: the sum of squares is n, not n / 2
        basis[:, -1] /= np.sqrt(2)
    # -u_{j - 1} + 2 u_j - u_{j + 1} = 4 sin(pi k / (2 n))^2 u_j
    return basis, 4 * np.sin(np.pi * wave / (2 * cells)) ** 2
