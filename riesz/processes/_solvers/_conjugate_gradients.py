"""Conditioning by preconditioned conjugate gradients, without storing the matrix."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Bool, Float, Int

from riesz.errors import ModelError, SolverError
from riesz.processes._compiled import compiled, is_traced
from riesz.processes._functionals import AbstractFunctionals, ArrayFunction
from riesz.processes._solvers._pivoted_cholesky import Preconditioner, pivoted_cholesky
from riesz.processes._solvers._solver import AbstractSolution, AbstractSolver
from riesz.processes._system import System


class ConjugateGradients(AbstractSolver):
    """Exact conditioning up to a tolerance, by conjugate gradients: O(m) numbers of memory.

    The covariance matrix is never stored: each iteration evaluates the kernel between all pairs
    of observations, by blocks, and so does each block of points where the variance is asked
    for. Worth its time where the matrix does not fit the memory. The mean costs one solve for
    each channel, the variance one for each point; stopped early, it is too large, never too
    small.

    **Arguments:**

    - `tolerance`: iterations stop when no entry of the residual is above this fraction of the
      largest observed value. In float32 rounding leaves errors of about 1e-4 in any case.
    - `rank`: of the preconditioner, by a pivoted Cholesky factorisation.
    - `limit`: of the number of iterations.

    **Raises:** `SolverError` when the mean does not converge; in compiled code `converged` of
    the posterior is False instead.
    """

    tolerance: float = eqx.field(static=True, default=1e-5)
    rank: int = eqx.field(static=True, default=200)
    limit: int = eqx.field(static=True, default=1000)

    def solve(self, system: System) -> AbstractSolution:
        solution = _solve(self, system)
        if not is_traced(solution.converged) and not bool(solution.converged):
            raise SolverError(
                "conjugate gradients did not converge",
                where="GaussianProcess.condition(observations, ConjugateGradients(...))",
                expected=f"a residual below {self.tolerance:g} of the observed values",
                found=f"a larger one after {int(solution.iterations)} iterations in "
                f"{system.dtype}, with a preconditioner of rank {self.rank}",
                repair="raise rank or limit; small noise makes the matrix ill-conditioned",
            )
        return solution

    def log_evidence(self, system: System) -> Float[Array, ""]:
        raise ModelError(
            "conjugate gradients do not give the evidence, which needs a determinant",
            where="log_evidence(observations, ConjugateGradients(...))",
            expected="Cholesky() or InducingPoints(points)",
            found="ConjugateGradients",
            repair="use the exact evidence of a part of the observations, or the bound of "
            "InducingPoints",
        )


class IterativeSolution(AbstractSolution):
    """K^-1 residual, and what it takes to solve with K again."""

    basis: tuple[AbstractFunctionals, ...]
    weights: Float[Array, "b c"]
    quadratic: Float[Array, ""]
    converged: Bool[Array, ""]
    iterations: Int[Array, ""]
    system: System
    preconditioner: Preconditioner
    solver: ConjugateGradients

    def factors(
        self, cross: Float[Array, "b n"]
    ) -> tuple[Float[Array, "b n"], Float[Array, "b n"]]:
        return cross, _solve_columns(self.solver, self.system, self.preconditioner, cross)[0]


@compiled
def _solve(solver: ConjugateGradients, system: System) -> IterativeSolution:
    preconditioner = pivoted_cholesky(system, solver.rank)
    weights, converged, iterations = _solve_columns(solver, system, preconditioner, system.residual)
    quadratic = jnp.sum(weights * system.residual)
    found = weights, quadratic, converged, iterations
    return IterativeSolution(system.observations, *found, system, preconditioner, solver)


def _solve_columns(
    solver: ConjugateGradients, system: System, preconditioner: Preconditioner, right: Array
) -> tuple[Float[Array, "m k"], Bool[Array, ""], Int[Array, ""]]:
    """K^-1 right, whether every column converged, and the most iterations of any."""
    like = jax.ShapeDtypeStruct(right.shape[:1], right.dtype)

    def operator(f: ArrayFunction) -> lx.FunctionLinearOperator:
        def single(v: Array) -> Array:
            return f(v[:, None])[:, 0]

        return lx.FunctionLinearOperator(single, like, lx.positive_semidefinite_tag)

    # with residuals of the recurrence: those computed afresh stay at rounding errors
    tolerance = solver.tolerance
    method = lx.CG(tolerance, tolerance, max_steps=solver.limit, stabilise_every=None)
    options = {"preconditioner": operator(preconditioner)}

    def solve(column: Array) -> tuple[Array, Array, Array]:
        largest = jnp.abs(column).max()
        scale = jnp.where(largest > 0, largest, 1)
        matrix, column = operator(system.multiply), column / scale
        found = lx.linear_solve(matrix, column, method, options=options, throw=False)
        good = (found.result == lx.RESULTS.successful) & jnp.isfinite(found.value).all()
        return found.value * scale, good, found.stats["num_steps"]

    values, converged, iterations = jax.vmap(solve, in_axes=1, out_axes=(1, 0, 0))(right)
    return values, converged.all(), iterations.max()
