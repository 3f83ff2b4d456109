"""Quadrature weights of scattered points: positive, and exact for polynomials on small groups.

On a line the cardinal functions of the cubic spline are integrated exactly; where all integrals
are positive, they are the weights. Otherwise, and in the plane and in space, points are grouped
by halving, and over the region G of a group, the union of its Voronoi cells of volumes V_i,

    w_i = V_i (1 + q(x_i)),   sum_i w_i p(x_i) = integral of p over G

with polynomials q, p of degree 3 on a line and 2 in the plane and in space (least squares
quadrature, Huybrechs 2009). A group where that gives a weight below `_SHARE` V_i is joined with
the next one, and where that does not help either, takes a lower degree; degree 0 always works.
"""

from collections.abc import Callable, Iterator

import numpy as np
import scipy
from jaxtyping import Float, Int

from riesz.domains._domain import AbstractDomain
from riesz.domains._line import Line, make_line, spline_weights
from riesz.domains._neighbours import Cloud
from riesz.domains._stencils import monomials

_SHARE = 0.05  # smallest weight, in units of the Voronoi cell
_FLOOR = 1e-6  # smallest cell, in units of the mean: some lie between the nodes of the lattice
_GROUP = {1: 8, 2: 16, 3: 32}  # a group is not halved to fewer points
_JOINED = 4  # groups of up to so many times as many points are tried
_DEGREE = {1: 3, 2: 2, 3: 2}
_LATTICE = 2**16  # quadrature nodes at once

# Integrals over the cells of some nodes of the polynomials of `_powers((x - centre) / radius)`
Moments = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def estimated_weights(
    domain: AbstractDomain, relative: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, " n"]:
    """Positive weights that sum to the volume; `relative` is measured from the lower end."""
    if domain.dim > 3:  # Monte Carlo
        return np.full(len(relative), domain.volume / len(relative))
    if domain.dim == 1:
        x = relative[:, 0]
        position = np.stack([x, 0 * x])
        everywhere = np.ones(len(x), bool)
        line = make_line(np, position, everywhere, domain.lengths[0], domain.periodic[0])
        # weights and cells in units of the length
        weights = spline_weights(line, domain.periodic[0])
        nodes, cells, moments = _intervals(line, domain.periodic[0])
        if (weights >= _SHARE * cells).all():
            return weights * domain.volume
    else:
        nodes, cells, moments = _lattice_cells(Cloud(domain, relative))
    weights, _ = _grouped(nodes, cells, moments, np.arange(len(cells)))
    # in units of the lengths they sum to 1, but for rounding and `_FLOOR`
    return weights / weights.sum() * domain.volume


def _grouped(
    nodes: Float[np.ndarray, "n d"],
    cells: Float[np.ndarray, " n"],
    moments: Moments,
    rows: Int[np.ndarray, " r"],
) -> tuple[Float[np.ndarray, " n"], bool]:
    """Weights of the nodes `rows`, zero elsewhere, and whether they have the full degree."""
    dim = nodes.shape[1]
    weights, full = np.zeros(len(nodes)), False
    halves = len(rows) >= 2 * _GROUP[dim]
    if halves:
        # halves across the longest side
        axis = np.ptp(nodes[rows], axis=0).argmax()
        rows = rows[np.argsort(nodes[rows, axis], kind="stable")]
        parts = [_grouped(nodes, cells, moments, half) for half in np.array_split(rows, 2)]
        weights, full = parts[0][0] + parts[1][0], parts[0][1] and parts[1][1]
    if full or len(rows) > _JOINED * 2 * _GROUP[dim]:
        return weights, full
    for degree in range(_DEGREE[dim], -1, -1):
        found = _matched(nodes[rows], cells[rows], moments, rows, degree)
        if found is not None:
            weights[rows] = found
            return weights, degree == _DEGREE[dim]
        if halves:
            break
    return weights, False


def _matched(
    nodes: Float[np.ndarray, "r d"],
    cells: Float[np.ndarray, " r"],
    moments: Moments,
    rows: Int[np.ndarray, " r"],
    degree: int,
) -> Float[np.ndarray, " r"] | None:
    """Weights exact for polynomials of this degree; None where they would not be positive."""
    centre = nodes.mean(0)
    radius = float(np.abs(nodes - centre).max()) or 1.0
    # p_l(x_i) with x within [-1, 1]^d: (r, m)
    powers = _powers((nodes - centre) / radius, degree)
    wanted = moments(rows, centre, radius)[: powers.shape[1]]
    # w_i = V_i (1 + sum_l c_l p_l(x_i)), (P^T V P) c = integral of p - sum_i V_i p(x_i)
    scale = np.sqrt(cells)[:, None] * powers
    change = np.linalg.lstsq(scale.T @ scale, wanted - cells @ powers, rcond=1e-12)[0]
    weights = cells * (1 + powers @ change)
    exact = np.abs(weights @ powers - wanted).max() <= 1e-9 * weights.sum()
    return weights if exact and (weights >= _SHARE * cells).all() else None


