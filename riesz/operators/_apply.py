"""Applying an operator to a batch, in micro-batches that stay in the cache."""

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import Any, overload

import equinox as eqx
import jax

from riesz._core.blocks import mapped
from riesz.domains import AbstractDiscretization, Grid
from riesz.errors import DomainError
from riesz.functions import Function
from riesz.functions.internal import is_batch
from riesz.operators._anchor import on_points
from riesz.operators._assembled import Assembled, parts_of
from riesz.operators._operator import AbstractOperator, require_input
from riesz.operators._regridded import Regridded
from riesz.operators._wrappers import Normalised

# Values of one layer that are worked on at once. A step with gradients keeps several of each layer.
_STEP_FLOATS = 2**17
_FORWARD_FLOATS = 2**19
_WIDTH = 32  # channels of a typical layer


def micro_batch(shape: tuple[int, ...], batch: int, *, gradient: bool) -> int:
    """How many functions on `shape` points to work on at once: a divisor of `batch`.

    On a CPU a step whose activations fit the cache of a core is about twice as fast as one over
    the whole batch; an accelerator takes the whole batch.
    """
    if jax.default_backend() != "cpu":
        return batch
    floats = _STEP_FLOATS if gradient else _FORWARD_FLOATS
    # the largest divisor m of the batch with m * points * channels <= floats
    fits = max(1, floats // (prod(shape) * _WIDTH))
    return max(m for m in range(1, min(fits, batch) + 1) if batch % m == 0)


@overload
def apply(
    operator: AbstractOperator, functions: Function, on: AbstractDiscretization | None = None
) -> Function: ...


@overload
def apply(
    operator: AbstractOperator,
    functions: Mapping[str, Function],
    on: AbstractDiscretization | None = None,
) -> dict[str, Function]: ...


def apply(
    operator: AbstractOperator,
    functions: Function | Mapping[str, Function],
    on: AbstractDiscretization | None = None,
) -> Function | dict[str, Function]:
    """The operator applied to every sample of a batch of functions.

    `on` is one discretization of the output domain for all samples, or a batch of them, such as
    `outputs.discretization` of pairs that are sampled at points of their own.

    Batches of named functions, for an `Assembled` operator, give batches by name.

    One compiled program for each shape; equal to `jax.vmap(operator)(functions)` up to rounding,
    with bounded memory and, on a CPU, faster.

    ```python
    u = riesz.operators.apply(fitted.model, pairs.inputs)
    ```
    """
    parts = parts_of(operator)
    if isinstance(functions, Mapping) and parts is not None:
        return parts[1].split(apply(operator, parts[0].join(functions, on), on))
    given: Any = functions
    if not isinstance(given, Function) or not is_batch(given):
        require_input(operator, given, on)
        raise DomainError(
            "apply maps an operator over a batch of functions",
            where="apply(operator, functions)",
            expected="a batch: values of shape (n, *shape, channels)",
            found=f"one function, values of shape {given.values.shape}",
            repair="write operator(function) for one",
        )
    grid = _reads(operator)
    if grid is not None and given.discretization.grid is None:
        # by a program of its own, which all operators and the training data share
        if on is None and given.domain == operator.output_space.domain:
            on = given.discretization
        given = on_points(given, grid)
    return _apply(operator, given, on)


def _reads(operator: AbstractOperator) -> Grid | None:
    """The grid to which an operator resamples its inputs before anything else."""
    if isinstance(operator, Regridded):
        return operator.grid
    # an affine map commutes with interpolation, and outputs are of no concern
    if isinstance(operator, Normalised | Assembled):
        return _reads(operator.inner)
    source = getattr(operator, "source", None)
    return source.whole if isinstance(source, AbstractDiscretization) else None


@eqx.filter_jit
def _apply(operator, functions, on):
    batch, shape = functions.values.shape[0], functions.values.shape[1:-1]
    if on is not None and on.stacked:
        shape = larger(shape, on.relative.shape[1:-1] if on.grid is None else on.shape)
        return micro_map(lambda pair: operator(*pair), (functions, on), shape, batch)
    if on is not None:
        shape = larger(shape, on.shape)
    return micro_map(partial(operator, on=on), functions, shape, batch)


def larger(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of more points."""
    return max(first, second, key=prod)


def micro_map(f: Callable[[Any], Any], samples: Any, shape: tuple[int, ...], batch: int) -> Any:
    """`jax.vmap(f)(samples)` by micro-batches; a single sample is not given a batch axis."""
    return mapped(f, samples, micro_batch(shape, batch, gradient=False))
