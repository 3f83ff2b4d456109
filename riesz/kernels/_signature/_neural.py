"""Neural signature kernels: controlled residual networks of infinite width and depth."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz._core.blocks import blocked
from riesz._core.parameters import as_traced
from riesz.kernels._inputs import Scalar, hyperparameter, require_positive
from riesz.kernels._kernel import AbstractKernel, Inputs, Others
from riesz.kernels._signature._growth import Growth, HasDuals, independent, shared, variances
from riesz.kernels._signature._pairs import all_pairs, block, each, finite, require_paths
from riesz.kernels._signature._signature import require_refinement


class NeuralSignature(AbstractKernel):
    """The covariance of a controlled residual network of infinite width and depth.

    Along a path x with d channels the state S of width N follows

        dS = sum_k (A_k phi(S) + b_k) dx_k,    S(0) ~ N(0, initial_std^2),

    with independent entries A_k ~ N(0, w_std^2 / N) and b_k ~ N(0, b_std^2). The kernel is the
    limit of <S^x, S^y> / N, K(1, 1). With the same weights at all times (`homogeneous`)

        d^2 K / ds dt = (w_std^2 V(K_xx(s, s), K(s, t), K_yy(t, t)) + b_std^2) <x'(s), y'(t)>

    and K = initial_std^2 at s = 0 and at t = 0, where V is the activation's expectation of
    phi(u) phi(v); with independent weights in each layer, paths over the unit interval and
    layers scaled by the root of their number,

        dK / dt = (w_std^2 V(K_xx, K, K_yy) + b_std^2) <x'(t), y'(t)>

    (Cirone, Lemercier and Salvi 2023, arXiv 2303.17671). The homogeneous kernel of the identity
    with unit `w_std` and `initial_std` is the `Signature` kernel.

    Both equations are solved with order 2 on the grid of samples, in which each interval is cut
    into 2^refinement parts; paths are linear between samples. Gram matrices are positive
    semidefinite at any refinement: they are those of wide networks of finite depth.

    **Arguments:**

    - `activation`: any object with `duals(q11, q12, q22)`, such as `riesz.networks.Relu()`.
    - `w_std`, `initial_std`: positive; `b_std`: zero or positive.
    - `homogeneous`: whether all layers share their weights.
    - `refinement`: how often each interval is halved.

    Inputs have shape `(n, length, channels)`. Inhomogeneous kernels compare paths of one length,
    sampled at equal times.

    **Raises:** `DataError` for inputs of another shape, hyperparameters that are not positive, or
    a negative refinement.

    ```python
    kernel = NeuralSignature(riesz.networks.Relu(), b_std=0.3)
    kernel(jax.random.normal(jax.random.key(0), (4, 20, 2)) / 10)  # (4, 4)
    ```
    """

    activation: HasDuals
    w_std: Scalar = eqx.field(converter=hyperparameter, default=1.0)
    b_std: Scalar = eqx.field(converter=hyperparameter, default=0.0)
    initial_std: Scalar = eqx.field(converter=hyperparameter, default=1.0)
    homogeneous: bool = eqx.field(static=True, default=True)
    refinement: int = eqx.field(static=True, default=0)

    def __check_init__(self):
        require_refinement(self, self.refinement)
        require_positive(self, "w_std", "initial_std")
        if not (isinstance(self.b_std, float) and self.b_std == 0):
            require_positive(self, "b_std")

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        require_paths(x, y, self, alike=not self.homogeneous)
        return finite(_gram(as_traced(self, x.dtype), x, y), self)

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        require_paths(x, None, self)
        return finite(_diagonal(as_traced(self, x.dtype), x), self)

    def _growth(self, x: Array) -> Growth:
        stds = (jnp.asarray(std, x.dtype) for std in (self.w_std, self.b_std, self.initial_std))
        w, b, initial = (std**2 for std in stds)
        return Growth(self.activation, w, b, initial, self.refinement)


@eqx.filter_jit
def _gram(kernel: NeuralSignature, x: Array, y: Array | None) -> Float[Array, "n m"]:
    growth = kernel._growth(x)
    if not kernel.homogeneous:
        return all_pairs(partial(independent, growth), x, y, _numbers(growth, x))
    first, second = _with_variances(growth, x), None if y is None else _with_variances(growth, y)
    return all_pairs(partial(shared, growth), first, second, _numbers(growth, x, y))


@eqx.filter_jit
def _diagonal(kernel: NeuralSignature, x: Array) -> Float[Array, " n"]:
    growth = kernel._growth(x)
    if not kernel.homogeneous:
        return each(partial(independent, growth), x, _numbers(growth, x))
    return each(partial(shared, growth), _with_variances(growth, x), _numbers(growth, x))


def _with_variances(growth: Growth, x: Array) -> tuple[Array, tuple[Array, Array]]:
    return x, blocked(jax.vmap(partial(variances, growth)), x, block(_numbers(growth, x)))


def _numbers(growth: Growth, x: Array, y: Array | None = None) -> int:
    # cells of the grid of one pair
    return x.shape[1] * (x if y is None else y).shape[1] * 4**growth.refinement