def _powers(x: Float[np.ndarray, "r d"], degree: int) -> Float[np.ndarray, "r m"]:
    """Monomials from the constant up, degree by degree."""
    if x.shape[1] == 1:
        return x ** np.arange(degree + 1)
    # 1; x_i; x_i x_j: the first 1, 1 + d or all columns
    whole = np.concatenate([np.ones((len(x), 1)), monomials(np, x)], 1)
    return whole[:, : (1, 1 + x.shape[1], whole.shape[1])[degree]]


def _intervals(line: Line, periodic: bool) -> tuple[np.ndarray, np.ndarray, Moments]:
    """Nodes and the lengths of their cells in units of the whole; moments of the cells."""
    x = line.place.sum(0)[: line.size] / line.length
    middle = (x[1:] + x[:-1]) / 2
    # the cell of node i lies between edges[left_i] and edges[left_i + 1]
    edges = middle if periodic else np.concatenate([[0.0], middle, [1.0]])
    left = line.home - 1 if periodic else line.home
    nodes = x[line.home][:, None]

    def moments(rows, centre, radius):
        # integral of u^k, u = (x - centre) / radius: radius (high^(k+1) - low^(k+1)) / (k + 1)
        powers = np.arange(1, _DEGREE[1] + 2)
        ends = ((edges[left[rows] + i] - centre) / radius for i in (1, 0))
        high, low = (end[:, None] ** powers for end in ends)
        return (high - low).sum(0) * radius / powers

    return nodes, edges[left + 1] - edges[left], moments


def _lattice_cells(cloud: Cloud) -> tuple[np.ndarray, np.ndarray, Moments]:
    """The same in the plane and in space, with the nodes of a Gauss rule nearest to each node."""
    nodes = cloud.nodes
    count, dim = nodes.shape
    pairs = [(i, j) for i in range(dim) for j in range(i, dim)]
    sums = np.zeros((count, 1 + dim + len(pairs)))  # of 1, z_i and z_i z_j, z = x - node
    for points, share in _lattice(dim, count):
        centres = cloud.nearest(points)
        # 1, z_i, z_i z_j of each node of the lattice, added up at the nearest point
        powers = _powers(cloud.offset(points, nodes[centres]), 2)
        where = (np.full(len(points), share), (centres, np.arange(len(points))))
        sums += scipy.sparse.csr_matrix(where, (count, len(points))) @ powers
    sums[:, 0] = np.maximum(sums[:, 0], _FLOOR / count)

    def moments(rows, centre, radius):
        # u = a + z / radius, a = (node - centre) / radius
        away = (nodes[rows] - centre) / radius
        volume, first, second = np.split(sums[rows], (1, 1 + dim), axis=1)
        first, second = first / radius, second / radius**2
        # integral of u_i u_j = int z_i z_j + a_i int z_j + a_j int z_i + a_i a_j V
        shifted = [
            second[:, k] + away[:, i] * first[:, j] + away[:, j] * first[:, i]
            for k, (i, j) in enumerate(pairs)
        ]
        squares = np.stack(shifted, 1) + volume * monomials(np, away)[:, dim:]
        return np.concatenate([volume, first + volume * away, squares], 1).sum(0)

    return nodes, sums[:, 0], moments


def _lattice(dim: int, count: int) -> Iterator[tuple[Float[np.ndarray, "p d"], float]]:
    """Blocks of nodes of the composite Gauss rule with two nodes per interval; their weight."""
    side = 2 * int(np.ceil(max(4096, (16 if dim == 2 else 27) * count) ** (1 / dim) / 2))
    # nodes 2 i + 1 -+ 1 / sqrt(3) of interval i in units of 1 / side, of equal weights
    middle = np.arange(side) // 2 * 2 + 1
    axis = (middle + np.where(np.arange(side) % 2, 1, -1) / np.sqrt(3)) / side
    total = side**dim
    for start in range(0, total, _LATTICE):
        flat = np.arange(start, min(start + _LATTICE, total))
        yield axis[np.stack(np.unravel_index(flat, (side,) * dim), -1)], 1 / total
