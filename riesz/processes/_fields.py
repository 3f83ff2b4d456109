"""Values of a process at points: functions on a discretization, arrays on an array of inputs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import equinox as eqx
from jaxtyping import Array, Float

from riesz.domains import AbstractDiscretization
from riesz.functions import Function, batch

if TYPE_CHECKING:
    Field = Any  # which of the two is known by `on`
    Fields = Any
else:
    Field = Function | Float[Array, "points channels"]
    Fields = Function | Float[Array, "n points channels"]


def field_on(values: Float[Array, "points c"], on: Any) -> Field:
    """Values at the points: a function on a discretization, the array itself on an array."""
    if isinstance(on, AbstractDiscretization):
        return Function(values.reshape(*on.shape, values.shape[-1]), on)
    return values


def fields_on(values: Float[Array, "n points c"], on: Any) -> Fields:
    """`field_on` for values with a leading axis: a batch of functions, or the array itself."""
    if isinstance(on, AbstractDiscretization):
        return batch(values.reshape(values.shape[0], *on.shape, values.shape[-1]), on)
    return values


def map_field(f: Callable[[Array], Array], field: Field | Fields) -> Any:
    """The function f of each value."""
    if isinstance(field, Function):
        return eqx.tree_at(lambda u: u.values, field, f(field.values))
    return f(field)


def place_of(field: Field) -> AbstractDiscretization | None:
    """The discretization of a function; None for an array."""
    return field.discretization if isinstance(field, Function) else None


def rows_of(field: Field) -> Float[Array, "points channels"]:
    """The values, one point per row."""
    return field.values.reshape(-1, field.values.shape[-1]) if place_of(field) else field
