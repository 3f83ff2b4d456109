"""The signature kernel of paths."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz._core.parameters import as_traced
from riesz.errors import DataError
from riesz.kernels._kernel import AbstractKernel, Inputs, Others
from riesz.kernels._signature._midpoint import covariance, increments
from riesz.kernels._signature._pairs import all_pairs, each, finite, require_paths


class Signature(AbstractKernel):
    """The signature kernel: the inner product of the signatures of two paths, untruncated.

    For paths x and y it is u(1, 1), where u = 1 at s = 0 and at t = 0 and

        d^2 u / ds dt = <x'(s), y'(t)> u.

    The signature of a path is the sequence of its iterated integrals, and characterises it up
    to reparametrisation and backtracking; it depends on increments only, not on where a path
    begins.
    With a kernel of states the paths are first lifted into its feature space, and the inner
    products of increments are second differences of that kernel (Salvi, Cass, Foster, Lyons
    and Yang 2021, arXiv 2006.14794).

    Between samples paths are linear (in the feature space). The equation is solved with order
    2 on the grid of samples, in which each interval is cut into 2^refinement parts; products of
    increments near 1 need refinement. The Gram matrix is positive semidefinite at any
    refinement: it is that of solutions of dS = S dx by the explicit midpoint rule. Values grow up
    to exp(|x| |y|) in the lengths of the paths, so that paths are scaled to lengths of order 1.
    Time and memory for one pair are those of its grid, length times length; memory for all
    pairs is bounded.

    **Arguments:**

    - `path_kernel`: a kernel of states, such as `SquaredExponential(1.0)`; without, their inner
      product.
    - `refinement`: how often each interval is halved.

    Inputs have shape `(n, length, channels)`: sampled paths. Two sets may differ in length. Time
    as a further channel makes the kernel see parametrisation.

    **Raises:** `DataError` for inputs of another shape, or a negative refinement.

    ```python
    t = jnp.linspace(0.0, 1.0, 50)
    paths = jnp.stack([jnp.sin(3 * t), jnp.cos(2 * t)])[..., None]
    Signature(SquaredExponential(0.5))(paths)  # (2, 2)
    ```
    """

    path_kernel: AbstractKernel | None = None
    refinement: int = eqx.field(static=True, default=0)

    def __check_init__(self):
        require_refinement(self, self.refinement)

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        require_paths(x, y, self)
        return finite(_gram(as_traced(self, x.dtype), x, y), self)

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        require_paths(x, None, self)
        return finite(_diagonal(as_traced(self, x.dtype), x), self)

    def pair(
        self, x: Float[Array, "length channels"], y: Float[Array, "other_length channels"]
    ) -> Float[Array, ""]:
        """The kernel of two paths."""
        c = increments(x, y, self.refinement, self.path_kernel)
        if c.shape[0] > c.shape[1]:  # an anti-diagonal is as long as the shorter path
            c = c.T
        # F(u) = u
        return covariance(c, lambda u, *_: u, jnp.ones((), c.dtype))

    def _numbers(self, x: Array, y: Array) -> int:
        return x.shape[1] * y.shape[1] * 4**self.refinement


@eqx.filter_jit
def _gram(kernel: Signature, x: Array, y: Array | None) -> Float[Array, "n m"]:
    return all_pairs(kernel.pair, x, y, kernel._numbers(x, x if y is None else y))


@eqx.filter_jit
def _diagonal(kernel: Signature, x: Array) -> Float[Array, " n"]:
    return each(kernel.pair, x, kernel._numbers(x, x))


def require_refinement(kernel: AbstractKernel, refinement: int) -> None:
    """Raise for a negative refinement."""
    if refinement < 0:
        raise DataError(
            "an interval is cut into 2^refinement parts",
            where=type(kernel).__name__,
            expected="refinement >= 0",
            found=f"refinement={refinement}",
        )
