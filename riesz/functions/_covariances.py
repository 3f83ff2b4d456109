"""Stationary covariances, by their spectral densities.

A covariance k(x - y) of R^d has the density S(w) with k(r) = (2 pi)^-d int S(w) exp(i w.r) dw
(Rasmussen and Williams 2006, section 4.2.1). On a bounded domain, S at the frequency of an
L2-normalised mode is that mode's variance.
"""

from abc import abstractmethod
from collections.abc import Callable
from math import lgamma, log, pi

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.errors import DataError

Scalar = float | Float[Array, ""]


class AbstractCovariance(eqx.Module):
    """A stationary isotropic covariance."""

    @abstractmethod
    def spectrum(self, squared: Float[Array, "*modes"], dim: int) -> Float[Array, "*modes"]:
        """The spectral density at angular frequencies with |w|^2 = `squared`, in R^dim."""


class SquaredExponential(AbstractCovariance):
    """k(r) = variance exp(-r^2 / (2 length_scale^2)): draws are analytic."""

    length_scale: Scalar
    variance: Scalar = 1.0

    def __check_init__(self):
        _require_positive(self, "length_scale", "variance")

    def spectrum(self, squared: Float[Array, "*modes"], dim: int) -> Float[Array, "*modes"]:
        length, variance = (
            jnp.asarray(p, squared.dtype) for p in (self.length_scale, self.variance)
        )
        density = jnp.exp(-(length**2) * squared / 2)
        return variance * (2 * pi * length**2) ** (dim / 2) * density


class Matern(AbstractCovariance):
    """Draws have fewer than `smoothness` derivatives in L2.

    k(r) = variance 2^(1-nu)/Gamma(nu) z^nu K_nu(z), z = sqrt(2 nu) r / length_scale, with
    nu = `smoothness` > 0: exp(-r / length_scale) for 1/2, `SquaredExponential` in the limit.
    """

    smoothness: float = eqx.field(static=True)
    length_scale: Scalar
    variance: Scalar = 1.0

    def __check_init__(self):
        _require_positive(self, "smoothness", "length_scale", "variance")

    def spectrum(self, squared: Float[Array, "*modes"], dim: int) -> Float[Array, "*modes"]:
        length, variance = (
            jnp.asarray(p, squared.dtype) for p in (self.length_scale, self.variance)
        )
        nu, half = self.smoothness, dim / 2
        constant = (
            lgamma(nu + half) - lgamma(nu) + dim * log(2) + half * log(pi) - half * log(2 * nu)
        )
        shape = jnp.exp(constant - (nu + half) * jnp.log1p(squared * length**2 / (2 * nu)))
        return variance * length**dim * shape


class PowerSpectrum(AbstractCovariance):
    """The covariance operator amplitude * (-Laplacian + shift^2)^(-decay).

    S(w) = amplitude * (|w|^2 + shift^2)^(-decay), with |w| = |2 pi k / L| on a circle of
    length L and |pi k / L| for the sine and cosine modes of an interval. The laws of the
    Fourier neural operator paper (Li et al. 2021) are written

    - Burgers, N(0, 625 (-Laplacian + 25)^-2) on a circle: `PowerSpectrum(625, 5, 2)`;
    - Darcy, N(0, (-Laplacian + 9)^-2) with zero Neumann conditions: `PowerSpectrum(1, 3, 2)`;
    - Navier-Stokes, N(0, 7^1.5 (-Laplacian + 49)^-2.5) on a torus: `PowerSpectrum(7**1.5, 7, 2.5)`.

    **Arguments:**

    - `amplitude`: a number, or a function of |w|^2 for any other spectrum.
    - `shift`, `decay`: see above; by default the spectrum is the amplitude.
    - `zero_mean`: leave the constant mode out, as the published generator of the Darcy data
      does (the paper's text keeps it); every draw then has mean zero over the domain.
    """

    amplitude: Scalar | Callable[[Array], Array]
    shift: Scalar = 0.0
    decay: Scalar = 0.0
    zero_mean: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        if not callable(self.amplitude):
            _require_positive(self, "amplitude")
        unbounded = all(isinstance(p, int | float) for p in (self.shift, self.decay))
        if unbounded and self.shift == 0 and self.decay > 0 and not self.zero_mean:
            raise DataError(
                "the constant mode of this spectrum has infinite variance",
                where="PowerSpectrum(amplitude, shift, decay)",
                expected="shift > 0, or zero_mean=True",
                found=f"shift={self.shift}, decay={self.decay}",
            )

    def spectrum(self, squared: Float[Array, "*modes"], dim: int) -> Float[Array, "*modes"]:
        del dim
        shift, decay = (jnp.asarray(p, squared.dtype) for p in (self.shift, self.decay))
        base = squared + shift**2
        power = jnp.where(base > 0, base, 1) ** (-decay)
        amplitude = self.amplitude(squared) if callable(self.amplitude) else self.amplitude
        density = jnp.asarray(amplitude, squared.dtype) * power
        return jnp.where(squared > 0, density, 0) if self.zero_mean else density


def _require_positive(covariance: AbstractCovariance, *names: str) -> None:
    for name in names:
        value = getattr(covariance, name)
        if isinstance(value, int | float) and not value > 0:
            raise DataError(
                f"the {name.replace('_', ' ')} of a covariance is positive",
                where=type(covariance).__name__,
                expected=f"{name} > 0",
                found=f"{name}={value}",
            )
