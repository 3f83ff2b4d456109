"""Linear functionals of functions, and covariances between them.

For functionals L and M of a process with covariance k, Cov(L f, M f) is L applied to the first
and M to the second argument of k.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz._core.blocks import blocked
from riesz.kernels import AbstractKernel

Inputs = Float[Array, "n *features"]
ArrayFunction = Callable[[Inputs], Any]


class AbstractFunctionals(eqx.Module):
    """Several linear functionals of a function."""

    @abstractmethod
    def apply(self, f: ArrayFunction) -> Float[Array, "m *tail"]:
        """The functionals of a function f, which maps inputs one per row to values one per row."""

    def gram(self, kernel: AbstractKernel) -> Float[Array, "m m"]:
        """The covariances among these functionals.

        Those that see the function itself at their points overwrite it: of one set of points a
        kernel knows more (`kernel(x)`, with noise on the diagonal) than of two equal ones.
        """
        return cross(kernel, self, self)

    def variances(self, kernel: AbstractKernel) -> Float[Array, " m"]:
        """The variances of these functionals, the diagonal of `gram`."""
        return jnp.diagonal(self.gram(kernel))


class Evaluations(AbstractFunctionals):
    """The values at points."""

    points: Inputs

    def apply(self, f: ArrayFunction) -> Float[Array, "m *tail"]:
        return f(self.points)

    def gram(self, kernel: AbstractKernel) -> Float[Array, "m m"]:
        return kernel(self.points)

    def variances(self, kernel: AbstractKernel) -> Float[Array, " m"]:
        return kernel.diagonal(self.points)


class Slopes(AbstractFunctionals):
    """The first derivatives along an axis at points of R^d."""

    points: Float[Array, "n d"]
    axis: int = eqx.field(static=True)

    def apply(self, f: ArrayFunction) -> Float[Array, "m *tail"]:
        return slopes(f, self.points, self.axis)

    def variances(self, kernel: AbstractKernel) -> Float[Array, " m"]:
        def single(x: Float[Array, " d"]) -> Float[Array, ""]:
            # d^2 k(x, y) / dx_axis dy_axis at y = x
            return Slopes(x[None], self.axis).gram(kernel)[0, 0]

        return jax.vmap(single)(self.points)


def slopes(f: ArrayFunction, points: Float[Array, "n d"], axis: int) -> Any:
    """df/dx_axis at points, for f that maps inputs one per row to values one per row."""
    # row i of f depends on row i of the points alone: one tangent e_axis for all rows
    along = jnp.zeros_like(points).at[:, axis].set(1)
    return jax.jvp(f, (points,), (along,))[1]


def functionals_at(points: Inputs, axis: int | None) -> AbstractFunctionals:
    """The values at points, or with an axis the derivatives along it."""
    return Evaluations(points) if axis is None else Slopes(points, axis)


def cross(
    kernel: AbstractKernel, left: AbstractFunctionals, right: AbstractFunctionals
) -> Float[Array, "l r"]:
    """The covariances between the functionals on the left and those on the right."""

    def of_left(x: Inputs) -> Float[Array, "n r"]:
        # M acts on y: (y, n) -> (r, n) -> (n, r)
        return right.apply(lambda y: kernel(x, y).T).T

    # L acts on x: (n, r) -> (l, r)
    return left.apply(of_left)


def cross_all(
    kernel: AbstractKernel, left: Sequence[AbstractFunctionals], right: AbstractFunctionals
) -> Float[Array, "l r"]:
    """The covariances between all functionals of a sequence and those on the right."""
    return jnp.concatenate([cross(kernel, part, right) for part in left])


def gram_all(
    kernel: AbstractKernel, functionals: Sequence[AbstractFunctionals]
) -> Float[Array, "m m"]:
    """The covariance matrix of all functionals of a sequence, symmetric to the last bit."""
    # Cov(L_i f, L_j f) for i <= j, the others transposed
    blocks = {
        (i, j): left.gram(kernel) if i == j else cross(kernel, left, right)
        for i, left in enumerate(functionals)
        for j, right in enumerate(functionals)
        if i <= j
    }
    count = range(len(functionals))
    rows = [[blocks[i, j] if i <= j else blocks[j, i].T for j in count] for i in count]
    matrix = jnp.concatenate([jnp.concatenate(row, axis=1) for row in rows])
    return (matrix + matrix.T) / 2


def in_blocks(f: ArrayFunction, size: int) -> ArrayFunction:
    """The same function, evaluated on at most `size` rows at once.

    Gradients compute each block again instead of keeping all of them.
    """
    return lambda x: f(x) if x.shape[0] <= size else blocked(jax.checkpoint(f), x, size)
