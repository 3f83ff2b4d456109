"""Operators that answer with a band."""

from collections.abc import Mapping
from math import ceil, prod
from typing import overload

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz._core.parameters import Frozen
from riesz._core.text import write
from riesz._core.tracing import traced
from riesz.domains import AbstractDiscretization, Space
from riesz.errors import ModelError
from riesz.evaluation._inputs import InputStatistics
from riesz.evaluation._latent import batched
from riesz.evaluation._scale import Scale
from riesz.functions import Function
from riesz.functions.internal import average
from riesz.operators import AbstractOperator, parts_of
from riesz.operators import apply as apply_operator


class Band(eqx.Module):
    """A prediction between a lower and an upper function. A batch has a leading axis."""

    prediction: Function
    lower: Function
    upper: Function

    def contains(self, u: Function) -> Bool[Array, ""]:
        """Whether u lies inside at every present point, in every channel.

        For a batch use `jax.vmap(lambda band, u: band.contains(u))(bands, outputs)`.

        **Raises:** `DomainError` when u is not given on the points of the band.
        """
        return jnp.all(self.inside(u))

    def inside(self, u: Function) -> Bool[Array, " c"]:
        """Whether u lies inside at every present point, per channel."""
        # lower_c(x_i) <= u_c(x_i) <= upper_c(x_i), (*shape, c) -> (c,)
        inside = ((u - self.lower).values >= 0) & ((self.upper - u).values >= 0)
        absent = (u.discretization.weights == 0)[..., None]
        return jnp.all(inside | absent, tuple(range(inside.ndim - 1)))

    def width(self) -> Function:
        """Upper minus lower."""
        return self.upper - self.lower

    def half_width(self) -> Float[Array, " c"]:
        """Half of the mean width over the domain, per channel, in its units.

        For a batch use `jax.vmap(lambda band: band.half_width())(bands)`.
        """
        return average(self.width().values / 2, self.prediction.discretization)

    def __repr__(self) -> str:
        if traced(self.upper.values):
            return "Band(...)"
        many = batched(self.prediction)
        half = np.asarray(jax.vmap(Band.half_width)(self).mean(0) if many else self.half_width())
        count = f"{len(self.upper.values)} bands, " if many else ""
        return f"Band({count}mean half-width {_amounts(half, self.prediction.space)})"


