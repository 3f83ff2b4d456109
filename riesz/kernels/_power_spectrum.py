"""Covariances given by powers of the Laplacian."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.errors import DataError
from riesz.kernels._inputs import Scalar, as_pytree, hyperparameter, require_positive
from riesz.kernels._stationary import AbstractSpectrum


def _amplitude(value: Any) -> Any:
    return as_pytree(value) if callable(value) else hyperparameter(value)


class PowerSpectrum(AbstractSpectrum):
    """The covariance operator amplitude * (-Laplacian + shift^2)^(-decay).

    S(w) = amplitude * (|w|^2 + shift^2)^(-decay), with |w| = |2 pi k / L| on a circle of
    length L and |pi k / L| for the sine and cosine modes of an interval. The distributions of the
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

    amplitude: Scalar | Callable[[Array], Array] = eqx.field(converter=_amplitude)
    shift: Scalar = eqx.field(converter=hyperparameter, default=0.0)
    decay: Scalar = eqx.field(converter=hyperparameter, default=0.0)
    zero_mean: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        if not callable(self.amplitude):
            require_positive(self, "amplitude")
        unbounded = all(isinstance(p, int | float) for p in (self.shift, self.decay))
        if unbounded and self.shift == 0 and self.decay > 0 and not self.zero_mean:
            raise DataError(
                "the constant mode of this spectrum has infinite variance",
                where="PowerSpectrum(amplitude, shift, decay)",
                expected="shift > 0, or zero_mean=True",
                found=f"shift={self.shift}, decay={self.decay}",
                repair="give a positive shift, or leave the constant mode out",
            )

    def spectrum(self, squared: Float[Array, "*modes"], dim: int) -> Float[Array, "*modes"]:
        del dim
        shift, decay = (jnp.asarray(p, squared.dtype) for p in (self.shift, self.decay))
        base = squared + shift**2
        # 0^-decay would occur where shift = |w| = 0; 1 in its place keeps gradients finite
        power = jnp.where(base > 0, base, 1) ** (-decay)
        amplitude = self.amplitude(squared) if callable(self.amplitude) else self.amplitude
        density = jnp.asarray(amplitude, squared.dtype) * power
        return jnp.where(squared > 0, density, 0) if self.zero_mean else density
