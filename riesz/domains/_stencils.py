"""Polyharmonic interpolation of scattered points in the plane and in space, by local stencils.

In the Voronoi cell of a node x_0 the interpolant passes through x_0 and its nearest neighbours:
s(x) = v_0 + sum_j w_j(x) (v_j - v_0) with the weights of the kernel |x - y|^3 and polynomials of
degree 2 (Wendland 2005, chapter 8; Flyer et al. 2016). Everything is measured from x_0 and
divided by the radius of the stencil, and node j by its distance d_j:

    A_ij = (|y_i - y_j|^3 - |y_i|^3 - |y_j|^3) / (d_i d_j),   P_il = p_l(y_i) / d_i,  p_l(0) = 0

so that all weights vanish at x_0, where the interpolant is v_0 exactly. The polynomials are made
orthonormal over the stencil by pivoted Gram-Schmidt; those that its points hardly determine
(points on a line have no slope across it) are dropped, which leaves their part to the kernel.

The functions take the array module `xp`: NumPy in float64 where points are known, `jax.numpy`
inside compiled code. b counts stencils, k neighbours, d axes, r functionals.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

NEIGHBOURS = {2: 30, 3: 40}
_DROP = 0.15  # root mean square over the stencil, below which a polynomial is not determined
_FAR = 1.5  # radii of the stencil up to which the interpolant is evaluated
_POLYNOMIALS = 4.0  # makes the kernel positive definite without changing the interpolant

Solve = Callable[[Any, Any], Any]


class Functionals(NamedTuple):
    """What is applied to the interpolants: its values on the kernels and on the polynomials."""

    kernels: Any  # (b, r, k)
    polynomials: Any  # (b, r, m)


def cardinal_weights(
    xp: Any, offsets: Any, valid: Any, make: Callable[[Any], Functionals], solve: Solve
) -> Any:
    """Weights w of the differences v_j - v_0, shape (b, r, k), for functionals of s - v_0.

    `offsets`, shape (b, k, d), are the neighbours less the centre, divided by the radius;
    `make(offsets)` gives the functionals; neighbours that are not `valid` get the weight 0.
    """
    offsets = xp.where(valid[..., None], offsets, 1)
    # d_j = |y_j|, (b, k); 1 / d_j is 0 for what is not valid
    distance = _root(xp, (offsets**2).sum(-1))
    shown = xp.where(valid, 1 / distance, 0)
    # P_jl = p_l(y_j) / d_j, (b, k, m)
    polynomials = monomials(xp, offsets) * shown[..., None]
    both = shown[..., :, None] * shown[..., None, :]
    # A + c P P^T, (b, k, k)
    gram = kernel(xp, offsets[..., :, None, :], offsets[..., None, :, :]) * both
    gram = gram + _POLYNOMIALS * polynomials @ polynomials.swapaxes(-1, -2)
    # Q = P C, (b, k, m), Q^T Q = 1 but for polynomials that are dropped
    basis, change = _orthonormal(xp, polynomials, valid.astype(gram.dtype).sum(-1))
    wanted = make(offsets)
    # lambda of the kernels over d_j, with the same multiple of the polynomials: (b, r, k)
    kernels = wanted.kernels * shown[..., None, :]
    kernels = kernels + _POLYNOMIALS * wanted.polynomials @ polynomials.swapaxes(-1, -2)
    # reproduces the polynomials: w_0 = lambda(p) C Q^T
    exact = (wanted.polynomials @ change) @ basis.swapaxes(-1, -2)  # (b, r, k)

    def without(x):  # remove the polynomials from the last axis
        return x - (x @ basis) @ basis.swapaxes(-1, -2)

    # w = w_0 + w_1, w_1 Q = 0, R = 1 - Q Q^T: w_1 (R A R + Q Q^T) = (lambda(kernels) - w_0 A) R
    rest = without(kernels - exact @ gram)
    system = without(without(gram).swapaxes(-1, -2)) + basis @ basis.swapaxes(-1, -2)
    # a few roundings on the diagonal; 1 for neighbours that are not valid
    ridge = 16 * float(np.finfo(gram.dtype).eps) * gram.shape[-1]
    diagonal = xp.where(valid, ridge, 1).astype(gram.dtype)
    system = system + xp.eye(gram.shape[-1], dtype=gram.dtype) * diagonal[..., None, :]
    found = without(solve(system, rest.swapaxes(-1, -2)).swapaxes(-1, -2))
    # weights of (v_j - v_0) / d_j -> of v_j - v_0
    return (exact + found) * shown[..., None, :]


def values_at(xp: Any, z: Any) -> Callable[[Any], Functionals]:
    """Functionals: the value at z, shape (b, d), measured like the offsets.

    Farther out than `_FAR` radii, where the cubic kernel would grow without any data, the value
    is that at the distance of `_FAR` radii in the same direction.
    """
    # |z|, (b, 1), at most _FAR
    size = _root(xp, (z**2).sum(-1))[..., None]
    z = z * xp.where(size > _FAR, _FAR / xp.where(size > 0, size, 1), 1)

    def make(offsets):
        kernels = kernel(xp, z[:, None, :], offsets)[:, None, :]
        return Functionals(kernels, monomials(xp, z)[:, None, :])

    return make


def derivatives_at_centre(
    xp: Any, axes: tuple[int, ...], order: int
) -> Callable[[Any], Functionals]:
    """Functionals: the first or second derivatives along r axes, at the centre."""

    def make(offsets):
        along = xp.stack([offsets[..., axis] for axis in axes], -2)  # (b, r, k)
        distance = _root(xp, (offsets**2).sum(-1))[..., None, :]
        # at x = 0, y = y_j: d/dx_a |x - y|^3 = -3 |y| y_a, d^2/dx_a^2 = 3 (|y| + y_a^2 / |y|)
        first = -3 * distance * along
        kernels = first if order == 1 else 3 * (distance + along**2 / distance)
        dim = offsets.shape[-1]
        names = [(i,) for i in range(dim)] + [(i, j) for i in range(dim) for j in range(i, dim)]
        wanted = [(axis,) * order for axis in axes]
        # d x_a / dx_a = 1, d^2 x_a^2 / dx_a^2 = 2, 0 of all other monomials: (r, m)
        rows = np.asarray([[float(order) * (name == one) for name in names] for one in wanted])
        polynomials = xp.broadcast_to(
            xp.asarray(rows, offsets.dtype), (*offsets.shape[:-2], *rows.shape)
        )
        return Functionals(kernels, polynomials)

    return make


def monomials(xp: Any, x: Any) -> Any:
    """Coordinates and their products, without the constant: shape (..., m)."""
    dim = x.shape[-1]
    products = [x[..., i] * x[..., j] for i in range(dim) for j in range(i, dim)]
    return xp.concatenate([x, xp.stack(products, -1)], -1)


def kernel(xp: Any, x: Any, y: Any) -> Any:
    """|x - y|^3 - |x|^3 - |y|^3 along the last axis, right to rounding where x or y is small."""
    apart = _root(xp, ((x - y) ** 2).sum(-1))
    first, second = _root(xp, (x**2).sum(-1)), _root(xp, (y**2).sum(-1))
    small, large = xp.minimum(first, second), xp.maximum(first, second)
    total = apart + large
    # |x - y| - large, from squares
    # (|x - y|^2 - large^2) / (|x - y| + large), |x - y|^2 - large^2 = small^2 - 2 x . y
    less = (small**2 - 2 * (x * y).sum(-1)) / xp.where(total > 0, total, 1)
    # a^3 - b^3 = (a - b) (a^2 + a b + b^2)
    return less * (apart**2 + apart * large + large**2) - small**3


def solve_positive(
    system: Float[Array, "b k k"], right: Float[Array, "b k r"]
) -> Float[Array, "b k r"]:
    """Solutions of symmetric positive definite systems, without a call to LAPACK.

    On CPUs XLA runs LAPACK on the thread pool that its own loops use, and batches of such calls
    within loops can wait for each other for ever.
    """

    def eliminate(_, right):
        def step(j, whole):
            # Gauss-Jordan without pivoting on [A | right]: row j / pivot, off all other rows
            row = whole[:, j] / whole[:, j, j][:, None]
            whole = whole - whole[:, :, j][:, :, None] * row[:, None, :]
            return whole.at[:, j].set(row)

        size = system.shape[-1]
        whole = jnp.concatenate([jax.lax.stop_gradient(system), right], -1)
        return jax.lax.fori_loop(0, size, step, whole)[..., size:]

    return jax.lax.custom_linear_solve(lambda x: system @ x, right, eliminate, symmetric=True)


def _orthonormal(xp: Any, columns: Any, count: Any) -> tuple[Any, Any]:
    """Orthonormal combinations `columns @ change`, shapes (b, k, m) and (b, m, m).

    Columns are taken by the size of what is new in them; where that is small, the combination
    is zero.
    """
    rows, extra = columns.shape[-2:]
    eye = xp.broadcast_to(xp.eye(extra, dtype=columns.dtype), (*columns.shape[:-2], extra, extra))
    # (b, k + m, m): what is done to P above is done to the unit matrix below, which becomes C
    left = xp.concatenate([columns, eye], -2)

    def step(j, state):
        left, found = state
        # the column with the largest remainder: (b, 1, 1), then (b, k + m, 1)
        best = xp.argmax((left[..., :rows, :] ** 2).sum(-2), -1)[..., None, None]
        column = xp.take_along_axis(left, best, -1)
        for _ in range(2):  # once is not enough
            # q <- q - Q (Q^T q)
            column = column - found @ (
                found[..., :rows, :].swapaxes(-1, -2) @ column[..., :rows, :]
            )
        # |q|^2 / k is the mean square over the stencil
        square = (column[..., :rows, :] ** 2).sum(-2, keepdims=True)
        clear = square > _DROP**2 * count[..., None, None]
        column = xp.where(clear, column / xp.sqrt(xp.where(clear, square, 1)), 0)
        # p <- p - q (q^T p) for the columns that are left, 0 for the one that was taken
        overlap = column[..., :rows, :].swapaxes(-1, -2) @ left[..., :rows, :]
        left = xp.where(xp.arange(extra) == best, 0, left - column @ overlap)
        return left, xp.where(xp.arange(extra) == j, column, found)

    state = left, xp.zeros_like(left)
    if xp is np:
        for j in range(extra):
            state = step(j, state)
    else:
        state = jax.lax.fori_loop(0, extra, step, state)
    found = state[1]
    return found[..., :rows, :], found[..., rows:, :]


def _root(xp: Any, square: Any) -> Any:
    """Square root with derivative zero at zero."""
    positive = square > 0
    return xp.where(positive, xp.sqrt(xp.where(positive, square, 1)), 0)
