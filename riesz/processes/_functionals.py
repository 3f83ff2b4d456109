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
        """The functionals of a function f, which maps inputs one a row to values one a row."""

    def gram(self, kernel: AbstractKernel) -> Float[Array, "m m"]:
        """The covariances among these functionals.

        Those that see the function itself at their points overwrite it: of one set of points a
        kernel knows more (`kernel(x)`, with noise on the diagonal) than of two equal ones.
        """
        return cross(kernel, self, self)


class Evaluations(AbstractFunctionals):
    """The values at points."""

    points: Inputs

    def apply(self, f: ArrayFunction) -> Float[Array, "m *tail"]:
        return f(self.points)

    def gram(self, kernel: AbstractKernel) -> Float[Array, "m m"]:
        return kernel(self.points)


def cross(
    kernel: AbstractKernel, left: AbstractFunctionals, right: AbstractFunctionals
) -> Float[Array, "l r"]:
    """The covariances between the functionals on the left and those on the right."""

    def of_left(x: Inputs) -> Float[Array, "n r"]:
        return right.apply(lambda y: kernel(x, y).T).T

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
