"""Conditioning by preconditioned conjugate gradients, without storing the matrix."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from riesz._core.tracing import traced
from riesz.errors import ModelError, SolverError
from riesz.processes._compiled import compiled
from riesz.processes._functionals import AbstractFunctionals, ArrayFunction
from riesz.processes._solvers._pivoted_cholesky import Preconditioner, pivoted_cholesky
from riesz.processes._solvers._solver import AbstractSolution, AbstractSolver
from riesz.processes._system import System


class ConjugateGradients(AbstractSolver):
    """Exact conditioning up to a tolerance, by conjugate gradients: O(m) numbers of memory.

    The covariance matrix is never stored: each iteration evaluates the kernel between all pairs
    of observations, by blocks, and so does each block of points where the variance is wanted
    for. Worth its time where the matrix does not fit the memory. The mean costs one solve for
    each channel, the variance one for each point; stopped early, it is too large, never too
    small. Gradients are implicit, K^-1 dK K^-1 y, at the cost of one more solve.

    **Arguments:**

    - `tolerance`: iterations stop when no entry of the residual y - K w, computed anew from w, is
      above this fraction of the largest observed value, or when rounding stops its descent.
    - `rank`: of the preconditioner, by a pivoted Cholesky factorisation.
    - `limit`: of the number of iterations.

    **Raises:** `SolverError` when the residual stays above `tolerance` and above the square root
    of the rounding error (3e-4 in float32); in compiled code `converged` of the posterior is
    False instead.
    """

    tolerance: float = eqx.field(static=True, default=1e-5)
    rank: int = eqx.field(static=True, default=200)
    limit: int = eqx.field(static=True, default=1000)

    def solve(self, system: System) -> AbstractSolution:
        system.require_no_white("conjugate gradients")
        solution = _solve(self, system)
        if not traced(solution.converged) and not bool(solution.converged):
            raise SolverError(
                "conjugate gradients did not converge",
                where="GaussianProcess.condition(observations, ConjugateGradients(...))",
                expected="a residual of at most "
                f"{_reachable(self, system.dtype):.0e} of the observed values",
                found=f"{float(solution.residual):.1e} after {int(solution.iterations)} iterations "
                f"in {system.dtype}, with a preconditioner of rank {self.rank}",
                repair="give more noise, compute in float64 (jax.enable_x64), or raise rank or "
                "limit: small noise makes the matrix ill-conditioned",
            )
        return solution

    def log_density(self, system: System) -> Float[Array, ""]:
        raise ModelError(
            "conjugate gradients do not give the evidence, which needs a determinant",
            where="log_density(observations, ConjugateGradients(...))",
            expected="Cholesky() or InducingPoints(points)",
            found="ConjugateGradients",
            repair="use the exact evidence of a part of the observations, or the bound of "
            "InducingPoints",
        )


class IterativeSolution(AbstractSolution):
    """K^-1 residual, and what it takes to solve with K again.

    `residual` is the largest entry of y - m - K w, a fraction of the largest of y - m.
    """

    basis: tuple[AbstractFunctionals, ...]
    weights: Float[Array, "b c"]
    quadratic: Float[Array, ""]
    converged: Bool[Array, ""]
    iterations: Int[Array, ""]
    residual: Float[Array, ""]
    system: System
    preconditioner: Preconditioner
    solver: ConjugateGradients

    def factors(
        self, cross: Float[Array, "b n"]
    ) -> tuple[Float[Array, "b n"], Float[Array, "b n"]]:
        # x^T (c + r) = 2 c^T x - x^T K x is at most c^T K^-1 c for every x
        found = _solve_columns(self.solver, self.system, self.preconditioner, cross)
        return found.values, cross + found.residual


class _Columns(eqx.Module):
    """Approximate K^-1 right, right less K times it, its size, and the iterations it took."""

    values: Float[Array, "m k"]
    residual: Float[Array, "m k"]
    largest: Float[Array, ""]
    iterations: Int[Array, ""]


@compiled
def _solve(solver: ConjugateGradients, system: System) -> IterativeSolution:
    # a constant for derivatives: it changes the iterations, not what they converge to
    preconditioner = pivoted_cholesky(jax.lax.stop_gradient(system), solver.rank)
    right = system.residual
    found = _solve_columns(solver, system, preconditioner, right)
    # r^T K^-1 r to second order in the error
    quadratic = jnp.sum(found.values * (right + found.residual))
    good = found.largest <= _reachable(solver, system.dtype)  # false for NaN
    return IterativeSolution(
        system.observations,
        found.values,
        quadratic,
        good,
        found.iterations,
        found.largest,
        system,
        preconditioner,
        solver,
    )


def _reachable(solver: ConjugateGradients, dtype: np.dtype) -> float:
    """The residual of a solution that counts as converged."""
    return max(solver.tolerance, float(np.finfo(dtype).eps) ** 0.5)


def _solve_columns(
    solver: ConjugateGradients, system: System, preconditioner: Preconditioner, right: Array
) -> _Columns:
    """K^-1 right; gradients are those of the exact solution."""
    # columns with largest entry 1, to which the tolerance is relative
    top = jnp.abs(jax.lax.stop_gradient(right)).max(0)
    scale = jnp.where(top > 0, top, 1)

    def solve(_: Any, columns: Array) -> tuple[Array, tuple[Array, Array]]:
        return _refine(solver, system, preconditioner, columns)

    # dx = K^-1 (db - dK x), K symmetric
    values, (largest, iterations) = jax.lax.custom_linear_solve(
        system.multiply, right / scale, solve, symmetric=True, has_aux=True
    )
    values = values * scale
    return _Columns(values, right - system.multiply(values, accurate=True), largest, iterations)


def _refine(
    solver: ConjugateGradients, system: System, preconditioner: Preconditioner, right: Array
) -> tuple[Array, tuple[Array, Array]]:
    """K^-1 right by repeated corrections, the largest entry of right - K x, and all iterations.

    In finite precision the residual that conjugate gradients update drifts from right - K x, so
    that they stop too early; each correction starts from the latter, computed anew.
    """

    def go_on(state: tuple[Array, ...]) -> Array:
        _, residual, last, steps, rounds = state
        size = jnp.abs(residual).max()
        better = size < last / 2
        # once, then as long as the last correction halved a residual above the tolerance
        return (rounds < 1) | (size > solver.tolerance) & better & (steps < solver.limit)

    def correct(state: tuple[Array, ...]) -> tuple[Array, ...]:
        values, residual, _, steps, rounds = state
        # x <- x + K^-1 (b - K x) up to the tolerance
        change, more = _iterate(solver, system, preconditioner, residual)
        new = values + change
        left = right - system.multiply(new, accurate=True)
        size = jnp.abs(residual).max(0)
        # a column keeps a correction that makes its largest residual smaller
        good = jnp.abs(left).max(0) < size
        new, left = jnp.where(good, new, values), jnp.where(good, left, residual)
        return new, left, size.max(), steps + more, rounds + 1

    zero = jnp.zeros((), int)
    start = jnp.zeros_like(right), right, jnp.asarray(jnp.inf, right.dtype), zero, zero
    values, residual, _, steps, _ = jax.lax.while_loop(go_on, correct, start)
    return values, (jnp.abs(residual).max(), steps)


def _iterate(
    solver: ConjugateGradients, system: System, preconditioner: Preconditioner, right: Array
) -> tuple[Float[Array, "m k"], Int[Array, ""]]:
    """Preconditioned conjugate gradients of every column, and the most iterations of any."""
    like = jax.ShapeDtypeStruct(right.shape[:1], right.dtype)

    def operator(f: ArrayFunction) -> lx.FunctionLinearOperator:
        def single(v: Array) -> Array:
            return f(v[:, None])[:, 0]

        return lx.FunctionLinearOperator(single, like, lx.positive_semidefinite_tag)

    tolerance = solver.tolerance
    method = lx.CG(tolerance, tolerance, max_steps=solver.limit, stabilise_every=None)
    options = {"preconditioner": operator(preconditioner)}
    matrix = operator(system.multiply)

    def solve(column: Array) -> tuple[Array, Array]:
        largest = jnp.abs(column).max()
        scale = jnp.where(largest > 0, largest, 1)
        found = lx.linear_solve(matrix, column / scale, method, options=options, throw=False)
        return found.value * scale, found.stats["num_steps"]

    # (m, k): one run per column, all as long as the slowest
    values, iterations = jax.vmap(solve, in_axes=1, out_axes=(1, 0))(right)
    return values, iterations.max()
