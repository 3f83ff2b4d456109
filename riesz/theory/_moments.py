"""Expectations of an activation under N(0, q) as functions of the variance q."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.errors import ModelError, SolverError
from riesz.networks import AbstractActivation

Numbers = np.ndarray  # Always float64, one axis.

# Where critical points are searched; numerical expectations are less reliable above.
VARIANCES = np.geomspace(1e-6, 1e2, 257)
# A variance that stands for the limit q -> 0.
NEAR_ZERO = 1e-14


class Moments(NamedTuple):
    """E[phi(u)^2] for u ~ N(0, q), its derivative in q, and E[phi'(u)^2]."""

    square: Numbers
    square_slope: Numbers
    slope_square: Numbers


@eqx.filter_jit
def _moments(activation: AbstractActivation, q: Float[Array, " n"]) -> tuple[Array, Array, Array]:
    # g(q) = E[phi^2] and dg/dq, along q11 = q12 = q22 = q
    square, square_slope = jax.jvp(
        lambda q: activation.duals(q, q, q)[0], (q,), (jnp.ones_like(q),)
    )
    return square, square_slope, activation.duals(q, q, q)[1]


def moments(activation: AbstractActivation, q: Numbers) -> Moments:
    """The moments at these variances, computed in JAX's default precision.

    Variances are filled up to the length of `VARIANCES`, so that all calls compile once.
    """
    filled = np.full(VARIANCES.shape, q[-1])
    filled[: len(q)] = q
    found = _moments(activation, jnp.asarray(filled, default_dtype()))
    return Moments(*(np.asarray(m, np.float64)[: len(q)] for m in found))


def first_root(function: Callable[[Numbers], Numbers], grid: Numbers) -> float | None:
    """The first sign change along the grid, up or down, to rounding; None without one.

    Values that are not finite are passed over.
    """
    close = 4 * float(jnp.finfo(default_dtype()).eps)
    while True:
        values = function(grid)
        kept = np.isfinite(values)
        grid, values = grid[kept], values[kept]
        # the first cell with a change of sign is the next grid
        (changes,) = np.nonzero(np.sign(values[:-1]) != np.sign(values[1:]))
        if not changes.size:
            return None
        before, after = grid[changes[0]], grid[changes[0] + 1]
        if values[changes[0]] == 0 or abs(after - before) <= close * abs(after):
            return float(before)
        grid = np.linspace(before, after, len(VARIANCES))


def default_dtype() -> jnp.dtype:
    """The precision in which JAX computes now."""
    return jnp.zeros(()).dtype


def rounding() -> float:
    """The relative error within which two results of this precision are taken to be equal."""
    return 100 * float(jnp.finfo(default_dtype()).eps)


def require_slope(where: str, activation: AbstractActivation) -> None:
    """Raise for an activation with jumps, for which E[phi'^2] is infinite."""
    if not activation.differentiable:
        raise ModelError(
            "nearby inputs are driven apart without bound: the activation jumps",
            where=where,
            expected="an activation with a square integrable derivative",
            found=str(activation),
        )


def no_point(where: str, message: str, activation: AbstractActivation, found: str) -> SolverError:
    """The error of a search that ended without a point."""
    return SolverError(message, where=f"{where}, activation {activation}", found=found)
