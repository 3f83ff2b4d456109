"""Cubic splines through scattered points of an interval or a circle, in O(n).

Slopes m_i at the knots x_i make s twice differentiable (de Boor, A Practical Guide to Splines,
chapter IV): with gaps h_i = x_{i+1} - x_i and divided differences d_i,

    h_i m_{i-1} + 2 (h_{i-1} + h_i) m_i + h_{i-1} m_{i+1} = 3 (h_i d_{i-1} + h_{i-1} d_i)

and not-a-knot ends. A circle is unrolled over `_WRAP` knots beyond both ends: in this system the
influence of an end at least halves per knot. A node closer to the one before it than `_MERGE`
times the gaps around it is no knot; what the spline misses there is added piecewise linearly,
so that measurements repeated within a moment do not set the slope of the whole neighbourhood.

The functions take the array module `xp`: NumPy in float64 where everything is known, and
`jax.numpy` inside compiled code. Positions have three parts that are added after differences
are taken, shape (3, n): the coordinate in its type, its rounding error, and whole periods.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Float

_WRAP = 40
_MERGE = 0.01

Bands = tuple[Any, Any, Any]


class Line(NamedTuple):
    """Nodes in order and the knots among them; `h` is relative to the length of the domain."""

    source: Any  # node of the user behind each sorted node, (e,)
    place: Any  # positions of the sorted nodes, (3, e)
    size: Any  # number of them that are present
    knots: Any  # indices into the sorted nodes, (e,)
    count: Any  # number of knots
    h: Any  # gaps between knots, 1 where there is none, (e,)
    merged: Any  # sorted nodes that are no knots, (e,)
    before: Any  # the last knot at or before each sorted node, (e,)
    home: Any  # sorted node that each node of the user is, (n,)
    length: float  # of the domain


class Spline(NamedTuple):
    """A spline with slopes per length of the domain, and the corrections at merged nodes."""

    line: Line
    values: Any  # at the knots, (e, c)
    slopes: Any  # at the knots, (e, c)
    misses: Any  # at the sorted nodes, (e, c)


def make_line(xp: Any, position: Any, mask: Any, length: float, periodic: bool) -> Line:
    """Sort the present nodes, unroll a circle, and choose the knots."""
    if periodic:
        # into [0, L), by the first part alone
        moved = xp.where(position[:1] >= length, position[:1] - length, position[:1])
        position = xp.concatenate([xp.where(moved < 0, moved + length, moved), position[1:]])
    # present nodes first, by coordinate, then by its rounding error; home[order[j]] = j
    order = xp.lexsort((position[1], position[0], ~mask))
    size, home = mask.sum(), xp.argsort(order)
    place = xp.concatenate([position[:, order], xp.zeros_like(position[:1])])
    if periodic:
        # step = whole * size + inside is node `inside` at x_inside + whole L, from -_WRAP on
        step = xp.arange(len(order) + 2 * _WRAP) - _WRAP
        whole = step // xp.maximum(size, 1)
        inside = step - whole * size
        order, place = order[inside], place[:, inside]
        place = xp.concatenate([place[:2], whole[None].astype(place.dtype) * length])
        size, home = size + 2 * _WRAP, home + _WRAP
    at = xp.arange(len(order))
    # h_j = x_{j+1} - x_j, (e - 1,)
    gap = xp.where(at[1:] < size, _difference(place[:, 1:], place[:, :-1]), 0)
    # max(h_{j-2}, h_{j-1}, h_{j+1}, h_{j+2}), 0 beyond the ends
    around = xp.pad(gap, 2)
    around = xp.stack([around[:-4], around[1:-3], around[3:-1], around[4:]]).max(0)
    # node j + 1 is merged for h_j < _MERGE of the gaps around
    merged = xp.pad((gap <= 0) | (gap < _MERGE * around), (1, 0)) & (at < size)
    kept = ~merged & (at < size)
    # a stable sort keeps the knots in order, ahead of the rest
    knots = xp.argsort(xp.where(kept, 0, 1), stable=True)
    count = kept.sum()
    h = _difference(place[:, knots[1:]], place[:, knots[:-1]]) / length
    h = xp.where(at < count - 1, xp.pad(h, (0, 1)), 1)
    # number of knots up to each node, less one
    before = xp.cumsum(kept) - 1
    return Line(order, place, size, knots, count, h, merged, before, home, length)


def make_spline(xp: Any, line: Line, values: Any, solve: Callable[[Bands, Any], Any]) -> Spline:
    """The spline through `values` at the user's nodes, shape (n, c)."""
    values = values[line.source]
    at_knots = values[line.knots]
    # A m = B d: m slopes, d divided differences
    bands, differences = _system(xp, line.h, line.count)
    slopes = solve(bands, _apply(xp, differences, _divided(xp, line, at_knots)))
    spline = Spline(line, at_knots, slopes, xp.zeros_like(values))
    # v_j - s(x_j), 0 at knots
    missed = values - _smooth(xp, spline, line.place, line.before, 0)
    return spline._replace(misses=xp.where(line.merged[:, None], missed, 0))


