"""Covariances that depend on x - y only, by values and by spectral density.

A stationary covariance k(x - y) of R^d has the density S(w) with
k(r) = (2 pi)^-d int S(w) exp(i w.r) dw (Rasmussen and Williams 2006, section 4.2.1). On a bounded
domain, S at the frequency of an L2-normalised mode is that mode's variance.
"""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import DataError
from riesz.kernels._distances import squared_distances
from riesz.kernels._inputs import PerInput, Scalar, pair, per_input, points
from riesz.kernels._kernel import AbstractKernel, Inputs, Others


class AbstractSpectrum(eqx.Module):
    """A stationary isotropic covariance, known by its spectral density."""

    @abstractmethod
    def spectrum(self, squared: Float[Array, "*modes"], dim: int) -> Float[Array, "*modes"]:
        """The spectral density at angular frequencies with |w|^2 = `squared`, in R^dim."""


class AbstractStationary(AbstractKernel, AbstractSpectrum):
    """k(x, y) = variance rho(s), s = sum over inputs of ((x_i - y_i) / length_scale_i)^2.

    All of them are covariances in every dimension, hence scale mixtures of squared exponentials
    (Schoenberg 1938): rho(s) = E[exp(-precision s / 2)], with the random numbers `precisions`.
    Their frequencies are sqrt(precision) z / length_scale with z standard normal.
    """

    length_scale: eqx.AbstractVar[PerInput]
    variance: eqx.AbstractVar[Scalar]

    @abstractmethod
    def correlation(self, squared: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """rho(s); derivatives are those of the kernel at s = 0 also, where these exist."""

    @abstractmethod
    def precisions(self, like: Float[Array, " n"], *, key: PRNGKeyArray) -> Float[Array, " n"]:
        """Draws of the mixing distribution, as many as `like` has entries and of its type."""

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        x, y = pair(x, y, self)
        length = per_input(self.length_scale, x, "length_scale", self)
        # s_ij, (n, m)
        squared = squared_distances(x, y, 1 / length)
        return jnp.asarray(self.variance, x.dtype) * self.correlation(squared)

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        x = points(x, self)
        return jnp.full(x.shape[0], jnp.asarray(self.variance, x.dtype))


def isotropic(kernel: AbstractStationary, like: Array) -> tuple[Array, Array]:
    """Length scale and variance in the type of `like`, for a spectrum of |w|^2."""
    length = jnp.asarray(kernel.length_scale, like.dtype)
    if length.ndim:
        raise DataError(
            "a spectral density of |w|^2 needs one length scale for all inputs",
            where=f"{type(kernel).__name__}.spectrum",
            expected="length_scale of shape ()",
            found=f"length_scale of shape {length.shape}",
            repair="give a scalar length_scale, or draw features: "
            "FourierFeatures(kernel, dim, count, key=key)",
        )
    return length, jnp.asarray(kernel.variance, like.dtype)
