"""What infinitely wide and deep networks do with labels."""

from math import inf, log
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.errors import DataError, ModelError
from riesz.networks import AbstractActivation
from riesz.theory._moments import default_dtype, require_slope, rounding

Kind = Literal["nearest neighbour", "majority vote", "singular kernel", "linear", "constant"]

# At most so many layers are followed until correlations are small.
_LAYERS = 512


class DepthClassifier(eqx.Module):
    """The classifier that the tangent kernel of an infinitely deep network is on the sphere.

    The network has layers `Dense >> activation` without biases, w_std^2 = 1 / E[phi(z)^2] for
    standard normal z, and inputs of equal length. A correlation c of two inputs becomes f(c) =
    E[phi(u) phi(v)] / E[phi(z)^2] in each layer. With f(0) = E[phi]^2 / E[phi^2],
    f'(0) = E[phi']^2 / E[phi^2] and f'(1) = E[phi'^2] / E[phi^2], regression with the tangent
    kernel tends to (Radhakrishnan, Belkin and Uhler 2023, arXiv:2204.14126)

    - "nearest neighbour", if f(0) = 0 and f'(0) = 0;
    - "singular kernel", if f(0) = 0 < f'(0) < 1: the vote of each training input x_i weighs
      psi(c_i), psi(c) = lim f^L(c) / f'(0)^L, which grows like |x - x_i|^(-exponent) with
      exponent = -2 log f'(0) / log f'(1). The decision is optimal for many data if the exponent
      is the dimension of the sphere (Devroye, Gyorfi and Krzyzak 1998);
    - "majority vote", if f(0) > 0 and f'(1) >= 1: every training input has one vote;
    - "linear", if the activation is linear: the kernel of the inputs remains;
    - "constant", if f(0) > 0 and f'(1) < 1: the kernel tends to a constant, its matrix becomes
      singular, and regression with any ridge tends to the majority vote.

    **Fields:** the `kind`; `exponent` of the singularity (infinite for the nearest neighbour,
    zero for the others); and `value_at_0`, `slope_at_0`, `slope_at_1`, which are f(0), f'(0) and
    f'(1).
    """

    activation: AbstractActivation
    kind: Kind = eqx.field(static=True)
    exponent: float
    value_at_0: float
    slope_at_0: float
    slope_at_1: float

    def votes(self, correlations: Float[Array, "n m"]) -> Float[Array, "n m"]:
        """The weights of the votes of m training inputs about n others.

        The class of a new input is the sign of `votes(c) @ labels`, labels -1 and 1, or the
        largest entry of `votes(c) @ one_hot`. The absolute values of a row sum to 1. An input
        that is in the training set has its own label. Votes at obtuse angles can be negative, and
        the nearest neighbour is the one with the largest |f(c)|, which for even activations may
        be opposite.

        **Arguments:**

        - `correlations`: x . x_i / (|x| |x_i|), shape (n, m).

        **Raises:** `ModelError` for the kinds "linear" and "constant", which are no vote.
        """
        if self.kind in ("linear", "constant"):
            raise ModelError(
                "the limit in depth is no vote of the training inputs",
                where="DepthClassifier.votes(correlations)",
                expected="nearest neighbour, majority vote or singular kernel",
                found=f"{self.kind}, for {self.activation}",
            )
        if correlations.ndim != 2:
            raise DataError(
                "correlations are between two sets of inputs",
                where="DepthClassifier.votes(correlations)",
                expected="shape (n, m)",
                found=f"shape {correlations.shape}",
            )
        return _votes(self.activation, self.kind, correlations)


