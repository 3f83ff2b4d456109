"""Variational conditioning on the values at inducing points."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.scipy.linalg as jsl
from jaxtyping import Array, Bool, Float

from riesz._core.tracing import traced
from riesz.errors import DataError, SolverError
from riesz.processes._compiled import compiled
from riesz.processes._functionals import AbstractFunctionals, Evaluations, cross_all
from riesz.processes._solvers._solver import (
    AbstractSolution,
    AbstractSolver,
    gaussian_log_density,
)
from riesz.processes._system import System


class InducingPoints(AbstractSolver):
    """The best posterior that depends on the observations through the values at a few points.

    The variational approximation of Titsias (2009, AISTATS): O(m p^2) work and m p numbers of
    memory for m observations and p points. With all inputs as inducing points it is exact. Its
    evidence is a lower bound of the log evidence, so that inducing points can be fitted too.

    The inducing values carry noise, without which their covariance would be singular up to
    rounding: ten times the rounding errors of the type times the number of points, as a
    fraction of the largest prior variance (2e-13 for 100 points in float64, 1e-4 in float32).
    `posterior.solution.nugget` is its variance. The bound remains a bound.

    **Arguments:**

    - `points`: an array of inputs `(p, *features)`.

    **Raises:** `DataError` for observations without noise, and `SolverError` when matrices are
    indefinite all the same.
    """

    exact: ClassVar[bool] = False
    points: Float[Array, "p *features"] = eqx.field(converter=jnp.asarray)

    def solve(self, system: System) -> AbstractSolution:
        _require_noise(system)
        solution = _solve(self.points, system)
        if not traced(solution.converged) and not bool(solution.converged):
            raise SolverError(
                "the variational posterior has an indefinite matrix",
                where="GaussianProcess.condition(observations, InducingPoints(points))",
                expected="distinct inducing points, and noise well above rounding errors",
                found=f"{len(self.points)} points, smallest noise "
                f"{system.noise_range[0]:.1e} in {system.dtype}",
                repair="use fewer points, more noise or float64 (jax.enable_x64)",
            )
        return solution

    def log_density(self, system: System) -> Float[Array, ""]:
        _require_noise(system)
        return _bound(self.points, system)


class VariationalSolution(AbstractSolution):
    """The factors L of K, the covariance of the inducing values, and of B = I + A A^T.

    A are the covariances with the observations, whitened and divided by the noise; `nugget` is
    the variance that was added to K.
    """

    basis: tuple[AbstractFunctionals, ...]
    weights: Float[Array, "b c"]
    quadratic: Float[Array, ""]
    converged: Bool[Array, ""]
    factor: Float[Array, "b b"]
    inner: Float[Array, "b b"]
    nugget: Float[Array, ""]

    def factors(
        self, cross: Float[Array, "b n"]
    ) -> tuple[Float[Array, "b n"], Float[Array, "b n"]]:
        # W = L^-1 c, explained: W^T (I - B^-1) W
        white = jsl.solve_triangular(self.factor, cross, lower=True)
        return white, white - jsl.cho_solve((self.inner, True), white)


class _Parts(eqx.Module):
    nugget: Float[Array, ""]
    factor: Float[Array, "p p"]
    inner: Float[Array, "p p"]
    white: Float[Array, "p m"]
    scaled: Float[Array, "m c"]
    projected: Float[Array, "p c"]


def _parts(points: Array, system: System) -> _Parts:
    inducing = Evaluations(points.astype(system.dtype))
    gram = inducing.gram(system.kernel)
    size = len(gram)
    # L L^T = k(z, z) + nugget I
    nugget = 10 * size * jnp.finfo(gram.dtype).eps * jnp.diag(gram).max()
    factor = jnp.linalg.cholesky(gram + nugget * jnp.eye(size, dtype=gram.dtype))
    noise = jnp.sqrt(system.variances)
    # k(z, X) D^-1, D = diag(noise): (p, m)
    both = cross_all(system.kernel, system.observations, inducing).T / noise
    # A = L^-1 k(z, X) D^-1, with Q = D A^T A D
    white = jsl.solve_triangular(factor, both, lower=True)
    # B = I + A A^T = M M^T
    inner = jnp.linalg.cholesky(jnp.eye(size, dtype=gram.dtype) + white @ white.T)
    scaled = system.residual / noise[:, None]
    # M^-1 A D^-1 r
    projected = jsl.solve_triangular(inner, white @ scaled, lower=True)
    return _Parts(nugget, factor, inner, white, scaled, projected)


def _quadratic(parts: _Parts) -> Float[Array, ""]:
    # Woodbury: r^T (Q + D^2)^-1 r = |D^-1 r|^2 - |M^-1 A D^-1 r|^2
    return jnp.sum(parts.scaled**2) - jnp.sum(parts.projected**2)


@compiled
def _solve(points: Array, system: System) -> VariationalSolution:
    parts = _parts(points, system)
    # L^-T B^-1 A D^-1 r
    white = jsl.solve_triangular(parts.inner, parts.projected, lower=True, trans=1)
    weights = jsl.solve_triangular(parts.factor, white, lower=True, trans=1)
    basis = (Evaluations(points.astype(weights.dtype)),)
    good = jnp.isfinite(weights).all()
    found = weights, _quadratic(parts), good, parts.factor, parts.inner, parts.nugget
    return VariationalSolution(basis, *found)


@compiled
def _bound(points: Array, system: System) -> Float[Array, ""]:
    """Log N(y; 0, Q + noise) - tr((K - Q) / noise) / 2 with Q the part known at the points."""
    parts = _parts(points, system)
    # log det(Q + D^2) / 2 = sum_j log M_jj + sum_i log D_ii
    half_logdet = jnp.log(jnp.diag(parts.inner)).sum() + jnp.log(system.variances).sum() / 2
    density = gaussian_log_density(_quadratic(parts), half_logdet, system.shape)
    # tr(D^-2 (K - Q)), tr(D^-2 Q) = |A|^2
    unknown = jnp.sum(system.prior_variances() / system.variances) - jnp.sum(parts.white**2)
    return density - system.shape[1] * unknown / 2


def _require_noise(system: System) -> None:
    system.require_no_white("inducing points")
    if not traced(*(o.noise for o in system.observations)) and system.noise_range[0] == 0:
        raise DataError(
            "inducing points need noise on every observation",
            where="InducingPoints(points)",
            expected="noise > 0",
            found="observations without noise",
            repair="give noise, or use Cholesky() for exact observations",
        )
