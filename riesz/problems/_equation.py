"""The contract of an equation, and the equation of one input."""

from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.domains import AbstractDomain, Space
from riesz.errors import ModelError
from riesz.functions import AbstractSymmetry, Function

Places = Float[Array, "p d"] | None


class AbstractEquation(eqx.Module):
    """R(a, u) = 0 for functions u given functions a, whoever solves it.

    `zero_boundary` says that solutions vanish on the boundary of their domain. An equation of an
    input is what `riesz.objectives.Residual` makes small, with no data:

    ```python
    equation = Darcy().equation(a)
    fitted = riesz.fit(field, objective=Residual(equation), key=key)
    ```
    """

    zero_boundary: ClassVar[bool] = False

    @property
    @abstractmethod
    def input_space(self) -> Space:
        """Where the inputs live."""

    @property
    @abstractmethod
    def output_space(self) -> Space:
        """Where the solutions live."""

    @property
    def symmetries(self) -> tuple[AbstractSymmetry, ...]:
        """Motions of the domain that turn a solution into the solution of the moved input."""
        return ()

    def residual(self, a: Function, u: Any, x: Places = None) -> Float[Array, "..."]:
        """The equation's left minus right side at points x, or at the points of u when absent.

        u is a `Function`, or a `Field` with points x.
        """
        raise _unknown(self, "residual")

    def energy(self, a: Function, u: Any, x: Places = None) -> Float[Array, "..."]:
        """The density whose integral the solution makes smallest, at points x."""
        raise _unknown(self, "energy")

    def __call__(self, a: Function, points: int = 400) -> "EquationOfInput":
        """The equation for one input, at random points that are drawn anew in each step."""
        return EquationOfInput(self, a, points)


class EquationOfInput(eqx.Module):
    """R(a, u) = 0 for one a, by its residual or energy at random points.

    There are at most `points` of them, as many in each cell of a partition of the domain, a box:
    sums over them have less noise than over independent points.
    """

    equation: AbstractEquation
    a: Function
    points: int = eqx.field(static=True)

    def __call__(self, u: Any, key: PRNGKeyArray) -> Float[Array, "p c"]:
        """The residual at random points."""
        return self.equation.residual(self.a, u, self._points(u, key))

    def energy(self, u: Any, key: PRNGKeyArray) -> Float[Array, ""]:
        """The mean energy density at random points, an estimate of the energy over the measure."""
        return jnp.mean(self.equation.energy(self.a, u, self._points(u, key)))

    def _points(self, u: Any, key: PRNGKeyArray) -> Float[Array, "p d"]:
        return random_points(u.space.domain, self.points, key)


def random_points(domain: AbstractDomain, count: int, key: PRNGKeyArray) -> Float[Array, "p d"]:
    """At most `count` uniform points of a product domain, as many in each of its equal cells."""
    # cells^d <= count, with a margin for a root rounded down
    cells = int(count ** (1 / domain.dim) + 1e-9)  # per axis
    # (cells^d, d), then several points in each cell: (repeats cells^d, d)
    corners = jnp.stack(jnp.meshgrid(*[jnp.arange(1.0 * cells)] * domain.dim, indexing="ij"), -1)
    corners = jnp.tile(corners.reshape(-1, domain.dim), (count // cells**domain.dim, 1))
    inside = (corners + jax.random.uniform(key, corners.shape)) / cells  # of the unit cube
    return jnp.asarray(domain.lower) + jnp.asarray(domain.lengths) * inside


def at(f: Any, x: Places) -> Float[Array, "..."]:
    """Values of a function at points x, or at its own points when x is absent."""
    return f.values if x is None else f.at(x)


def _unknown(equation: AbstractEquation, what: str) -> ModelError:
    return ModelError(
        f"this equation has no {what} at points",
        where=f"{type(equation).__name__}.{what}(a, u, x)",
        expected=f"an equation that defines {what}",
        found=type(equation).__name__,
        repair="problem.residual(a, u) compares functions on a grid with the solver's",
    )
