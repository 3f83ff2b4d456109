"""Operators that lift to many channels, apply blocks, and project."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.draws import split
from riesz._core.layers import MLP, Pointwise
from riesz.domains import AbstractDiscretization, Space, feature_count
from riesz.errors import DomainError, ModelError
from riesz.functions import Function
from riesz.operators._operator import AbstractOperator, require_input, require_one_domain


class AbstractLifted(AbstractOperator):
    """u = Q(v_L), v_{l+1} = B_l(v_l), v_0 = P(a, x), with pointwise P and Q.

    The blocks B_l map functions to functions on the same points, `block(v, on, shared)`; see
    `riesz.operators.layers`. Input and output lie on one domain. In holes of a grid the input is
    continued and the blocks still answer, so that the output is known there, too, but nothing
    else depends on what is there.
    """

    coordinates: eqx.AbstractVar[bool]  # whether P depends on x
    lift: eqx.AbstractVar[Pointwise]
    blocks: eqx.AbstractVar[tuple[Any, ...]]
    project: eqx.AbstractVar[MLP]

    def shared(self, on: AbstractDiscretization, a: Float[Array, "*n c"]) -> Any:
        """What all blocks use of the points and of the input there, computed once."""
        return None

    def output_weights(self) -> tuple[Any, ...]:
        return self.project.layers[-1].weight, self.project.layers[-1].bias

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        require_input(self, a, on)
        here = a.discretization
        if self.on_grids and here.grid is None:
            raise _needs_a_grid(type(self).__name__, here)
        values = here.filled(a.values)
        shared = self.shared(here, values)
        if self.coordinates:
            values = jnp.concatenate([values, here.features().astype(values.dtype)], -1)
        # P: (*n, c_in + f) -> (*n, width)
        v = self.lift(values)
        for block in self.blocks:
            v = block(v, here, shared)
        # Q: (*n, width) -> (*n, c_out)
        out = Function(self.project(v), here.grid or here, self.output_space)
        return out.resample(here if on is None else on)


def require_same_domain(kind: str, source: Space, target: Space) -> None:
    """Raise for input and output on two domains, or on several, or on a point.

    **Raises:** `ModelError`.
    """
    require_one_domain(kind, source, target)
    if source.domain != target.domain:
        raise ModelError(
            f"{kind} maps functions to functions on the same domain",
            where=kind,
            found=f"input {source.domain}, output {target.domain}",
            repair="use a DeepONet, whose two domains are independent",
        )
    if not source.domain.dim:
        raise ModelError(
            f"{kind} maps functions, and a point has no axis",
            where=kind,
            expected="a domain of one axis or more",
            found=str(source.domain),
            repair="from numbers to numbers: a process, riesz fit-process",
        )


def require_sizes(kind: str, **sizes: int | float) -> None:
    """Raise for sizes below 1.

    **Raises:** `ModelError`.
    """
    if min(sizes.values()) < 1:
        raise ModelError(
            f"{kind} needs positive sizes",
            where=kind,
            expected=f"{', '.join(sizes)} of 1 or more",
            found=", ".join(f"{name}={size}" for name, size in sizes.items()),
        )


def lifted(
    operator: Any, block: Callable[[PRNGKeyArray], Any], *, bias: float = 0.0, key: PRNGKeyArray
) -> tuple[Pointwise, tuple[Any, ...], MLP]:
    """P, the blocks and Q of an operator that has its spaces, `width`, `layers`, `coordinates`.

    `bias`: deviation of the biases of P at the start.
    """
    source, width = operator.input_space, operator.width
    keys = split(key, operator.layers + 2)
    channels = source.channels + operator.coordinates * feature_count(source.domain)
    lift = Pointwise(channels, width, bias=bias, key=keys[0])
    project = MLP((width, 2 * width, operator.output_space.channels), key=keys[1])
    return lift, tuple(block(k) for k in keys[2:]), project


def _needs_a_grid(kind: str, here: AbstractDiscretization) -> DomainError:
    return DomainError(
        f"{kind} needs a function on a grid",
        where=f"{kind}(a)",
        expected="a function on a Grid or MaskedGrid",
        found=f"a function on {type(here).__name__}",
        repair="resample it first, a.resample(Grid(a.domain, 64)), or use a DeepONet",
    )
