"""Where to initialise a deep network: critical points and the edge of chaos."""

import jax.numpy as jnp
import numpy as np

from riesz._core.sizes import require_stds
from riesz.networks import AbstractActivation
from riesz.theory._fixed_point import FixedPoint, Universality, at_variance
from riesz.theory._moments import (
    NEAR_ZERO,
    VARIANCES,
    Numbers,
    first_root,
    moments,
    no_point,
    require_slope,
)


class _Line:
    """The points with chi_perp = 1, by their variance.

    There w_std^2 = 1 / E[phi'^2], and a fixed point of this variance needs the bias variance
    `bias`; `excess` is chi_parallel - 1.
    """

    def __init__(self, where: str, activation: AbstractActivation):
        require_slope(where, activation)
        self.activation = activation
        self.excess, self.bias = self._at(VARIANCES)
        kept = np.isfinite(self.excess) & np.isfinite(self.bias)
        self.variances = VARIANCES[kept]
        self.excess, self.bias = self.excess[kept], self.bias[kept]
        if not kept.any():
            raise no_point(
                where,
                "the activation is constant, or its expectations are not finite",
                activation,
                "no ratio of E[phi^2] and E[phi'^2] at any variance",
            )

    def _at(self, q: Numbers) -> tuple[Numbers, Numbers]:
        with np.errstate(all="ignore"):  # E[phi^2] of exp overflows, and is left out above.
            square, square_slope, slope_square = moments(self.activation, q)
            # with w_std^2 = 1 / E[phi'^2]: chi_parallel - 1 and q - w_std^2 E[phi^2]
            return square_slope / slope_square - 1, q - square / slope_square

    @property
    def scale_invariant(self) -> bool:
        """Whether chi_parallel = 1 without bias at every variance."""
        return bool((np.maximum(abs(self.excess), abs(self.bias / self.variances)) < 1e-3).all())

    @property
    def vanishing(self) -> bool:
        """Whether K = 0 is a critical point that small variances tend to."""
        near = max(abs(self.excess[0]), abs(self.bias[0] / self.variances[0])) < 1e-2
        # K = 0 attracts: chi_parallel < 1 for small K, as soon as it differs from 1
        small = self.excess[self.variances < 1e-2]
        clear = small[abs(small) > 1e-5]
        return bool(near and clear.size and (clear < 0).all())

    def roots(self, what: str, level: float) -> list[float]:
        """The variances at which `excess` or `bias` takes this value, increasing."""
        values = getattr(self, what) - level
        # cells of the grid in which the level is crossed
        (changes,) = np.nonzero(values[:-1] * values[1:] < 0)
        index = ("excess", "bias").index(what)
        found = []
        for i in changes:
            grid = np.linspace(self.variances[i], self.variances[i + 1], len(VARIANCES))
            found.append(first_root(lambda q: self._at(q)[index] - level, grid))
        return [q for q in found if q is not None]

    def point(self, variance: float, universality: Universality | None = None) -> FixedPoint:
        """The fixed point with this variance on the line."""
        q = np.array([max(variance, NEAR_ZERO)])
        # chi_perp = w_std^2 E[phi'^2] = 1
        w2 = 1 / moments(self.activation, q).slope_square[0]
        b2 = self._at(q)[1][0] if universality in (None, "half-stable") and variance > 0 else 0.0
        return at_variance(self.activation, float(w2), max(float(b2), 0.0), variance, universality)


