"""Pairs whose samples share scattered points, with these points as constants of programs."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np

from riesz.domains import AbstractDiscretization
from riesz.domains.internal import fixed, released, sloped, stencil_floats
from riesz.functions._batch import by_parts
from riesz.functions._function import Function
from riesz.functions._pairs import Pairs, PairsLike

_FLOATS = 2**27  # of stencils that are kept, 512 MiB


def fixed_pairs(pairs: PairsLike, *, outputs_too: bool = True) -> PairsLike:
    """The pairs, with the scattered points that all samples of a side share as `FixedPoints`.

    Of both sides, or of the inputs only. All samples are compared where they are in memory. Of
    pairs that are read when they are indexed the first two must agree, and what is read then is
    compared with these.
    """
    some = pairs if isinstance(pairs, Pairs) else pairs[:2]
    if len(some) < 2:
        return pairs
    inputs, outputs = _shared(some.inputs), _shared(some.outputs) if outputs_too else None
    if inputs is None and outputs is None:
        return pairs
    if isinstance(pairs, Pairs):
        return _with(pairs, inputs, outputs)
    return _Fixed(pairs, inputs, outputs)


@dataclass(frozen=True)
class _Fixed:
    """Pairs elsewhere, whose points are replaced when they are read."""

    pairs: PairsLike
    inputs: AbstractDiscretization | None
    outputs: AbstractDiscretization | None

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: Any) -> Pairs:
        pairs = self.pairs[index]
        return _with(
            pairs,
            _where_equal(pairs.inputs, self.inputs),
            _where_equal(pairs.outputs, self.outputs),
        )


def with_slopes(pairs: Pairs) -> Pairs:
    """The pairs, with the stencils of slopes at the outputs' own points, if memory holds them."""
    on = pairs.outputs.discretization
    if not 0 < stencil_floats(on) <= _FLOATS:
        return pairs
    kept = by_parts(sloped, on, len(pairs))
    return _with(pairs, kept if pairs.same_points else None, kept)


def _with(
    pairs: Pairs, inputs: AbstractDiscretization | None, outputs: AbstractDiscretization | None
) -> Pairs:
    return Pairs(_moved(pairs.inputs, inputs), _moved(pairs.outputs, outputs))


def _moved(functions: Function, on: AbstractDiscretization | None) -> Function:
    return functions if on is None else eqx.tree_at(lambda f: f.discretization, functions, on)


def _shared(functions: Function) -> AbstractDiscretization | None:
    """The points of all samples as constants, where these are scattered and the same."""
    here = functions.discretization
    if not here.stacked:
        return None
    first = jax.tree.map(lambda x: x[0], here)
    constant = fixed(first) if _all_equal(here, first) else first
    return None if jax.tree.leaves(constant) else constant  # not of a kind that is fixed


def _where_equal(
    functions: Function, on: AbstractDiscretization | None
) -> AbstractDiscretization | None:
    if on is None:
        return None
    return on if _all_equal(functions.discretization, released(on)) else None


def _all_equal(stacked: AbstractDiscretization, one: AbstractDiscretization) -> bool:
    leaves = zip(jax.tree.leaves(stacked), jax.tree.leaves(one), strict=True)
    return all(
        x.shape[1:] == y.shape and bool((np.asarray(x) == np.asarray(y)).all()) for x, y in leaves
    )
