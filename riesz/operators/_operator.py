"""The contract of an operator."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import equinox as eqx

from riesz._core.text import write
from riesz.domains import AbstractDiscretization, DisjointUnion, Space
from riesz.errors import DomainError, ModelError
from riesz.functions import Function
from riesz.functions.internal import require_single, shorten


class Workload(NamedTuple):
    """What the sizes of an operator are chosen by.

    - `samples`: number of training pairs.
    - `dim`: of the input's domain.
    - `shape`: of the grid that inputs are given on or resampled to; (n,) for n scattered points.
    - `invariant`: whether the map commutes with translations.
    - `budget`: seconds that the training may take, None without a limit.
    """

    samples: int
    dim: int
    shape: tuple[int, ...]
    invariant: bool = False
    budget: float | None = None


class AbstractOperator(eqx.Module):
    """A learnable map from functions to functions.

    An operator holds parameters and spaces, never a resolution. `operator(a)` returns a
    function on the discretization of `a`; `operator(a, on)` one on any other discretization of
    the output domain (a grid, one with holes, scattered points, also traced ones). There is no
    batch axis: use `jax.vmap`.
    """

    input_space: eqx.AbstractVar[Space]
    output_space: eqx.AbstractVar[Space]
    # Whether inputs come on tensor grids, and outputs live on the domain of the inputs.
    on_grids: ClassVar[bool] = False

    @classmethod
    def sizes(cls, task: Workload, given: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of the constructor for a task, besides those that are given.

        By default none: the constructor's own defaults serve every task.
        """
        del task, given
        return {}

    def output_weights(self) -> tuple[Any, ...]:
        """The arrays of which the output is zero when they are; none where there are no such."""
        return ()

    @abstractmethod
    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        """Apply the operator to one function."""

    def __repr__(self) -> str:
        return write(self)


def require_one_domain(kind: str, *spaces: Space) -> None:
    """Raise for functions on several domains, which an operator of this kind cannot read.

    **Raises:** `ModelError`.
    """
    for space in spaces:
        if isinstance(space.domain, DisjointUnion):
            raise ModelError(
                f"the functions lie on several domains, and {kind} works on one",
                where=f"{kind}(input_space, output_space)",
                expected="functions on one domain, or an operator that takes functions apart",
                found=str(space.domain),
                repair="use MIONet, or extend the functions to one domain: there they are channels",
            )


def require_input(operator: AbstractOperator, a: Any, on: Any = None) -> None:
    """Raise for anything but one function of the operator's input space, and points `on`."""
    name, space = type(operator).__name__, operator.input_space
    if not isinstance(a, Function):
        shape = getattr(a, "shape", None)
        raise DomainError(
            "an operator is applied to a function",
            where=f"{name}(a)",
            expected=f"a Function with {space.channels} channels on {space.domain}",
            found=type(a).__name__ if shape is None else f"{type(a).__name__} of shape {shape}",
            repair="make a function of the values: Function(values, Grid(domain, shape)), where "
            "values have shape (*shape, channels)",
        )
    require_single(
        a, f"{name}(a)", "jax.vmap(operator)(batch) or riesz.operators.apply(operator, batch)"
    )
    if not space.accepts(a.space):
        raise DomainError(
            "the function is not of the operator's input space",
            where=f"{name}(a)",
            expected=f"{space.channels} channels on {space.domain}",
            found=f"{a.channels} channels on {a.domain}",
            repair="use functions like those the operator was trained on",
        )
    if on is None:
        return
    target = operator.output_space.domain
    if not isinstance(on, AbstractDiscretization) or on.domain != target or on.stacked:
        several = isinstance(on, AbstractDiscretization) and on.stacked
        raise DomainError(
            "the output is evaluated on one discretization of the output domain",
            where=f"{name}(a, on)",
            expected=f"a Grid, MaskedGrid or Points of {target}",
            found=repr(on) if isinstance(on, AbstractDiscretization) else shorten(on),
            repair="points of every sample: jax.vmap(operator)(batch, on), or "
            "riesz.operators.apply(operator, batch, on)"
            if several
            else "write operator(a, Grid(operator.output_space.domain, 64))",
        )
