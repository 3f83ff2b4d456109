"""Piecewise linear functions on lines, triangles and tetrahedra: exact integrals per cell.

On a simplex T with k corners x_0, ..., x_{k-1} and measure |T| the hat functions (barycentric
coordinates) lambda_i have constant gradients, and

    integral of lambda_i lambda_j = |T| (1 + delta_ij) / (k (k + 1)),
    integral of grad lambda_i . grad lambda_j = |T| grad lambda_i . grad lambda_j

(Ern and Guermond 2004, section 8.1). On lines and surfaces in space the gradients are tangential,
and the second matrix is the cotangent Laplacian. The functions take the array module `xp`: NumPy
in float64 on the host, `jax.numpy` inside compiled code. m counts cells, k corners, n nodes, c
channels, d coordinates.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Float, Int


def geometry(xp: Any, corners: Any) -> tuple[Any, Any]:
    """Measures, shape (...), and gradients of the hat functions, (..., k, d), of simplices.

    `corners` have shape (..., k, d). A simplex that is only a point has measure 0 and slopes 0.
    """
    *_, k, d = corners.shape
    if k == 1:
        return xp.ones_like(corners[..., 0, 0]), xp.zeros_like(corners)
    # e_i = x_i - x_0, i = 1, ..., k - 1: (..., k - 1, d)
    edges = corners[..., 1:, :] - corners[..., :1, :]
    size = xp.abs(edges).max((-2, -1))[..., None, None]
    size = xp.where(size > 0, size, 1)  # products of edges stay within the range of floats
    edges = edges / size
    # (..., k - 1, 3), for cross products
    in_space = xp.concatenate([edges, xp.zeros((*edges.shape[:-1], 3 - d), edges.dtype)], -1)
    e = [in_space[..., i, :] for i in range(k - 1)]
    # vectors d_i in the span of the edges with d_i . e_j = delta_ij
    if k == 2:
        # d_1 = e_1 / |e_1|^2, |T| = |e_1|
        duals, square = [e[0]], (e[0] ** 2).sum(-1)
        measure = _root(xp, square)
    elif k == 3:
        # n = e_1 x e_2: d_1 = e_2 x n / |n|^2, d_2 = n x e_1 / |n|^2, |T| = |n| / 2
        normal = xp.cross(e[0], e[1])
        duals, square = [xp.cross(e[1], normal), xp.cross(normal, e[0])], (normal**2).sum(-1)
        measure = _root(xp, square) / 2
    else:
        # d_1 = e_2 x e_3 / det, and cyclic; det = e_1 . (e_2 x e_3), |T| = |det| / 6
        duals = [xp.cross(e[1], e[2]), xp.cross(e[2], e[0]), xp.cross(e[0], e[1])]
        square = (e[0] * duals[0]).sum(-1)  # the determinant, which may be negative
        measure = xp.abs(square) / 6
    duals = xp.stack(duals, -2) / xp.where(square != 0, square, 1)[..., None, None]
    # grad lambda_i = d_i, grad lambda_0 = -sum_i d_i; |T| scales as size^(k - 1)
    slopes = xp.concatenate([-duals.sum(-2, keepdims=True), duals], -2)[..., :d] / size
    return measure * size[..., 0, 0] ** (k - 1), slopes


def _root(xp: Any, square: Any) -> Any:
    """Square root with derivative zero at zero."""
    return xp.where(square > 0, xp.sqrt(xp.where(square > 0, square, 1)), 0)


def summed(cells: Int[Array, "m k"], local: Float[Array, "m k c"], n: int) -> Float[Array, "n c"]:
    """Contributions of the corners of all cells, summed at the nodes."""
    # (m, k, c) -> (m k, c)
    flat = local.reshape(-1, local.shape[-1])
    return jnp.zeros((n, local.shape[-1]), local.dtype).at[cells.reshape(-1)].add(flat)


def times_mass(
    measure: Float[Array, " m"], cells: Int[Array, "m k"], values: Float[Array, "n c"]
) -> Float[Array, "n c"]:
    """The mass matrix times values: integrals of the function times every hat function."""
    k, u = cells.shape[1], values[cells]
    # |T| / (k (k + 1)) (sum_j u_j + u_i)
    local = (measure / (k * (k + 1)))[:, None, None] * (u.sum(1, keepdims=True) + u)
    return summed(cells, local, len(values))


def cell_slopes(
    slopes: Float[Array, "m k d"], cells: Int[Array, "m k"], values: Float[Array, "n c"]
) -> Float[Array, "m c d"]:
    """The gradient in every cell."""
    u = values[cells]
    # sum_i (u_i - u_0) grad lambda_i loses no digits to a large constant
    return jnp.einsum("mkd,mkc->mcd", slopes, u - u[:, :1])


def times_stiffness(
    measure: Float[Array, " m"],
    slopes: Float[Array, "m k d"],
    cells: Int[Array, "m k"],
    values: Float[Array, "n c"],
) -> Float[Array, "n c"]:
    """The stiffness matrix times values: integrals of grad u . grad lambda_i."""
    # |T| grad u, (m, c, d)
    flux = measure[:, None, None] * cell_slopes(slopes, cells, values)
    # |T| grad lambda_i . grad u, (m, k, c)
    return summed(cells, jnp.einsum("mkd,mcd->mkc", slopes, flux), len(values))


def matrix(
    cells: Int[np.ndarray, "m k"], local: Float[np.ndarray, "m k k"], n: int
) -> "scipy.sparse.csr_matrix":
    """The sparse matrix (n, n) of local matrices, in float64."""
    k = cells.shape[1]
    # entry (i, j) of the local matrix: row cells[i], column cells[j]; equal places add up
    rows, columns = np.repeat(cells, k, axis=1).ravel(), np.tile(cells, (1, k)).ravel()
    return scipy.sparse.csr_matrix((local.ravel(), (rows, columns)), shape=(n, n))
