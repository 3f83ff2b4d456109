"""Features of networks, and of a kernel at landmarks."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from riesz._core.parameters import Frozen
from riesz.errors import DataError
from riesz.kernels._features import AbstractFeatures
from riesz.kernels._kernel import AbstractKernel, Inputs


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
        ridge = len(z) * jnp.finfo(x.dtype).eps * jnp.diagonal(gram).mean()
        factor = jnp.linalg.cholesky(gram + ridge * jnp.eye(len(z), dtype=x.dtype))
        return jax.scipy.linalg.solve_triangular(factor, self.kernel(z, x), lower=True).T
