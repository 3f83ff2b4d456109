"""Networks read as functions of their domain."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.layers import MLP
from riesz.domains import (
    AbstractDiscretization,
    AbstractProductDomain,
    Space,
    coordinate_features,
    envelope,
    feature_count,
)
from riesz.errors import DomainError
from riesz.functions._agreement import (
    relative_points,
    require_axis,
    require_same_domain,
)
from riesz.functions._derivatives import gradient_space, laplacian_space, slope_space
from riesz.functions._function import Function
from riesz.functions._norms import Norm, root


class Field(eqx.Module):
    """A function u: domain -> R^channels that is computed, not sampled.

    It evaluates at any point, is sampled on any discretization by `field.on(discretization)`, and
    its derivatives are fields, by automatic differentiation. It is trained as any model.

    **Arguments:**

    - `function`: maps coordinates measured from `space.domain.origin`, shape (d,), to values,
      shape (channels,). Its arrays are the parameters.
    - `space`: of which the field is an element.

    ```python
    square = Space(Box((0, 0), (1, 1)))
    u = Field.mlp(square, width=32, depth=2, zero_boundary=True, key=jax.random.key(0))
    u.at([[0.5, 0.5]])                              # shape (1, 1)
    u.laplacian().on(Grid(square.domain, 33)).norm()
    ```
    """

    function: Callable[[Array], Array]
    space: Space = eqx.field(static=True)

    @classmethod
    def mlp(
        cls,
        space: Space,
        *,
        width: int = 64,
        depth: int = 3,
        activation: Callable[[Array], Array] = jnp.tanh,
        zero_boundary: bool = False,
        key: PRNGKeyArray,
    ) -> "Field":
        """A fully connected network of the coordinates' features.

        **Arguments:**

        - `width`, `depth`: hidden channels and hidden layers.
        - `activation`: smooth, where derivatives are used.
        - `zero_boundary`: times a factor that is exactly 0 at the ends of the axes of a box.
        """
        if zero_boundary and not isinstance(space.domain, AbstractProductDomain):
            raise DomainError(
                "a factor that vanishes on the boundary is known for boxes only",
                where="Field.mlp(space, zero_boundary=True)",
                expected="an Interval, a Box or a product of them",
                found=str(space.domain),
                repair="multiply by a factor of your own: Field(lambda x: factor(x) * u(x), space)",
            )
        sizes = (feature_count(space.domain), *[width] * depth, space.channels)
        network = MLP(sizes, activation, key=key)
        return cls(Coordinates(network, space, zero_boundary), space)

    def at(self, points: Any) -> Float[Array, "p c"]:
        """Values at points, shape (p, d).

        **Raises:** `DomainError` for points outside the domain, where they are known.
        """
        relative = relative_points(self.space.domain, points, float)
        return jax.vmap(self.function)(jnp.asarray(relative, float))

    def on(self, discretization: AbstractDiscretization) -> Function:
        """The function sampled at the points of a discretization of its domain."""
        require_same_domain("Field.on(discretization)", self.space.domain, discretization.domain)
        relative = discretization.relative
        # (*shape, d) -> (p, d) -> (p, c) -> (*shape, c)
        values = jax.vmap(self.function)(relative.reshape(-1, relative.shape[-1]))
        values = values.reshape(*relative.shape[:-1], self.space.channels)
        return Function(values, discretization, self.space)

    def derivative(self, axis: int = 0, order: int = 1) -> "Field":
        """The partial derivative of every channel along one coordinate."""
        require_axis(self.space.domain, axis, order, "Field.derivative(axis, order)")
        function = self.function
        for _ in range(order):
            function = Slope(function, axis)
        return Field(function, slope_space(self.space, axis, order))

    def gradient(self) -> "Field":
        """All first derivatives as channels: channel c, axis i is channel c * dim + i."""
        return Field(Gradient(self.function), gradient_space(self.space))

    def laplacian(self) -> "Field":
        """The sum of the second derivatives of every channel."""
        return Field(Laplacian(self.function), laplacian_space(self.space))

    def norm(self, kind: Norm = "L2", *, on: AbstractDiscretization) -> Float[Array, ""]:
        """The norm by the quadrature of a discretization; H1 with exact derivatives."""
        sampled = self.on(on).norm("L2" if kind == "H1" else kind)
        if kind != "H1":
            return sampled
        # |f|_H1^2 = |f|^2 + |grad f|^2
        return root(sampled**2 + self.gradient().on(on).norm("L2") ** 2)


class Coordinates(eqx.Module):
    """A network of the features of a place, times a factor that is zero on the boundary or one."""

    network: Callable[[Array], Array]
    space: Space = eqx.field(static=True)
    zero_boundary: bool = eqx.field(static=True)

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, " c"]:
        u = self.network(coordinate_features(self.space.domain, x))
        return envelope(self.space.domain, x) * u if self.zero_boundary else u  # pyright: ignore[reportArgumentType]


class Slope(eqx.Module):
    """x -> d function / d x_axis."""

    function: Callable[[Array], Array]
    axis: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, " c"]:
        # J(x) e_axis, forward: one column without the others
        along = jnp.zeros_like(x).at[self.axis].set(1)
        return jax.jvp(self.function, (x,), (along,))[1]


class Gradient(eqx.Module):
    """x -> the Jacobian, channel c and axis i at c * d + i."""

    function: Callable[[Array], Array]

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, " cd"]:
        # (c, d) -> (c d,)
        return jax.jacfwd(self.function)(x).reshape(-1)


class Laplacian(eqx.Module):
    """x -> sum_i d^2 function / d x_i^2, forward over forward."""

    function: Callable[[Array], Array]

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, " c"]:
        axes = range(x.shape[0])
        return sum((Slope(Slope(self.function, i), i)(x) for i in axes), jnp.zeros(()))
