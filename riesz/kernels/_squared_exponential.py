"""The squared exponential and its mixture over length scales, the rational quadratic."""

from math import pi
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.kernels._bessel import gamma_mixture
from riesz.kernels._inputs import (
    LENGTH,
    VARIANCE,
    PerInput,
    Scalar,
    hyperparameter,
    require_positive,
)
from riesz.kernels._stationary import AbstractStationary, isotropic


class SquaredExponential(AbstractStationary):
    """k(x, y) = variance exp(-|x - y|^2 / (2 length_scale^2)): draws are analytic.

    **Arguments:**

    - `length_scale`: a positive number, or one for each of the d numbers of an input, shape
      (d,): each difference is divided by its own.
    - `variance`: k(x, x), a positive number.

    **Raises** `DataError` when one of them is not positive.

    ```python
    kernel = SquaredExponential(0.5) + 0.1 * SquaredExponential(jnp.array([1.0, 3.0]))
    gram = kernel(x)                    # x of shape (n, 2), gram of shape (n, n)
    ```

    Source: Rasmussen and Williams 2006, equations (4.9) and (4.11).
    """

    length_scale: PerInput = eqx.field(converter=hyperparameter, metadata=LENGTH)
    variance: Scalar = eqx.field(converter=hyperparameter, default=1.0, metadata=VARIANCE)

    def __check_init__(self):
        require_positive(self, "length_scale", infinite=True)
        require_positive(self, "variance")

    def correlation(self, squared: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.exp(-squared / 2)

    def spectrum(self, squared: Float[Array, "*modes"], dim: int) -> Float[Array, "*modes"]:
        length, variance = isotropic(self, squared)
        # S(w) = variance (2 pi l^2)^(d/2) exp(-l^2 |w|^2 / 2)
        density = jnp.exp(-(length**2) * squared / 2)
        return variance * (2 * pi * length**2) ** (dim / 2) * density

    def precisions(self, like: Float[Array, " n"], *, key: PRNGKeyArray) -> Float[Array, " n"]:
        del key
        return jnp.ones_like(like)


class RationalQuadratic(AbstractStationary):
    """k(x, y) = variance (1 + |x - y|^2 / (2 alpha length_scale^2))^-alpha.

    A mixture of squared exponentials whose precisions have the Gamma distribution of shape `alpha`;
    `SquaredExponential` in the limit of large `alpha`. Where alpha <= dim / 2 the kernel decays
    too slowly for a finite spectral density at zero; it is infinite there.

    **Arguments:**

    - `length_scale`: a positive number, or one for each of the d numbers of an input.
    - `alpha`, `variance`: positive numbers.

    **Raises** `DataError` when one of them is not positive.

    Source: Rasmussen and Williams 2006, equations (4.19) and (4.20).
    """

    length_scale: PerInput = eqx.field(metadata=LENGTH)
    alpha: Scalar
    variance: Scalar = eqx.field(metadata=VARIANCE)

    def __init__(self, length_scale: Any, alpha: Any = 1.0, variance: Any = 1.0):
        self.length_scale = hyperparameter(length_scale)
        self.alpha = hyperparameter(alpha)
        self.variance = hyperparameter(variance)

    def __check_init__(self):
        require_positive(self, "length_scale", infinite=True)
        require_positive(self, "alpha", "variance")

    def correlation(self, squared: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        alpha = jnp.asarray(self.alpha, squared.dtype)
        # (1 + s / (2 alpha))^-alpha, with the digits of a small s
        return jnp.exp(-alpha * jnp.log1p(squared / (2 * alpha)))

    def spectrum(self, squared: Float[Array, "*modes"], dim: int) -> Float[Array, "*modes"]:
        length, variance = isotropic(self, squared)
        alpha = jnp.asarray(self.alpha, squared.dtype)
        # S(w) = variance E[(2 pi l^2 / p)^(d/2) exp(-l^2 |w|^2 / (2 p))], p the precision
        # p = e^v / alpha, t = 2 alpha l^2 |w|^2: int exp((alpha - d/2) v - e^v - t e^-v / 4) dv
        mixture = gamma_mixture(alpha - dim / 2, 2 * alpha * length**2 * squared, alpha)
        return variance * (2 * pi * alpha * length**2) ** (dim / 2) * mixture

    def precisions(self, like: Float[Array, " n"], *, key: PRNGKeyArray) -> Float[Array, " n"]:
        # rho(s) = E[exp(-precision s / 2)] for precision = g / alpha, g ~ Gamma(alpha)
        alpha = jnp.asarray(self.alpha, like.dtype)
        return jax.random.gamma(key, alpha, like.shape, like.dtype) / alpha
