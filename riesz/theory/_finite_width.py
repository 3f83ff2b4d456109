"""How the outputs of a network of finite width differ from a Gaussian process."""

from collections.abc import Sequence
from math import pi

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz._core.sizes import require_size, require_stds
from riesz._core.tracing import traced
from riesz.errors import DataError
from riesz.networks import AbstractActivation
from riesz.theory._products import RULES, product_covariance

Scalar = float | Float[Array, ""]


class FiniteWidth(eqx.Module):
    """Outputs of a fully connected network at k inputs: their distribution to order 1/width.

    Given the layers before, the outputs are Gaussian with a random covariance G, the metric of
    the last layer. Its mean is `covariance`, up to corrections of order 1/width, and its own
    covariance Cov(G_ab, G_cd) is `spread`: the four-point vertex divided by the width (Yaida
    2020, arXiv:1910.00019; Roberts, Yaida and Hanin 2022, arXiv:2106.10165, chapter 4).

    **Fields:** `covariance` (k, k); `spread` (k, k, k, k); and `error`, the standard error of
    the spread from the quadrature of expectations, in the same shape.
    """

    covariance: Float[Array, "k k"]
    spread: Float[Array, "k k k k"]
    error: Float[Array, "k k k k"]

    @property
    def fourth_cumulant(self) -> Float[Array, "k k k k"]:
        """The joint fourth cumulant of one output: the sum of the spread over three pairings.

        Different outputs i and j are not independent: their cumulant of two arguments each is
        Cov(f_ia f_ib, f_jc f_jd) = `spread`.
        """
        spread = self.spread
        # pairings (ab)(cd), (ac)(bd), (ad)(bc)
        return spread + spread.transpose(0, 2, 1, 3) + spread.transpose(0, 3, 2, 1)

    def density(self, values: Float[Array, "... k"]) -> Float[Array, "... k"]:
        """The marginal densities of one output at each input, by the expansion of Edgeworth.

        p(f) = N(f; 0, K) [1 + kappa_4 / (24 K^2) He_4(f / sqrt K)] (Antognini 2019,
        arXiv:1908.10030). It integrates to 1, has variance K and fourth cumulant kappa_4, and is
        negative in places when the width is too small for it.

        **Arguments:**

        - `values`: of the output, one at each input along the last axis.
        """
        k = len(self.covariance)
        if values.shape[-1:] != (k,):
            raise DataError(
                "values of the output are given at each input",
                where="FiniteWidth.density(values)",
                expected=f"shape (..., {k})",
                found=f"shape {values.shape}",
                repair="values[..., None] broadcasts over one input",
            )
        at = jnp.arange(k)
        variance = self.covariance[at, at]
        # kappa_4 / (24 K^2)
        excess = self.fourth_cumulant[at, at, at, at] / (24 * variance**2)
        z = values / jnp.sqrt(variance)
        gaussian = jnp.exp(-(z**2) / 2) / jnp.sqrt(2 * pi * variance)
        # He_4(z) = z^4 - 6 z^2 + 3
        return gaussian * (1 + excess * (z**4 - 6 * z**2 + 3))


