"""The depth for a width."""

import jax.numpy as jnp
import numpy as np

from riesz.errors import DataError
from riesz.networks._activations import AbstractActivation
from riesz.networks._dense import require_size
from riesz.networks._theory._critical import critical
from riesz.networks._theory._moments import NEAR_ZERO, default_dtype, moments
from riesz.networks._theory._products import product_covariance

# Where phi(u)^2 is quadratic, but neither its mean nor its variance lost to underflow.
_SMALL = 1e-6


def vertex_growth(activation: AbstractActivation, skip: float = 0.0) -> float:
    """The rate nu at which a critical network departs from a Gaussian process with depth.

    At width n and depth l, the metric G of an input has Var(G) / E[G]^2 -> nu l / n as l grows
    with l << n (Roberts, Yaida and Hanin 2022, arXiv:2106.10165, chapter 5 and appendix B). For
    `critical(activation)`, nu = s where the variance K stays constant, and nu = s / 3 where it
    vanishes with depth, with

        s = [w_std^4 Var(phi(u)^2) + 4 skip^2 w_std^2 K^2 g'(K)] / K^2,  u ~ N(0, K),

    5 for a ReLU and 2/3 for tanh, without skips.

    **Arguments:**

    - `skip`: gamma of residual blocks h -> gamma h + W phi(h) + b, where critical weights are
      smaller: w_std^2 (1 - gamma^2) in place of w_std^2. The rate falls to zero as gamma -> 1.

    **Raises:** `SolverError` when the activation has no critical point; `DataError` for a
    half-stable one with skips, whose critical point is another.
    """
    _require_skip(skip)
    point = critical(activation)
    if point.universality == "half-stable" and skip:
        raise DataError(
            "with skips a half-stable activation has another critical point",
            where="vertex_growth(activation, skip)",
            expected="skip=0, or an activation such as Relu() or Tanh()",
            found=f"skip={skip} and {activation}",
        )
    k = max(point.variance, _SMALL)
    w2 = point.w_std**2 * (1 - skip**2)
    covariance = jnp.full((1, 1), k, default_dtype())
    variance = float(product_covariance(activation, covariance).mean())
    slope = moments(activation, np.array([max(point.variance, NEAR_ZERO)])).square_slope[0]
    growth = w2**2 * variance / k**2 + 4 * skip**2 * w2 * float(slope)
    return growth / 3 if point.universality == "vanishing" else growth


def optimal_aspect_ratio(
    activation: AbstractActivation, outputs: int = 1, skip: float = 0.0
) -> float:
    """The ratio depth / width at which the outputs of a critical network know most of each other.

    The outputs of a network are Gaussian given the metric G of its last layer, so that their
    dependence is governed by v = Var(G) / E[G]^2. The mutual information between m_1 of the
    outputs and the m_2 others is, for one input,

        I = m_1 m_2 [v^2 / 8 - (20 + 3 (m_1 + m_2)) v^3 / 48] + O(v^4).

    It is largest at v = 4 / (20 + 3 outputs), however the outputs are divided: depth first lets
    neurons act together and then makes networks differ too much from each other. To leading order
    v = nu depth / width with nu = `vertex_growth(activation, skip)`, hence

        depth / width = 4 / ((20 + 3 outputs) nu)

    (Roberts, Yaida and Hanin 2022, arXiv:2106.10165, appendices A and B). It is an estimate of an
    order of magnitude: for a ReLU, exactly, v = exp(5 depth / width) - 1 at large width.

    **Arguments:**

    - `activation`: of every layer.
    - `outputs`: of the network.
    - `skip`: gamma of residual blocks, see `vertex_growth`; with it deeper networks are best.

    **Raises:** as `vertex_growth`.

    ```python
    round(optimal_aspect_ratio(Relu()), 4)      # 0.0348: depth 9 for width 256
    ```
    """
    require_size("optimal_aspect_ratio(outputs)", "outputs", outputs)
    return 4 / ((20 + 3 * outputs) * vertex_growth(activation, skip))


def _require_skip(skip: float) -> None:
    if not 0 <= skip < 1:
        raise DataError(
            "a skip of weight one or more leaves no room for critical weights",
            where="vertex_growth(activation, skip)",
            expected="0 <= skip < 1",
            found=skip,
            repair="scale branches instead: InfiniteDepth, or Residual(inner, depth**-0.5)",
        )
