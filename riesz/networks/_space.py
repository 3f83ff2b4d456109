"""Maps of positions and what they do to covariances."""

from collections.abc import Callable, Sequence
from functools import reduce

import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.errors import ModelError

Shape = tuple[int, ...]
Sizes = int | Sequence[int]


def as_sizes(sizes: Sizes) -> Shape:
    """One size for each axis of space; a number is that of a single axis."""
    return tuple(sizes) if isinstance(sizes, Sequence) else (sizes,)


def pad(x: Array, axis: int, window: int, padding: str) -> Array:
    """Add the margin that a window along one axis needs to x."""
    if padding == "valid" or window == 1:
        return x
    # a window of w reaches (w - 1) // 2 positions back and w // 2 on
    margin = ((window - 1) // 2, window // 2)
    widths = [margin if i == axis else (0, 0) for i in range(x.ndim)]
    return jnp.pad(x, widths, mode="wrap" if padding == "circular" else "constant")


def window_mean(
    k: Float[Array, "..."], window: Shape, padding: str, full: bool
) -> Float[Array, "..."]:
    """Covariances of means over a window with independent weights.

    K(a, b) -> mean over offsets c of the window of K(a + c, b + c): positions of both inputs move
    together, one axis of space after the other. `k` has shape `(*batch, *S, *S)` when `full`,
    else `(*batch, *S)`.
    """
    axes = len(window)
    for d, width in enumerate(window):
        # axis d of the positions b and, when full, of the positions a
        moving = [k.ndim - axes + d] + ([k.ndim - 2 * axes + d] if full else [])
        for axis in moving:
            k = pad(k, axis, width, padding)
        length = k.shape[moving[0]] - width + 1
        # 1/w sum_c K(a + c e_d, b + c e_d)
        k = reduce(jnp.add, [_slices(k, moving, c, length) for c in range(width)]) / width
    return k


def _slices(k: Array, axes: list[int], start: int, length: int) -> Array:
    index = [slice(None)] * k.ndim
    for axis in axes:
        index[axis] = slice(start, start + length)
    return k[tuple(index)]


def both_sides(
    transform: Callable[[Array], Array], k: Float[Array, "..."], axes: int
) -> Float[Array, "..."]:
    """A K A^T for a map of positions A, given on arrays whose leading `axes` axes are space.

    `k` has shape `(*batch, *S, *S)`; the map keeps the number of axes.
    """
    front = tuple(range(axes))
    # A on the side of x, then on that of y
    for start in (k.ndim - 2 * axes, k.ndim - axes):
        side = tuple(range(start, start + axes))
        k = jnp.moveaxis(transform(jnp.moveaxis(k, side, front)), front, side)
    return k


def require_space(where: str, shape: Shape, axes: int | None = None) -> None:
    """Raise for inputs without axes of space, or with another number of them."""
    found = len(shape) - 1
    if found == 0 or (axes is not None and found != axes):
        expected = "one axis or more" if axes is None else f"{axes}"
        raise ModelError(
            "the layer acts on functions over space, and its input has another shape",
            where=where,
            expected=f"inputs of shape (*space, channels) with {expected} of space",
            found=f"shape {shape}",
            repair="put the layer before Flatten() or GlobalAveragePool(), and give images as "
            "(height, width, channels)",
        )
