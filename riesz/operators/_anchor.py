"""The points on which a baseline holds its functions, as JSON and as structure."""

from collections.abc import Iterable
from math import ceil, prod

import jax
import numpy as np
from jaxtyping import Array, Float

from riesz._core.blocks import fitting, mapped
from riesz.domains import (
    AbstractDiscretization,
    AbstractProductDomain,
    Grid,
)
from riesz.domains.internal import released
from riesz.functions import Function, take
from riesz.functions.internal import by_parts

_STENCILS = 2**12  # points that are worked on at once: about 100 MiB
_LEAST, _MOST = 8, 256  # nodes per axis of a grid that stands for points that vary


def common_points(batches: Iterable[Function]) -> AbstractDiscretization:
    """The points of all samples where they share them; else a grid for all.

    Where masks vary, that grid has the nodes that are present in at least half of the samples;
    where scattered points vary, a uniform grid of about as many nodes as the largest set. A region
    has no grid: the mesh of the first sample stands for all. Of functions on several domains each
    has points of its own.
    """
    several = list(batches)
    one = take(several[0], 0).discretization
    columns = zip(*[functions.components for functions in several], strict=True)
    return one.composed([_common_points(column) for column in columns])


def _common_points(batches: Iterable[Function]) -> AbstractDiscretization:
    first: AbstractDiscretization | None = None
    same, count, size, present = True, 0, 0, np.zeros(())
    for functions in batches:
        on = functions.discretization
        if first is None:
            first = take(functions, 0).discretization
        for mine, all_ in zip(jax.tree.leaves(first), jax.tree.leaves(on), strict=True):
            same = same and bool((np.asarray(all_) == np.asarray(mine)).all())
        if on.grid is not None and on.mask is not None:
            present = present + np.asarray(on.mask).sum(0)
        count += functions.values.shape[0]
        size = max(size, functions.values.shape[1])
    assert first is not None
    if same or not isinstance(first.domain, AbstractProductDomain):
        return first
    if first.grid is not None and first.mask is not None:
        # present in at least half of the samples, else in any
        mask = 2 * present >= count
        return first.grid.masked(mask if mask.any() else present > 0)
    dim = first.domain.dim
    # n^(1/d) nodes per axis
    return Grid(first.domain, min(max(ceil(size ** (1 / dim)), _LEAST), _MOST))


def on_points(functions: Function, on: AbstractDiscretization) -> Function:
    """A batch resampled to one discretization, on which it may be already.

    By one compiled program for batches of any size, with bounded memory.
    """
    here = functions.discretization
    if jax.tree.structure(here) == jax.tree.structure(on):
        leaves = zip(jax.tree.leaves(here), jax.tree.leaves(on), strict=True)
        if all(x.shape[1:] == y.shape and (np.asarray(x) == y).all() for x, y in leaves):
            return functions
    here = released(here) if here.stacked else here  # without stencils of slopes
    count = functions.values.shape[0]
    values = by_parts(lambda part: _resampled(*part, on), (functions.values, here), count)
    return jax.vmap(lambda v: Function(v, on, functions.space))(values)


@jax.jit
def _resampled(
    values: Array, here: AbstractDiscretization, on: AbstractDiscretization
) -> Float[Array, "n ..."]:
    shared = not here.stacked

    def one(pair):
        v, own = pair
        return Function(v, here if shared else own).resample(on).values

    samples = values, None if shared else here
    return mapped(one, samples, fitting(prod(on.shape), _STENCILS))
