"""Kernels of finitely many features: the approximations of other kernels."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.kernels._inputs import symmetric
from riesz.kernels._kernel import AbstractKernel, Inputs, Others


class AbstractFeatures(eqx.Module):
    """A map x -> phi(x) into R^m whose inner products are, or approximate, a kernel."""

    @abstractmethod
    def __call__(self, x: Inputs) -> Float[Array, "n m"]:
        """The features of each input, one a row."""


class FeatureKernel(AbstractKernel):
    """k(x, y) = phi(x) . phi(y): the kernel of Bayesian linear regression on `features`.

    Its Gram matrices have at most as many positive eigenvalues as there are features.

    ```python
    features = FourierFeatures(Matern(1.5, 0.3), dim=2, count=500, key=key)
    kernel = FeatureKernel(features)             # a process with 1000 weights
    ```
    """

    features: AbstractFeatures

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n k"]:
        left = self.features(x)
        right = left if y is None else self.features(y)
        gram = inner_products(left, right)
        return symmetric(gram, jnp.sum(left**2, 1)) if y is None else gram

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        return jnp.sum(self.features(x) ** 2, 1)


def inner_products(x: Float[Array, "n d"], y: Float[Array, "k d"]) -> Float[Array, "n k"]:
    """x_i . y_j, with the digits of its type: accelerators may multiply with fewer."""
    return jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
