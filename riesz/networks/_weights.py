"""Distributions of random weights that all have the same limit of infinite width."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.custom_batching import sequential_vmap
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import ModelError


class AbstractWeights(eqx.Module):
    """The distribution of a matrix of weights whose entries have mean zero and variance one.

    The distributions here are *pseudo-iid*: rows and columns are exchangeable, entries
    uncorrelated with bounded moments. Networks with such weights have the same Gaussian limit as
    with independent ones (Nait Saada, Naderi and Tanner 2024, arXiv:2310.16597, theorem 1).
    """

    @abstractmethod
    def sample(self, rows: int, columns: int, *, key: PRNGKeyArray) -> Float[Array, "rows columns"]:
        """One matrix."""


class IID(AbstractWeights):
    """Independent standard normal entries."""

    def sample(self, rows: int, columns: int, *, key: PRNGKeyArray) -> Float[Array, "rows columns"]:
        return jax.random.normal(key, (rows, columns))


class Orthogonal(AbstractWeights):
    """A Haar distributed semi-orthogonal matrix, scaled to entries of variance one."""

    def sample(self, rows: int, columns: int, *, key: PRNGKeyArray) -> Float[Array, "rows columns"]:
        size = max(rows, columns)

        @sequential_vmap
        def draw(key: PRNGKeyArray) -> Array:
            # batched factorisations of LAPACK can block XLA's threads on CPUs
            return jax.random.orthogonal(key, size, m=min(rows, columns))

        thin = draw(key)
        # orthonormal rows or columns of length `size`: entries have variance 1 / size
        return size**0.5 * (thin if rows >= columns else thin.T)


class LowRank(AbstractWeights):
    """A product of two Gaussian matrices, of rank `fraction` times the smaller side."""

    fraction: float = eqx.field(static=True)

    def __check_init__(self):
        _require_fraction("LowRank(fraction)", self.fraction)

    def sample(self, rows: int, columns: int, *, key: PRNGKeyArray) -> Float[Array, "rows columns"]:
        rank = max(1, round(self.fraction * min(rows, columns)))
        left, right = jax.random.split(key)
        a = jax.random.normal(left, (rows, rank))
        b = jax.random.normal(right, (rank, columns))
        # (rows, rank) x (rank, columns)
        return a @ b / jnp.sqrt(rank)


class BlockSparse(AbstractWeights):
    """Gaussian blocks, a `fraction` of which is kept, in rows and columns randomly permuted.

    The matrix is cut into `blocks` x `blocks` blocks, of which each row and each column of blocks
    keeps the same number, scaled up so that entries have variance one.
    """

    fraction: float = eqx.field(static=True)
    blocks: int = eqx.field(static=True, default=16)

    def __check_init__(self):
        _require_fraction("BlockSparse(fraction, blocks)", self.fraction)

    def sample(self, rows: int, columns: int, *, key: PRNGKeyArray) -> Float[Array, "rows columns"]:
        first, second, third = jax.random.split(key, 3)
        down = jnp.arange(rows) * self.blocks // rows
        across = jnp.arange(columns) * self.blocks // columns
        kept = max(1, round(self.fraction * self.blocks))
        # block (i, j) with (j - i) mod blocks < kept
        band = (across[None, :] - down[:, None]) % self.blocks < kept
        band = jax.random.permutation(first, band, axis=0)
        band = jax.random.permutation(second, band, axis=1)
        normal = jax.random.normal(third, (rows, columns))
        # a share kept / blocks of entries with variance blocks / kept
        return jnp.where(band, normal * (self.blocks / kept) ** 0.5, 0)


def _require_fraction(where: str, fraction: float) -> None:
    if not 0 < fraction <= 1:
        raise ModelError(
            "a fraction of the weights lies between 0 and 1",
            where=where,
            expected="0 < fraction <= 1",
            found=fraction,
        )
