"""The linear system behind a Gaussian process with observations."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.kernels import AbstractKernel
from riesz.processes._functionals import (
    ArrayFunction,
    Evaluations,
    Inputs,
    cross,
    cross_all,
    gram_all,
    in_blocks,
)
from riesz.processes._leaves import as_traced
from riesz.processes._observations import AbstractObservation

# Entries of a kernel matrix that are worked on at once: 32 MiB in float32.
BLOCK_FLOATS = 2**23


class System(eqx.Module):
    """Observations of a process with a prior covariance: (L k L' + diag(variances)) w = residual.

    `residual` is what was observed less the prior mean, shape (m, c), and `variances` are those
    of the noise, shape (m,).
    """

    kernel: AbstractKernel
    observations: tuple[AbstractObservation, ...]
    residual: Float[Array, "m c"]
    variances: Float[Array, " m"]

    def __init__(
        self,
        kernel: AbstractKernel,
        mean: ArrayFunction,
        observations: Sequence[AbstractObservation],
    ):
        dtype = common_dtype(observations)
        same = tuple(cast(o, dtype) for o in observations)
        self.kernel = as_traced(kernel, dtype)
        self.observations = same
        self.residual = jnp.concatenate([o.values - o.apply(mean) for o in same])
        spread = [jnp.broadcast_to(o.noise**2, o.values.shape[:1]) for o in same]
        self.variances = jnp.concatenate(spread)

    def matrix(self) -> Float[Array, "m m"]:
        """The covariance matrix of the observed values."""
        return gram_all(self.kernel, self.observations) + jnp.diag(self.variances)

    def multiply(self, vectors: Float[Array, "m k"]) -> Float[Array, "m k"]:
        """The matrix times vectors, by blocks of rows that are not kept."""

        def image(x: Inputs) -> Float[Array, "n k"]:
            return cross_all(self.kernel, self.observations, Evaluations(x)).T @ vectors

        blocked = in_blocks(image, max(1, BLOCK_FLOATS // vectors.shape[0]))
        rows = jnp.concatenate([o.apply(blocked) for o in self.observations])
        return rows + self.variances[:, None] * vectors

    def prior_variances(self) -> Float[Array, " m"]:
        """The diagonal of L k L', without noise."""

        def single(o: AbstractObservation) -> Float[Array, " n"]:
            def variance(i: Array) -> Array:
                row = o.rows(i[None])
                return cross(self.kernel, row, row)[0, 0]

            return jax.lax.map(variance, jnp.arange(o.values.shape[0]), batch_size=64)

        return jnp.concatenate([single(o) for o in self.observations])


def common_dtype(observations: Sequence[AbstractObservation]) -> Any:
    """The widest floating type among the observations."""
    return max((np.dtype(o.values.dtype) for o in observations), key=lambda t: t.itemsize)


def cast(tree: Any, dtype: Any) -> Any:
    """The same tree with its inexact arrays in one type."""
    return jax.tree.map(lambda x: x.astype(dtype) if eqx.is_inexact_array(x) else x, tree)
