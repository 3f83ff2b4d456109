"""Functions as vectors whose distances are those of the functions."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.domains import AbstractDiscretization
from riesz.functions._function import Function


def embed(
    functions: Function, on: AbstractDiscretization | None = None, derivative: int = 0
) -> Float[Array, "n features"]:
    """Vectors v of a batch of functions with |v - v'| = |f - f'| in L2, by quadrature.

    v_ic = sqrt(w_i) f_c(x_i), w being the weights of the discretization. Kernels on vectors become
    kernels on functions by it, and so do processes whose inputs are functions (functional
    regression; Ferraty and Vieu 2006).

    **Arguments:**

    - `functions`: a batch. Functions that have each their own points need `on`.
    - `on`: where all are resampled first.
    - `derivative`: its order along the first axis, taken before; distances are then those of
      derivatives, to which a shift by a constant is nothing.

    ```python
    x = embed(spectra, derivative=1)
    posterior = GaussianProcess(SquaredExponential(1.0)).condition(Values(x, fat, noise=0.1))
    ```
    """

    def one(f: Function) -> Array:
        f = f if on is None else f.resample(on)
        for _ in range(derivative):
            f = f.derivative(0)
        weights = f.discretization.weights.astype(f.values.dtype)
        return (f.values * jnp.sqrt(jnp.maximum(weights, 0))[..., None]).ravel()

    return eqx.filter_vmap(one)(functions)
