"""The objective of a deep kernel machine, and its maximisation."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
import numpy as np
import scipy.optimize
from jaxtyping import Array, Float

from riesz.errors import SolverError
from riesz.kernels.internal import symmetric
from riesz.processes._compiled import compiled
from riesz.processes._deep_kernel_machine._kernel import (
    Conditional,
    Given,
    Inputs,
    Square,
)
from riesz.processes._deep_kernel_machine._layers import Layers, with_covariances
from riesz.processes._observations import Values
from riesz.processes._solvers._solver import gaussian_log_density

Parameters = Float[Array, "layers p p"]


class Problem(NamedTuple):
    """What is maximised over `Parameters`: see `objective`."""

    layers: Layers
    nu: Float[Array, " layers"]
    inducing: Inputs | None
    values: Values

    @property
    def points(self) -> Inputs:
        """Where there are Gram matrices."""
        return self.values.points if self.inducing is None else self.inducing


class Learned(NamedTuple):
    """Where the search ended, and how."""

    kernel: Conditional
    objective: float
    converged: bool
    steps: int


def gram_matrices(
    layers: Layers, points: Inputs, changes: tuple[Square, ...]
) -> tuple[Conditional, Square]:
    """The covariances of hidden layers at the points, and those of an output."""
    k, priors = layers.start(points, points), []
    for link, change in zip(layers.maps, changes, strict=False):
        k = link.propagate(k)
        # C_l C_l^T = K_l(G_{l-1})
        prior = jnp.linalg.cholesky(_definite(symmetric(k.nngp, k.xx[:, 0])))
        # G_l = C_l V_l V_l^T C_l^T
        root = prior @ change
        gram = root @ root.T
        k = with_covariances(k, jnp.diag(gram), gram, jnp.diag(gram))
        priors.append(prior)
    k = layers.maps[-1].propagate(k)
    return Conditional(layers, points, tuple(priors), changes), symmetric(k.nngp, k.xx[:, 0])


def changes(parameters: Parameters, nu: Float[Array, " layers"]) -> tuple[Square, ...]:
    """The lower triangular V_l = exp(diagonal) + rest of parameters / sqrt(nu_l).

    At zero they are the identity, G_l = K(G_l-1), and the second derivatives of the divergence
    there are 1 and 2, whatever nu: parameters are at one scale.
    """
    scaled = parameters / jnp.sqrt(nu)[:, None, None]
    return tuple(jnp.tril(w, -1) + jnp.diag(jnp.exp(jnp.diag(w))) for w in scaled)


def divergence(parameters: Parameters, nu: Float[Array, " layers"]) -> Float[Array, ""]:
    """sum_l (nu_l / 2) (tr(V_l V_l^T) - log det(V_l V_l^T) - p), also for infinite nu."""
    # w = parameters; i > j: nu / 2 (w_ij / sqrt(nu))^2 = w_ij^2 / 2
    below = jnp.sum(jnp.tril(parameters, -1) ** 2) / 2
    diagonal = jnp.diagonal(parameters, axis1=1, axis2=2)
    free = jnp.isfinite(nu)[:, None]
    # i = j: nu / 2 (exp(t) - 1 - t), t = 2 w_ii / sqrt(nu); w_ii^2 as nu -> infinity
    finite = jnp.where(free, nu[:, None], 1)
    twice = 2 * diagonal / jnp.sqrt(finite)
    terms = jnp.where(free, finite / 2 * (jnp.expm1(twice) - twice), diagonal**2)
    return below + jnp.sum(terms)


def objective(problem: Problem, parameters: Parameters) -> tuple[Float[Array, ""], Conditional]:
    """The objective log p(Y | G_L) - sum_l nu_l KL(N(0, G_l) | N(0, K(G_l-1))).

    With inducing points a lower bound takes the place of log p(Y | G_L).
    """
    lower = changes(parameters, problem.nu)
    kernel, output = gram_matrices(problem.layers, problem.points, lower)
    if problem.inducing is None:
        evidence = _log_density(output, problem.values)
    else:
        evidence = _lower_bound(output, kernel.given(problem.values.points), problem.values)
    return evidence - divergence(parameters, problem.nu), kernel


def _log_density(output: Square, values: Values) -> Float[Array, ""]:
    """The log density of the values, N(0, output + noise^2)."""
    y = values.values
    factor = jnp.linalg.cholesky(output + jnp.diag(_noise(values) ** 2))
    # y^T (K + noise^2)^-1 y = |L^-1 y|^2, log det / 2 = sum_i log L_ii
    white = jsl.solve_triangular(factor, y, lower=True)
    half_logdet = jnp.sum(jnp.log(jnp.diag(factor)))
    return gaussian_log_density(jnp.sum(white**2), half_logdet, y.shape)


def _lower_bound(output: Square, given: Given, values: Values) -> Float[Array, ""]:
    """N(y; 0, Q + noise^2) in logarithm, less tr((K - Q) / noise^2) / 2, Q known by the points.

    Titsias (2009, AISTATS), with K and Q of the data by their features given those at the points.
    """
    noise = _noise(values)
    # D^-1 y: (n, c) and k(z, x) D^-1: (p, n), D = diag(noise)
    y = values.values / noise[:, None]
    both = given.cross.T / noise
    # A = L^-1 k(z, x) D^-1, with Q = D A^T A D
    white = jsl.solve_triangular(jnp.linalg.cholesky(_definite(output)), both, lower=True)
    # I + A A^T = M M^T
    inner = jnp.linalg.cholesky(jnp.eye(len(white), dtype=white.dtype) + white @ white.T)
    projected = jsl.solve_triangular(inner, white @ y, lower=True)
    # Woodbury: y^T (Q + D^2)^-1 y = |D^-1 y|^2 - |M^-1 A D^-1 y|^2
    quadratic = jnp.sum(y**2) - jnp.sum(projected**2)
    # log det(Q + D^2) / 2 = sum_j log M_jj + sum_i log noise_i
    half_logdet = jnp.sum(jnp.log(jnp.diag(inner))) + jnp.sum(jnp.log(noise))
    # tr(D^-2 (K - Q)), tr(D^-2 Q) = |A|^2
    unknown = jnp.sum(given.variances / noise**2) - jnp.sum(white**2)
    return gaussian_log_density(quadratic, half_logdet, y.shape) - y.shape[1] * unknown / 2


def _noise(values: Values) -> Float[Array, " n"]:
    return jnp.broadcast_to(values.noise, values.values.shape[:1])


def _definite(matrix: Square) -> Square:
    """The matrix with eps^(2/3) of the mean variance, 4e-11 in float64, on its diagonal.

    Kernels are singular up to rounding where inputs are many or alike.
    """
    margin = jnp.finfo(matrix.dtype).eps ** (2 / 3) * jnp.mean(jnp.diag(matrix))
    return matrix + margin * jnp.eye(len(matrix), dtype=matrix.dtype)


@compiled
def _ascent(
    problem: Problem, parameters: Parameters
) -> tuple[tuple[Float[Array, ""], Conditional], Parameters]:
    """The objective, the kernel there, and the gradient."""
    return jax.value_and_grad(lambda w: objective(problem, w), has_aux=True)(parameters)


def learn(problem: Problem, steps: int) -> Learned:
    """Maximise the objective by L-BFGS, from the network's own kernel.

    The search goes on until values change no more than by rounding, no entry of the gradient
    exceeds eps^0.5 (1.5e-8 in float64) of the first value, or for `steps`. It has converged if
    none exceeds eps^0.4 of it (6e-7).

    **Raises:** `SolverError` when the objective is not finite at the start.
    """
    points = problem.points
    shape = (len(problem.nu), len(points), len(points))
    eps = float(jnp.finfo(points.dtype).eps)

    def ascent(flat: np.ndarray) -> tuple[float, Conditional, np.ndarray]:
        parameters = jnp.asarray(flat.reshape(shape), points.dtype)
        (value, kernel), gradient = _ascent(problem, parameters)
        return float(value), kernel, np.asarray(gradient, float).ravel()

    def negative(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, _, gradient = ascent(flat)
        return -value, -gradient

    start = np.zeros(int(np.prod(shape)))
    first = abs(ascent(start)[0])
    if not np.isfinite(first):
        raise _indefinite(problem)
    scale = max(1.0, first)
    options = {"maxiter": steps, "maxfun": 2 * steps, "gtol": eps**0.5 * scale, "ftol": eps}
    found: Any = scipy.optimize.minimize(
        negative, start, jac=True, method="L-BFGS-B", options=options
    )
    value, kernel, gradient = ascent(found.x)
    converged = bool(np.max(np.abs(gradient)) <= eps**0.4 * scale)
    return Learned(kernel, value, converged, int(found.nit))


def _indefinite(problem: Problem) -> SolverError:
    values = problem.values
    single = values.values.dtype != np.float64
    noise = float(np.min(np.asarray(values.noise)))
    return SolverError(
        "a covariance matrix of the deep kernel machine is not positive definite",
        where="DeepKernelMachine.condition(observations)",
        expected="kernels whose matrices have a Cholesky factor",
        found=f"{len(values.values)} observations in {values.values.dtype}, "
        f"smallest noise {noise:.1e}",
        repair="give observations more noise"
        + (", or compute in float64 (jax.enable_x64)" if single else ""),
    )
