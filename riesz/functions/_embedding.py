"""Functions as vectors, for kernels and processes whose inputs are functions."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz._core.parameters import FROZEN, KIND
from riesz._core.text import write
from riesz.domains import AbstractDiscretization
from riesz.functions._function import Function


class Embedding(eqx.Module):
    """The map of `embed` for the values of one function, such as in `riesz.kernels.Warped`.

    **Arguments:**

    - `on`: the points of the values.
    - `derivative`: its order along the first axis, taken before.

    ```python
    kernel = Warped(SquaredExponential(1.0), Embedding(Grid(Interval(0, 1), 100), derivative=1))
    kernel(spectra)                                 # of an array (n, 100): curves, a row each
    ```
    """

    on: AbstractDiscretization = eqx.field(metadata={KIND: FROZEN})
    derivative: int = eqx.field(static=True, default=0)

    def __repr__(self) -> str:
        return write(self)

    def __call__(self, values: Float[Array, "..."]) -> Float[Array, " features"]:
        """V with |v - v'| = |f - f'|, of values `(*shape, channels)`, or `shape` for one channel.

        The channels of one point lie beside each other: v_ic = sqrt(w_i) f_c(x_i).
        """
        f = Function(values.reshape(*self.on.shape, -1), self.on)
        for _ in range(self.derivative):
            f = f.derivative(0)
        # (*shape, c) -> (points * c,); sum_ic v_ic v'_ic = sum_i w_i sum_c f_c(x_i) f'_c(x_i)
        weights = self.on.weights.astype(f.values.dtype)
        return (f.values * jnp.sqrt(jnp.maximum(weights, 0))[..., None]).ravel()


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
        return Embedding(f.discretization, derivative)(f.values)

    return jax.vmap(one)(functions)
