"""Laplace's approximation for classes: the mode of the posterior, and its curvature.

Rasmussen and Williams 2006, algorithms 3.1 (one latent function, logistic) and 3.3 (several,
softmax). The negative Hessian of the log likelihood is W = diag(d) - P P^T for the probabilities
P, stacked one below the other, or W = diag(d) for one latent function. Nothing larger than one
n x n matrix per class is made.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
from jaxtyping import Array, Bool, Float, Int

Matrix = Float[Array, "n n"]
Latent = Float[Array, "n c"]

_LIMIT = 100  # Newton steps
_HALVINGS = 10  # of a Newton step


class LabelLikelihood(eqx.Module):
    """The log likelihood of labels at latent values, and its derivatives."""

    value: Float[Array, ""]
    gradient: Latent
    diagonal: Latent
    probabilities: Latent | None

    def curvature_times(self, vectors: Latent) -> Latent:
        """W times vectors."""
        if self.probabilities is None:
            return self.diagonal * vectors
        # (diag(p) - p p^T) v at each point
        inner = (self.probabilities * vectors).sum(1, keepdims=True)
        return self.probabilities * (vectors - inner)


class Curvature(eqx.Module):
    """Factors of (K + W^-1)^-1 = E - E R (sum E_c)^-1 R^T E, and of |I + K W|.

    E is block diagonal with blocks E_c = (K + diag(d_c)^-1)^-1, R is the identity stacked c
    times; for one latent function there is only E.
    """

    blocks: Float[Array, "c n n"]
    total: Matrix | None
    half_logdet: Float[Array, ""]

    def between(self, left: Float[Array, "c n p"]) -> Float[Array, "c n p"]:
        """Of (sum E_c)^-1 = M^-T M^-1: the images M^-1 left."""
        total: Any = self.total
        # (c, n, p) -> (n, c p), one solve for all classes, and back
        columns = jnp.moveaxis(left, 0, 1).reshape(left.shape[1], -1)
        images = jsl.solve_triangular(total, columns, lower=True)
        return jnp.moveaxis(images.reshape(left.shape[1], left.shape[0], -1), 1, 0)


def likelihood(latent: Latent, labels: Int[Array, " n"]) -> LabelLikelihood:
    """Logistic for one latent function, softmax for several."""
    tiny = jnp.finfo(latent.dtype).tiny
    if latent.shape[1] == 1:
        # y = -1 or 1: log sigmoid(y f), gradient (y + 1) / 2 - p, negative Hessian p (1 - p)
        sign = 2 * labels[:, None].astype(latent.dtype) - 1
        probability = jax.nn.sigmoid(latent)
        gradient = (sign + 1) / 2 - probability
        diagonal = jnp.maximum(probability * (1 - probability), tiny)
        return LabelLikelihood(jax.nn.log_sigmoid(sign * latent).sum(), gradient, diagonal, None)
    # f_y - log sum_c exp f_c, gradient 1_y - p, negative Hessian diag(p) - p p^T
    logarithms = jax.nn.log_softmax(latent)
    seen = jax.nn.one_hot(labels, latent.shape[1], dtype=latent.dtype)
    probabilities = jnp.exp(logarithms)
    value = (seen * logarithms).sum()
    return LabelLikelihood(
        value, seen - probabilities, jnp.maximum(probabilities, tiny), probabilities
    )


def curvature(kernel: Matrix, seen: LabelLikelihood) -> Curvature:
    """The curvature of the log posterior: a Cholesky factor per class, of I + D K D.

    D = diag(sqrt(d_c)); I + D K D >= I.
    """
    identity = jnp.eye(len(kernel), dtype=kernel.dtype)

    def block(diagonal: Float[Array, " n"]) -> tuple[Matrix, Array]:
        # D = diag(sqrt(d)), L L^T = I + D K D, E_c = D (L L^T)^-1 D
        root = jnp.sqrt(diagonal)
        factor = jnp.linalg.cholesky(identity + root[:, None] * kernel * root)
        white = jsl.solve_triangular(factor, jnp.diag(root), lower=True)
        return white.T @ white, jnp.log(jnp.diag(factor)).sum()

    # (c, n) -> (c, n, n)
    blocks, half = jax.lax.map(block, seen.diagonal.T)
    if seen.probabilities is None:
        return Curvature(blocks, None, half.sum())
    # |I + K W| = |sum_c E_c| prod_c |I + D_c K D_c|, as R^T diag(d) R = I
    total = jnp.linalg.cholesky(blocks.sum(0))
    return Curvature(blocks, total, half.sum() + jnp.log(jnp.diag(total)).sum())


def newton_weights(kernel: Matrix, mean: Latent, latent: Latent, labels: Array) -> Latent:
    """K^-1 (f - mean) after a Newton step from `latent`."""
    seen = likelihood(latent, labels)
    curved = curvature(kernel, seen)
    # b = W (f - m) + grad log p(y | f)
    right = seen.curvature_times(latent - mean) + seen.gradient
    # E K b
    image = jnp.einsum("cij,jc->ic", curved.blocks, kernel @ right)
    if curved.total is None:
        return right - image
    # b - E K b + E R (sum_c E_c)^-1 R^T E K b = [I - (K + W^-1)^-1 K] b
    shared = jsl.cho_solve((curved.total, True), image.sum(1))
    return right - image + jnp.einsum("cij,j->ic", curved.blocks, shared)


def find_mode(kernel: Matrix, mean: Latent, labels: Array) -> tuple[Latent, Bool[Array, ""]]:
    """The latent values of largest posterior density, and whether Newton's method converged.

    The log posterior is concave. Of each step the best of its halves is taken.
    """
    tolerance = 10 * jnp.finfo(kernel.dtype).eps
    sizes = 0.5 ** jnp.arange(_HALVINGS).astype(kernel.dtype)

    def height(weights: Latent, latent: Latent) -> Array:
        # log p(y | f) - (f - m)^T K^-1 (f - m) / 2
        return likelihood(latent, labels).value - jnp.sum(weights * (latent - mean)) / 2

    def step(state: tuple[Array, ...]) -> tuple[Array, ...]:
        weights, latent, top, _, count = state
        direction = newton_weights(kernel, mean, latent, labels) - weights
        # f = m + K weights: a step t of the weights moves f by t K direction
        moved = kernel @ direction
        heights = jax.vmap(lambda t: height(weights + t * direction, latent + t * moved))(sizes)
        best = jnp.argmax(heights)
        gain = heights[best] - top
        size = jnp.where(gain > 0, sizes[best], 0)
        return weights + size * direction, latent + size * moved, top + gain, gain, count + 1

    def running(state: tuple[Array, ...]) -> Array:
        _, _, top, gain, count = state
        return (gain > tolerance * (1 + jnp.abs(top))) & (count < _LIMIT)

    start = jnp.zeros_like(mean), mean, height(jnp.zeros_like(mean), mean)
    infinite, zero = jnp.asarray(jnp.inf, kernel.dtype), jnp.asarray(0)
    weights, latent, _, _, _ = jax.lax.while_loop(running, step, (*start, infinite, zero))
    # at the mode the weights are the gradient of the log likelihood, of entries below one
    error = jnp.abs(weights - likelihood(latent, labels).gradient).max()
    return latent, error < jnp.finfo(kernel.dtype).eps ** 0.25


def approximate_posterior(
    kernel: Matrix, mean: Latent, labels: Array
) -> tuple[Latent, LabelLikelihood, Curvature, Bool[Array, ""], Float[Array, ""]]:
    """Weights K^-1 (f - mean), likelihood and curvature at the mode, status, log evidence.

    Derivatives are exact: the mode is taken as a constant, and one more Newton step from it has
    the derivatives of the mode with respect to kernel and mean.
    """
    fixed = jax.lax.stop_gradient((kernel, mean))
    mode, converged = find_mode(*fixed, labels)
    weights = newton_weights(kernel, mean, jax.lax.stop_gradient(mode), labels)
    latent = mean + kernel @ weights
    seen = likelihood(latent, labels)
    curved = curvature(kernel, seen)
    # log p(y | f) - (f - m)^T K^-1 (f - m) / 2 - log |I + K W| / 2 (equation 3.32)
    evidence = seen.value - jnp.sum(weights * (latent - mean)) / 2 - curved.half_logdet
    return weights, seen, curved, converged, evidence
