"""Interpolation and derivatives on scattered points, on the host or inside compiled code.

Where points and nodes are known, stencils are found and solved by NumPy in float64; inside
compiled code the same formulas run in the type of the points. Work and memory go by blocks.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from riesz._core.blocks import fitting, mapped
from riesz._core.tracing import traced
from riesz.domains._line import (
    evaluate,
    host_solve,
    make_line,
    make_spline,
    slopes_at_nodes,
    traced_solve,
)
from riesz.domains._neighbours import (
    Cloud,
    Stencils,
    traced_merged,
    traced_nearest,
    traced_offset,
    traced_stencil,
)
from riesz.domains._stencils import (
    Functionals,
    cardinal_weights,
    derivatives_at_centre,
    solve_positive,
    values_at,
)
from riesz.errors import SolverError

if TYPE_CHECKING:
    from riesz.domains._points import Points

_BLOCK = 2048  # stencils that the host solves at once: about 100 MiB in space


def interpolate(on: "Points", values: Float[Array, "n c"], points: Any) -> Float[Array, "p c"]:
    """Values at points relative to the lower end, shape (p, d); NumPy points keep float64."""
    known = not traced(on.relative, on.remainder, on.mask, points)
    if known and on.domain.dim > 1:
        return weighted(on, values, weights_at(on, np.asarray(points, np.float64)), 1)
    if known and not traced(values):
        host = np.asarray(points, np.float64)[:, 0]
        spline = _host_spline(on, values)
        # (3, p): coordinate, rounding error and whole periods, the latter two 0
        found = evaluate(np, spline, np.stack([host, 0 * host, 0 * host]))
        return jnp.asarray(found, values.dtype)
    dtype = on.relative.dtype
    if not traced(points):
        exact = np.asarray(points, np.float64)
        # x = high + (x - high), both in the type of the nodes: (2, p, d)
        high = exact.astype(dtype)
        both = jnp.asarray(np.stack([high, (exact - high).astype(dtype)]))
    else:
        both = jnp.stack([points.astype(dtype), jnp.zeros(points.shape, dtype)])
    return _traced_interpolate(on, values, both)


def differentiate(
    on: "Points", values: Float[Array, "n c"], axis: int, order: int
) -> Float[Array, "n c"]:
    """The first or second derivative along an axis at the nodes; 0 at masked ones."""
    known = not traced(on.relative, on.remainder, on.mask)
    if known and on.domain.dim > 1:
        found = weighted(on, values, weights_of_derivative(on, axis, order), 0)
        rows = np.flatnonzero(np.asarray(on.mask))
        return jnp.zeros((len(on.mask), values.shape[1]), values.dtype).at[rows].set(found)
    if known and not traced(values):
        found = slopes_at_nodes(np, _host_spline(on, values), order)
        # per length of the domain -> per unit of x
        found = found / on.domain.lengths[0] ** order
        return jnp.asarray(np.where(np.asarray(on.mask)[:, None], found, 0), values.dtype)
    return _traced_differentiate(on, values, (axis,), order)[..., 0]


def gradient(on: "Points", values: Float[Array, "n c"]) -> Float[Array, "n c d"]:
    """The first derivatives along all axes at the nodes; 0 at masked ones."""
    axes = tuple(range(on.domain.dim))
    if traced(on.relative, on.remainder, on.mask):
        return _traced_differentiate(on, values, axes, 1)
    return jnp.stack([differentiate(on, values, axis, 1) for axis in axes], -1)


# On the host


def host_line(on: "Points") -> Any:
    """The sorted nodes and knots of known points on a line."""
    x = on.exact()[:, 0]
    mask = np.asarray(on.mask)
    return make_line(np, np.stack([x, 0 * x]), mask, on.domain.lengths[0], on.domain.periodic[0])


def _host_spline(on: "Points", values: Array) -> Any:
    known = np.where(np.asarray(on.mask)[:, None], np.asarray(values, np.float64), 0)
    line = host_line(on)
    spline = make_spline(np, line, known, host_solve)
    # the spline passes through its values, or the system was not solved
    found = evaluate(np, spline, line.place)[line.home]
    found = np.where(np.asarray(on.mask)[:, None], found, 0)
    _check_residual(np.abs(found - known).max(initial=0), np.abs(known).max(initial=0), 1e-9)
    return spline


Weights = Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]


def weights_at(on: "Points", points: Float[np.ndarray, "p d"]) -> Weights:
    """Blocks of centres (b,), neighbours (b, k) and weights of v_neighbour - v_centre (b, k)."""
    rows, cloud = _cloud(on)
    scaled = cloud.scaled(points)
    for start in range(0, len(points), _BLOCK):
        block = scaled[start : start + _BLOCK]
        centres = cloud.nearest(block)
        stencils = cloud.stencils(centres)
        # z = (x - x_0) / radius, (b, d)
        z = cloud.offset(block, cloud.nodes[centres]) / stencils.radius[:, None]
        yield rows[centres], rows[stencils.index], solve_stencils(stencils, values_at(np, z))


def weights_of_derivative(on: "Points", axis: int, order: int) -> Weights:
    """The same for a derivative at the nodes that are not masked."""
    rows, cloud = _cloud(on)
    wanted = derivatives_at_centre(np, (axis,), order)
    for start in range(0, len(rows), _BLOCK):
        centres = np.arange(start, min(start + _BLOCK, len(rows)))
        stencils = cloud.stencils(centres)
        # d / dx = (radius L)^-1 d / dz
        unit = (stencils.radius * on.domain.lengths[axis]) ** order
        yield rows[centres], rows[stencils.index], solve_stencils(stencils, wanted) / unit[:, None]


def solve_stencils(
    stencils: Stencils, wanted: Callable[[Any], Functionals]
) -> Float[np.ndarray, "b k"]:
    """Weights of one functional per stencil, checked."""

    def solve(system, right):
        found = np.linalg.solve(system, right)
        scale = np.abs(right).max(initial=0) + np.abs(found).max(initial=0)
        _check_residual(np.abs(system @ found - right).max(initial=0), scale, 1e-9)
        return found

    return cardinal_weights(np, stencils.offsets, stencils.valid, wanted, solve)[:, 0]


def _cloud(on: "Points") -> tuple[np.ndarray, Cloud]:
    rows = np.flatnonzero(np.asarray(on.mask))
    return rows, Cloud(on.domain, on.exact()[rows])


def weighted(on: "Points", values: Array, weights: Weights, keep: int) -> Array:
    """Weighted differences, and `keep` times the value at the centre."""
    if traced(values):
        xp, data, dtype = jnp, jnp.where(on.mask[:, None], values, 0), values.dtype
    else:
        xp, data, dtype = np, np.asarray(values, np.float64), np.float64
    parts = [
        # keep v_0 + sum_j w_j (v_j - v_0), (b, c)
        keep * data[centre]
        + xp.einsum("bk,bkc->bc", w.astype(dtype), data[near] - data[centre][:, None])
        for centre, near, w in weights
    ]
    whole = xp.concatenate(parts) if parts else xp.zeros((0, data.shape[1]), dtype)
    return jnp.asarray(whole, values.dtype)


def _check_residual(residual: float, scale: float, accuracy: float) -> None:
    if not residual <= accuracy * scale:
        raise SolverError(
            "the interpolant of scattered points misses its own data",
            where="Function on Points",
            expected=f"a residual of at most {accuracy:g} of the values' size {scale:.3g}",
            found=f"{residual:.3g}",
            repair="look for values that are not finite or larger than 1e100",
        )


# Inside compiled code


@jax.jit
def _traced_interpolate(on: "Points", values: Array, points: Array) -> Array:
    values = jnp.where(on.mask[:, None], values, 0)
    if on.domain.dim == 1:
        # (3, p): coordinate, rounding error, and no periods
        place = jnp.concatenate([points[..., 0], jnp.zeros_like(points[:1, :, 0])])
        return evaluate(jnp, _traced_spline(on, values), place).astype(values.dtype)
    # (2, n, d)
    position = jnp.stack([on.relative, on.remainder])
    reach, merged = traced_merged(on.domain, position, on.mask)

    def one(point):
        centre = traced_nearest(on.domain, position, on.mask, point)
        stencil = traced_stencil(on.domain, position, on.mask, reach, merged, centre)
        # z = (x - x_0) / radius, (1, d)
        z = traced_offset(on.domain, point, position[:, centre])[None] / stencil.radius
        wanted = values_at(jnp, z)
        # s(x) = v_0 + sum_j w_j (v_j - v_0): (k,) x (k, c) -> (c,)
        w = cardinal_weights(jnp, stencil.offsets, stencil.valid, wanted, solve_positive)[0, 0]
        near = values[stencil.index[0]] - values[centre]
        return values[centre] + w.astype(values.dtype) @ near

    return mapped(one, jnp.swapaxes(points, 0, 1), fitting(_floats(on)))


def _traced_differentiate(
    on: "Points", values: Array, axes: tuple[int, ...], order: int
) -> Float[Array, "n c r"]:
    if on.domain.dim > 1:
        return differences(on.mask, values, *traced_slopes(on, axes, order))
    values = jnp.where(on.mask[:, None], values, 0)
    found = slopes_at_nodes(jnp, _traced_spline(on, values), order)
    found = jnp.where(on.mask[:, None], found / on.domain.lengths[0] ** order, 0)
    return found.astype(values.dtype)[..., None]


@partial(jax.jit, static_argnums=(1, 2))
def traced_slopes(
    on: "Points", axes: tuple[int, ...], order: int
) -> tuple[Int[Array, "n k"], Float[Array, "n k r"]]:
    """Neighbours and weights of the derivatives along r axes at all nodes."""
    position = jnp.stack([on.relative, on.remainder])
    reach, merged = traced_merged(on.domain, position, on.mask)
    lengths = jnp.asarray([on.domain.lengths[axis] for axis in axes], on.relative.dtype)
    wanted = derivatives_at_centre(jnp, axes, order)

    def one(centre):
        stencil = traced_stencil(on.domain, position, on.mask, reach, merged, centre)
        # (r, k), in lengths of the stencil -> (k, r), in units of x
        w = cardinal_weights(jnp, stencil.offsets, stencil.valid, wanted, solve_positive)[0]
        return stencil.index[0], w.T / (stencil.radius * lengths) ** order

    index, weights = mapped(one, jnp.arange(len(on.mask)), fitting(_floats(on)))
    return index, jnp.where(on.mask[:, None, None], weights, 0)


def differences(
    mask: Bool[Array, " n"],
    values: Float[Array, "n c"],
    index: Int[Array, "n k"],
    weights: Float[Array, "n k r"],
) -> Float[Array, "n c r"]:
    """Sums over the neighbours j of every node i of weights w_ij (v_j - v_i)."""
    values = jnp.where(mask[:, None], values, 0)
    # (n, k, r) x (n, k, c) -> (n, c, r)
    return jnp.einsum("nkr,nkc->ncr", weights.astype(values.dtype), values[index] - values[:, None])


def _traced_spline(on: "Points", values: Array) -> Any:
    position = jnp.stack([on.relative[:, 0], on.remainder[:, 0]])
    line = make_line(jnp, position, on.mask, on.domain.lengths[0], on.domain.periodic[0])
    return make_spline(jnp, line, values.astype(position.dtype), traced_solve)


def _floats(on: "Points") -> int:
    """Working set of one point."""
    return on.relative.size + 8 * 32**2