class Banded(eqx.Module):
    """An operator with a band of half-width q s(x) g(a) h(a, x), made by `riesz.calibrate`.

    `banded(a)` is a `Band` around `operator(a)`, on any discretization of the output domain.
    s(x) g(a) h(a, x) is the `scale`, see `Scale`; q the quantile of the calibration's scores.

    `scores` are the sorted scores of each set of the calibration, these having functions on
    `sizes` points, ascending, and the guarantee is for the points of these sets (see
    `calibrated_on`). For other numbers of points the quantile is interpolated linearly in their
    logarithm (beyond the ends it is that of the end), and the band holds as far as residuals and
    scale vary little between the points.

    `inputs` is what `riesz.check_range` judges later inputs by.
    """

    operator: AbstractOperator
    scale: Scale
    scores: tuple[Frozen, ...]  # (n,) each
    inputs: InputStatistics
    sizes: tuple[int, ...] = eqx.field(static=True)
    level: float = eqx.field(static=True)
    scattered: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        ascending = list(self.sizes) == sorted(set(self.sizes)) and min(self.sizes, default=0) >= 1
        if not ascending or len(self.sizes) != len(self.scores):
            raise ModelError(
                "the numbers of points of a calibrated operator do not ascend",
                where="Banded(..., sizes)",
                expected="ascending numbers, one for each set of scores",
                found=f"{self.sizes}, {len(self.scores)} sets of scores",
                repair="make it with riesz.calibrate",
            )
        shape = (*self.scale.grid.shape, self.operator.output_space.channels)
        grid = self.inputs.grid
        inputs = (*grid.shape, self.operator.input_space.channels)
        parts = {"scale": (self.scale.field, shape), "inputs": (self.inputs.mean, inputs)}
        for name, (array, expected) in parts.items():
            if array.value.shape != expected:
                raise ModelError(
                    "the parts of a calibrated operator do not fit together",
                    where=f"Banded(..., {name})",
                    expected=f"shape {expected}",
                    found=f"shape {array.value.shape}",
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

    @property
    def n(self) -> int:
        """The number of scores, the least of the sets."""
        return min(len(s.value) for s in self.scores)

    @overload
    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Band: ...

    @overload
    def __call__(
        self, a: Mapping[str, Function], on: AbstractDiscretization | None = None
    ) -> dict[str, Band]: ...

    def __call__(
        self, a: Function | Mapping[str, Function], on: AbstractDiscretization | None = None
    ) -> Band | dict[str, Band]:
        """The `Band` of one function; of named functions one for each output, by name."""
        parts = parts_of(self.operator)
        if not isinstance(a, Mapping) or parts is None:
            return self.around(a, self.operator(a, on))  # pyright: ignore[reportArgumentType]
        band = self(parts[0].join(a, on), on)
        sides = [parts[1].split(f) for f in (band.prediction, band.lower, band.upper)]
        return {name: Band(*(side[name] for side in sides)) for name in parts[1].names}

    def apply(self, functions: Function, on: AbstractDiscretization | None = None) -> Band:
        """The bands of a batch of functions, by one compiled program for each shape."""
        return _bands(self, functions, apply_operator(self.operator, functions, on))

    def around(self, a: Function, prediction: Function, quantile: Array | None = None) -> Band:
        """The band around the prediction for a; with another quantile where given."""
        # prediction -+ q s(x) g(a) h(a, x), (*shape, c)
        half = self.scale(a, prediction)
        if quantile is None:
            quantile = self.quantile_at(prod(prediction.discretization.shape))
        half = Function(
            half * quantile.astype(half.dtype), prediction.discretization, prediction.space
        )
        return Band(prediction, prediction - half, prediction + half)

    def quantile_at(self, size: int) -> Array:
        """The quantile for a number of points."""
        # q of each set: its ceil((n + 1) level)-th smallest score; linear in log(points)
        quantiles = jnp.stack([s.value[rank(len(s.value), self.level) - 1] for s in self.scores])
        here, there = (jnp.asarray(np.log(s), quantiles.dtype) for s in (size, self.sizes))
        return jnp.interp(here, there, quantiles)

    def calibrated_on(self, discretization: AbstractDiscretization) -> bool:
        """Whether the level is promised on these points.

        On a grid with as many points as one of the calibration, holes in it included; on scattered
        points, where these were, for at most as many as in the calibration.
        """
        size = prod(discretization.shape)
        if self.scattered:
            return discretization.grid is None and size <= max(self.sizes)
        return discretization.grid is not None and size in self.sizes

    def meaning(self) -> str:
        """What the level means, in words: how many scores it stands on."""
        n, k = self.n, rank(self.n, self.level)
        # given the n scores coverage has a beta distribution, of about this deviation
        spread = (self.level * (1 - self.level) / n) ** 0.5
        if k == n:
            text = f"{n} scores: the band is their maximum; its level is {n / (n + 1):.1%}"
        else:
            text = f"{n} scores: the band is the {_ordinal(k)} smallest"
        return f"{text}; given this calibration, coverage varies by {spread:.1%}"

    def __repr__(self) -> str:
        half = np.asarray(self.scale.field.value, np.float64) * float(
            self.quantile_at(self.sizes[0])
        )
        parts = self.scale.grid.components(half)  # at a prediction of typical size
        half = np.concatenate([x.reshape(-1, x.shape[-1]).mean(0) for _, x in parts])
        name, shown = write(self.operator, digits=6), _amounts(half, self.output_space)
        return f"Banded({name}, level={self.level:.4g}, n={self.n}, half-width {shown})"


@eqx.filter_jit
def _bands(banded: Banded, functions: Function, predictions: Function) -> Band:
    return jax.vmap(banded.around)(functions, predictions)


def rank(n: int, level: float) -> int:
    """Which of n sorted scores bounds the next one with probability `level`; the first is 1."""
    return ceil((n + 1) * level - 1e-9)  # 10 * 0.9 is 9, whatever the rounding


def _amounts(values: np.ndarray, space: Space) -> str:
    """Such as `0.12 K, 3 m/s`."""
    return ", ".join(f"{v:.3g} {u}".strip() for v, u in zip(values, space.units, strict=True))


def _ordinal(k: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(k % 10, "th") if k % 100 not in (11, 12, 13) else "th"
    return f"{k}{ending}"
