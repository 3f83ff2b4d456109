"""Scattered points as constants of compiled programs, as grids are.

A compiled program does not depend on where scattered points lie, so that their stencils are found
and solved inside it: for each sample, in each step, by a graph that takes seconds to compile.
Where all samples of a data set share their points, `FixedPoints` makes these part of the program.
Their stencils are then found on the host, in float64, while the program is traced, and what is
left is a sum over neighbours. The price is a program for each set of points, so that only data
sets as a whole are fixed, never the points of one sample.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz.domains._discretization import AbstractDiscretization, traced
from riesz.domains._domain import AbstractDomain
from riesz.domains._points import AbstractPoints, Points
from riesz.domains._scattered import (
    Weights,
    differentiate,
    interpolate,
    weighted,
    weights_at,
    weights_of_derivative,
)

_TABLES = 16  # stencils of so many uses of points are kept


class _Known:
    """Concrete points, compared and hashed by what they hold."""

    def __init__(self, points: Points):
        self.points = points
        leaves, structure = jax.tree.flatten(points)
        digest = sha256(str([(x.shape, x.dtype) for x in leaves]).encode())
        for leaf in leaves:
            digest.update(np.ascontiguousarray(leaf).tobytes())
        self._key = structure, digest.digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


class AbstractPrepared(AbstractPoints):
    """Points with more than their places."""

    points: eqx.AbstractVar[Points]

    @property
    def domain(self) -> AbstractDomain:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.points.domain

    @property
    def shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.points.shape

    @property
    def relative(self) -> Float[Array, "*shape d"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.points.relative

    @property
    def weights(self) -> Float[Array, "*shape"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.points.weights

    @property
    def mask(self) -> Bool[Array, "*shape"]:
        """False for padding."""
        return self.points.mask

    @property
    def coordinates(self) -> Float[Array, "*shape d"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.points.coordinates

    @property
    def method(self) -> str:
        return self.points.method


class FixedPoints(AbstractPrepared):
    """`Points` without leaves; made by `fixed` and undone by `released`."""

    known: _Known = eqx.field(static=True)

    def __init__(self, points: Points):
        with jax.ensure_compile_time_eval():
            self.known = _Known(jax.tree.map(jax.numpy.asarray, points))

    @property
    def points(self) -> Points:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The points as data."""
        return self.known.points

    def interpolate(
        self, values: Float[Array, "n c"], points: Float[Array | np.ndarray, "p d"]
    ) -> Float[Array, "p c"]:
        if self.domain.dim == 1 or traced(points):
            return interpolate(self.points, values, points)
        exact = np.ascontiguousarray(points, np.float64)
        return weighted(self.points, values, _values_table(self.known, exact.tobytes()), 1)

    def resample(
        self, values: Float[Array, "n c"], onto: AbstractDiscretization
    ) -> Float[Array, "..."]:
        if isinstance(onto, FixedPoints):
            return self.interpolate(values, onto.points.exact())
        with jax.ensure_compile_time_eval():  # nodes of grids are constants too
            places = onto.relative
        if traced(places):
            return super().resample(values, onto)
        flat = np.asarray(places, np.float64).reshape(-1, self.domain.dim)
        return self.interpolate(values, flat).reshape(*onto.shape, -1)

    def differentiate(
        self, values: Float[Array, "n c"], axis: int, order: int
    ) -> Float[Array, "n c"]:
        if self.domain.dim == 1:
            return differentiate(self.points, values, axis, order)
        # slopes at the m present nodes, (m, c), and 0 at the others
        found = weighted(self.points, values, _slopes_table(self.known, axis, order), 0)
        rows = np.flatnonzero(np.asarray(self.mask))
        return jax.numpy.zeros_like(values).at[rows].set(found)


def fixed(tree: Any) -> Any:
    """The same tree with single `Points` in it as constants, where they are known."""
    return jax.tree.map(_fix, tree, is_leaf=_is_points)


def released(tree: Any) -> Any:
    """The same tree with prepared points as `Points`, which are data, again."""
    return jax.tree.map(
        lambda x: x.points if isinstance(x, AbstractPrepared) else x, tree, is_leaf=_is_points
    )


def _is_points(x: Any) -> bool:
    return isinstance(x, AbstractPoints)


def _fix(x: Any) -> Any:
    single = isinstance(x, Points) and not traced(*jax.tree.leaves(x)) and x.relative.ndim == 2
    return FixedPoints(x) if single and bool(np.asarray(x.mask).any()) else x


@lru_cache(_TABLES)
def _values_table(known: _Known, points: bytes) -> Weights:
    places = np.frombuffer(points).reshape(-1, known.points.domain.dim)
    return _joined(weights_at(known.points, places))


@lru_cache(_TABLES)
def _slopes_table(known: _Known, axis: int, order: int) -> Weights:
    return _joined(weights_of_derivative(known.points, axis, order))


def _joined(blocks: Weights) -> Weights:
    centres, near, weights = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return [(centres, near, weights)]
