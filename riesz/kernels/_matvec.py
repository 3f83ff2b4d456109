"""Products with Gram matrices that are never stored."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz._core.blocks import blocked, fitting
from riesz._core.parameters import as_traced
from riesz.kernels._kernel import AbstractKernel, Inputs, Others

# Numbers of the matrix in memory at a time: 16 MiB in single precision.
_NUMBERS = 2**22


def matvec(
    kernel: AbstractKernel,
    x: Inputs,
    v: Float[Array, "m *columns"],
    y: Others | None = None,
) -> Float[Array, "n *columns"]:
    """K v with K_ij = k(x_i, y_j), without y k(x_i, x_j), by blocks of rows of K.

    Time is that of the whole matrix, memory that of a block: for iterative solvers. Runs under
    jit, vmap and grad; for gradients blocks are made again.

    **Arguments:**

    - `kernel`: any kernel.
    - `x`, `y`: inputs, as the kernel takes them.
    - `v`: a vector (m,), or several as columns (m, k), m being the number of the `y` (of the `x`).

    ```python
    residual = b - matvec(kernel, x, weights)
    ```
    """
    rows = fitting(len(x if y is None else y), _NUMBERS)
    return _matvec(as_traced(kernel, x.dtype), x, v, y, rows)


@eqx.filter_jit
def _matvec(kernel: AbstractKernel, x: Inputs, v: Array, y: Others | None, size: int) -> Array:
    other = x if y is None else y

    @jax.checkpoint
    def product(block: tuple[Array, Array]) -> Array:
        rows, numbers = block
        k = kernel(rows, other)
        if y is None:
            # off the diagonal k(x, x) and k(x) agree, on it there is noise and rounding
            own = numbers[:, None] == jnp.arange(len(x))
            k = jnp.where(own, kernel.diagonal(rows)[:, None], k)
        return jnp.matmul(k, v, precision=jax.lax.Precision.HIGHEST)

    return blocked(product, (x, jnp.arange(len(x))), size)
