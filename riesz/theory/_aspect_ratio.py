"""The depth for a width."""

import jax.numpy as jnp

from riesz._core.sizes import require_size
from riesz.networks import AbstractActivation
from riesz.theory._critical import critical
from riesz.theory._moments import default_dtype
from riesz.theory._products import product_covariance

# Small enough for the limit of vanishing variance, and far from underflow.
_SMALL = 1e-6


def vertex_growth(activation: AbstractActivation) -> float:
    """The rate nu at which a critical network departs from a Gaussian process with depth.

    At width n and depth l, the metric G of an input has Var(G) / E[G]^2 -> nu l / n as l grows
    with l << n (Roberts, Yaida and Hanin 2022, arXiv:2106.10165, chapter 5). With s =
    w_std^4 Var(phi(u)^2) / K^2, u ~ N(0, K), at `critical(activation)`, nu = s where the variance
    K stays constant with depth, and nu = s / 3 where it vanishes: 5 for a ReLU, 2/3 for tanh.

    **Raises:** `SolverError` when the activation has no critical point.
    """
    point = critical(activation)
    k = max(point.variance, _SMALL)
    covariance = jnp.full((1, 1), k, default_dtype())
    variance = float(product_covariance(activation, covariance).mean())
    # s = w_std^4 Var(phi(u)^2) / K^2
    growth = point.w_std**4 * variance / k**2
    return growth / 3 if point.universality == "vanishing" else growth


def optimal_aspect_ratio(activation: AbstractActivation, outputs: int = 1) -> float:
    """The ratio depth / width at which the outputs of a critical network know most of each other.

    The outputs of a network are Gaussian given the metric G of its last layer, so that their
    dependence is governed by v = Var(G) / E[G]^2. The mutual information between m_1 of the
    outputs and the m_2 others is, for one input,

        I = m_1 m_2 [v^2 / 8 - (20 + 3 (m_1 + m_2)) v^3 / 48] + O(v^4).

    It is largest at v = 4 / (20 + 3 outputs), however the outputs are divided: depth first lets
    neurons act together and then makes networks differ too much from each other. To leading order
    v = nu depth / width with nu = `vertex_growth(activation)`, hence

        depth / width = 4 / ((20 + 3 outputs) nu)

    (Roberts, Yaida and Hanin 2022, arXiv:2106.10165, appendix A). It is an estimate of an order of
    magnitude: for a ReLU, v is exp(5 depth / width) - 1 at large width.

    **Arguments:**

    - `activation`: of every layer.
    - `outputs`: of the network.

    **Raises:** `SolverError` when the activation has no critical point.

    ```python
    round(optimal_aspect_ratio(Relu()), 4)      # 0.0348: depth 9 for width 256
    ```
    """
    require_size("optimal_aspect_ratio(outputs)", "outputs", outputs)
    return 4 / ((20 + 3 * outputs) * vertex_growth(activation))
