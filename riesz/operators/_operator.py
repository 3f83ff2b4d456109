"""The contract of an operator."""

from abc import abstractmethod
from typing import Any

import equinox as eqx

from riesz.domains import AbstractDiscretization, Space
from riesz.errors import DomainError
from riesz.functions import Function


class AbstractOperator(eqx.Module):
    """A learnable map from functions to functions.

    An operator holds parameters and spaces, never a resolution. `operator(a)` returns a
    function on the discretization of `a`; `operator(a, on)` one on another discretization of
    the output domain. There is no batch axis: use `jax.vmap`.
    """

    input_space: eqx.AbstractVar[Space]
    output_space: eqx.AbstractVar[Space]

    @abstractmethod
    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        """Apply the operator to one function."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """The constructor's arguments as JSON values, from which `build` makes it anew.

        `{"operator": name, ...}`, with operators inside as nested descriptions.
        """


def require_input(operator: AbstractOperator, a: Function) -> None:
    """Refuse a function that is not of the operator's input space."""
    if not operator.input_space.accepts(a.space):
        space = operator.input_space
        raise DomainError(
            "the function is not of the operator's input space",
            where=f"{type(operator).__name__}(a)",
            expected=f"{space.channels} channels on {space.domain}",
            found=f"{a.channels} channels on {a.domain}",
            repair="use functions like those the operator was trained on; "
            "for a batch write jax.vmap(operator)(batch)",
        )
