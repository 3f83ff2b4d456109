"""The covariances of a random constant and of noise."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.kernels._inputs import VARIANCE, Scalar, hyperparameter, pair, points, require_positive
from riesz.kernels._kernel import AbstractKernel, Inputs, Others


class Constant(AbstractKernel):
    """k(x, y) = variance: one random number, the same everywhere.

    **Raises** `DataError` when the variance is not positive.
    """

    variance: Scalar = eqx.field(converter=hyperparameter, default=1.0, metadata=VARIANCE)

    def __check_init__(self):
        require_positive(self, "variance")

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        x, y = pair(x, y, self)
        return jnp.full((x.shape[0], y.shape[0]), jnp.asarray(self.variance, x.dtype))

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        x = points(x, self)
        return jnp.full(x.shape[0], jnp.asarray(self.variance, x.dtype))


class White(AbstractKernel):
    """Independent noise: `variance` times the identity on one set of inputs, else zero.

    Each input of a set has its own noise, also where two inputs are equal; two sets share none,
    so that `kernel(x, y)` is zero even if y is x.

    **Raises** `DataError` when the variance is not positive.
    """

    variance: Scalar = eqx.field(converter=hyperparameter, default=1.0, metadata=VARIANCE)

    def __check_init__(self):
        require_positive(self, "variance")

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        x, other = pair(x, y, self)
        if y is None:
            return jnp.asarray(self.variance, x.dtype) * jnp.eye(x.shape[0], dtype=x.dtype)
        return jnp.zeros((x.shape[0], other.shape[0]), x.dtype)

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        x = points(x, self)
        return jnp.full(x.shape[0], jnp.asarray(self.variance, x.dtype))
