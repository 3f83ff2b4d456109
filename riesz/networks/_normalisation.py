"""Layer normalisation and dropout."""

from dataclasses import replace
from math import prod
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import ModelError
from riesz.networks._covariances import Covariances
from riesz.networks._network import AbstractNetwork, Shape
from riesz.networks._parameter import Scalar


class LayerNorm(AbstractNetwork):
    """Channels brought to mean zero and variance one at each position, without parameters.

    K(x, y) -> K(x, y) / sqrt(K(x, x) K(y, y)), and the tangent kernel is divided likewise.
    """

    reads_variances: ClassVar[bool] = True

    def out_shape(self, shape: Shape) -> Shape:
        return shape

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        del weights, key
        x = x - jnp.mean(x, axis=-1, keepdims=True)
        variance = jnp.mean(x**2, axis=-1, keepdims=True)
        return x / jnp.sqrt(_positive(variance))

    def propagate(self, inputs: Covariances) -> Covariances:
        if not inputs.centred:
            raise ModelError(
                "LayerNorm() needs channels of mean zero for its limit to be known",
                where="kernel of a network",
                expected="a layer with weights (Dense, Conv) before LayerNorm()",
                found="LayerNorm() behind an activation or at the input",
                repair="put LayerNorm() between a Dense or Conv and its activation",
            )

        def correlation(k: Array, variances: tuple[Array, Array]) -> Array:
            # k / sqrt(q_a q_b)
            first, second = (jnp.sqrt(_positive(v)) for v in variances)
            return k / (first * second)

        pair = inputs.variances()
        return replace(
            inputs,
            xx=correlation(inputs.xx, inputs.own_variances(inputs.xx)),
            yy=correlation(inputs.yy, inputs.own_variances(inputs.yy)),
            nngp=correlation(inputs.nngp, pair),
            ntk=None if inputs.ntk is None else correlation(inputs.ntk, pair),
        )


class Dropout(AbstractNetwork):
    """Each entry is zero with probability `rate`, else divided by 1 - rate.

    The kernel is that of networks with fresh dropout noise at every evaluation: the variance of
    each input grows by 1 / (1 - rate), covariances between inputs stay. A finite network drops
    entries when it is called with a `key`.
    """

    rate: Scalar

    def __check_init__(self):
        if isinstance(self.rate, int | float) and not 0 <= self.rate < 1:
            raise ModelError(
                "a rate of dropout lies between 0 and 1",
                where="Dropout(rate)",
                expected="0 <= rate < 1",
                found=self.rate,
            )

    def out_shape(self, shape: Shape) -> Shape:
        return shape

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        del weights
        if key is None:
            return x
        kept = jax.random.bernoulli(key, 1 - self.rate, x.shape)
        return jnp.where(kept, x / (1 - self.rate), 0)

    def propagate(self, inputs: Covariances) -> Covariances:
        def noisy(k: Array, full: bool) -> Array:
            keep = 1 - jnp.asarray(self.rate, k.dtype)
            # E[m_a m_b] = 1 / keep for a = b, else 1, with m = kept / keep
            if not full:
                return k / keep
            space = k.shape[k.ndim - inputs.axes :]
            equal = jnp.eye(prod(space), dtype=bool)
            return jnp.where(equal.reshape(*space, *space), k / keep, k)

        outputs = inputs.linear(noisy, gaussian=False)
        # the noise of different inputs is independent
        return outputs if inputs.same else replace(outputs, nngp=inputs.nngp, ntk=inputs.ntk)


def _positive(variance: Float[Array, "..."]) -> Float[Array, "..."]:
    # a position without signal stays 0, not 0 / 0
    return jnp.maximum(variance, jnp.finfo(variance.dtype).tiny)
