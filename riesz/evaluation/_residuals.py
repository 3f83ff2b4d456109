"""Residuals on held-out pairs, from which the shape of a band is fitted."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.domains import AbstractDiscretization
from riesz.errors import DataError
from riesz.evaluation._latent import kept_at, latent_grid
from riesz.evaluation._predict import predict
from riesz.evaluation._roughness import combined, local_sizes, typical_sizes
from riesz.functions import Function, PairsLike
from riesz.functions.internal import average, chunks
from riesz.operators import AbstractOperator

_REACH = 4.0  # the size factor lies between 1 / 4 and 4
_FLOATS = 2**25  # residuals held at once, with as many local sizes: 256 MiB
_CHUNK = 32


@dataclass(frozen=True)
class Residuals:
    """Absolute residuals of the samples that give the scale, in units of `unit` per channel."""

    values: Float[Array, "..."]  # (m, *shape, c)
    on: AbstractDiscretization  # leaves with a leading axis
    sizes: tuple[Float[Array, "m c"], ...]  # for each centre, in units of their mean
    local: tuple[Array, Array]  # v (m, *shape, 1) and w (m, *shape, c) of `Roughness`
    units: tuple[np.ndarray, np.ndarray]  # of these, per channel of inputs and of outputs
    centres: tuple[np.ndarray, ...]  # (c,) each: zero, and the mean of predictions
    typical: tuple[np.ndarray, ...]  # (c,) each
    unit: np.ndarray  # (c,)
    known: np.ndarray  # (*grid.shape, c), where predictions and targets vanish
    grid: AbstractDiscretization

    def factor(self, exponent: float, centre: int, rough: tuple[float, float]) -> Array:
        """The factor g h, `(m, 1, ..., c)` or `(m, *shape, c)`."""
        size = size_factor(self.sizes[centre], exponent)
        # g (m, c) -> (m, 1, ..., 1, c), h (m, *shape, c)
        size = size.reshape(len(size), *[1] * (self.values.ndim - 2), -1)
        return size * combined(*self.local, rough) if any(rough) else size


def sizes_of(f: Function, centre: Float[Array, " c"], unit: Float[Array, " c"]) -> Array:
    """Root mean square over the domain of f - centre, per channel, in given units."""
    # squares of 1e-30 underflow in float32
    values = (f.values - centre) / jnp.where(unit > 0, unit, 1)
    square = average(values**2, f.discretization)
    return jnp.where(unit > 0, jnp.sqrt(square), 1)


def size_factor(sizes: Float[Array, "..."], exponent: float) -> Float[Array, "..."]:
    """sizes^exponent, between 1 / 4 and 4."""
    return jnp.clip(sizes**exponent if exponent else jnp.ones_like(sizes), 1 / _REACH, _REACH)


def residuals_of(operator: AbstractOperator, pairs: PairsLike) -> Residuals:
    """The residuals of the first pairs, as many as memory is set aside for."""
    each = int(np.prod(pairs[:1].outputs.values.shape))
    count = int(np.clip(_FLOATS // each, 1, len(pairs)))
    parts = []
    unit = centre = np.zeros(0)
    rough = np.zeros(0), np.zeros(0)
    for part, size in chunks(pairs, min(_CHUNK, count)):
        if sum(len(p[0]) for p in parts) >= count:
            break
        prediction = predict(operator, part)
        require_finite(prediction.values)
        if not parts:
            unit, centre = _units(part.outputs, prediction), _centre(prediction)
            rough = _typical(part.inputs, prediction)
        # centres of the sizes: 0 and the mean of predictions, (2, c)
        units = jnp.asarray(unit), jnp.asarray(np.stack([np.zeros_like(centre), centre]))
        local = _local(part.inputs, prediction, *map(jnp.asarray, rough))
        found = (*_compare(prediction, part.outputs, *units), local, part.outputs.discretization)
        parts.append(jax.tree.map(lambda x, n=size: x[:n], found))
    values, zero, sizes, local, on = jax.tree.map(lambda *x: jnp.concatenate(x), *parts)
    require_finite(values)
    one = pairs[:1].outputs.discretization
    grid = latent_grid(one, values.shape[0] * values.shape[1])
    # where p = u = 0 in all samples
    known = np.zeros((*grid.shape, len(unit)), bool)
    if kept_at(grid, one):
        known = np.all(np.asarray(zero), axis=0, keepdims=True)[0]
    typical = np.asarray(sizes, np.float64).mean(0)  # (2, c)
    # size / mean size, (m, 2, c), 1 where all predictions equal the centre
    relative = sizes / jnp.asarray(np.where(typical > 0, typical, 1), sizes.dtype)
    relative = jnp.where(jnp.asarray(typical > 0), relative, 1)
    sizes = relative[:, 0], relative[:, 1]
    centres, typical = (np.zeros_like(centre), centre), tuple(unit * typical)
    return Residuals(values, on, sizes, local, rough, centres, typical, unit, known, grid)


def _centre(predictions: Function) -> np.ndarray:
    """The mean of each channel over some predictions."""
    return np.asarray(_means(predictions)).astype(np.float64).mean(0)


def _units(*batches: Function) -> np.ndarray:
    """The largest absolute value of each channel, 1 where all vanish."""
    tops = []
    for f in batches:
        present = np.asarray(f.discretization.weights) > 0
        values = np.abs(np.asarray(f.values)) * present[..., None]
        tops.append(values.reshape(-1, values.shape[-1]).max(0))
    top = np.max(tops, 0)
    return np.where(np.isfinite(top) & (top > 0), top, 1).astype(np.float64)


def _typical(inputs: Function, predictions: Function) -> tuple[np.ndarray, np.ndarray]:
    """The units of `Roughness`, 1 where all vanish."""
    slopes, bends = _sizes(inputs, predictions)
    v, w = (np.asarray(x, np.float64).mean(0) for x in (slopes, bends))
    return np.where(v > 0, v, 1), np.where(w > 0, w, 1)


@eqx.filter_jit
def _sizes(inputs: Function, predictions: Function) -> tuple[Array, Array]:
    return jax.vmap(typical_sizes)(inputs, predictions)


@eqx.filter_jit
def _means(predictions: Function) -> Float[Array, "n c"]:
    return jax.vmap(lambda p: average(p.values, p.discretization))(predictions)


@eqx.filter_jit
def _local(inputs: Function, predictions: Function, slopes: Array, bends: Array):
    return jax.vmap(lambda a, p: local_sizes(a, p, slopes, bends))(inputs, predictions)


@eqx.filter_jit
def _compare(prediction: Function, target: Function, unit: Array, centres: Array):
    """|prediction - target| in units, where both vanish, and sizes of the prediction in units."""

    def one(p: Function, u: Function):
        present = (u.discretization.weights > 0)[..., None]
        scale = unit.astype(p.values.dtype)
        # p / unit and u / unit, 0 at absent points
        first = jnp.where(present, p.values / scale, 0)
        second = jnp.where(present, u.values.astype(first.dtype) / scale, 0)
        zero = (first == 0) & (second == 0)
        sizes = jax.vmap(lambda c: sizes_of(p, c.astype(scale.dtype), scale))(centres)
        return jnp.abs(first - second), zero, sizes

    return jax.vmap(one)(prediction, target)


def require_finite(values: Array | np.ndarray) -> None:
    """Raise unless all residuals are finite."""
    if not bool(jnp.isfinite(values).all()):
        raise DataError(
            "residuals of the held-out pairs are not finite",
            where="riesz.calibrate(operator, held_out)",
            expected="finite outputs and predictions",
            found="NaN or infinite values",
            repair="check the data, and that the operator was trained to finite weights",
        )
