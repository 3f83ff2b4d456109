"""The labelled pseudo tangent kernel: the tangent kernel of samples with classes."""

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from riesz._core.blocks import length
from riesz._core.tracing import traced
from riesz.errors import DataError
from riesz.kernels._empirical import _gram as grams
from riesz.kernels._empirical._contractions import AbstractContraction, Method, contraction
from riesz.kernels._empirical._model import Parametrised
from riesz.kernels._kernel import AbstractKernel

Samples = tuple[PyTree, Int[Array, " n"]]


class LabelledTangentKernel(AbstractKernel):
    """The labelled pseudo neural tangent kernel of a classifier with K logits.

        k((x, c), (x', c')) = 1/K s(c)^T J(x) J(x')^T s(c'),    s(c)_a = -1 if a = c, else 1.

    s(c) holds the signs of p - y, the gradient of the cross-entropy in the logits, where p are
    the predicted probabilities and y is one at the class c. A step of gradient descent on
    (x', c') moves the logits at x by -J(x) J(x')^T (p - y): where the kernel is positive,
    learning one sample helps the other, and where it is negative it harms (Guo et al. 2024,
    arXiv 2401.08808).

    **Arguments:**

    - `model`: called on one input it returns K >= 2 logits.
    - `method`: an order of contraction, as for `TangentKernel`.

    Inputs are pairs `(x, classes)`: a batch, and integers from 0 to K - 1 of shape (n,).

    **Raises:** `DataError` for classes that do not fit the inputs or the logits. Inside jit
    their values are unknown, and a class that does not exist counts as none.

    ```python
    model = eqx.nn.MLP(2, 3, 64, depth=1, key=jax.random.key(0))
    x, classes = jax.random.normal(jax.random.key(1), (4, 2)), jnp.array([0, 1, 2, 0])
    LabelledTangentKernel(model)((x, classes))  # (4, 4)
    ```
    """

    split: Parametrised
    method: Method = eqx.field(static=True)

    def __init__(self, model: eqx.Module, *, method: Method = "structured"):
        self.split, self.method = Parametrised(model), method

    def __call__(self, x: PyTree, y: PyTree | None = None) -> Float[Array, "n m"]:
        return grams.weighted(self._parts, self._signed(x), None if y is None else self._signed(y))

    def diagonal(self, x: PyTree) -> Float[Array, " n"]:
        return grams.weighted_diagonal(self._parts, self._signed(x))

    @property
    def _parts(self) -> AbstractContraction:
        return contraction(self.method, self.split.vector, self.split.leaves)

    def _signed(self, samples: Samples) -> tuple[PyTree, Float[Array, "n k"]]:
        """The inputs, and s(c) / sqrt(K) for each."""
        x, classes = samples
        split, n = self.split, length(x)
        logits = jax.eval_shape(split.vector, split.leaves, grams.sample(x))
        known = None if traced(classes) else np.asarray(classes)
        outside = known is not None and ((known < 0) | (known >= logits.size)).any()
        if logits.size < 2 or classes.shape != (n,) or outside:
            values = "" if known is None else f" from {known.min()} to {known.max()}"
            raise DataError(
                "the classes do not fit the inputs or the logits",
                where="LabelledTangentKernel((x, classes))",
                expected=f"{n} integers from 0 to K - 1, for K >= 2 logits",
                found=f"shape {classes.shape}{values}, {logits.size} logits",
                repair="number the classes from 0; a model of two classes has two logits",
            )
        # s(c)_a = 1 - 2 [a = c]; 1 / sqrt(K) on either side makes 1/K
        own = jax.nn.one_hot(classes, logits.size, dtype=logits.dtype)
        return x, (1 - 2 * own) / logits.size**0.5
