"""The Matern covariances."""

from math import lgamma, log, pi
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.kernels._bessel import scaled_bessel
from riesz.kernels._inputs import (
    LENGTH,
    VARIANCE,
    PerInput,
    Scalar,
    hyperparameter,
    require_positive,
)
from riesz.kernels._stationary import AbstractStationary, isotropic


class Matern(AbstractStationary):
    """Draws have fewer than `smoothness` derivatives in L2.

    k(x, y) = variance 2^(1-nu)/Gamma(nu) z^nu K_nu(z), z = sqrt(2 nu) |x - y| / length_scale, with
    nu = `smoothness` > 0: exp(-|x - y| / length_scale) for 1/2, `SquaredExponential` in the limit.

    For 1/2, 3/2, ..., 9/2 this is a polynomial times an exponential. Any other smoothness is
    the sum of squared exponentials that equals it to the last digits, and so many times slower.

    All derivatives that the kernel has are right at x = y too, so that processes may be
    conditioned on derivatives. One that it does not have there, such as the mixed second one
    for a smoothness of at most 1, comes out as zero, not as infinity.

    **Arguments:**

    - `smoothness`: a positive number that is not trained (it selects the formula).
    - `length_scale`: a positive number, or one for each of the d numbers of an input.
    - `variance`: k(x, x), a positive number.

    **Raises** `DataError` when one of them is not positive.

    ```python
    gram = Matern(2.5, length_scale=0.3)(x)            # x of shape (n, d)
    ```

    Source: Rasmussen and Williams 2006, equations (4.14) and (4.15).
    """

    smoothness: float = eqx.field(static=True)
    length_scale: PerInput = eqx.field(metadata=LENGTH)
    variance: Scalar = eqx.field(metadata=VARIANCE)

    def __init__(self, smoothness: float, length_scale: Any, variance: Any = 1.0):
        self.smoothness = float(smoothness)
        self.length_scale = hyperparameter(length_scale)
        self.variance = hyperparameter(variance)

    def __check_init__(self):
        require_positive(self, "smoothness", "variance")
        require_positive(self, "length_scale", infinite=True)

    def correlation(self, squared: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        # t = z^2 = 2 nu s
        return scaled_bessel(self.smoothness, 2 * self.smoothness * squared)

    def spectrum(self, squared: Float[Array, "*modes"], dim: int) -> Float[Array, "*modes"]:
        length, variance = isotropic(self, squared)
        nu, half = self.smoothness, dim / 2
        # S(w) = variance l^d C (1 + l^2 |w|^2 / (2 nu))^-(nu + d/2)
        # C = 2^d pi^(d/2) Gamma(nu + d/2) / (Gamma(nu) (2 nu)^(d/2))
        constant = (
            lgamma(nu + half) - lgamma(nu) + dim * log(2) + half * log(pi) - half * log(2 * nu)
        )
        shape = jnp.exp(constant - (nu + half) * jnp.log1p(squared * length**2 / (2 * nu)))
        return variance * length**dim * shape

    def precisions(self, like: Float[Array, " n"], *, key: PRNGKeyArray) -> Float[Array, " n"]:
        # rho(s) = E[exp(-precision s / 2)] for precision = nu / g, g ~ Gamma(nu)
        nu = self.smoothness
        if (2 * nu) % 1 == 0 and nu < 10:  # half a chi-squared variable, without rejections
            normal = jax.random.normal(key, (int(2 * nu), *like.shape), like.dtype)
            return 2 * nu / jnp.sum(normal**2, 0)
        return nu / jax.random.gamma(key, nu, like.shape, like.dtype)
