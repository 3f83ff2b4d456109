"""The empirical tangent kernel of a finite model."""

import equinox as eqx
from jaxtyping import Array, Float, PyTree

from riesz._core.blocks import length
from riesz.errors import DataError, ModelError
from riesz.kernels._empirical import _gram as grams
from riesz.kernels._empirical._contractions import METHODS, AbstractContraction, contraction
from riesz.kernels._empirical._model import Parametrised
from riesz.kernels._kernel import AbstractKernel


class TangentKernel(AbstractKernel):
    """The empirical tangent kernel of a model: how training at y moves the output at x.

        k(x, y) = average over the outputs a of J_a(x) . J_a(y)

    where J is the Jacobian of the output in the parameters. Gradient flow on a loss moves the
    output at x by -J(x) J(y)^T times the gradient of the loss at y (Jacot et al. 2018, arXiv
    1806.07572). The trace is divided by the number of outputs, since the kernel of a wide
    network is that average times the identity. Where the output is a `Function` the average is
    its integral by the quadrature weights over the volume: it converges as the grid is refined.

    The kernel is fixed: the parameters of the model are data, no hyperparameters, and gradients
    by them are zero. It is made anew from a model that has changed.

    **Arguments:**

    - `model`: called on one input, an array or a pytree such as a `Function`, it returns an array
      or a `Function`. Its parameters are those of `riesz.operators.trainable`.
    - `method`: the order of contraction, after Novak et al. 2022 (arXiv 2206.08720).
      `"jacobians"` makes both Jacobians and multiplies them. `"structured"` does so too, but leaves
      the Jacobians of the weights of dense layers as outer products, which for wide layers are
      far smaller. `"products"` applies J(x) to each row of J(y), and so holds no Jacobian of x.

    Inputs are batches: pytrees whose arrays have a leading axis. Memory beyond the result is
    bounded for any number of inputs and outputs. All methods run under jit and vmap.

    **Raises:** `ModelError` for a model without real parameters, or whose output is no array or
    `Function`; `DataError` for outputs that differ in size between x and y.

    ```python
    model = eqx.nn.MLP(2, 1, 64, depth=2, key=jax.random.key(0))
    kernel = TangentKernel(model)
    x = jax.random.normal(jax.random.key(1), (10, 2))
    kernel(x), kernel.full(x).shape  # (10, 10) and (10, 10, 1, 1)
    ```
    """

    split: Parametrised
    method: str = eqx.field(static=True)

    def __init__(self, model: eqx.Module, *, method: str = "structured"):
        self.split, self.method = Parametrised(model), method

    def __check_init__(self):
        if self.method not in METHODS:
            raise ModelError(
                "no such order of contraction",
                where="TangentKernel(model, method)",
                expected=", ".join(METHODS),
                found=self.method,
            )

    def __call__(self, x: PyTree, y: PyTree | None = None) -> Float[Array, "n m"]:
        if y is not None:
            self._require_alike(x, y)
        return grams.gram(self._contraction(), x, y)

    def diagonal(self, x: PyTree) -> Float[Array, " n"]:
        return grams.diagonal(self._contraction(), x)

    def full(self, x: PyTree, y: PyTree | None = None) -> Float[Array, "n m o q"]:
        """J(x_i) J(y_j)^T for all pairs: between each of the o and each of the q output values.

        Outputs are flattened, and no weights enter.
        """
        y = x if y is None else y
        split = self.split
        parts = contraction(self.method, split.vector, split.leaves)
        return grams.full(parts, x, y)

    def matvec(self, x: PyTree, y: PyTree, v: Float[Array, "m *out"]) -> Float[Array, "n *out"]:
        """J(x) sum_j J(y_j)^T v_j, without any matrix: `full(x, y)` applied to v.

        **Arguments:**

        - `v`: one array of output values for each y, of the shape of the model's output.

        **Raises:** `DataError` for v of another shape.
        """
        split = self.split
        shape = grams.output_shape(split.values, split.leaves, y)
        if v.shape != (length(y), *shape):
            raise DataError(
                "a product with the tangent kernel needs one output for each input y",
                where="TangentKernel.matvec(x, y, v)",
                expected=f"v of shape {(length(y), *shape)}",
                found=f"v of shape {v.shape}",
            )
        out = grams.matvec(split.vector, split.leaves, x, y, v.reshape(v.shape[0], -1))
        return out.reshape(-1, *grams.output_shape(split.values, split.leaves, x))

    def _contraction(self) -> AbstractContraction:
        # outputs whose squared length is an average: the trace of J(x) J(y)^T is one
        return contraction(self.method, self.split.averaged, self.split.leaves)

    def _require_alike(self, x: PyTree, y: PyTree) -> None:
        shapes = [grams.output_shape(self.split.values, self.split.leaves, z) for z in (x, y)]
        if shapes[0] != shapes[1]:
            raise DataError(
                "an average over outputs needs outputs of one size",
                where="TangentKernel(x, y)",
                expected=f"outputs of shape {shapes[0]}, as for x",
                found=f"outputs of shape {shapes[1]} for y",
                repair="evaluate both on one grid, or ask for all pairs of outputs: "
                "kernel.full(x, y)",
            )
