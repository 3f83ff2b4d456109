"""Operators that answer with a band."""

from math import prod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from riesz.domains import AbstractDiscretization, Grid, Space
from riesz.domains._json import grid_from_json, grid_to_json
from riesz.errors import ModelError
from riesz.functions import Function, PairsLike
from riesz.functions._pairs import pieces
from riesz.operators import AbstractOperator, Constant, build
from riesz.operators import apply as apply_operator


class Band(eqx.Module):
    """A prediction between a lower and an upper function. A batch has a leading axis."""

    prediction: Function
    lower: Function
    upper: Function

    def contains(self, u: Function) -> Bool[Array, ""]:
        """Whether u lies inside at every point, in every channel. For a batch use `jax.vmap`.

        **Raises:** `DomainError` when u is not given on the points of the band.
        """
        inside = ((u - self.lower).values >= 0) & ((self.upper - u).values >= 0)
        padding = (u.discretization.weights == 0)[..., None]
        return jnp.all(inside | padding)

    def width(self) -> Function:
        """Upper minus lower."""
        return self.upper - self.lower


class Banded(eqx.Module):
    """An operator with a band of half-width `quantile * scale(x)`, made by `riesz.calibrate`.

    `banded(a)` is a `Band` around `operator(a)`. The scale was estimated on `grid`; elsewhere it
    is interpolated and kept between its smallest and largest value, so that it is positive.

    There is a quantile for each grid of the calibration, these having `sizes` points, ascending,
    and the guarantee is for the points of these grids. For other numbers of points the quantile
    is interpolated linearly in their logarithm (beyond the ends it is that of the end), and the
    band holds as far as residuals and scale vary little between the points.

    `inputs` holds the smallest and the largest value of each input channel in calibration.
    """

    operator: AbstractOperator
    scale: Constant  # (*grid.shape, channels), positive
    quantile: Constant  # one for each of sizes
    inputs: Constant  # (2, input channels)
    grid: Grid = eqx.field(static=True)
    sizes: tuple[int, ...] = eqx.field(static=True)
    level: float = eqx.field(static=True)
    n: int = eqx.field(static=True)

    def __check_init__(self):
        shape = (*self.grid.shape, self.operator.output_space.channels)
        inputs = (2, self.operator.input_space.channels)
        parts = {"scale": shape, "quantile": (len(self.sizes),), "inputs": inputs}
        if list(self.sizes) != sorted(set(self.sizes)) or min(self.sizes, default=0) < 1:
            raise ModelError(
                "the numbers of points of a calibrated operator do not ascend",
                where="Banded(..., sizes)",
                found=str(self.sizes),
                repair="make it with riesz.calibrate",
            )
        for name, expected in parts.items():
            found = getattr(self, name).value.shape
            if found != expected:
                raise ModelError(
                    "the parts of a calibrated operator do not fit together",
                    where=f"Banded(..., {name})",
                    expected=f"shape {expected}",
                    found=f"shape {found}",
                    repair="make it with riesz.calibrate",
                )

    @property
    def input_space(self) -> Space:
        """That of the operator."""
        return self.operator.input_space

    @property
    def output_space(self) -> Space:
        """That of the operator."""
        return self.operator.output_space

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Band:
        """The band of one function."""
        return self.around(self.operator(a, on))

    def apply(self, functions: Function, on: AbstractDiscretization | None = None) -> Band:
        """The bands of a batch of functions, by one compiled program for each shape."""
        return _bands(self, apply_operator(self.operator, functions, on))

    def around(self, prediction: Function) -> Band:
        """The band around a prediction of the operator."""
        half = self.scale_on(prediction.discretization).astype(prediction.values.dtype)
        half = half * self.quantile_at(prod(prediction.discretization.shape)).astype(half.dtype)
        return Band(prediction, prediction - half, prediction + half)

    def quantile_at(self, size: int) -> Array:
        """The quantile for a number of points."""
        quantile = self.quantile.value
        here, there = (jnp.asarray(np.log(s), quantile.dtype) for s in (size, self.sizes))
        return jnp.interp(here, there, quantile)

    def scale_on(self, discretization: AbstractDiscretization) -> Array:
        """Values of the scale on a discretization of the output domain."""
        scale = self.scale.value
        axes = tuple(range(scale.ndim - 1))
        moved = Function(scale, self.grid).resample(discretization).values
        return jnp.clip(moved, scale.min(axes), scale.max(axes))

    def describe(self) -> dict[str, Any]:
        """As `AbstractOperator.describe`; `Banded.build` reads it."""
        return {
            "operator": "Banded",
            "inner": self.operator.describe(),
            "grid": grid_to_json(self.grid),
            "sizes": list(self.sizes),
            "level": self.level,
            "n": self.n,
        }

    @classmethod
    def build(
        cls, description: dict[str, Any], input_space: Space, output_space: Space
    ) -> "Banded":
        """The structure that `describe` gave, with arbitrary arrays."""
        grid = grid_from_json(description["grid"])
        inner = build(description["inner"], input_space, output_space)
        scale = Constant(jnp.ones((*grid.shape, output_space.channels)))
        inputs = Constant(jnp.zeros((2, input_space.channels)))
        sizes = tuple(map(int, description["sizes"]))
        level, n = float(description["level"]), int(description["n"])
        return cls(inner, scale, Constant(jnp.ones(len(sizes))), inputs, grid, sizes, level, n)


@eqx.filter_jit
def _bands(banded: Banded, predictions: Function) -> Band:
    return jax.vmap(banded.around)(predictions)


def input_ranges(inputs: Function | PairsLike) -> np.ndarray:
    """The smallest and the largest value of each channel of functions, shape (2, channels).

    Those of the inputs, for pairs.
    """
    parts = [inputs] if isinstance(inputs, Function) else (p.inputs for p in pieces(inputs))
    low, high = [], []
    for f in parts:
        values = np.asarray(f.values).reshape(-1, f.channels)
        low.append(values.min(0))
        high.append(values.max(0))
    return np.stack([np.min(low, 0), np.max(high, 0)])