def depth_classifier(activation: AbstractActivation) -> DepthClassifier:
    """The classifier that wide networks with this activation become as they get deeper.

    **Raises:** `ModelError` for an activation with jumps, which has no tangent kernel.

    ```python
    depth_classifier(Relu()).kind           # "majority vote"
    depth_classifier(Erf()).exponent        # of a singular kernel
    ```
    """
    require_slope("depth_classifier(activation)", activation)
    one = jnp.ones((), default_dtype())
    # E[phi^2] and E[phi'^2]
    square, slope_square = activation.duals(one, one, one)
    # E[phi]^2 and E[phi']^2, by independent u and v
    value, slope = activation.duals(one, 0 * one, one)
    # f(0), f'(0), f'(1)
    numbers = [float(x / square) for x in (value, slope, slope_square)]
    kind, exponent = _kind(*numbers)
    return DepthClassifier(activation, kind, exponent, *numbers)


def _kind(value_at_0: float, slope_at_0: float, slope_at_1: float) -> tuple[Kind, float]:
    small = rounding()
    if value_at_0 > small:
        return ("majority vote" if slope_at_1 > 1 - small else "constant"), 0.0
    if slope_at_0 <= small:
        return "nearest neighbour", inf
    if slope_at_1 <= 1 + small:
        return "linear", 0.0
    return "singular kernel", -2 * log(slope_at_0) / log(slope_at_1)


@eqx.filter_jit
def _votes(activation: AbstractActivation, kind: Kind, c: Array) -> Array:
    # Correlations this close to 1 are of one input with itself.
    same = c >= 1 - 4 * jnp.finfo(c.dtype).eps
    if kind == "majority vote":
        weights = jnp.ones_like(c)
    else:
        size, sign = _decay(activation, c)
        largest = jnp.max(jnp.where(same, -jnp.inf, size), axis=1, keepdims=True)
        if kind == "nearest neighbour":
            weights = jnp.where(size == largest, sign, 0)
        else:
            # psi(c_i) / max_j psi(c_j)
            weights = sign * jnp.exp(jnp.minimum(size - largest, 0))
    weights = jnp.where(jnp.any(same, axis=1, keepdims=True), same.astype(c.dtype), weights)
    return weights / jnp.sum(jnp.abs(weights), axis=1, keepdims=True)


def _decay(activation: AbstractActivation, c: Array) -> tuple[Array, Array]:
    """How large correlations remain with depth: log |f^L(c) / f'(0)^L|, and their sign.

    Where f'(0) = 0, log |f^l(c)| after as many layers as make the largest of a row small, from
    where their order does not change.
    """
    one = jnp.ones((), c.dtype)
    # f(c) = E[phi(u) phi(v)] / E[phi^2], f'(0) = E[phi'(u) phi'(v)] / E[phi^2] at c = 0
    square = activation.duals(one, one, one)[0]
    slope = activation.duals(one, 0 * one, one)[1] / square
    superattracting = slope <= rounding()
    rate = jnp.where(superattracting, 0, jnp.log(slope))
    # below it f(c) = f'(0) c but for a relative O(c)
    threshold = jnp.where(superattracting, 0.1, jnp.finfo(c.dtype).eps ** 0.5)

    def f(c: Array) -> Array:
        return activation.duals(one, c, one)[0] / square

    def moving(c: Array) -> Array:
        # One layer that a row still needs is a layer for all of it, where only order counts.
        own = jnp.abs(c)
        row = jnp.max(own, axis=1, keepdims=True)
        return jnp.where(superattracting, row, own) > threshold

    def layer(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        count, c, layers = state
        go = moving(c)
        return count + 1, jnp.where(go, f(c), c), layers + go.astype(c.dtype)

    def running(state: tuple[Array, Array, Array]) -> Array:
        return (state[0] < _LAYERS) & jnp.any(moving(state[1]))

    start = (jnp.zeros((), int), jnp.clip(c, -1, 1), jnp.zeros_like(c))
    _, last, layers = jax.lax.while_loop(running, layer, start)
    # log |f^l(c)| - l log f'(0)
    size = jnp.log(jnp.abs(last)) - layers * rate
    return size, jnp.sign(jnp.where(superattracting, f(last), last))
