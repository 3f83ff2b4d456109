"""Values in the holes of a grid, from those that are present."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

_LAYERS = 3  # nodes next to a hole that the stencils of interpolation and derivatives reach
_STEEPEST = 2.0  # ratio of neighbouring steps beyond which a line is not drawn further


def fill(
    values: Float[Array, "*shape c"],
    mask: Bool[Array, "*shape"],
    nodes: Sequence[np.ndarray],
    periodic: Sequence[bool],
) -> Float[Array, "*shape c"]:
    """The values, and in holes a continuation of them that is linear in the present ones.

    Up to 3 nodes from the present ones: the mean, over the directions of the axes, of the line
    through the two nearest ones (or of the nearest one, where the next is missing), node after
    node. Further inside: the mean of the surrounding values, over ever larger blocks. Grids
    without a present node become zero.

    **Arguments:**

    - `nodes`: the coordinates of each axis, to draw lines through.
    - `periodic`: which axes are circles.
    """
    values = jnp.where(mask[..., None], values, 0)
    for _ in range(_LAYERS):
        values, mask = _layer(values, mask, nodes, periodic)
    return _blocks(values, mask.astype(values.dtype)[..., None])


def _layer(
    values: Array, mask: Array, nodes: Sequence[np.ndarray], periodic: Sequence[bool]
) -> tuple[Array, Array]:
    """Missing values that have a present neighbour along an axis."""
    total, count = jnp.zeros_like(values), jnp.zeros(mask.shape, values.dtype)
    for axis, (x, circle) in enumerate(zip(nodes, periodic, strict=True)):
        for step in (1, -1):
            first, second = (_shifted(mask, axis, k * step, circle) for k in (1, 2))
            near, far = (_shifted(values, axis, k * step, circle) for k in (1, 2))
            # h_1 / h_2, with 0 where the second is missing: the guess is then the nearest value
            slope = _ratio(x, step, circle).reshape(
                [-1 if a == axis else 1 for a in range(mask.ndim)]
            )
            slope = jnp.where(first & second, jnp.asarray(slope, values.dtype), 0)
            # f_0 = f_1 + (h_1 / h_2) (f_1 - f_2)
            guess = near + slope[..., None] * (near - far)
            total += jnp.where(first[..., None], guess, 0)
            count += first.astype(values.dtype)
    # mean of the guesses from the directions that have one
    found = (count > 0) & ~mask
    mean = total / jnp.where(count > 0, count, 1)[..., None]
    return jnp.where(found[..., None], mean, values), mask | found


def _shifted(a: Array, axis: int, by: int, circle: bool) -> Array:
    """Entry i + by of an axis at i; zero or False beyond the ends."""
    moved = jnp.roll(a, -by, axis)
    if circle:
        return moved
    i = np.arange(a.shape[axis]) + by
    inside = ((i >= 0) & (i < a.shape[axis])).reshape(
        [-1 if k == axis else 1 for k in range(a.ndim)]
    )
    return jnp.where(inside, moved, jnp.zeros((), a.dtype))


def _ratio(x: np.ndarray, step: int, circle: bool) -> np.ndarray:
    """Distance to the next node over that from there to the one after; 0 where too large."""
    # h_1 = |x_{i+1} - x_i|, h_1 + h_2 = |x_{i+2} - x_i|
    near, far = (np.abs(np.roll(x, -k * step) - x) for k in (1, 2))
    if circle or len(x) < 3:
        return np.ones(len(x))
    # where i + 2 lies beyond an end the difference is wrong, and not used
    ratio = near / np.maximum(far - near, 1e-300)
    return np.where(ratio <= _STEEPEST, np.abs(ratio), 0)


def _blocks(values: Array, weight: Array) -> Array:
    """Missing values from means over blocks of 2, 4, 8, ... nodes along every axis."""
    shape = values.shape[:-1]
    if max(shape) == 1:
        return values
    # mean over blocks of 2^d nodes: sum w f / sum w
    coarse, amount = _halved(values * weight), _halved(weight)
    amount_present = amount > 0
    coarse = jnp.where(amount_present, coarse / jnp.where(amount_present, amount, 1), 0)
    # each coarse value to both of its nodes per axis
    coarse = _blocks(coarse, amount_present.astype(values.dtype))
    for axis, n in enumerate(shape):
        coarse = jnp.repeat(coarse, 2, axis=axis, total_repeat_length=2 * coarse.shape[axis])
        coarse = coarse[(slice(None),) * axis + (slice(n),)]
    return jnp.where(weight > 0, values, coarse)


def _halved(a: Array) -> Array:
    """Sums over blocks of two along every axis but the last."""
    for axis in range(a.ndim - 1):
        # (..., n, ...) -> (..., n / 2, 2, ...) -> (..., n / 2, ...), n made even by a zero
        n = a.shape[axis]
        a = jnp.pad(a, [(0, n % 2 if k == axis else 0) for k in range(a.ndim)])
        shape = a.shape
        a = a.reshape(*shape[:axis], shape[axis] // 2, 2, *shape[axis + 1 :]).sum(axis + 1)
    return a
