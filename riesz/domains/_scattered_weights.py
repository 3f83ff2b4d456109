"""Quadrature weights of scattered points: integrals of the interpolant, kept positive.

On a line the cardinal functions of the spline are integrated exactly. In the plane and in space
every node's stencil is integrated over its Voronoi cell, by the nodes of a composite Gauss rule
that are nearest to it. Where a weight w_i comes out too small, what it lacks is taken from other
nodes by the rule that gives v_i from them: w_j -= lack * omega_ij, exact for polynomials of
degree 3 on a line and 2 in the plane and in space.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_matrix

from riesz.domains._domain import AbstractDomain
from riesz.domains._line import Line, make_line, spline_weights
from riesz.domains._neighbours import Cloud
from riesz.domains._scattered import solve_stencils
from riesz.domains._stencils import Functionals, kernel, monomials, values_at

_ROUNDS = 50
_SHARE = 0.05  # smallest weight, in units of the Voronoi cell
_FLOOR = 1e-3  # the same in units of the mean weight
_GROWTH = 3.0  # an interpolant whose weights over a cell add up to more is not trusted there
_LATTICE = 2**15  # quadrature nodes at once

Others = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def estimated_weights(
    domain: AbstractDomain, relative: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, " n"]:
    """Positive weights that sum to the volume; `relative` is measured from the lower end."""
    cells, weights, others = (_on_a_line if domain.dim == 1 else _in_a_cloud)(domain, relative)
    floor = np.maximum(_SHARE * cells, _FLOOR / len(cells))
    lifted = _lift(weights, floor, others)
    if lifted is None:
        cells = np.maximum(cells, _FLOOR / len(cells))
        lifted = cells / cells.sum()
    return lifted * domain.volume


def _lift(weights: np.ndarray, floor: np.ndarray, others: Others) -> np.ndarray | None:
    """Weights of at least `floor`; None where rounds of moving weight do not reach that."""
    weights = weights.copy()
    for _ in range(_ROUNDS):
        low = np.flatnonzero(weights < floor)
        if not len(low):
            return weights
        index, omega = others(low)
        lack = (1 + 1e-9) * floor[low] - weights[low]
        weights[low] += lack
        np.subtract.at(weights, index, omega * lack[:, None])
        print(len(low), lack.sum(), weights.min())
    return None


def _on_a_line(
    domain: AbstractDomain, relative: Float[np.ndarray, "n 1"]
) -> tuple[np.ndarray, np.ndarray, Others]:
    periodic, length = domain.periodic[0], domain.lengths[0]
    position = np.stack([relative[:, 0], 0 * relative[:, 0]])
    line = make_line(np, position, np.ones(len(relative), bool), length, periodic)
    cells = _intervals(line, periodic)

    def others(low):
        return _cubic(line, low)

    return cells, spline_weights(line, periodic), others


def _intervals(line: Line, periodic: bool) -> np.ndarray:
    """Lengths of the Voronoi cells as fractions of the whole."""
    x = line.place.sum(0)[: line.size] / line.length
    middle = (x[1:] + x[:-1]) / 2
    if periodic:
        return (middle[line.home] - middle[line.home - 1]) if len(x) > 1 else np.ones(1)
    return np.diff(np.concatenate([[0.0], middle, [1.0]]))[line.home]


def _cubic(line: Line, low: Int[np.ndarray, " l"]) -> tuple[np.ndarray, np.ndarray]:
    """Two knots on each side of these nodes, and the weights of the cubic through them."""
    count, home = int(line.count), line.home[low]
    knot = line.before[home]
    own = ~line.merged[home]
    wanted = min(4, count - 1)
    first = np.clip(knot - np.where(own, 2, 1), 0, count - wanted - 1)
    ranks = first[:, None] + np.arange(wanted)
    ranks = np.minimum(ranks + ((ranks >= knot[:, None]) & own[:, None]), count - 1)
    sorted_nodes = line.knots[ranks]
    x = line.place.sum(0)
    gaps = x[sorted_nodes] - x[home][:, None]
    weights = np.ones_like(gaps)
    for i in range(wanted):
        for j in range(wanted):
            if i != j:
                weights[:, i] *= gaps[:, j] / (gaps[:, j] - gaps[:, i])
    return line.source[sorted_nodes], weights


def _in_a_cloud(
    domain: AbstractDomain, relative: Float[np.ndarray, "n d"]
) -> tuple[np.ndarray, np.ndarray, Others]:
    cloud = Cloud(domain, relative)
    count, dim = relative.shape
    stencils = cloud.stencils(np.arange(count))
    neighbours = stencils.index.shape[1]
    cells, kernels = np.zeros(count), np.zeros((count, neighbours))
    polynomials = np.zeros((count, dim + dim * (dim + 1) // 2))
    for points, share in _lattice(dim, count):
        centres = cloud.nearest(points)
        z = cloud.offset(points, cloud.nodes[centres]) / stencils.radius[centres, None]
        rows = np.arange(len(points))
        gather = csr_matrix((np.full(len(points), share), (centres, rows)), (count, len(points)))
        offsets = np.where(stencils.valid[..., None], stencils.offsets, 1)[centres]
        cells += np.bincount(centres, minlength=count) * share
        kernels += gather @ kernel(np, z[:, None], offsets)
        polynomials += gather @ monomials(np, z)

    def make(block):
        rows = slice(block, block + 2048)
        wanted = Functionals(kernels[rows, None], polynomials[rows, None])
        part = stencils._replace(
            **{k: getattr(stencils, k)[rows] for k in ("index", "offsets", "valid", "radius")}
        )
        return solve_stencils(part, lambda _: wanted)

    moved = np.concatenate([make(block) for block in range(0, count, 2048)])
    moved = np.where(abs(moved).sum(1, keepdims=True) <= _GROWTH * cells[:, None], moved, 0)
    weights = cells - moved.sum(1)
    np.add.at(weights, stencils.index, moved)

    def others(low):
        """Each node from its neighbours, with the nearest of them in the centre."""
        part = cloud.stencils(low)
        distance = np.where(part.valid, (part.offsets**2).sum(-1), np.inf)
        nearest = distance.argmin(1)[:, None]
        middle = np.take_along_axis(part.offsets, nearest[..., None], 1)
        valid = part.valid & (np.arange(neighbours) != nearest)
        moved = part._replace(offsets=part.offsets - middle, valid=valid)
        omega = solve_stencils(moved, values_at(np, -middle[:, 0]))
        np.put_along_axis(omega, nearest, 1 - omega.sum(1, keepdims=True), 1)
        return part.index, omega

    return cells, weights, others


def _lattice(dim: int, count: int):
    """Nodes of the composite Gauss rule with two nodes per interval, in blocks, and their weight."""
    side = 2 * int(np.ceil(max(4096, (16 if dim == 2 else 27) * count) ** (1 / dim) / 2))
    half = np.arange(side) // 2 * 2 + 1
    axis = (half + np.where(np.arange(side) % 2, 1, -1) / np.sqrt(3)) / side
    total = side**dim
    for start in range(0, total, _LATTICE):
        flat = np.arange(start, min(start + _LATTICE, total))
        yield axis[np.stack(np.unravel_index(flat, (side,) * dim), -1)], 1 / total
