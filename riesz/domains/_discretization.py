"""The contract of a discretization: points, quadrature weights, evaluation and derivatives."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
from jax.core import Tracer
from jaxtyping import Array, Float

from riesz.domains._domain import AbstractDomain


class AbstractDiscretization(eqx.Module):
    """A finite set of points of a domain with quadrature weights.

    `coordinates` are the points, shape `(*shape, d)`; `weights`, shape `shape`, are such that
    sum(weights * f) approximates the integral of f. Values of a function on it have shape
    `(*shape, channels)`.
    """

    domain: eqx.AbstractVar[AbstractDomain]
    shape: eqx.AbstractVar[tuple[int, ...]]
    coordinates: eqx.AbstractVar[Float[Array, "*shape d"]]
    weights: eqx.AbstractVar[Float[Array, "*shape"]]

    @abstractmethod
    def interpolate(
        self, values: Float[Array, "*shape c"], points: Float[Array, "p d"]
    ) -> Float[Array, "p c"]:
        """Values at other points of the domain."""

    @abstractmethod
    def differentiate(
        self, values: Float[Array, "*shape c"], axis: int, order: int
    ) -> Float[Array, "*shape c"]:
        """The `order`-th partial derivative (1 or 2) along one axis of the domain."""

    @property
    @abstractmethod
    def method(self) -> str:
        """How functions are interpolated here, with the order of accuracy, in words."""


def traced(*arrays: Any) -> bool:
    """Whether any array is abstract, inside jit, vmap or grad, so that values are unknown."""
    return any(isinstance(x, Tracer) for x in arrays)