def evaluate(xp: Any, spline: Spline, points: Any, order: int = 0) -> Any:
    """Values, or derivatives per length of the domain, at positions (3, p); shape (p, c)."""
    line = spline.line
    out = _smooth(xp, spline, points, _last_before(xp, line, line.knots, line.count, points), order)
    if order:
        return out
    every = xp.arange(len(line.source))
    # the sorted nodes on both sides of each point, merged ones among them
    left = _last_before(xp, line, every, line.size, points)
    left = xp.clip(left, 0, xp.maximum(line.size - 2, 0))
    right = xp.minimum(left + 1, len(every) - 1)
    gap = _difference(line.place[:, right], line.place[:, left])
    t = _difference(points, line.place[:, left]) / xp.where(gap > 0, gap, 1)
    # s(x) + (1 - t) miss_left + t miss_right
    t = xp.clip(t, 0, 1)[:, None]
    return out + (1 - t) * spline.misses[left] + t * spline.misses[right]


def slopes_at_nodes(xp: Any, spline: Spline, order: int) -> Any:
    """Derivatives per length of the domain at the user's nodes, shape (n, c)."""
    line = spline.line
    return _smooth(xp, spline, line.place[:, line.home], line.before[line.home], order)


def host_solve(bands: Bands, right: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
    """Solution of a tridiagonal system by LAPACK."""
    lower, diagonal, upper = bands
    # LAPACK's bands: (upper_{j-1}, diagonal_j, lower_{j+1}) in column j
    stacked = np.stack([np.roll(upper, 1), diagonal, np.roll(lower, -1)])
    return scipy.linalg.solve_banded((1, 1), stacked, right, check_finite=False)


def traced_solve(bands: Bands, right: Float[Array, "n c"]) -> Float[Array, "n c"]:
    """Solution of a tridiagonal system by elimination without pivoting (Thomas)."""
    lower, diagonal, upper = bands

    def forward(carry, row):
        ratio, known = carry
        low, mid, high, value = row
        # c'_i = c_i / (b_i - a_i c'_{i-1}), y'_i = (y_i - a_i y'_{i-1}) / (b_i - a_i c'_{i-1})
        pivot = mid - low * ratio
        ratio, known = high / pivot, (value - low * known) / pivot
        return (ratio, known), (ratio, known)

    def backward(after, row):
        ratio, known = row
        # x_i = y'_i - c'_i x_{i+1}
        found = known - ratio * after
        return found, found

    zero = jnp.zeros_like(right[0])
    start = jnp.zeros_like(diagonal[0]), zero
    _, rows = jax.lax.scan(forward, start, (lower, diagonal, upper, right))
    return jax.lax.scan(backward, zero, rows, reverse=True)[1]


def spline_weights(line: Line, periodic: bool) -> Float[np.ndarray, " n"]:
    """Integrals over the domain of the spline's cardinal functions, in units of the length.

    The adjoint of interpolation followed by integration: zero at merged nodes, and not always
    positive.
    """
    e, count = len(line.h), int(line.count)
    for_values, for_slopes, for_differences = np.zeros(e), np.zeros(e), np.zeros(e)
    # one period of a circle, from the first knot in it; or all pieces between the end knots
    x = line.place[:, line.knots[:count]].sum(0) / line.length
    start = int(np.searchsorted(x, 0.0)) if periodic else 0
    stop = np.searchsorted(x, x[start] + 1 - 1e-12) if periodic else count - 1
    inside = np.arange(start, stop)
    # integral of a piece = h (v_i + v_{i+1}) / 2 + h^2 (m_i - m_{i+1}) / 12
    for sign, i in (1, inside), (-1, inside + 1):
        np.add.at(for_values, i, line.h[inside] / 2)
        np.add.at(for_slopes, i, sign * line.h[inside] ** 2 / 12)
    if not periodic:
        for end, near, gap, a, sign in (
            (0, 1, 0, x[0], -1),
            (count - 1, count - 2, count - 2, 1 - x[count - 1], 1),
        ):
            # outwards from an end: v + sign y m + y^2/h c + y^3/h^2 k, y = 0 ... a
            h = line.h[gap] if count > 1 else 1.0
            # integrals of y^2 / h and y^3 / h^2 over 0 < y < a
            square, cube = a**3 / (3 * h), a**4 / (4 * h**2)
            for_values[end] += a
            for_slopes[end] += sign * a**2 / 2
            if count > 1:
                # the piece seen from its end, y < 0 inside, has there m, -h the other end
                # c = 3 d - 2 m_i - m_{i+1}, k = m_i + m_{i+1} - 2 d, as in `_smooth`
                for_slopes[end] += sign * (2 * square + cube)
                for_slopes[near] += sign * (square + cube)
                for_differences[gap] -= sign * (3 * square + 2 * cube)
    # m = A^-1 B d: g_d += B^T A^-T g_m; row i of A^T has upper_{i-1} and lower_{i+1}
    lower, diagonal, upper = (band for band in _system(np, line.h, count)[0])
    transposed = np.roll(upper, 1), diagonal, np.roll(lower, -1)
    adjoint = host_solve(transposed, for_slopes[:, None])[:, 0]
    parts = _system(np, line.h, count)[1]
    # (B^T y)_j = sum_k part_k[j - k] y_{j-k}, k = -2, -1, 0, 1
    for shift, part in zip((-2, -1, 0, 1), parts, strict=True):
        for_differences += np.roll(part * adjoint, shift)
    # d_i = (v_{i+1} - v_i) / h_i: g_v += g_d[i - 1] / h_{i-1} - g_d[i] / h_i
    for_differences = np.where(np.arange(e) < count - 1, for_differences / line.h, 0)
    for_values += np.roll(for_differences, 1) - for_differences
    out = np.zeros(len(line.home))
    # copies of a node on an unrolled circle add up
    np.add.at(out, line.source[line.knots[:count]], for_values[:count])
    return out


def _difference(a: Any, b: Any) -> Any:
    # near coordinates have an exact difference, to which the smaller parts are added
    return (a[0] - b[0]) + ((a[1] - b[1]) + (a[2] - b[2]))


def _divided(xp: Any, line: Line, values: Any) -> Any:
    # d_i = (v_{i+1} - v_i) / h_i, 0 from the last knot on
    known = (xp.arange(len(line.h)) < line.count - 1)[:, None]
    return xp.where(known, (xp.roll(values, -1, 0) - values) / line.h[:, None], 0)


def _system(xp: Any, h: Any, count: Any) -> tuple[Bands, tuple[Any, Any, Any, Any]]:
    """Bands of the matrix of slopes, and factors of d_{i-2}, d_{i-1}, d_i, d_{i+1} on the right.

    Rows of knots beyond `count` are those of the identity. Three knots have a parabola, two a
    line, one a constant.
    """
    i = xp.arange(len(h))
    one, zero = xp.ones_like(h), xp.zeros_like(h)
    # rows over h_{i-1} + h_i; share = h_i / (h_{i-1} + h_i)
    left, right = xp.roll(h, 1), h
    share = right / (left + right)
    # interior
    # share m_{i-1} + 2 m_i + (1 - share) m_{i+1} = 3 share d_{i-1} + 3 (1 - share) d_i
    inner = (i > 0) & (i < count - 1)
    lower, diagonal, upper = xp.where(inner, share, 0), one, xp.where(inner, 1 - share, 0)
    diagonal = xp.where(inner, 2, one)
    parts = [zero, xp.where(inner, 3 * share, 0), xp.where(inner, 3 * (1 - share), 0), zero]
    # ends: a = the gap at the end, b = the next one inwards
    for end, a, b, others in (
        ((i == 0), h, xp.roll(h, -1), (2, 3)),
        ((i == count - 1) & (i > 0), left, xp.roll(h, 2), (1, 0)),
    ):
        # not-a-knot, over their sum: b m_0 + m_1 = (a + 2) b d_0 + a^2 d_1
        a, b = a / (a + b), b / (a + b)
        few = count < 4
        # three knots: m_0 + m_1 = 2 d_0; two: m_0 = d_0; one: m_0 = 0
        own = xp.where(few, 1, b)
        next_one = xp.where(few, xp.where(count == 3, one, 0), 1)
        near = xp.where(few, xp.where(count == 3, 2, xp.where(count == 2, one, 0)), (a + 2) * b)
        far = xp.where(few, 0, a**2)
        diagonal = xp.where(end, own, diagonal)
        if others[0] == 2:
            upper = xp.where(end, next_one, upper)
        else:
            lower = xp.where(end, next_one, lower)
        parts[others[0]] = xp.where(end, near, parts[others[0]])
        parts[others[1]] = xp.where(end, far, parts[others[1]])
    return (lower, diagonal, upper), tuple(parts)  # pyright: ignore[reportReturnType]


def _apply(xp: Any, parts: tuple[Any, ...], divided: Any) -> Any:
    # sum_k part_k d_{i+k}, k = -2, -1, 0, 1
    shifted = zip((2, 1, 0, -1), parts, strict=True)
    return sum(part[:, None] * xp.roll(divided, shift, 0) for shift, part in shifted)


def _last_before(xp: Any, line: Line, among: Any, size: Any, points: Any) -> Any:
    """The last of the first `size` of these nodes that does not lie after each point."""
    # positions without their rounding errors, which only float64 holds
    key = line.place[0] + line.place[2]
    key = xp.where(xp.arange(len(key)) < size, key[among], np.inf)
    if xp is np:
        key = np.where(np.isfinite(key), key + line.place[1][among], key)
        return np.searchsorted(key, points[0] + points[1], side="right") - 1
    return xp.searchsorted(key, points[0], side="right").astype(int) - 1


def _smooth(xp: Any, spline: Spline, points: Any, knot: Any, order: int) -> Any:
    """The cubic that begins at a knot, or its derivative, at positions (3, p)."""
    line = spline.line
    i = xp.clip(knot, 0, xp.maximum(line.count - 2, 0))
    h = line.h[i][:, None]
    y = (_difference(points, line.place[:, line.knots[i]]) / line.length)[:, None]
    # y from the knot in lengths of the domain, t in gaps
    t = y / h
    m, after = spline.slopes[i], spline.slopes[xp.minimum(i + 1, len(line.h) - 1)]
    d = _divided(xp, line, spline.values)[i]
    after = xp.where((line.count > 1), after, 0)
    # s(y) = v_i + y (m_i + t (c + t k)), s(h) = v_{i+1}, s'(h) = m_{i+1}
    c, k = 3 * d - 2 * m - after, m + after - 2 * d
    if order == 0:
        return spline.values[i] + y * (m + t * (c + t * k))
    if order == 1:
        # s' = m + 2 t c + 3 t^2 k
        return m + t * (2 * c + 3 * t * k)
    # s'' = (2 c + 6 t k) / h
    return (2 * c + 6 * t * k) / h
