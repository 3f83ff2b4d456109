"""Kernels of parts and of images of the input."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz._core.parameters import FROZEN, KIND, REAL
from riesz._core.text import write
from riesz.errors import DataError
from riesz.kernels._inputs import (
    LENGTH,
    PerInput,
    as_pytree,
    hyperparameter,
    require_positive,
)
from riesz.kernels._kernel import AbstractKernel, Inputs, Others


class Columns(AbstractKernel):
    """k(x_c, y_c): a kernel of some columns of the input, its active dimensions.

    **Arguments:**

    - `kernel`: of the columns that are left, in the order given.
    - `columns`: indices along the last axis of the inputs.

    **Raises** `DataError` where an input has no such column.

    ```python
    additive = Columns(SquaredExponential(0.3), (0,)) + Columns(Matern(1.5, 1.0), (1, 2))
    ```
    """

    kernel: AbstractKernel
    columns: tuple[int, ...] = eqx.field(static=True, converter=tuple)

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        return self.kernel(self._take(x), None if y is None else self._take(y))

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        return self.kernel.diagonal(self._take(x))

    def inputs_of(self, part: str, x: Inputs) -> Float[Array, "n ..."]:
        del part
        return self._take(x)

    def _take(self, x: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        width = x.shape[-1] if x.ndim > 1 else 0
        if not all(0 <= column < width for column in self.columns):
            raise DataError(
                "an input does not have the columns of a kernel",
                where="Columns(kernel, columns)",
                expected=f"columns {self.columns} of the last axis, counted from 0",
                found=f"inputs of shape {x.shape}",
                repair="give inputs (n, d) with d above the largest column",
            )
        return x[..., list(self.columns)]


class Tensor(AbstractKernel):
    """k(x_1, y_1) l(x_2, y_2): a product over two parts of the input, such as space and time.

    **Arguments:**

    - `left`: of the first `split` columns.
    - `right`: of the others.
    - `split`: how many columns the left kernel has.

    **Raises** `DataError` where one part of an input would be empty.

    ```python
    kernel = Tensor(Matern(2.5, 0.3), Periodic(1.0), split=2)      # (x, y, time)
    ```
    """

    left: AbstractKernel
    right: AbstractKernel
    split: int = eqx.field(static=True)

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        first, second = self._parts(x)
        others = (None, None) if y is None else self._parts(y)
        return self.left(first, others[0]) * self.right(second, others[1])

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        first, second = self._parts(x)
        return self.left.diagonal(first) * self.right.diagonal(second)

    def inputs_of(self, part: str, x: Inputs) -> Float[Array, "n ..."]:
        return self._parts(x)[part == "right"]

    def _parts(self, x: Float[Array, "n ..."]) -> tuple[Array, Array]:
        if x.ndim < 2 or not 0 < self.split < x.shape[-1]:
            raise DataError(
                "a tensor product of kernels has at least one column for each",
                where="Tensor(left, right, split)",
                expected=f"more than {self.split} columns, and split > 0",
                found=f"inputs of shape {x.shape}",
                repair="split is the number of columns of the left kernel",
            )
        return x[..., : self.split], x[..., self.split :]


class Stretched(AbstractKernel):
    """k(x / s, y / s): a kernel with a length scale for each input.

    Stationary kernels have length scales of their own; this gives them to the others. With
    scales that are fitted, an input that does not matter is stretched until it has no effect
    (automatic relevance determination: Neal 1996, section 1.2).

    **Arguments:**

    - `kernel`: of the inputs divided by the scales.
    - `scale`: positive, one number or one for each index of the last axis of the inputs.

    **Raises** `DataError` for scales that are not positive, or not as many as inputs.

    ```python
    network = Dense(512) >> Relu() >> Dense(1)
    kernel = Stretched(network.kernel().ntk, jnp.ones(8))      # of points (n, 8)
    ```
    """

    kernel: AbstractKernel
    scale: PerInput = eqx.field(converter=hyperparameter, metadata=LENGTH)

    def __check_init__(self):
        require_positive(self, "scale", infinite=True)

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        return self.kernel(self._shrink(x), None if y is None else self._shrink(y))

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        return self.kernel.diagonal(self._shrink(x))

    def inputs_of(self, part: str, x: Inputs) -> Float[Array, "n ..."]:
        del part
        return self._shrink(x)

    def _shrink(self, x: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        scale = jnp.asarray(self.scale, x.dtype)
        if scale.ndim > 0 and (x.ndim < 2 or scale.shape != x.shape[-1:]):
            raise DataError(
                "there is one length scale, or one for each input",
                where="Stretched(kernel, scale)",
                expected="a scale of shape (d,) for inputs of shape (n, ..., d)",
                found=f"a scale of shape {scale.shape}, inputs of shape {x.shape}",
            )
        return x / scale


class Standardise(eqx.Module):
    """The map x -> (x - shift) / scale of one input, for `Warped`. Its numbers are not tuned.

    **Arguments:**

    - `shift`, `scale`: numbers, or one for each index of the last axis of the inputs.

    ```python
    kernel = Warped(network.kernel().ntk, Standardise(x.mean(0), x.std(0)))    # of inputs x
    ```
    """

    shift: Float[Array, "*features"] = eqx.field(converter=jnp.asarray, metadata={KIND: FROZEN})
    scale: Float[Array, "*features"] = eqx.field(converter=jnp.asarray, metadata={KIND: FROZEN})

    def __repr__(self) -> str:
        return write(self)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        return (x - self.shift.astype(x.dtype)) / self.scale.astype(x.dtype)


class Warped(AbstractKernel):
    """k(f(x), f(y)): a kernel after a map of the input, such as a change of coordinates.

    **Arguments:**

    - `kernel`: of the images.
    - `function`: a map of one input. The arrays of an `equinox.Module` are leaves of the
      kernel, as those of a network in deep kernel learning; they need not be positive.

    ```python
    circle = lambda x: jnp.stack([jnp.cos(x[0]), jnp.sin(x[0])])
    kernel = Warped(Matern(1.5, 0.5), circle)          # periodic, and once differentiable
    ```
    """

    kernel: AbstractKernel
    function: Callable[[Any], Any] = eqx.field(converter=as_pytree, metadata={KIND: REAL})

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        image = jax.vmap(self.function)
        return self.kernel(image(x), None if y is None else image(y))

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        return self.kernel.diagonal(self.inputs_of("kernel", x))

    def inputs_of(self, part: str, x: Inputs) -> Float[Array, "n ..."]:
        del part
        return jax.vmap(self.function)(x)
