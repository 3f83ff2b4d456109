"""A preconditioner from a few steps of a pivoted Cholesky factorisation."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.processes._functionals import cross
from riesz.processes._solvers._indefinite import rounding
from riesz.processes._system import System


class Preconditioner(eqx.Module):
    """The inverse of L L^T + diag(scale^2), for L with few columns.

    With Q the upper part of the orthogonal factor of [L / scale; I] it is
    (I - Q Q^T) / (scale scale^T), which stays definite where Woodbury's formula would cancel.
    """

    scale: Float[Array, " m"]
    orthogonal: Float[Array, "m r"]

    def __call__(self, vectors: Float[Array, "m k"]) -> Float[Array, "m k"]:
        scaled = vectors / self.scale[:, None]
        inside = self.orthogonal @ (self.orthogonal.T @ scaled)
        return (scaled - inside) / self.scale[:, None]


def pivoted_cholesky(system: System, rank: int) -> Preconditioner:
    """`rank` steps of the Cholesky factorisation of L k L', each at the largest pivot.

    What remains of the diagonal is added to the noise (Harbrecht, Peters and Schneider 2012;
    Gardner et al. 2018, arXiv:1809.11165, section 4.1).
    """
    variances = system.prior_variances()
    rows, rank = len(variances), min(rank, len(variances))
    floor = rounding(1.0, rows, variances.dtype) * variances.max()

    def step(i: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        factor, remaining = state
        # p = argmax d, d the diagonal of K - L L^T
        pivot = jnp.argmax(remaining)
        # column i of L: (K e_p - L L^T e_p) / sqrt(d_p)
        row = _row(system, pivot) - factor @ factor[pivot]
        weak = remaining[pivot] <= floor
        column = jnp.where(weak, 0, row / jnp.sqrt(jnp.where(weak, 1, remaining[pivot])))
        # d <- d - (L e_i)^2, zero at p
        remaining = jnp.maximum(remaining - column**2, 0).at[pivot].set(0)
        return factor.at[:, i].set(column), remaining

    start = jnp.zeros((rows, rank), variances.dtype), variances
    factor, remaining = jax.lax.fori_loop(0, rank, step, start)
    # I - Q Q^T has eigenvalues down to scale^2 / largest of K, which must exceed rounding errors
    least = jnp.finfo(variances.dtype).eps * variances.sum()
    scale = jnp.sqrt(jnp.maximum(system.variances + remaining, least))
    # [L / scale; I] = Q R: (m + r, r), of which the upper m rows of Q
    tall = jnp.concatenate([factor / scale[:, None], jnp.eye(rank, dtype=factor.dtype)])
    return Preconditioner(scale, jnp.linalg.qr(tall)[0][:rows])


def _row(system: System, index: Array) -> Float[Array, " m"]:
    """The covariances of one observed functional with all of them."""

    def of(o):
        def row(local: Array) -> Array:
            one = o.rows(local[None])
            return jnp.concatenate([cross(system.kernel, p, one) for p in system.observations])

        return lambda local: row(local)[:, 0]

    counts = jnp.cumsum(jnp.array([0, *(o.values.shape[0] for o in system.observations)]))
    which = jnp.searchsorted(counts, index, side="right") - 1
    return jax.lax.switch(which, [of(o) for o in system.observations], index - counts[which])
