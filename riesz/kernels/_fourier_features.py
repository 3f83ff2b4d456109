"""Random Fourier features of stationary kernels."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.parameters import Frozen
from riesz.errors import DataError
from riesz.kernels._features import AbstractFeatures, inner_products
from riesz.kernels._inputs import per_input, points
from riesz.kernels._kernel import AbstractKernel, Inputs
from riesz.kernels._stationary import AbstractStationary


class FourierFeatures(AbstractFeatures):
    """Cosines and sines at `count` frequencies drawn from the spectral density of a kernel.

    phi(x) = sqrt(variance / count) (cos w_j.x, sin w_j.x), so that phi(x).phi(y) has the kernel as
    its mean, a standard deviation that falls as count^(-1/2), and phi(x).phi(x) = variance
    exactly. The w_j are standard normal vectors, scaled by the length scales and the mixing law
    of the kernel; d at a time are orthogonal, which lowers the variance.

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
        frequencies = (normals * jnp.sqrt(precisions)[:, None]).astype(x.dtype)
        inverse = 1 / per_input(self.kernel.length_scale, x, "length_scale", self.kernel)
        turns = inner_products(x * inverse, frequencies)
        variance = jnp.asarray(self.kernel.variance, x.dtype) / len(normals)
        return jnp.sqrt(variance) * jnp.concatenate([jnp.cos(turns), jnp.sin(turns)], 1)


def _orthogonal_normals(key: PRNGKeyArray, count: int, dim: int) -> Float[Array, "count dim"]:
    """Standard normal vectors, orthogonal within each `dim` of them."""
    directions, lengths = jax.random.split(key)
    blocks = -(-count // dim)
    # one block after another: batched factorisations of LAPACK can block XLA's threads on CPUs
    q, r = jax.lax.map(jnp.linalg.qr, jax.random.normal(directions, (blocks, dim, dim)))
    # with these signs q has the uniform law on orthogonal matrices (Mezzadri 2007)
    q = q * jnp.sign(jnp.diagonal(r, axis1=1, axis2=2))[:, None]
    norms = jnp.linalg.norm(jax.random.normal(lengths, (blocks, dim, dim)), axis=2)
    return (q * norms[..., None]).reshape(blocks * dim, dim)[:count]
