"""Exact conditioning by a Cholesky factorisation."""

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz._core.tracing import traced
from riesz.processes._compiled import compiled
from riesz.processes._functionals import AbstractFunctionals
from riesz.processes._solvers._host_cholesky import host_cholesky
from riesz.processes._solvers._indefinite import indefinite_error, rounding
from riesz.processes._solvers._solver import (
    AbstractSolution,
    AbstractSolver,
    gaussian_log_density,
)
from riesz.processes._system import System

# Above this many observations the host factorises in place, with the memory of one matrix.
_HOST_ROWS = 4096


class Cholesky(AbstractSolver):
    """Exact conditioning, by a Cholesky factorisation: O(m^3) work and m^2 numbers of memory.

    Nothing is added to the matrix. If a pivot is no larger than rounding errors, the call
    raises; in compiled code `converged` of the posterior is False instead.

    On a CPU more than 4096 observations are factorised in place by LAPACK, outside compiled
    code: 20,000 of them take 1.5 GiB in float32 and 3 GiB in float64.

    **Raises:** `SolverError` when the covariance matrix is not positive definite, with its
    smallest eigenvalue, or does not fit the memory.
    """

    def solve(self, system: System) -> AbstractSolution:
        known = not traced(system)
        if known and system.shape[0] > _HOST_ROWS and jax.default_backend() == "cpu":
            return host_cholesky(system)
        solution = _factorise(system)
        if known and not bool(solution.converged):
            raise indefinite_error(system, np.asarray(_matrix(system)), solution.factor.dtype)
        return solution

    def log_density(self, system: System) -> Float[Array, ""]:
        return _log_density(system)


class CholeskySolution(AbstractSolution):
    """The factor L of K = L L^T, and K^-1 residual."""

    basis: tuple[AbstractFunctionals, ...]
    weights: Float[Array, "b c"]
    quadratic: Float[Array, ""]
    converged: Bool[Array, ""]
    factor: Float[Array, "b b"]

    def factors(
        self, cross: Float[Array, "b n"]
    ) -> tuple[Float[Array, "b n"], Float[Array, "b n"]]:
        # c^T K^-1 c' = (L^-1 c)^T (L^-1 c')
        white = jsl.solve_triangular(self.factor, cross, lower=True)
        return white, white


@compiled
def _matrix(system: System) -> Float[Array, "m m"]:
    return system.matrix()


@compiled
def _factorise(system: System) -> CholeskySolution:
    matrix = system.matrix()
    factor = jnp.linalg.cholesky(matrix)
    # K^-1 r = L^-T (L^-1 r), r^T K^-1 r = |L^-1 r|^2
    white = jsl.solve_triangular(factor, system.residual, lower=True)
    weights = jsl.solve_triangular(factor, white, lower=True, trans=1)
    definite = _is_definite(factor, matrix)
    return CholeskySolution(system.observations, weights, jnp.sum(white**2), definite, factor)


@compiled
def _log_density(system: System) -> Float[Array, ""]:
    matrix = system.matrix()
    factor = jnp.linalg.cholesky(matrix)
    white = jsl.solve_triangular(factor, system.residual, lower=True)
    # log det K / 2 = sum_i log L_ii
    half_logdet = jnp.log(jnp.diag(factor)).sum()
    density = gaussian_log_density(jnp.sum(white**2), half_logdet, system.shape)
    # what cannot be conditioned on has no evidence either
    return jnp.where(_is_definite(factor, matrix), density, jnp.nan)


def _is_definite(factor: Float[Array, "m m"], matrix: Float[Array, "m m"]) -> Bool[Array, ""]:
    """Whether the pivots exceed rounding errors; false for the NaN of a failed factorisation."""
    floor = rounding(1.0, len(matrix), matrix.dtype) * jnp.diag(matrix).max()
    return (jnp.diag(factor) ** 2).min() > floor
