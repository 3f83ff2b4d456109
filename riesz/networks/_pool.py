"""Layers that gather positions: flattening and averages."""

from math import prod
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.sizes import require_size
from riesz.networks._covariances import Covariances, Level, Needs, diagonal
from riesz.networks._network import AbstractNetwork, Shape
from riesz.networks._space import as_sizes, both_sides, require_space

DIAGONAL = Needs(Level.DIAGONAL, Level.DIAGONAL)


class Flatten(AbstractNetwork):
    """All positions and channels become features: K -> mean over a of K(a, a)."""

    def out_shape(self, shape: Shape) -> Shape:
        return (prod(shape),)

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        del weights, key
        return x.reshape(-1)

    def propagate(self, inputs: Covariances) -> Covariances:
        axes = inputs.axes

        def transform(k: Array, full: bool) -> Array:
            k = diagonal(k, axes) if full else k
            return jnp.mean(k, axis=tuple(range(k.ndim - axes, k.ndim)))

        # Features of different positions are differently distributed.
        gaussian = inputs.gaussian and axes == 0
        shape = self.out_shape(inputs.shape)
        return inputs.linear(transform, DIAGONAL, shape=shape, gaussian=gaussian)


class GlobalAveragePool(AbstractNetwork):
    """The mean over space: K -> mean over a and b of K(a, b)."""

    couples: ClassVar[bool] = True

    def out_shape(self, shape: Shape) -> Shape:
        require_space("GlobalAveragePool()", shape)
        return shape[-1:]

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        del weights, key
        return jnp.mean(x, axis=tuple(range(x.ndim - 1)))

    def propagate(self, inputs: Covariances) -> Covariances:
        axes = inputs.axes

        def transform(k: Array, full: bool) -> Array:
            count = 2 * axes if full else axes  # what is not full is read by nobody after
            return jnp.mean(k, axis=tuple(range(k.ndim - count, k.ndim)))

        return inputs.linear(transform, DIAGONAL, shape=self.out_shape(inputs.shape))


class AveragePool(AbstractNetwork):
    """Means over adjacent windows; positions beyond the last whole window are left out.

    **Arguments:**

    - `window`: the size along each axis of space, which is also the stride.
    """

    window: tuple[int, ...] = eqx.field(static=True, converter=as_sizes)
    couples: ClassVar[bool] = True

    def __check_init__(self):
        for width in self.window:
            require_size("AveragePool(window)", "window", width)

    def out_shape(self, shape: Shape) -> Shape:
        require_space(f"{self}", shape, len(self.window))
        space = (n // w for n, w in zip(shape[:-1], self.window, strict=True))
        return (*space, shape[-1])

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        del weights, key
        return self._means(x)

    def propagate(self, inputs: Covariances) -> Covariances:
        axes = inputs.axes

        def transform(k: Array, full: bool, wanted: bool) -> Array:
            if not full:  # read by nobody after, but shapes must agree
                kept = zip(k.shape[k.ndim - axes :], self.window, strict=True)
                return k[(..., *(slice(0, n // w) for n, w in kept))]
            return both_sides(self._means, k, axes) if wanted else self._own_means(k)

        return inputs.relaid(transform, inputs.least, shape=self.out_shape(inputs.shape))

    def _own_means(self, k: Float[Array, "..."]) -> Float[Array, "..."]:
        """Covariances of means over equal windows: `(*batch, *S, *S)` to `(*batch, *S)`."""
        for left, width in zip(range(len(self.window), 0, -1), self.window, strict=True):
            # The axes of space that are done lie at the end.
            second = k.ndim - len(self.window)
            k = jnp.moveaxis(k, (second - left, second), (0, 1))
            count = k.shape[0] // width
            k = k[: count * width, : count * width]
            # (windows, width, windows, width, ...): equal windows, means over pairs of positions
            k = k.reshape(count, width, count, width, *k.shape[2:])
            k = jnp.mean(jnp.diagonal(k, axis1=0, axis2=2), axis=(0, 1))
        return k

    def _means(self, x: Array) -> Array:
        """Means over windows of the leading axes."""
        for axis, width in enumerate(self.window):
            count = x.shape[axis] // width
            kept = jnp.moveaxis(x, axis, 0)[: count * width]
            # (windows, width, ...) -> (windows, ...)
            means = jnp.mean(kept.reshape(count, width, *kept.shape[1:]), axis=1)
            x = jnp.moveaxis(means, 0, axis)
        return x
