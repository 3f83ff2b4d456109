"""One axis of a tensor grid: its nodes, quadrature weights, interpolation and derivatives.

Everything here that does not depend on data is computed once in float64 NumPy, so that it
enters compiled programs as a constant.
"""

from riesz.domains._axes._axis import AbstractAxis as AbstractAxis
from riesz.domains._axes._axis import Kind as Kind
from riesz.domains._axes._axis import Nodes as Nodes
from riesz.domains._axes._chebyshev import ChebyshevAxis
from riesz.domains._axes._circle import LEAST, CircleAxis
from riesz.domains._axes._equispaced import EquispacedAxis
from riesz.domains._axes._equispaced import lagrange as lagrange
from riesz.domains._axes._spline import SplineAxis
from riesz.domains._axes._uniform import UniformAxis

# The kinds of nodes, with the least number of them.
NODES: dict[Kind, int] = {
    "vertex": 2,
    "left": 2,
    "right": 2,
    "centre": 1,
    "chebyshev": 2,
    "uniform": 1,
}


def make_axis(nodes: Nodes, lower: float, upper: float, size: int) -> AbstractAxis:
    """The axis with this kind of nodes, or with these nodes measured from `lower`."""
    if isinstance(nodes, tuple):
        return SplineAxis(lower, upper, size, nodes)
    if nodes == "uniform":
        return UniformAxis(lower, upper, size)
    if nodes == "chebyshev":
        return ChebyshevAxis(lower, upper, size)
    return EquispacedAxis(lower, upper, size, nodes)


def local_axis(axis: AbstractAxis) -> AbstractAxis:
    """The same nodes with local interpolation, if they are on a circle and enough."""
    if isinstance(axis, UniformAxis) and axis.size >= LEAST:
        return CircleAxis(axis.lower, axis.upper, axis.size)
    return axis
