"""Predictions for data of any length, in chunks of one size."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import numpy as np

from riesz.domains import AbstractDiscretization
from riesz.functions import Function, Pairs
from riesz.operators import AbstractOperator
from riesz.operators import apply as apply_operator


@runtime_checkable
class PairsLike(Protocol):
    """Pairs, or something that gives pairs when it is sliced, such as an open data file."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: slice, /) -> Pairs: ...


def chunks(data: PairsLike, size: int) -> Iterator[tuple[Pairs, int]]:
    """Pairs of exactly `size` members (or all), and how many of them count.

    The last chunk is filled up with copies of its last member, so that one compiled program
    serves all.
    """
    size = min(size, len(data))
    for start in range(0, len(data), size):
        part = data[start : min(start + size, len(data))]
        count = len(part)
        if count < size:
            part = part[np.minimum(np.arange(size), count - 1)]
        yield part, count


def predict(operator: AbstractOperator, pairs: Pairs) -> Function:
    """The operator's answer to each input, on the points of the true output."""
    on = pairs.outputs.discretization
    if not jax.tree.leaves(on):  # one grid for all members
        same = on == pairs.inputs.discretization
        return apply_operator(operator, pairs.inputs, None if same else on)
    return _on_own_points(operator, pairs.inputs, on)


@eqx.filter_jit
def _on_own_points(
    operator: AbstractOperator, inputs: Function, on: AbstractDiscretization
) -> Function:
    return jax.vmap(operator)(inputs, on)
