"""Fields on a fixed grid: averages of values given at any points, and linear interpolation.

What a band or a range check remembers of a place lives on one `Grid`, whatever the discretization
of the functions is: their own grid (that below a `MaskedGrid`), or, for scattered points, which
may differ from sample to sample, a fixed grid of the domain; for meshes of a box around the first
of them. Between its nodes fields are
multilinear, so that they stay positive and between their values.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.domains import AbstractDiscretization, AbstractProductDomain, Box, Grid
from riesz.functions import Function

_FINEST = 16  # nodes along an axis of the grid for scattered points
_EACH = 40  # points that a node of it should have


def latent_grid(discretization: AbstractDiscretization, points: int) -> AbstractDiscretization:
    """The grid on which fields of functions with this discretization are kept.

    `points` is the number of scattered points of all functions together; there are then at
    least about forty for each node. Functions on several domains have one grid on each.
    """
    each = points / np.size(discretization.weights)
    grids = [_latent_grid(part, each * np.size(part.weights)) for part in discretization.parts]
    return discretization.composed(grids)


def _latent_grid(discretization: AbstractDiscretization, points: float) -> Grid:
    base = discretization.tensor
    if base is not None:
        return base
    domain = discretization.domain
    if not isinstance(domain, AbstractProductDomain):
        domain = _box_around(discretization)
    # (points / 40)^(1/d) nodes per axis
    size = int(np.clip((points / _EACH) ** (1 / domain.dim), 2, _FINEST))
    return Grid(domain, size)


def _box_around(on: AbstractDiscretization) -> Box:
    """The bounding box of the points; beyond it fields are those of its boundary."""
    present = np.asarray(on.weights if not on.stacked else jax.vmap(lambda o: o.weights)(on)) > 0
    x = np.asarray(on.relative, float)[present] + np.asarray(on.domain.origin)
    low, high = x.min(0), x.max(0)
    return Box(low.tolist(), np.where(high > low, high, low + 1).tolist())  # flat surfaces


def batched(f: Function) -> bool:
    """Whether these are several functions: values with a leading axis."""
    below = f.discretization.tensor
    return f.values.ndim > (2 if below is None else len(below.shape) + 1)


def kept_at(grid: AbstractDiscretization, discretization: AbstractDiscretization) -> bool:
    """Whether the nodes of `grid` are the points of a discretization, or those below its holes."""
    pairs = zip(grid.parts, discretization.parts, strict=True)
    return all(part.tensor == nodes for nodes, part in pairs)


def on_grid(
    field: Float[Array, "..."], grid: AbstractDiscretization, discretization: AbstractDiscretization
) -> Array:
    """A field `(*grid.shape, c)` at the points of a discretization, `(*shape, c)`."""
    parts = zip(grid.components(field), discretization.parts, strict=True)
    return discretization.joined([_on_grid(f, nodes, on) for (nodes, f), on in parts])


def _on_grid(field: Array, grid: Any, discretization: AbstractDiscretization) -> Array:
    if discretization.tensor == grid:
        return field
    # f(x_p) = sum_s w_ps f[node_ps], (p, 2^d) x (p, 2^d, c) -> (p, c)
    nodes, weights = _stencil(grid, discretization)
    # (*grid.shape, c) -> (nodes, c)
    flat = field.reshape(-1, field.shape[-1])
    values = jnp.einsum("ps,psc->pc", weights.astype(field.dtype), flat[nodes])
    return values.reshape(*discretization.shape, -1)


def sums(
    values: Float[Array, "..."],
    grid: AbstractDiscretization,
    discretization: AbstractDiscretization,
) -> tuple[Array, Array]:
    """Sums of values `(*shape, c)` at present points by the hat functions of the nodes.

    Returns `(*grid.shape, c)` and the sums of the hat functions themselves, `grid.shape`.
    """
    parts = zip(grid.parts, discretization.components(values), strict=True)
    totals, counts = zip(*[_sums(v, nodes, on) for nodes, (on, v) in parts], strict=True)
    if len(counts) == 1:
        return totals[0], counts[0]
    return grid.joined(totals), jnp.concatenate([count.reshape(-1) for count in counts])


def _sums(values: Array, grid: Any, discretization: AbstractDiscretization) -> tuple[Array, Array]:
    present = (discretization.weights > 0).astype(values.dtype)
    values = jnp.where(present[..., None] > 0, values, 0)
    if discretization.tensor == grid:
        return values, present
    nodes, weights = _stencil(grid, discretization)
    # the transpose: node s of point p gets w_ps and w_ps v_p, (p, 2^d) and (p, 2^d, c)
    weights = weights.astype(values.dtype) * present.reshape(-1, 1)
    parts = weights[..., None] * values.reshape(-1, 1, values.shape[-1])
    size = int(np.prod(grid.shape))
    total = jnp.zeros((size, values.shape[-1]), values.dtype).at[nodes].add(parts)
    count = jnp.zeros(size, values.dtype).at[nodes].add(weights)
    return total.reshape(*grid.shape, -1), count.reshape(grid.shape)


def _stencil(grid: Grid, discretization: AbstractDiscretization) -> tuple[Array, Array]:
    """Numbers of the 2^d nodes around each point, and their weights, both (points, 2^d)."""
    here, there = discretization.domain.origin, grid.domain.origin
    points = jnp.asarray(discretization.relative).reshape(-1, grid.domain.dim)
    if here != there:  # of a region, in its bounding box
        points = points + jnp.asarray(np.subtract(here, there), points.dtype)
    number, weight = jnp.zeros((points.shape[0], 1), int), jnp.ones((points.shape[0], 1))
    for axis, size in enumerate(grid.shape):
        left, right, share = _between(grid, axis, points[:, axis])
        # C order, (p, 2^i) -> (p, 2^(i+1)): number n_i + {left, right}, weight {1 - share, share}
        number = number[..., None] * size + jnp.stack([left, right], -1)[:, None]
        weight = weight[..., None] * jnp.stack([1 - share, share], -1)[:, None]
        number, weight = (x.reshape(points.shape[0], -1) for x in (number, weight))
    return number, weight


def _between(grid: Grid, axis: int, x: Float[Array, " p"]) -> tuple[Array, Array, Array]:
    """The nodes on both sides of each point, and the share of the right one."""
    nodes = np.asarray(grid.axes[axis].coordinates(), np.float64)
    numbers = np.arange(len(nodes))
    if grid.domain.periodic[axis]:
        # the first node once more at the end of the period
        nodes, numbers = (
            np.append(nodes, nodes[0] + grid.domain.lengths[axis]),
            np.append(numbers, 0),
        )
        # into one period from the first node
        x = nodes[0] + jnp.mod(x - nodes[0], grid.domain.lengths[axis])
    ends = jnp.asarray(nodes, x.dtype)
    left = jnp.clip(jnp.searchsorted(ends, x, side="right") - 1, 0, len(nodes) - 2)
    # (x - x_left) / (x_right - x_left), within [0, 1]: constant beyond the end nodes
    share = jnp.clip((x - ends[left]) / (ends[left + 1] - ends[left]), 0, 1)
    return jnp.asarray(numbers)[left], jnp.asarray(numbers)[left + 1], share


def split_nodes(
    grid: AbstractDiscretization, x: Float[np.ndarray, "*lead p"]
) -> list[tuple[Any, np.ndarray]]:
    """The grids of which a grid is made, and the entries of their nodes, `(*lead, nodes)`."""
    ends = np.cumsum([int(np.prod(part.shape)) for part in grid.parts])[:-1]
    return list(zip(grid.parts, np.split(x, ends, -1), strict=True))


def mean_over(grid: AbstractDiscretization, field: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The mean of a field over the present part of the domain, one per channel, in float64."""
    found = []
    places = split_nodes(grid, present.reshape(-1).astype(float))
    for (nodes, values), (_, there) in zip(grid.components(field), places, strict=True):
        # sum_i w_i f(x_i) / sum_i w_i over the nodes that are present
        weights = np.asarray(nodes.weights, np.float64) * there.reshape(nodes.shape)
        found.append(np.tensordot(weights, values, weights.ndim) / weights.sum())
    return np.concatenate(found)
