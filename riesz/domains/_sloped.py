"""Scattered points, each sample's own, with the stencils of their first derivatives.

The points of a data set are known before it is trained on. Where they differ from sample to
sample, the stencils of all samples are solved once, by one program, so that a step of a fit only
sums over neighbours.
"""

from typing import Any

import jax
from jaxtyping import Array, Float, Int

from riesz.domains._discretization import AbstractDiscretization
from riesz.domains._fixed import AbstractPrepared
from riesz.domains._points import Points
from riesz.domains._scattered import differences, traced_slopes
from riesz.domains._stencils import NEIGHBOURS


class SlopedPoints(AbstractPrepared):
    """`Points` in the plane or in space; w_ij are the weights of v_j - v_i in the slopes at i."""

    points: Points
    near: Int[Array, "n k"]
    slopes: Float[Array, "n k d"]

    def __init__(self, points: Points, near: Array, slopes: Array):
        self.points, self.near, self.slopes = points, near, slopes

    def interpolate(self, values: Float[Array, "n c"], points: Any) -> Float[Array, "p c"]:
        return self.points.interpolate(values, points)

    def resample(
        self, values: Float[Array, "n c"], onto: AbstractDiscretization
    ) -> Float[Array, "..."]:
        return self.points.resample(values, onto)

    def gradient(self, values: Float[Array, "n c"]) -> Float[Array, "n c d"]:
        return differences(self.mask, values, self.near, self.slopes)

    def differentiate(
        self, values: Float[Array, "n c"], axis: int, order: int
    ) -> Float[Array, "n c"]:
        if order == 1:
            return self.gradient(values)[..., axis]
        return self.points.differentiate(values, axis, order)


def stencil_floats(on: AbstractDiscretization) -> int:
    """How many numbers the stencils of `sloped` have; 0 for what is not sloped.

    That is all but several sets of points in the plane or in space. The stencils of a spline on a
    line reach over all points.
    """
    if not isinstance(on, Points) or on.domain.dim == 1 or not on.stacked:
        return 0
    # per node and neighbour its number and d weights
    return on.weights.size * NEIGHBOURS[on.domain.dim] * (1 + on.domain.dim)


@jax.jit
def sloped(points: Points) -> SlopedPoints:
    """Stacked points with their stencils."""

    def one(on: Points) -> SlopedPoints:
        return SlopedPoints(on, *traced_slopes(on, tuple(range(on.domain.dim)), 1))

    return jax.lax.map(one, points)