def critical(activation: AbstractActivation) -> FixedPoint:
    """The standard deviations for which signals and gradients survive in a deep network.

    Solves K* = b_std^2 + w_std^2 g(K*), g(K) = E[phi(u)^2] for u ~ N(0, K), together with
    chi_parallel = w_std^2 g'(K*) = 1 and chi_perp = w_std^2 E[phi'(u)^2] = 1 (Roberts, Yaida
    and Hanin 2022, arXiv:2106.10165, chapter 5). The `universality` of the point is

    - "scale-invariant": critical at every variance, of which the point reports 1. ReLU: (2, 0)
      for (w_std^2, b_std^2).
    - "vanishing": K* = 0, which variances approach like 1 / depth. tanh: (1, 0), erf: (pi / 4, 0).
    - "half-stable": a variance that is approached from one side and left on the other.
      GELU: (1.983058, 0.172922) with K* = (3 + sqrt 17) / 2, SiLU: (1.988005, 0.555143) with
      K* = 14.32017.

    **Returns:** a `FixedPoint`, accurate to the precision in which JAX computes: in single
    precision the variance of a half-stable point has about four digits, under
    `jax.enable_x64(True)` nine.

    **Raises:** `SolverError`, with the reason, when there is no critical point (as for exp,
    softplus and the logistic sigmoid); `ModelError` when the activation has jumps.

    ```python
    point = critical(Tanh())
    layer = Dense(512, w_std=point.w_std, b_std=point.b_std)
    ```
    """
    line = _Line("critical(activation)", activation)
    if line.scale_invariant:
        return line.point(1.0, "scale-invariant")
    if line.vanishing:
        return line.point(0.0, "vanishing")
    # chi_parallel = 1 on the line chi_perp = 1
    roots = line.roots("excess", 0.0)
    for variance in roots:
        point = line.point(variance, "half-stable")
        if point.b_std > 0:
            return point
    if roots:
        reason = "chi_parallel = chi_perp = 1 needs a negative bias variance"
    elif (line.excess > 0).all():
        reason = "chi_parallel > chi_perp at every variance"
    elif (line.excess < 0).all():
        at_zero = float(jnp.abs(activation(jnp.zeros(1)))[0])
        reason = (
            "chi_parallel < chi_perp at every variance, and K* = 0 needs phi(0) = 0, "
            f"not {at_zero:.3g}"
        )
    else:
        reason = "chi_parallel and chi_perp meet at no variance between 1e-6 and 100"
    raise no_point("critical(activation)", "there is no critical point", activation, reason)


def edge_of_chaos(activation: AbstractActivation, b_std: float) -> FixedPoint:
    """The point with chi_perp = 1 for this standard deviation of biases.

    On one side of the line of these points nearby inputs come together with depth, on the other
    they are driven apart; on it gradients neither vanish nor explode (Schoenholz et al. 2017,
    arXiv:1611.01232). Of several points, that of least variance with chi_parallel <= 1.
    tanh at b_std^2 = 0.05: w_std^2 = 1.760955 and variance 0.570048; erf: 1.375839, 0.517177.

    **Returns:** a `FixedPoint`, accurate to the precision in which JAX computes. Without biases
    and with phi(0) = 0 it is the point of variance zero, or of any variance for a ReLU.

    **Raises:** `SolverError` when the line does not reach this b_std (a ReLU and b_std > 0),
    `ModelError` when the activation has jumps.

    ```python
    edge_of_chaos(Erf(), b_std=0.05**0.5).w_std
    ```
    """
    require_stds("edge_of_chaos", b_std)
    line = _Line("edge_of_chaos(activation, b_std)", activation)
    if b_std == 0 and line.scale_invariant:
        return line.point(1.0, "scale-invariant")
    if b_std == 0 and line.vanishing:
        return line.point(0.0, "vanishing")
    # b_std^2 = q - w_std^2 E[phi^2] on the line chi_perp = 1
    roots = [] if line.scale_invariant else line.roots("bias", float(b_std) ** 2)
    for variance in roots:
        point = line.point(variance)
        if point.chi_parallel <= 1:
            return point
    low, high = (max(float(b), 0.0) ** 0.5 for b in (line.bias.min(), line.bias.max()))
    if roots:
        reason = "the fixed points found are unstable"
    elif line.scale_invariant:
        reason = f"chi_perp = 1 holds without bias only, not with b_std={b_std:.3g}"
    else:
        reason = f"chi_perp = 1 holds for b_std from {low:.3g} to {high:.3g}, not for {b_std:.3g}"
    raise no_point(
        "edge_of_chaos(activation, b_std)",
        "the edge of chaos does not reach this bias",
        activation,
        reason,
    )
