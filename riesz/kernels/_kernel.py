"""The contract of a kernel, and its algebra."""

import dataclasses
from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz._core.parameters import POSITIVE
from riesz._core.text import parse as read
from riesz._core.text import write
from riesz.kernels._inputs import VARIANCE, Scalar, hyperparameter, require_positive

Inputs = Float[Array, "n *features"]
Others = Float[Array, "m ..."]


class AbstractKernel(eqx.Module):
    """A positive semidefinite function k(x, y).

    A kernel is a pytree, and **its hyperparameters are its inexact leaves**: the gradient with
    respect to a kernel is that with respect to them, by `jax.grad`, or by `equinox.filter_grad`
    where a kernel has other leaves too, such as keys. They are positive, those of functions that
    a kernel holds excepted; one that is zero or infinite switches its part off and stays so when
    hyperparameters are fitted. Arrays that are data, such as landmarks, are frozen: their
    gradient is zero.

    Inputs have shape `(n, *features)`: n points of R^d have shape (n, d), n images
    (n, height, width, channels). Kernels add and multiply, with each other and with positive
    numbers, and run under jit, vmap and grad. `riesz.kernels.gram` evaluates them on more
    points than one call should hold.
    """

    parameter_kind: ClassVar[str] = POSITIVE

    @abstractmethod
    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        """The Gram matrix k(x_i, y_j); without `y` that of x with itself.

        Without `y` the matrix is symmetric to the last bit and its diagonal is `diagonal(x)`,
        which rounding of nearly equal inputs would otherwise spoil.
        """

    @abstractmethod
    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        """The variances k(x_i, x_i)."""

    def inputs_of(self, part: str, x: Inputs) -> Float[Array, "n ..."]:
        """The inputs that the kernel in the field `part` is called with: x itself by default."""
        del part
        return x

    def __repr__(self) -> str:
        return write(self)

    def __add__(self, other: "AbstractKernel") -> "AbstractKernel":
        return Sum(self, other) if isinstance(other, AbstractKernel) else NotImplemented

    def __mul__(self, other: Any) -> "AbstractKernel":
        if isinstance(other, AbstractKernel):
            return Product(self, other)
        return Scaled(self, other) if jnp.ndim(other) == 0 else NotImplemented

    def __rmul__(self, other: Scalar) -> "AbstractKernel":
        return self * other


class Sum(AbstractKernel):
    """k(x, y) + l(x, y): the sum of two independent processes."""

    left: AbstractKernel
    right: AbstractKernel

    def infix(self) -> tuple[str, tuple[AbstractKernel, AbstractKernel]]:
        """Its symbol in texts, and what stands between."""
        return "+", (self.left, self.right)

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        return self.left(x, y) + self.right(x, y)

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        return self.left.diagonal(x) + self.right.diagonal(x)


class Product(AbstractKernel):
    """k(x, y) l(x, y): the covariance of the product of two independent processes."""

    left: AbstractKernel
    right: AbstractKernel

    def infix(self) -> tuple[str, tuple[AbstractKernel, AbstractKernel]]:
        """Its symbol in texts, and what stands between."""
        return "*", (self.left, self.right)

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        return self.left(x, y) * self.right(x, y)

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        return self.left.diagonal(x) * self.right.diagonal(x)


class Scaled(AbstractKernel):
    """variance k(x, y)."""

    kernel: AbstractKernel
    variance: Scalar = eqx.field(converter=hyperparameter, metadata=VARIANCE)

    def __check_init__(self):
        require_positive(self, "variance")

    def infix(self) -> tuple[str, tuple[Scalar, AbstractKernel]]:
        """Its symbol in texts, and what stands between."""
        return "*", (self.variance, self.kernel)

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        return jnp.asarray(self.variance, x.dtype) * self.kernel(x, y)

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        return jnp.asarray(self.variance, x.dtype) * self.kernel.diagonal(x)


def parse(text: str) -> AbstractKernel:
    """Read a kernel, such as `"0.5 * SquaredExponential(0.3) + White(0.01)"`.

    The text is what a kernel prints: names of `riesz.kernels` called with numbers, tuples and
    further kernels, joined by `+` and `*`. Nothing is executed but these calls.

    **Raises:** `ModelError` that points at the place that cannot be read.

    ```python
    kernel = parse("SquaredExponential(50.0) + 2.0 * Periodic(1.0)")
    assert str(parse(str(kernel))) == str(kernel)
    ```
    """
    from riesz import kernels

    names = {n: k for n, k in vars(kernels).items() if dataclasses.is_dataclass(k)}
    return read(text, names, "kernel", AbstractKernel)
