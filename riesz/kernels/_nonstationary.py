"""Covariances whose distribution changes from place to place."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz._core.parameters import KIND, REAL
from riesz._core.tracing import traced
from riesz.errors import DataError
from riesz.kernels._distances import fold_columns
from riesz.kernels._inputs import (
    VARIANCE,
    PerInput,
    Scalar,
    as_pytree,
    hyperparameter,
    pair,
    points,
    require_positive,
    symmetric,
)
from riesz.kernels._kernel import AbstractKernel, Inputs, Others


class Gibbs(AbstractKernel):
    """A squared exponential whose length scale is a function of the input.

    k(x, y) = variance prod_i sqrt(2 l_i(x) l_i(y) / s_i) exp(-sum_i (x_i - y_i)^2 / s_i) with
    s_i = l_i(x)^2 + l_i(y)^2. With a constant l it is `SquaredExponential`.

    **Arguments:**

    - `length_scale`: a function of one input, shape (d,), to a positive number or to d of them.
      The arrays of an `equinox.Module` are hyperparameters.
    - `variance`: k(x, x), a positive number.

    **Raises** `DataError` for a variance or, where values are known, a length scale that is not
    positive.

    ```python
    kernel = Gibbs(lambda x: 0.1 + x[0] ** 2)          # rough near x_0 = 0, smooth far from it
    ```

    Source: Gibbs 1997; Rasmussen and Williams 2006, equation (4.32).
    """

    length_scale: Callable[[Float[Array, " d"]], PerInput] = eqx.field(
        converter=as_pytree, metadata={KIND: REAL}
    )
    variance: Scalar = eqx.field(converter=hyperparameter, default=1.0, metadata=VARIANCE)

    def __check_init__(self):
        require_positive(self, "variance")

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        x, other = pair(x, y, self)
        # sum_i log(sqrt(2 l_i l_i' / s_i) exp(-(x_i - y_i)^2 / s_i))
        exponent = fold_columns(_gibbs, 0.0, (x, self._lengths(x)), (other, self._lengths(other)))
        gram = jnp.asarray(self.variance, x.dtype) * jnp.exp(exponent)
        return symmetric(gram, self.diagonal(x)) if y is None else gram

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        x = points(x, self)
        return jnp.full(x.shape[0], jnp.asarray(self.variance, x.dtype))

    def _lengths(self, x: Float[Array, "n d"]) -> Float[Array, "n d"]:
        lengths = jnp.asarray(jax.vmap(self.length_scale)(x), x.dtype)
        # (n,) or (n, d) -> (n, d)
        lengths = jnp.broadcast_to(lengths.reshape(x.shape[0], -1), x.shape)
        if not traced(lengths) and not (np.asarray(lengths) > 0).all():
            raise DataError(
                "the length scale of a kernel is positive everywhere",
                where="Gibbs(length_scale)(x)",
                expected="length_scale(x_i) > 0 at every input",
                found=f"a least value of {float(np.min(lengths)):.4g}",
                repair="pass a positive function, such as the exponential of yours",
            )
        return lengths


def _gibbs(total: Array, left: tuple[Array, Array], right: tuple[Array, Array]) -> Array:
    (x, length), (y, other) = left, right
    product = 2 * length * other
    # the sum of squares, rounded alike for (x, y) and (y, x) also where multiply-adds are fused
    squares = (length - other) ** 2 + product
    # log of sqrt(2 l l' / s) exp(-(x - y)^2 / s), s = l^2 + l'^2
    return total - (x - y) ** 2 / squares + jnp.log(product / squares) / 2


class Brownian(AbstractKernel):
    """k(x, y) = variance min(|x|, |y|) where x and y have one sign, else 0: Brownian motion.

    The path starts at 0 and runs to both sides. Inputs of several numbers multiply these, which
    is the Brownian sheet.

    **Arguments:**

    - `variance`: that of an increment of length one, a positive number.

    **Raises** `DataError` when it is not positive.
    """

    variance: Scalar = eqx.field(converter=hyperparameter, default=1.0, metadata=VARIANCE)

    def __check_init__(self):
        require_positive(self, "variance")

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        x, y = pair(x, y, self)
        return jnp.asarray(self.variance, x.dtype) * fold_columns(_overlap, 1.0, x, y)

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        x = points(x, self)
        return jnp.asarray(self.variance, x.dtype) * jnp.prod(jnp.abs(x), 1)


def _overlap(total: Array, x: Array, y: Array) -> Array:
    same = jnp.sign(x) == jnp.sign(y)
    # min(|x|, |y|) [sign x = sign y]
    return total * jnp.where(same, jnp.minimum(jnp.abs(x), jnp.abs(y)), 0)
