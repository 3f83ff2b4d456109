"""Pointwise building blocks of operators and fields."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.draws import normal, split


def random_weights(
    key: PRNGKeyArray, shape: Sequence[int], gain: float, inputs: int
) -> Float[Array, "..."]:
    """Normal numbers with the standard deviation gain / sqrt(inputs)."""
    numbers = normal(key, shape)
    # XLA divides by a constant as it multiplies by its reciprocal, rounded to the type
    reciprocal = 1 / np.asarray(inputs**0.5, numbers.dtype)
    return jax.device_put(numbers * gain * reciprocal)


class Pointwise(eqx.Module):
    """The affine map x W + b along the last axis."""

    weight: Float[Array, "c_in c_out"]
    bias: Float[Array, " c_out"]

    def __init__(self, size_in: int, size_out: int, *, gain: float = 1.0, key: PRNGKeyArray):
        self.weight = random_weights(key, (size_in, size_out), gain, size_in)
        self.bias = jax.device_put(np.zeros(size_out, self.weight.dtype))

    def __call__(self, x: Float[Array, "*n c_in"]) -> Float[Array, "*n c_out"]:
        # one flat product: XLA on CPU copies operands of a product with several free axes
        flat = x.reshape(-1, x.shape[-1]) @ self.weight + self.bias
        return flat.reshape(*x.shape[:-1], -1)


class MLP(eqx.Module):
    """Affine maps with an activation between them, along the last axis."""

    layers: tuple[Pointwise, ...]
    activation: Callable[[Array], Array] = eqx.field(static=True)

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Callable[[Array], Array] = jax.nn.gelu,
        *,
        gain: float = 1.0,
        key: PRNGKeyArray,
    ):
        self.activation = activation
        keys = split(key, len(sizes) - 1)
        gains = [2**0.5] * (len(sizes) - 2) + [gain]
        parts = zip(sizes[:-1], sizes[1:], gains, keys, strict=True)
        self.layers = tuple(Pointwise(a, b, gain=g, key=k) for a, b, g, k in parts)

    def __call__(self, x: Float[Array, "*n c_in"]) -> Float[Array, "*n c_out"]:
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)