def finite_width(
    activation: AbstractActivation,
    covariance: Float[Array, "k k"],
    widths: Sequence[int],
    *,
    w_std: Scalar,
    b_std: Scalar = 0.0,
) -> FiniteWidth:
    """The outputs of `Dense >> activation >> Dense >> ... >> Dense` at k inputs.

    From layer to layer, for a layer of n neurons,

        K -> b_std^2 + w_std^2 E[phi phi^T],
        C -> (w_std^4 / n) Cov(phi_a phi_b, phi_c phi_d) + J C J^T,

    where phi = phi(u), u ~ N(0, K), C = Cov(G_ab, G_cd) is zero at first and J is the derivative
    of the first map. With one hidden layer this is exact; with more, corrections are of
    relative order depth / width.

    **Arguments:**

    - `activation`: between the layers.
    - `covariance`: of the first preactivations, shape (k, k):
      `Dense(1, w_std, b_std).kernel().nngp(x)`. At most 8 inputs.
    - `widths`: the number of neurons of each hidden layer.
    - `w_std`, `b_std`: of every layer after the first.

    Expectations of four activations are computed by `RULES` quadratures, exactly for k = 1 and
    activations like the ReLU, to 1e-4 or better for k <= 2, and to about a percent of the
    largest entry for more; see the field `error`.

    **Raises:** `DataError` for a covariance of another shape, `ModelError` for widths or
    standard deviations that are none.

    ```python
    expansion = finite_width(Relu(), jnp.ones((1, 1)), widths=[64], w_std=2**0.5)
    expansion.fourth_cumulant      # 15 / 64
    ```
    """
    _check(covariance, widths)
    require_stds("finite_width", w_std, b_std)
    dtype = covariance.dtype
    inverse = jnp.asarray([1 / n for n in widths], dtype)
    stds = jnp.asarray(w_std, dtype), jnp.asarray(b_std, dtype)
    return FiniteWidth(*_through(activation, covariance, inverse, *stds))


@eqx.filter_jit
def _through(
    activation: AbstractActivation, covariance: Array, inverse: Array, w_std: Array, b_std: Array
) -> tuple[Array, Array, Array]:
    def metric(k: Array) -> Array:
        variances = jnp.diagonal(k)
        # The diagonal by itself: it depends on one variance, to the last bit.
        pairs = activation.duals(variances[:, None], k, variances[None, :])[0]
        alone = activation.duals(variances, variances, variances)[0]
        # b_std^2 + w_std^2 E[phi_a phi_b]
        return b_std**2 + w_std**2 * jnp.where(jnp.eye(len(k), dtype=bool), alone, pairs)

    def layer(state: tuple[Array, Array], inverse: Array) -> tuple[tuple[Array, Array], None]:
        k, spread = state
        # J, as a map of matrices dK
        after, derivative = jax.linearize(metric, k)
        # (rules, ab, cd): J on cd, then on ab, leaves (rules, cd, ab)
        carried = _on_pairs(derivative, _on_pairs(derivative, spread).transpose(0, 3, 4, 1, 2))
        # (w_std^4 / n) Cov(phi_a phi_b, phi_c phi_d)
        fresh = w_std**4 * inverse * product_covariance(activation, k)
        return (after, fresh + carried.transpose(0, 3, 4, 1, 2)), None

    zero = jnp.zeros((RULES, *covariance.shape, *covariance.shape), covariance.dtype)
    (last, spreads), _ = jax.lax.scan(layer, (covariance, zero), inverse)
    # mean over rules and its standard error
    return last, spreads.mean(0), spreads.std(0) / RULES**0.5


def _on_pairs(derivative, spread: Array) -> Array:
    """A linear map of matrices, applied to the last two axes."""
    matrices = spread.reshape(-1, *spread.shape[-2:])
    return jax.vmap(derivative)(matrices).reshape(spread.shape)


def _check(covariance: Array, widths: Sequence[int]) -> None:
    k = len(covariance)
    if covariance.shape != (k, k) or not 1 <= k <= 8:
        raise DataError(
            "the covariance of the first preactivations is a matrix over the inputs",
            where="finite_width(activation, covariance, widths)",
            expected="shape (k, k), k from 1 to 8",
            found=f"shape {covariance.shape}",
        )
    if not traced(covariance):
        matrix = np.asarray(covariance, np.float64)
        values = np.linalg.eigvalsh(matrix) if np.isfinite(matrix).all() else np.array([np.nan])
        if not (np.allclose(matrix, matrix.T) and values[0] >= -1e-5 * values[-1]):
            raise DataError(
                "this matrix is no covariance",
                where="finite_width(activation, covariance, widths)",
                expected="a symmetric matrix without negative eigenvalues",
                found=f"a least eigenvalue of {values[0]:.3g}",
                repair="take it from a kernel: Dense(1, w_std, b_std).kernel().nngp(x)",
            )
    for n in widths:
        require_size("finite_width(widths)", "a width", n)
