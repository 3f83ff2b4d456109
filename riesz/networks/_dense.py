"""Fully connected layers."""

from dataclasses import replace
from math import prod
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.sizes import require_size, require_stds
from riesz.networks._covariances import Covariances
from riesz.networks._network import AbstractNetwork, Parameters, Shape
from riesz.networks._parameter import Parameter, Place, Scalar
from riesz.networks._weights import IID, AbstractWeights


class Dense(AbstractNetwork):
    """x W + b along the channels, at each position with the same weights.

    K -> b_std^2 + w_std^2 K and, in the tangent kernel parametrisation,
    Theta -> b_std^2 + w_std^2 (K + Theta) (Lee et al. 2018, arXiv:1711.00165; Jacot et al. 2018,
    arXiv:1806.07572).

    **Arguments:**

    - `features`: the number of outputs.
    - `w_std`, `b_std`: entries of W have variance w_std^2 / fan_in at the start, those of b
      b_std^2. With b_std = 0 there is no bias.
    - `weights`: their distribution, see `riesz.networks.AbstractWeights`.
    """

    features: int = eqx.field(static=True)
    w_std: Scalar = 1.0
    b_std: Scalar = 0.0
    weights: AbstractWeights = IID()

    def __check_init__(self):
        require_size("Dense(features)", "features", self.features)
        require_stds("Dense", self.w_std, self.b_std)

    def out_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.features)

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        return affine((shape[-1], self.features), self.w_std, self.b_std, self.weights, place)

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        del key
        # (*S, in) x (in, out) + (out,)
        return add_bias(x @ weights[0], weights)

    def propagate(self, inputs: Covariances) -> Covariances:
        outputs = random_linear(inputs, self.w_std, self.b_std)
        return replace(outputs, shape=self.out_shape(inputs.shape))


def affine(
    shape: Shape, w_std: Scalar, b_std: Scalar, weights: AbstractWeights, place: Place
) -> Parameters:
    """Weights of shape `(*fan_in, fan_out)`, and biases unless b_std is zero."""
    *before, fan_out = shape
    weight = Parameter(shape, prod(before), fan_out, w_std, place, weights=weights)
    if isinstance(b_std, int | float) and b_std == 0:
        return (weight,)
    return (weight, Parameter((fan_out,), 1, fan_out, b_std, place, bias=True))


def add_bias(x: Float[Array, "..."], weights: Any) -> Float[Array, "..."]:
    """Add the bias to x, where there is one."""
    return x + weights[1] if len(weights) == 2 else x


def random_linear(inputs: Covariances, w_std: Scalar, b_std: Scalar) -> Covariances:
    """Covariances behind fresh random weights and biases, positions unchanged.

    Gradients with respect to the new parameters add their own kernel to the tangent kernel.
    """
    w2, b2 = (jnp.asarray(s, inputs.nngp.dtype) ** 2 for s in (w_std, b_std))
    # K' = w_std^2 K + b_std^2,  Theta' = K' + w_std^2 Theta
    nngp = w2 * inputs.nngp + b2
    return replace(
        inputs,
        xx=w2 * inputs.xx + b2,
        yy=w2 * inputs.yy + b2,
        nngp=nngp,
        ntk=None if inputs.ntk is None else nngp + w2 * inputs.ntk,
        gaussian=True,
        centred=True,
        uncorrelated=True,
    )
