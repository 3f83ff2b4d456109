"""How covariances of controlled residual networks grow along paths."""

from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.kernels._signature._midpoint import along, covariance, increments


@runtime_checkable
class HasDuals(Protocol):
    """What a kernel needs of an activation phi; those of `riesz.networks` have it."""

    def duals(self, q11: Array, q12: Array, q22: Array, /) -> tuple[Array, Array]:
        """E[phi(u) phi(v)] and E[phi'(u) phi'(v)], (u, v) ~ N(0, [[q11, q12], [q12, q22]])."""
        ...


Path = Float[Array, "length channels"]


class Growth(NamedTuple):
    """The distribution of a network's weights, and how finely paths are cut."""

    activation: HasDuals
    w_variance: Float[Array, ""]
    b_variance: Float[Array, ""]
    initial: Float[Array, ""]
    refinement: int

    def rate(
        self, qx: Float[Array, " k"], u: Float[Array, " k"], qy: Float[Array, " k"]
    ) -> Float[Array, " k"]:
        """The covariance of an increment of the state for unit increments of the paths."""
        most = jnp.sqrt(qx * qy)  # approximate covariances may leave the range of true ones
        expected, _ = self.activation.duals(qx, jnp.clip(u, -most, most), qy)
        # F(u) = w_std^2 E[phi phi] + b_std^2
        return self.w_variance * expected + self.b_variance


Own = tuple[Float[Array, " cells"], Float[Array, " cells"]]


def shared(growth: Growth, first: tuple[Path, Own], second: tuple[Path, Own]) -> Float[Array, ""]:
    """K(1, 1) with the same weights at all times, from two paths and their own variances."""
    (x, own_x), (y, own_y) = first, second
    # variances of S_j and of H_j along anti-diagonals
    at = [along(values, len(own_x[0])) for values in own_y]

    def rate(u, k, x_half, y_half):
        return growth.rate(own_x[x_half], u, at[y_half](k))

    return covariance(increments(x, y, growth.refinement), rate, growth.initial)


def variances(growth: Growth, x: Path) -> Own:
    """The variances of S_i and of H_i, before each step i.

    The recursion of `covariance` for a path with itself, where the rate needs the variance at the
    later of two times: so the columns j <= i of one row follow after those of another.
    """
    c = increments(x, x, growth.refinement)
    cells = len(c)
    j = jnp.arange(cells)

    def before(parts):  # the sums of the parts at smaller j
        return jnp.cumsum(parts) - parts

    def advance(state, i):
        # for j <= i: of S_i with S_j, of S_i with g(S_j) dx_j; the variances of S_j and H_j
        row, of_y, own, half = state
        # <dx_i, dx_j>
        z = jnp.where(j <= i, c[i], 0)
        now = jnp.full(cells, own[i])
        # E[g(S_i) dx_i g(H_j) dx_j], j < i
        parts = jnp.where(j < i, z * growth.rate(now, row + of_y / 2, half), 0)
        # of_x_j = E[g(S_i) dx_i S_j], of_y_i = E[S_i g(S_i) dx_i]
        of_x, of_y = before(parts), of_y.at[i].set(parts.sum())
        # E[H_i H_j]
        middle = row + (of_x + of_y) / 2 + z * growth.rate(now, row, own) / 4
        half = half.at[i].set(middle[i])
        now = jnp.full(cells, half[i])
        # E[g(H_i) dx_i g(H_j) dx_j]
        grown = z * growth.rate(now, middle, half)
        # E[S_i+1 g(S_j) dx_j]
        of_y = of_y + z * growth.rate(now, row + of_x / 2, own)
        # E[S_i+1 S_j], j <= i
        row = row + before(grown)
        # E[S_i+1^2] = 2 E[S_i+1 S_i] - E[S_i^2] + E[(g(H_i) dx_i)^2]
        after = 2 * row[i] - own[i] + grown[i]
        return (row.at[i + 1].set(after), of_y, own.at[i + 1].set(after), half), None

    start = jnp.full(cells, growth.initial)
    state = start, jnp.zeros_like(start), start, start
    (_, _, own, half), _ = jax.lax.scan(advance, state, j)
    return own, half


def independent(growth: Growth, x: Path, y: Path) -> Float[Array, ""]:
    """K(1) with independent weights in each layer: an equation for K_xx, K_xy and K_yy at once.

    The explicit midpoint rule, in the unit interval.
    """
    dx, dy = jnp.diff(x, axis=0), jnp.diff(y, axis=0)
    # (intervals, 3): <dx, dx>, <dx, dy>, <dy, dy>
    products = jnp.stack([(dx * dx).sum(1), (dx * dy).sum(1), (dy * dy).sum(1)], 1)
    products = products * len(dx) / 2**growth.refinement  # <dx, dy> / dt, cut

    def rate(k):
        # F at (K_xx, K_xx, K_xx), (K_xx, K_xy, K_yy), (K_yy, K_yy, K_yy)
        return growth.rate(k[jnp.array([0, 0, 2])], k, k[jnp.array([0, 2, 2])])

    def advance(k, m):
        # K <- K + h F(K + h F(K) / 2), h = <x', y'> dt
        product = products[m >> growth.refinement]
        return k + product * rate(k + product * rate(k) / 2), None

    steps = jnp.arange(len(dx) << growth.refinement)
    k, _ = jax.lax.scan(advance, jnp.full(3, growth.initial), steps)
    return k[1]
