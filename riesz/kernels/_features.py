"""Kernels of finitely many features: the approximations of other kernels."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from riesz._core.parameters import Frozen
from riesz.errors import DataError
from riesz.kernels._inputs import per_input, points, symmetric
from riesz.kernels._kernel import AbstractKernel, Inputs, Others
from riesz.kernels._stationary import AbstractStationary


class AbstractFeatures(eqx.Module):
    """A map x -> phi(x) into R^m whose inner products are, or approximate, a kernel."""

    @abstractmethod
    def __call__(self, x: Inputs) -> Float[Array, "n m"]:
        """The features of each input, one per row."""


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


class FourierFeatures(AbstractFeatures):
    """Cosines and sines at `count` frequencies drawn from the spectral density of a kernel.

    phi(x) = sqrt(variance / count) (cos w_j.x, sin w_j.x), so that phi(x).phi(y) has the kernel as
    its mean, a standard deviation that falls as count^(-1/2), and phi(x).phi(x) = variance
    exactly. The w_j are standard normal vectors, scaled by the length scales and the mixing
    distribution of the kernel; d at a time are orthogonal, which lowers the variance.

    **Arguments:**

    - `kernel`: `SquaredExponential`, `Matern` or `RationalQuadratic`; its hyperparameters stay
      those of the features, and gradients pass to them.
    - `dim`: the number d of an input's columns.
    - `count`: the number of frequencies, half that of the features.
    - `key`: for the draw.

    **Raises** `DataError` for a kernel without a density to draw from, or no frequency.

    ```python
    features = FourierFeatures(Matern(1.5, 0.3), dim=2, count=500, key=key)
    kernel = FeatureKernel(features)               # 1000 weights instead of n x n numbers
    ```

    Source: Rahimi and Recht 2007; orthogonal draws: Yu et al. 2016, arXiv 1610.09072.
    """

    kernel: AbstractStationary
    normals: Frozen
    key: PRNGKeyArray

    def __init__(self, kernel: AbstractKernel, dim: int, count: int, *, key: PRNGKeyArray):
        if not isinstance(kernel, AbstractStationary) or count < 1 or dim < 1:
            raise DataError(
                "random Fourier features need a stationary kernel and at least one frequency",
                where="FourierFeatures(kernel, dim, count)",
                expected="SquaredExponential, Matern or RationalQuadratic, dim and count >= 1",
                found=f"{type(kernel).__name__}, dim={dim}, count={count}",
                repair="any kernel has NystromFeatures(kernel, landmarks)",
            )
        self.kernel = kernel
        self.key, draw = jax.random.split(key)
        self.normals = Frozen(_orthogonal_normals(draw, count, dim))

    def __call__(self, x: Inputs) -> Float[Array, "n m"]:
        x = points(x, self)
        normals = self.normals.value
        if x.shape[1] != normals.shape[1]:
            raise DataError(
                "these features were drawn for inputs of another dimension",
                where="FourierFeatures(kernel, dim, count)(x)",
                expected=f"{normals.shape[1]} columns",
                found=f"{x.shape[1]}",
                repair="give dim the number of columns of the inputs",
            )
        # drawn in the type of the first draw, so that x in another one has the same features
        precisions = self.kernel.precisions(normals[:, 0], key=self.key)
        # w_j = sqrt(precision_j) z_j
        frequencies = (normals * jnp.sqrt(precisions)[:, None]).astype(x.dtype)
        inverse = 1 / per_input(self.kernel.length_scale, x, "length_scale", self.kernel)
        # (x_i / length_scale) . w_j, (n, count)
        turns = inner_products(x * inverse, frequencies)
        # variance / count sum_j cos(w_j.(x - y)) = phi(x).phi(y)
        variance = jnp.asarray(self.kernel.variance, x.dtype) / len(normals)
        return jnp.sqrt(variance) * jnp.concatenate([jnp.cos(turns), jnp.sin(turns)], 1)


class NetworkFeatures(AbstractFeatures):
    """The outputs of a finite network, divided by the square root of their number.

    A network with random weights that ends in its last hidden layer approximates the kernel of
    its own infinite width, with an error that falls as width^(-1/2): deep random features. A
    trained one gives Bayesian regression on its last layer.

    **Arguments:**

    - `network`: called on one input it gives an array, such as `description.init(shape, key=key)`.
      Its weights are kept as they are; they are no hyperparameters.

    ```python
    hidden = Dense(1000, w_std=1.4) >> Relu() >> Dense(1000, w_std=1.4) >> Relu()
    kernel = FeatureKernel(NetworkFeatures(hidden.init(3, key=key)))    # near hidden.kernel().nngp
    ```

    Source: Takhanov 2024, arXiv 2404.17461.
    """

    network: Frozen

    def __init__(self, network: Callable[[Any], Array]):
        self.network = Frozen(network)

    def __call__(self, x: Inputs) -> Float[Array, "n m"]:
        outputs = jax.vmap(self.network.astype(x.dtype))(x)
        outputs = outputs.reshape(x.shape[0], -1)
        # phi(x).phi(y) = 1/m sum_i f_i(x) f_i(y)
        return outputs / jnp.sqrt(jnp.asarray(outputs.shape[1], x.dtype))


class NystromFeatures(AbstractFeatures):
    """phi(x) = L^-1 k(Z, x), with k(Z, Z) = L L^T at m landmarks Z.

    phi(x).phi(y) is the best approximation of k(x, y) by functions k(., z_j), exact at landmarks
    but for k(Z, Z) being regularised by m times the rounding unit, so that landmarks may be
    close to each other.

    **Arguments:**

    - `kernel`: the kernel approximated; its hyperparameters stay those of the features.
    - `landmarks`: m inputs, often a random part of the data. They are no hyperparameters.

    **Raises** `DataError` without landmarks.

    ```python
    kernel = FeatureKernel(NystromFeatures(Matern(2.5, 0.3), x[:200]))
    ```

    Source: Williams and Seeger 2001.
    """

    kernel: AbstractKernel
    landmarks: Frozen

    def __init__(self, kernel: AbstractKernel, landmarks: Shaped[Any, "m *features"]):
        if jnp.ndim(landmarks) == 0 or len(landmarks) == 0:
            raise DataError(
                "Nystrom features need at least one landmark",
                where="NystromFeatures(kernel, landmarks)",
                expected="an array of inputs (m, *features)",
                found=f"shape {jnp.shape(landmarks)}",
                repair="give some of the inputs, x[:200]",
            )
        self.kernel = kernel
        self.landmarks = Frozen(landmarks)

    def __call__(self, x: Inputs) -> Float[Array, "n m"]:
        z = self.landmarks.astype(x.dtype)
        gram = self.kernel(z)
        # k(Z, Z) + m eps mean(diagonal) I = L L^T
        ridge = len(z) * jnp.finfo(x.dtype).eps * jnp.diagonal(gram).mean()
        factor = jnp.linalg.cholesky(gram + ridge * jnp.eye(len(z), dtype=x.dtype))
        # (L^-1 k(Z, x))^T, (n, m)
        return jax.scipy.linalg.solve_triangular(factor, self.kernel(z, x), lower=True).T


def inner_products(x: Float[Array, "n d"], y: Float[Array, "k d"]) -> Float[Array, "n k"]:
    """x_i . y_j, with the digits of its type: accelerators may multiply with fewer."""
    return jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)


def _orthogonal_normals(key: PRNGKeyArray, count: int, dim: int) -> Float[Array, "count dim"]:
    """Standard normal vectors, orthogonal within each `dim` of them."""
    directions, lengths = jax.random.split(key)
    # ceil(count / dim) matrices (dim, dim)
    blocks = -(-count // dim)
    # one block after another: batched factorisations of LAPACK can block XLA's threads on CPUs
    q, r = jax.lax.map(jnp.linalg.qr, jax.random.normal(directions, (blocks, dim, dim)))
    # with these signs q has the uniform distribution on orthogonal matrices (Mezzadri 2007)
    q = q * jnp.sign(jnp.diagonal(r, axis1=1, axis2=2))[:, None]
    # chi distributed with dim degrees of freedom, as are lengths of independent normal vectors
    norms = jnp.linalg.norm(jax.random.normal(lengths, (blocks, dim, dim)), axis=2)
    return (q * norms[..., None]).reshape(blocks * dim, dim)[:count]
