"""Where covariances go with depth in a wide network."""

from math import inf, log
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz._core.sizes import require_stds
from riesz.networks import AbstractActivation
from riesz.theory._moments import (
    NEAR_ZERO,
    VARIANCES,
    Numbers,
    default_dtype,
    first_root,
    moments,
    no_point,
    require_slope,
    rounding,
)

Universality = Literal["scale-invariant", "vanishing", "half-stable"]


class FixedPoint(eqx.Module):
    """A fixed point of the covariances of a wide network with depth, and how they approach it.

    A layer maps the variance K of one input to b_std^2 + w_std^2 E[phi(u)^2], u ~ N(0, K).
    Small deviations from the fixed point grow or shrink by a factor chi at each layer:
    that of the variance by chi_parallel = w_std^2 d/dK E[phi^2], that of 1 - the correlation of
    two almost equal inputs by chi_perp = w_std^2 E[phi'^2], and that of the correlation of any
    two inputs, once near `correlation`, by `chi_correlation` (Schoenholz et al. 2017,
    arXiv:1611.01232; Roberts, Yaida and Hanin 2022, arXiv:2106.10165, chapter 5).

    **Fields:** `w_std` and `b_std` of each layer; the `variance` and the `correlation` at the
    fixed point; the three factors; and for a critical point its `universality`.
    """

    w_std: float
    b_std: float
    variance: float
    correlation: float
    chi_parallel: float
    chi_perp: float
    chi_correlation: float
    universality: Universality | None = None

    @property
    def variance_depth(self) -> float:
        """Layers over which a deviation of the variance falls by e: -1 / log chi_parallel."""
        return depth_scale(self.chi_parallel)

    @property
    def correlation_depth(self) -> float:
        """Layers over which a deviation of the correlation falls by e; infinite at criticality.

        Networks a few times deeper than this cannot be trained (Schoenholz et al. 2017).
        """
        return depth_scale(self.chi_correlation)

    @property
    def phase(self) -> Literal["ordered", "critical", "chaotic"]:
        """Whether nearby inputs come together, keep their distance, or are driven apart."""
        if abs(self.chi_perp - 1) <= rounding():
            return "critical"
        return "ordered" if self.chi_perp < 1 else "chaotic"


def depth_scale(chi: float) -> float:
    """Layers over which a factor chi a layer makes a factor e: 1 / |log chi|.

    Infinite for chi = 1, and within rounding of it; zero for chi = 0.
    """
    if abs(chi - 1) <= rounding():
        return inf
    return 0.0 if chi <= 0 else 1 / abs(log(chi))


def fixed_point(activation: AbstractActivation, w_std: float, b_std: float = 0.0) -> FixedPoint:
    """The fixed point that inputs of variance 1 reach in a deep and wide network.

    **Arguments:**

    - `activation`: with a derivative of finite variance.
    - `w_std`, `b_std`: of each layer, whose weights have variance w_std^2 / fan_in.

    **Returns:** a `FixedPoint`; its correlation is what two distinct inputs tend to. Numbers
    are accurate to the precision in which JAX computes: call it under `jax.enable_x64(True)`
    for more than four digits.

    **Raises:** `SolverError` when the variance grows without bound, `ModelError` when the
    activation has jumps.

    ```python
    ordered = fixed_point(Tanh(), w_std=1.0, b_std=0.5)
    ordered.phase, ordered.correlation_depth       # ("ordered", ...)
    ```
    """
    require_slope("fixed_point(activation)", activation)
    require_stds("fixed_point", w_std, b_std)
    w2, b2 = float(w_std) ** 2, float(b_std) ** 2
    variance = _variance(activation, w2, b2)
    return at_variance(activation, w2, b2, variance)


def _variance(activation: AbstractActivation, w2: float, b2: float) -> float:
    """The variance that iterates from 1 tend to."""

    def growth(q: Numbers) -> Numbers:
        # b_std^2 + w_std^2 E[phi(u)^2] - q
        return b2 + w2 * moments(activation, q).square - q

    now = growth(np.ones(1))[0]
    if not np.isfinite(now):
        raise no_point(
            "fixed_point(activation, w_std, b_std)",
            "the activation has no finite mean square",
            activation,
            f"E[phi(z)^2] = {now}",
        )
    if abs(now) <= rounding():
        return 1.0
    if now > 0:
        # the variance increases to the first fixed point above 1
        found = first_root(growth, np.geomspace(1.0, 1e8, len(VARIANCES)))
        if found is None:
            raise no_point(
                "fixed_point(activation, w_std, b_std)",
                "the variance grows from layer to layer without bound",
                activation,
                f"w_std={w2**0.5:.6g}, b_std={b2**0.5:.6g}",
            )
        return found
    # the variance decreases to the first fixed point below 1, or to 0
    found = first_root(growth, np.geomspace(1.0, 1e-8, len(VARIANCES)))
    return 0.0 if found is None else found


@eqx.filter_jit
def _pairs(
    activation: AbstractActivation, q: Float[Array, ""], c: Float[Array, " n"]
) -> tuple[Array, Array]:
    return activation.duals(q, c * q, q)


def at_variance(
    activation: AbstractActivation,
    w2: float,
    b2: float,
    variance: float,
    universality: Universality | None = None,
) -> FixedPoint:
    """The fixed point with this variance, its correlation and factors."""
    q = max(variance, NEAR_ZERO)
    found = moments(activation, np.array([q]))
    # chi_parallel = w_std^2 d/dq E[phi^2], chi_perp = w_std^2 E[phi'^2]
    parallel, perp = w2 * found.square_slope[0], w2 * found.slope_square[0]
    dtype = default_dtype()

    def pairs(c: Numbers) -> tuple[Numbers, Numbers]:
        both = _pairs(activation, jnp.asarray(q, dtype), jnp.asarray(c, dtype))
        return np.asarray(both[0], np.float64), np.asarray(both[1], np.float64)

    correlation, chi = 1.0, perp
    # The map of correlations is convex on [0, 1] and fixes 1, so that it has a second fixed
    # point there exactly if its slope at 1 exceeds 1.
    if perp > 1 + rounding():
        grid = np.linspace(0.0, 1.0, len(VARIANCES))

        def growth(c: Numbers) -> Numbers:
            # (b_std^2 + w_std^2 E[phi(u) phi(v)]) / q - c
            change = (b2 + w2 * pairs(c)[0]) / q - c
            return np.where(abs(change) <= rounding(), 0.0, change)

        correlation = first_root(growth, grid) or 0.0
        # w_std^2 E[phi'(u) phi'(v)] at the fixed point
        chi = w2 * pairs(np.full(len(VARIANCES), correlation))[1][0]
    return FixedPoint(
        w2**0.5,
        b2**0.5,
        variance,
        correlation,
        float(parallel),
        float(perp),
        float(chi),
        universality,
    )
