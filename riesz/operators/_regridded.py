"""Operators on grids for inputs that come on other points."""

from dataclasses import dataclass
from math import prod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from riesz.domains import AbstractDiscretization, Grid
from riesz.domains._json import grid_from_json, grid_to_json
from riesz.errors import ModelError
from riesz.functions import Function, Pairs, PairsLike, take
from riesz.functions._fixed import fixed_pairs
from riesz.operators._operator import AbstractOperator
from riesz.operators._wrappers import AbstractWrapper


class Regridded(AbstractWrapper):
    """G(a) = inner(a resampled to `grid`), at the points where it is asked for.

    It brings scattered inputs, and inputs on any other points, to an operator that needs a grid.
    `riesz.fit` resamples its training data once, before the first step.

    **Arguments:**

    - `grid`: of the input domain; a `Grid`, or what its description holds.

    **Raises:** `ModelError` for a grid of another domain.
    """

    inner: AbstractOperator
    grid: Grid = eqx.field(static=True)

    def __init__(self, inner: AbstractOperator, grid: Grid | dict[str, Any]):
        self.inner = inner
        self.grid = grid_from_json(grid) if isinstance(grid, dict) else grid

    def __check_init__(self):
        if self.grid.domain != self.inner.input_space.domain:
            raise ModelError(
                "the inputs cannot be resampled to a grid of another domain",
                where="Regridded(inner, grid)",
                expected=f"a grid of {self.inner.input_space.domain}",
                found=f"a grid of {self.grid.domain}",
                repair="make the grid with Grid(inner.input_space.domain, 64)",
            )

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        if on is None and a.domain == self.output_space.domain:
            on = a.discretization
        return self.inner(a.resample(self.grid), on)

    def regrid(self, pairs: PairsLike) -> PairsLike:
        """Pairs whose inputs are on the grid: at once in memory, else when they are read."""
        pairs = fixed_pairs(pairs, outputs_too=False)
        if isinstance(pairs, Pairs):
            return Pairs(self.on_grid(pairs.inputs), pairs.outputs)
        return _Regridded(pairs, self)

    def on_grid(self, functions: Function) -> Function:
        """A batch of inputs on the grid, by one compiled program for batches of any size."""
        count = functions.values.shape[0]
        size = 1 if count == 1 else _SAMPLES  # a single answer should not wait for copies of it
        rows = np.minimum(np.arange(0, count, size)[:, None] + np.arange(size), count - 1)
        parts = [_resampled(take(functions, row), self.grid) for row in rows]
        return jax.tree.map(lambda *x: jnp.concatenate(x)[:count], *parts)

    def describe(self) -> dict[str, Any]:
        inner = self.inner.describe()
        return {"operator": "Regridded", "grid": grid_to_json(self.grid), "inner": inner}


@dataclass(frozen=True)
class _Regridded:
    """Pairs elsewhere, whose inputs are resampled when they are read."""

    pairs: PairsLike
    operator: Regridded

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: Any) -> Pairs:
        pairs = self.pairs[index]
        return Pairs(self.operator.on_grid(pairs.inputs), pairs.outputs)


_SAMPLES = 16  # samples that a program resamples
_STENCILS = 2**12  # stencils that are worked on at once: about 100 MiB


@eqx.filter_jit
def _resampled(functions: Function, grid: Grid) -> Function:
    size = max(1, _STENCILS // prod(grid.shape))
    return jax.lax.map(
        lambda f: f.resample(grid), functions, batch_size=None if size == 1 else size
    )
