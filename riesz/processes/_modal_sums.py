"""Sums over products of the modes of axes, and their random coefficients."""

from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.domains import AbstractDiscretization
from riesz.errors import DomainError
from riesz.processes._modes import AxisModes

# Bits of an axis's mode number in a mode's 32-bit number.
_BITS = {1: 32, 2: 16, 3: 10}


def require_numbered(modes: tuple[AxisModes, ...]) -> None:
    """Raise for more modes than have a number."""
    limit = 2 ** _BITS[len(modes)]
    if any(2 * mode.waves >= limit for mode in modes):
        raise DomainError(
            "the grid is too fine for a random field in this dimension",
            where="RandomField.sample",
            expected=f"wave numbers below {limit // 2} along every axis",
            found=f"{[mode.waves for mode in modes]}",
            repair="give random_field(..., waves=) a smaller number of waves",
        )


def normals(key: PRNGKeyArray, modes: tuple[AxisModes, ...]) -> Float[Array, "*modes"]:
    """A standard normal number per mode, from the key and the number of the mode alone."""
    bits = _BITS[len(modes)]
    parts = [mode.numbers.astype(np.uint32) for mode in modes]
    # n_1 2^(b (d - 1)) + ... + n_d, b bits for each axis
    numbers = reduce(lambda a, b: (a[..., None] << np.uint32(bits)) | b, parts)
    each = jax.vmap(lambda number: jax.random.normal(jax.random.fold_in(key, number)))
    return each(jnp.asarray(numbers.ravel())).reshape(numbers.shape)


def synthesise(
    coefficients: Float[Array, "*modes c"], modes: tuple[AxisModes, ...], on: Any
) -> Float[Array, "*shape c"]:
    """The sum of coefficient times mode on a discretization, or at points `(p, d)`."""
    values = coefficients
    grid = on.grid if isinstance(on, AbstractDiscretization) and on.mask is None else None
    if grid is not None and grid.tensor is not None:
        # one axis at a time, by FFT where it is equispaced: (modes_i, ...) -> (n_i, ...)
        for i, (axis, mode) in enumerate(zip(grid.tensor.axes, modes, strict=True)):
            values = jnp.moveaxis(mode.synthesise(jnp.moveaxis(values, i, 0), axis), 0, i)
        return values
    if grid is not None:
        for i, (x, mode) in enumerate(zip(grid.axis_coordinates, modes, strict=True)):
            # (n_i, modes_i) x (..., modes_i, c) -> (..., n_i, c)
            moved = mode.basis(x.astype(values.dtype)) @ jnp.moveaxis(values, i, -2)
            values = jnp.moveaxis(moved, -2, i)
        return values
    points = on.coordinates if isinstance(on, AbstractDiscretization) else on
    flat = points.reshape(-1, len(modes)).astype(values.dtype)
    # sum_k c_k prod_i phi_{k_i}(x_i) at each point
    values = at_points(coefficients, [m.basis(flat[:, i]) for i, m in enumerate(modes)])
    return values.reshape(*points.shape[:-1], -1)


def at_points(
    coefficients: Float[Array, "*modes c"], bases: list[Float[Array, "p _"]]
) -> Float[Array, "p c"]:
    """The sum of coefficient times products of the bases of the axes."""
    *rest, last = bases
    # the last axis: (p, m) x (..., m, c) -> (p, ..., c)
    out = jnp.einsum("pm,...mc->p...c", last, coefficients)
    for basis in reversed(rest):
        # the axis before, at the same points: (p, m) x (p, ..., m, c) -> (p, ..., c)
        out = jnp.einsum("pm,p...mc->p...c", basis, out)
    return out
