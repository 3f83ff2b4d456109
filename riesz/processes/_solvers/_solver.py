"""The contract of a solver: how a Gaussian process is conditioned."""

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from riesz.processes._functionals import AbstractFunctionals
from riesz.processes._system import System


class AbstractSolution(eqx.Module):
    """What conditioning found: a distribution given by covariances with a basis of functionals.

    For c(x) = Cov(basis f, f(x)), the posterior mean is the prior mean plus c(x) @ weights, and
    the posterior covariance is the prior's less left(x)^T right(x') with the two `factors`.
    `quadratic` is the squared norm r^T K^-1 r of the residual, summed over channels.
    """

    basis: eqx.AbstractVar[tuple[AbstractFunctionals, ...]]
    weights: eqx.AbstractVar[Float[Array, "b c"]]
    quadratic: eqx.AbstractVar[Float[Array, ""]]
    converged: eqx.AbstractVar[Bool[Array, ""]]
    # Whether `factors` computes outside JAX, where its argument is known.
    on_host: ClassVar[bool] = False

    @abstractmethod
    def factors(
        self, cross: Float[Array, "b n"]
    ) -> tuple[Float[Array, "r n"], Float[Array, "r n"]]:
        """Two matrices whose product left^T right is what the observations explain."""


class AbstractSolver(eqx.Module):
    """A way to condition a Gaussian process."""

    # Whether it gives the conditional distribution up to rounding, or approximates it.
    exact: ClassVar[bool] = True

    @abstractmethod
    def solve(self, system: System) -> AbstractSolution:
        """Condition. Outside compiled code a failure raises `SolverError`."""

    @abstractmethod
    def log_density(self, system: System) -> Float[Array, ""]:
        """The log density of the observations, or a lower bound; not finite on failure."""


def gaussian_log_density(
    quadratic: Float[Array, ""], half_logdet: Float[Array, ""], shape: tuple[int, ...]
) -> Float[Array, ""]:
    """The log density of values of this shape (m, c), with logdet K / 2 for each channel."""
    rows, channels = shape
    # -(r^T K^-1 r + c log det K + m c log(2 pi)) / 2
    return -quadratic / 2 - channels * half_logdet - rows * channels * jnp.log(2 * jnp.pi) / 2
