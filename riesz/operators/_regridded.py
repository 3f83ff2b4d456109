"""Operators on grids for inputs that come on other points."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx

from riesz.domains import AbstractDiscretization, Grid
from riesz.errors import ModelError
from riesz.functions import Function, Pairs, PairsLike
from riesz.functions.internal import fixed_pairs
from riesz.operators._anchor import on_points
from riesz.operators._operator import AbstractOperator
from riesz.operators._registry import register
from riesz.operators._wrappers import AbstractWrapper


@register
class Regridded(AbstractWrapper):
    """G(a) = inner(a resampled to `grid`), at the points where it is asked for.

    It brings scattered inputs, and inputs on any other points, to an operator that needs a grid.
    `riesz.fit` resamples its training data once, before the first step.

    **Arguments:**

    - `grid`: of the input domain.

    **Raises:** `ModelError` for a grid of another domain.
    """

    inner: AbstractOperator
    grid: Grid = eqx.field(static=True)

    def __init__(self, inner: AbstractOperator, grid: Grid):
        self.inner, self.grid = inner, grid

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
            return Pairs(on_points(pairs.inputs, self.grid), pairs.outputs)
        return _Regridded(pairs, self.grid)


@dataclass(frozen=True)
class _Regridded:
    """Pairs elsewhere, whose inputs are resampled when they are read."""

    pairs: PairsLike
    grid: Grid

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: Any) -> Pairs:
        pairs = self.pairs[index]
        return Pairs(on_points(pairs.inputs, self.grid), pairs.outputs)
