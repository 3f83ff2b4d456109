"""The linear system behind a Gaussian process with observations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz._core.parameters import as_traced, cast
from riesz.errors import DataError
from riesz.kernels import AbstractKernel, White
from riesz.processes._functionals import (
    Evaluations,
    Inputs,
    cross_all,
    gram_all,
    in_blocks,
)
from riesz.processes._observations import AbstractObservation

if TYPE_CHECKING:
    from riesz.processes._gaussian_process import GaussianProcess

# Entries of a kernel matrix that are worked on at once: 32 MiB in float32.
BLOCK_FLOATS = 2**23
_SUMMED = 128  # terms of a sum that are added without correction


class System(eqx.Module):
    """Observations of a process with covariance k: (L k L' + diag(variances)) w = residual.

    Everything has the widest floating type among the observations.
    """

    prior: "GaussianProcess"
    observations: tuple[AbstractObservation, ...]

    def __init__(self, prior: "GaussianProcess", observations: Sequence[AbstractObservation]):
        dtype = max((o.values.dtype for o in observations), key=lambda t: np.dtype(t).itemsize)
        self.prior = as_traced(prior, dtype)
        self.observations = tuple(cast(o, dtype) for o in observations)

    @property
    def kernel(self) -> AbstractKernel:
        """The prior covariance."""
        return self.prior.kernel

    @property
    def shape(self) -> tuple[int, int]:
        """How many functionals were observed, of how many channels."""
        return sum(len(o.values) for o in self.observations), self.prior.channels

    @property
    def dtype(self) -> np.dtype:
        """The type of all numbers."""
        return np.dtype(self.observations[0].values.dtype)

    @property
    def residual(self) -> Float[Array, "m c"]:
        """What was observed, less the prior mean."""
        mean = self.prior.mean_at
        # y - L m
        return jnp.concatenate([o.values - o.apply(mean) for o in self.observations])

    @property
    def variances(self) -> Float[Array, " m"]:
        """The variances of the noise."""
        each = [jnp.broadcast_to(o.noise**2, len(o.values)) for o in self.observations]
        return jnp.concatenate(each)

    @property
    def noise_range(self) -> tuple[float, float]:
        """The smallest and the largest noise, where it is known."""
        noise = np.concatenate([np.asarray(o.noise).ravel() for o in self.observations])
        return float(noise.min()), float(noise.max())

    def require_no_white(self, solver: str, *kinds: type[AbstractObservation]) -> None:
        """Raise for noise of the kernel with a solver that never evaluates it at one set of points.

        With `kinds` only observations of these kinds are meant.
        """
        white = any(isinstance(k, White) for k in _parts(self.kernel))
        if white and (not kinds or any(isinstance(o, kinds) for o in self.observations)):
            raise DataError(
                f"{solver} do not see the White noise of a kernel",
                where="GaussianProcess.condition(observations, solver)",
                expected="a kernel without White",
                found=f"{self.kernel}",
                repair="leave White out and give its standard deviation to the observations: "
                "noise = sqrt(noise**2 + variance); or use Cholesky() on fewer of them",
            )

    def matrix(self) -> Float[Array, "m m"]:
        """The covariance matrix of the observed values."""
        return gram_all(self.kernel, self.observations) + jnp.diag(self.variances)

    def multiply(self, vectors: Float[Array, "m k"], accurate: bool = False) -> Float[Array, "m k"]:
        """The matrix times vectors, by blocks of rows that are not kept.

        `accurate` sums with compensation, which costs some time.
        """

        def image(x: Inputs) -> Float[Array, "n k"]:
            # k(x, .) L' v: (m, n)^T x (m, k) -> (n, k)
            cross = cross_all(self.kernel, self.observations, Evaluations(x))
            return accurate_product(cross, vectors) if accurate else cross.T @ vectors

        blocked = in_blocks(image, max(1, BLOCK_FLOATS // vectors.shape[0]))
        # L acts on k(x, .) L' v, block by block
        rows = jnp.concatenate([o.apply(blocked) for o in self.observations])
        return rows + self.variances[:, None] * vectors

    def prior_variances(self) -> Float[Array, " m"]:
        """The diagonal of L k L', without noise."""

        def single(o: AbstractObservation) -> Float[Array, " n"]:
            def variance(i: Array) -> Array:
                row = o.rows(i[None])
                return row.gram(self.kernel)[0, 0]

            return jax.lax.map(variance, jnp.arange(len(o.values)), batch_size=64)

        return jnp.concatenate([single(o) for o in self.observations])


def accurate_product(a: Float[Array, "m n"], b: Float[Array, "m k"]) -> Float[Array, "n k"]:
    """a^T b by compensated sums over parts of the rows (Neumaier 1974), larger ones for wide b.

    Weights K^-1 r of many observations with little noise are large and cancel in K (K^-1 r): a
    plain sum of 20,000 terms in float32 was wrong by 2e-3 of the values, this one by 1e-4.
    """
    m, size = a.shape[0], min(a.shape[0], _SUMMED * b.shape[1])
    # rows of zeros, which add nothing
    padding = ((0, -m % size), (0, 0))
    # (parts, size, n) and (parts, size, k)
    left, right = (jnp.pad(x, padding).reshape(-1, size, x.shape[1]) for x in (a, b))

    def add(state: tuple[Array, Array], pair: tuple[Array, Array]) -> tuple[Any, None]:
        total, lost = state
        part = pair[0].T @ pair[1]
        new = total + part
        # what the sum rounds off, from the larger of the two
        larger = jnp.abs(total) >= jnp.abs(part)
        lost = lost + jnp.where(larger, (total - new) + part, (part - new) + total)
        return (new, lost), None

    zero = jnp.zeros((a.shape[1], b.shape[1]), jnp.result_type(a, b))
    (total, lost), _ = jax.lax.scan(add, (zero, zero), (left, right))
    return total + lost


def _parts(kernel: AbstractKernel) -> list[Any]:
    return jax.tree.leaves(kernel, is_leaf=lambda k: isinstance(k, White))
