"""Covariances of linear functions and polynomials."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.errors import DataError
from riesz.kernels._features import inner_products
from riesz.kernels._inputs import (
    VARIANCE,
    PerInput,
    Scalar,
    hyperparameter,
    pair,
    per_input,
    points,
    require_positive,
    symmetric,
)
from riesz.kernels._kernel import AbstractKernel, Inputs, Others


class Linear(AbstractKernel):
    """k(x, y) = sum_i variance_i x_i y_i: linear functions with independent normal slopes.

    Affine functions are `Linear(v) + Constant(w)`.

    **Arguments:**

    - `variance`: of the slopes, a positive number, or one for each number of an input.

    **Raises** `DataError` when one of them is not positive.
    """

    variance: PerInput = eqx.field(converter=hyperparameter, default=1.0, metadata=VARIANCE)

    def __check_init__(self):
        require_positive(self, "variance")

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        x, other = pair(x, y, self)
        # (X diag(variance)) Y^T
        gram = inner_products(x * per_input(self.variance, x, "variance", self), other)
        return symmetric(gram, self.diagonal(x)) if y is None else gram

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        x = points(x, self)
        return jnp.sum(per_input(self.variance, x, "variance", self) * x**2, 1)


class Polynomial(AbstractKernel):
    """k(x, y) = (variance x.y + offset)^degree: polynomials of that degree.

    **Arguments:**

    - `degree`: an integer, at least 1; not trained.
    - `variance`: a positive number.
    - `offset`: a number, not negative: with 0 all terms have exactly that degree.

    **Raises** `DataError` when one of them is not as it says.
    """

    degree: int = eqx.field(static=True)
    variance: Scalar = eqx.field(converter=hyperparameter, default=1.0, metadata=VARIANCE)
    offset: Scalar = eqx.field(converter=hyperparameter, default=1.0)

    def __check_init__(self):
        require_positive(self, "variance")
        if self.offset != 0.0 or isinstance(self.offset, Array):
            require_positive(self, "offset")
        if self.degree < 1 or self.degree != int(self.degree):
            raise DataError(
                "the degree of a polynomial kernel is a positive integer",
                where="Polynomial(degree)",
                expected="1, 2, 3, ...",
                found=self.degree,
                repair="Constant() is the kernel of degree 0",
            )

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        x, other = pair(x, y, self)
        # (variance X Y^T + offset)^degree
        gram = self._power(inner_products(x, other))
        return symmetric(gram, self.diagonal(x)) if y is None else gram

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        return self._power(jnp.sum(points(x, self) ** 2, 1))

    def _power(self, products: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        variance, offset = (jnp.asarray(p, products.dtype) for p in (self.variance, self.offset))
        return (variance * products + offset) ** self.degree
