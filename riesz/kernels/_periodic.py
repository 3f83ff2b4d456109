"""Periodic covariances."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.kernels._distances import fold_columns
from riesz.kernels._inputs import (
    LENGTH,
    VARIANCE,
    PerInput,
    Scalar,
    hyperparameter,
    pair,
    per_input,
    points,
    require_positive,
)
from riesz.kernels._kernel import AbstractKernel, Inputs, Others


class Periodic(AbstractKernel):
    """k(x, y) = variance exp(-2 sum_i sin^2(pi (x_i - y_i) / period_i) / length_scale_i^2).

    The squared exponential between points of circles with radius 1 and circumference `period`:
    draws are analytic and exactly periodic in each number of the input.

    **Arguments:**

    - `period`, `length_scale`: positive numbers, or one for each of the d numbers of an input.
    - `variance`: k(x, x), a positive number.

    **Raises** `DataError` when one of them is not positive.

    ```python
    season = Periodic(period=1.0, length_scale=0.5) * SquaredExponential(10.0)   # slowly changing
    ```

    Source: MacKay 1998; Rasmussen and Williams 2006, equation (4.31).
    """

    period: PerInput = eqx.field(converter=hyperparameter, metadata=LENGTH)
    length_scale: PerInput = eqx.field(converter=hyperparameter, default=1.0)
    variance: Scalar = eqx.field(converter=hyperparameter, default=1.0, metadata=VARIANCE)

    def __check_init__(self):
        require_positive(self, "length_scale", infinite=True)
        require_positive(self, "period", "variance")

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        x, y = pair(x, y, self)
        columns = (
            # 1 / period_i and 1 / length_scale_i, (d,)
            jnp.broadcast_to(1 / per_input(value, x, name, self), x.shape[1])
            for name, value in (("period", self.period), ("length_scale", self.length_scale))
        )
        chords = fold_columns(_squared_sine, 0.0, x, y, *columns)
        # chords |p - q| of the unit circle have |p - q|^2 = 4 sin^2: exp(-|p - q|^2 / (2 l^2))
        return jnp.asarray(self.variance, x.dtype) * jnp.exp(-2 * chords)

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        x = points(x, self)
        return jnp.full(x.shape[0], jnp.asarray(self.variance, x.dtype))


def _squared_sine(total: Array, x: Array, y: Array, frequency: Array, inverse: Array) -> Array:
    return total + (jnp.sin(jnp.pi * (x - y) * frequency) * inverse) ** 2
