"""Symmetries of a domain acting on functions: (g f)(x) = sign * f(g^-1 x).

A symmetry describes a group of maps of the domain. `draw` picks an element at random,
`apply` moves a function by it, `undo` moves it back. Reflections and translations move the points
(see `MovedGrid`) and leave the values in their array; they are exact on every kind of nodes.
"""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.domains import Grid
from riesz.errors import DomainError
from riesz.functions._function import Function


class AbstractSymmetry(eqx.Module):
    """A group of isometries of a domain, and what it does to values."""

    @property
    @abstractmethod
    def involution(self) -> bool:
        """Whether the group has two elements, 0 (nothing) and 1."""

    @abstractmethod
    def draw(self, key: PRNGKeyArray) -> Float[Array, ""]:
        """A uniformly random element of the group, as a number."""

    @abstractmethod
    def apply(self, f: Function, element: Float[Array, ""]) -> Function:
        """The function moved by the element."""

    @abstractmethod
    def undo(self, f: Function, element: Float[Array, ""]) -> Function:
        """The function moved by the inverse of the element."""

    @abstractmethod
    def fits(self, grid: Grid) -> bool:
        """Whether the group maps functions on this grid to functions it can represent."""


class Reflection(AbstractSymmetry):
    """x_axis -> lower + upper - x_axis, values times `sign` (-1 for odd quantities)."""

    axis: int = eqx.field(static=True)
    sign: float = eqx.field(static=True, default=1.0)

    @property
    def involution(self) -> bool:
        return True

    def draw(self, key: PRNGKeyArray) -> Float[Array, ""]:
        return jax.random.bernoulli(key).astype(float)

    def apply(self, f: Function, element: Float[Array, ""]) -> Function:
        length = f.domain.lengths[self.axis]
        # x -> (1 - 2 e) x + e L from the lower end; values times 1 for e = 0, `sign` for e = 1
        moved = _move(f, self.axis, 1 - 2 * element, length * element)
        return _scale(moved, 1 - (1 - self.sign) * element)

    def undo(self, f: Function, element: Float[Array, ""]) -> Function:
        return self.apply(f, element)

    def fits(self, grid: Grid) -> bool:
        return self.axis < grid.domain.dim


class Translation(AbstractSymmetry):
    """x_axis -> x_axis + t along a periodic axis."""

    axis: int = eqx.field(static=True)

    @property
    def involution(self) -> bool:
        return False

    def draw(self, key: PRNGKeyArray) -> Float[Array, ""]:
        return jax.random.uniform(key)

    def apply(self, f: Function, element: Float[Array, ""]) -> Function:
        # x -> x + e L, e in [0, 1)
        return _move(f, self.axis, jnp.ones_like(element), element * f.domain.lengths[self.axis])

    def undo(self, f: Function, element: Float[Array, ""]) -> Function:
        return self.apply(f, -element)

    def fits(self, grid: Grid) -> bool:
        return self.axis < grid.domain.dim and grid.domain.periodic[self.axis]


class Transposition(AbstractSymmetry):
    """Exchange of two axes; needs a grid that is the same along both."""

    first: int = eqx.field(static=True)
    second: int = eqx.field(static=True)

    @property
    def involution(self) -> bool:
        return True

    def draw(self, key: PRNGKeyArray) -> Float[Array, ""]:
        return jax.random.bernoulli(key).astype(float)

    def apply(self, f: Function, element: Float[Array, ""]) -> Function:
        grid = f.discretization.grid
        if grid is None or not self.fits(grid.unmoved[0]):
            raise DomainError(
                "axes can be exchanged only on a grid that is the same along both",
                where="Transposition.apply(f, element)",
                expected="the same ends, nodes and size along both axes",
                found=f"{f.discretization.describe()} of {f.domain}",
                repair="resample onto a square grid with one kind of nodes",
            )
        swap = element > 0.5
        # (.., n_i, .., n_j, ..) -> (.., n_j, .., n_i, ..), and the motions of both axes
        values = jnp.where(swap, jnp.swapaxes(f.values, self.first, self.second), f.values)
        mask = f.discretization.mask
        if mask is not None:
            mask = jnp.where(swap, jnp.swapaxes(mask, self.first, self.second), mask)
        grid = grid.exchanged(self.first, self.second, swap)
        return Function(values, grid if mask is None else grid.masked(mask), f.space)

    def undo(self, f: Function, element: Float[Array, ""]) -> Function:
        return self.apply(f, element)

    def fits(self, grid: Grid) -> bool:
        if max(self.first, self.second) >= grid.domain.dim:
            return False
        domain, i, j = grid.domain, self.first, self.second
        ends = list(
            zip(domain.lower, domain.upper, domain.periodic, grid.shape, grid.nodes, strict=True)
        )
        return ends[i] == ends[j]


def _move(f: Function, axis: int, sign: Array, offset: Array) -> Function:
    grid = f.discretization.grid
    if grid is None:
        raise DomainError(
            "symmetries act on functions given on grids",
            where="apply(f, element)",
            expected="a Grid, MovedGrid or MaskedGrid",
            found=type(f.discretization).__name__,
            repair="resample onto a Grid",
        )
    moved, mask = grid.moved(axis, sign, offset), f.discretization.mask
    return Function(f.values, moved if mask is None else moved.masked(mask), f.space)


def _scale(f: Function, factor: Array) -> Function:
    return Function(f.values * factor.astype(f.values.dtype), f.discretization, f.space)
