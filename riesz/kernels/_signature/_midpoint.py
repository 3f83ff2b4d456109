"""Covariances of controlled equations along two paths, by the explicit midpoint rule.

A state that follows dS = g(S) dx, with random g whose values have the covariance
E[g(S) g(S')] = F(E[S S']), makes between two samples of its path the step

    H_i = S_i + g(S_i) dx_i / 2,    S_i+1 = S_i + g(H_i) dx_i.

The covariance of two such states, along two paths, grows from cell to cell of the grid of both
by F alone. It solves u_st = F(u) dx_s dy_t, a Goursat problem, with order 2; and since it is the
covariance of something, it is positive semidefinite at any refinement, which finite
differences of the equation are not.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from riesz.kernels._kernel import AbstractKernel

# F(u) on the anti-diagonal i + j = k of cells, where u is the covariance of S_i with S_j;
# of H_i instead of S_i, and of H_j instead of S_j, if the two flags say so.
Rate = Callable[[Float[Array, " a"], Int[Array, ""], bool, bool], Float[Array, " a"]]


def increments(
    x: Float[Array, "l d"],
    y: Float[Array, "m d"],
    refinement: int,
    path_kernel: AbstractKernel | None = None,
) -> Float[Array, "a b"]:
    """The inner products of the increments of two paths, lifted by a kernel of their states.

    Each interval is cut into 2^refinement parts.
    """
    if path_kernel is None:
        exact = jax.lax.Precision.HIGHEST
        c = jnp.matmul(jnp.diff(x, axis=0), jnp.diff(y, axis=0).T, precision=exact)
    else:
        # k(x_i+1, y_j+1) - k(x_i, y_j+1) - k(x_i+1, y_j) + k(x_i, y_j)
        c = jnp.diff(jnp.diff(path_kernel(x, y), axis=0), axis=1)
    parts = 2**refinement
    # dx_i / parts each: the products are c / parts^2
    return jnp.repeat(jnp.repeat(c / parts**2, parts, axis=0), parts, axis=1)


def covariance(c: Float[Array, "a b"], rate: Rate, start: Float[Array, ""]) -> Float[Array, ""]:
    """The covariance at the ends of two paths; it is `start` while one of them has not begun.

    One anti-diagonal of cells after another: each is worked on at once, and two are kept.
    Outside the grid of cells the products of increments are zero and nothing grows.
    """
    rows, columns = c.shape
    diagonals = rows + columns - 1
    padded = jnp.pad(c, ((0, 0), (0, rows))).reshape(-1)
    skewed = padded[: rows * diagonals].reshape(rows, diagonals)  # at i, k the cell (i, k - i)

    def advance(state, now):
        # of S_i with S_j, then of g(S_i) dx_i with S_j and of S_i with g(S_j) dy_j
        before, last, of_x, of_y = state
        k, z = now
        # E[S_i S_j], j = k - i
        u = before[:-1]
        # E[H_i H_j]
        middle = u + (of_x + of_y) / 2 + z * rate(u, k, False, False) / 4
        # E[S_i+1 S_j+1] = E[S_i+1 S_j] + E[S_i S_j+1] - E[S_i S_j] + E[g(H_i) dx_i g(H_j) dy_j]
        new = last[1:] + last[:-1] - u + z * rate(middle, k, True, True)
        # E[g(S_i) dx_i S_j+1], E[S_i+1 g(S_j) dy_j]
        next_x = of_x + z * rate(u + of_y / 2, k, False, True)
        next_y = of_y + z * rate(u + of_x / 2, k, True, False)
        after = jnp.concatenate([last[:1], new])
        # the latter belongs to row i + 1; it is zero for S_0
        return (last, after, next_x, jnp.concatenate([zeros[:1], next_y[:-1]])), None

    edge, zeros = jnp.broadcast_to(start, (rows + 1,)), jnp.zeros(rows, c.dtype)
    now = jnp.arange(diagonals), skewed.T
    (_, last, _, _), _ = jax.lax.scan(advance, (edge, edge, zeros, zeros), now)
    return last[rows]


def along(values: Float[Array, " b"], rows: int) -> Callable[[Int[Array, ""]], Array]:
    """The values at j = k - i, for the rows i of an anti-diagonal k; at the ends they repeat."""
    # values_j at index j + rows - 1, reversed: i grows as j falls
    backwards = jnp.pad(values, rows - 1, mode="edge")[::-1]

    def at(k):
        return jax.lax.dynamic_slice_in_dim(backwards, backwards.shape[0] - rows - k, rows)

    return at
