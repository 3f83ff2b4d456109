"""Integrals against kernels of low rank (Kovachki et al. 2023, JMLR 24(89), section 4.2)."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.draws import split
from riesz._core.layers import MLP
from riesz.domains import AbstractDiscretization, AbstractDomain, feature_count
from riesz.operators.layers._spectral import known


class LowRankIntegral(eqx.Module):
    """(K v)(x) = sum_j phi_j(x) (1 / |D|) int psi_j(y) . v(y) dy, on any points.

    phi and psi are networks of the features of a point; phi_j and psi_j have as many channels as
    v. Time is linear in the number of points.

    **Arguments:**

    - `domain`: of v. `size`: channels. `rank`: number of terms.
    - `hidden`: hidden channels of phi and psi.
    """

    rank: int = eqx.field(static=True)
    phi: MLP
    psi: MLP

    def __init__(
        self, domain: AbstractDomain, size: int, rank: int, hidden: int = 32, *, key: PRNGKeyArray
    ):
        self.rank = rank
        sizes = (feature_count(domain), hidden, rank * size)
        k1, k2 = split(key, 2)
        self.phi, self.psi = MLP(sizes, key=k1), MLP(sizes, key=k2)

    def __call__(
        self, v: Float[Array, "*n c"], on: AbstractDiscretization, shared: Any = None
    ) -> Float[Array, "*n c"]:
        del shared
        rows = known(v, on).reshape(-1, v.shape[-1])
        weights = on.weights.reshape(-1).astype(v.dtype)
        features = on.features().astype(v.dtype).reshape(len(rows), -1)
        phi, psi = (f(features).reshape(len(rows), self.rank, -1) for f in (self.phi, self.psi))
        # (j,): (1 / |D|) int psi_j . v
        moments = jnp.einsum("njc,nc,n->j", psi, rows, weights / weights.sum())
        sums = jnp.einsum("njc,j->nc", phi, moments) / self.rank**0.5
        return sums.reshape(v.shape)
