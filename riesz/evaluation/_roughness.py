"""How residuals grow where inputs and predictions vary much."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz._core.parameters import Frozen
from riesz.domains import AbstractDiscretization, Grid
from riesz.evaluation._latent import on_grid, sums
from riesz.functions import Function

_CELLS = {1: 8, 2: 16}  # along an axis, over which derivatives of this order are averaged
_EPS = 2e-6
_LEAST = 0.1  # of the typical size
_REACH = 16.0  # the factor lies between 1 / 16 and 16


class Roughness(eqx.Module):
    """The factor v_a(x)^e w_c(x)^f of a band, e and f being `exponents`.

    v_a is the local mean of |grad a| over its typical size, averaged over the input's channels;
    w_c that of (sum_i (d^2 G(a)_c / dx_i^2)^2)^(1/2). Local means are by hat functions of 8 and
    16 cells along an axis, x is relative to the lengths of the domain; both are squared, increased
    by 0.01, and the root is taken, so that they do not vanish. A mean of slopes, other than their
    maximum, does not grow with the resolution where a function jumps; only beside the boundary,
    where formulas are one-sided, jumps count up to four times as much on coarse grids.

    v is 1 where the input lies on another domain, and each is 1 on scattered points.
    """

    slopes: Frozen  # (channels of inputs,), typical sizes
    bends: Frozen  # (channels of outputs,)
    exponents: tuple[float, float] = eqx.field(static=True)

    def __call__(self, a: Function, prediction: Function) -> Float[Array, "..."]:
        """The factor at the points of the prediction, `(*shape, c)`; 1s where exponents are 0."""
        v, w = local_sizes(a, prediction, self.slopes.value, self.bends.value)
        return combined(v, w, self.exponents)


def combined(v: Array, w: Array, exponents: tuple[float, float]) -> Array:
    """v^e w^f, within bounds."""
    e, f = exponents
    return jnp.clip(v**e * w**f, 1 / _REACH, _REACH)


def local_sizes(
    a: Function, prediction: Function, slopes: Array, bends: Array
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Sizes v `(*shape, 1)` and w `(*shape, c)` at the points of the prediction."""
    on, dtype = prediction.discretization, prediction.values.dtype
    v, w = jnp.ones((*on.shape, 1), dtype), jnp.ones(prediction.values.shape, dtype)
    if has_slopes(a, prediction):
        # v on the cells: mean over the channels of |grad a| / typical, (*nodes, 1)
        field = (means(a, 1) / slopes).mean(-1, keepdims=True).astype(dtype)
        v = on_grid(_bounded(field), _cells(on, 1), on)
    if on.tensor is not None:
        # w on the cells: |second derivatives| / typical, (*nodes, c)
        w = on_grid(_bounded(means(prediction, 2) / bends).astype(dtype), _cells(on, 2), on)
    return v, w


def typical_sizes(a: Function, prediction: Function) -> tuple[Array, Array]:
    """Means over the domain of both sizes, one per channel of inputs and of outputs."""
    v, w = jnp.ones(a.channels), jnp.ones(prediction.channels)
    if has_slopes(a, prediction):
        v = means(a, 1).reshape(-1, a.channels).mean(0)
    if prediction.discretization.tensor is not None:
        w = means(prediction, 2).reshape(-1, prediction.channels).mean(0)
    return v, w


def has_slopes(a: Function, prediction: Function) -> bool:
    """Whether the input's derivatives are of use for the output."""
    return a.discretization.tensor is not None and a.domain == prediction.domain


def means(f: Function, order: int) -> Float[Array, "..."]:
    """Local means of the size of derivatives, at the nodes of the grid of cells, `(*nodes, c)`.

    In units of the function, along axes of length 1.
    """
    on, values = f.discretization, jnp.asarray(f.values)
    # L_i^order d^order f / dx_i^order, the derivative along an axis of length 1
    parts = [
        on.differentiate(values, i, order) * jnp.asarray(length**order, values.dtype)
        for i, length in enumerate(f.domain.lengths)
    ]
    top = jnp.max(jnp.abs(jnp.stack(parts)))  # squares of 1e-30 underflow in float32
    top = jnp.where(top > 0, top, 1)
    # top (sum_i (part_i / top)^2)^(1/2), (*shape, c)
    size = jnp.sqrt(sum(((p / top) ** 2 for p in parts), jnp.zeros_like(values))) * top
    # below eps n^order max |f| there is only rounding
    least = _EPS * max(on.shape) ** order * jnp.max(jnp.abs(on.present(values)))
    size = jnp.where(size > least, size, 0)
    total, count = sums(size, _cells(on, order), on)
    # sum_i hat(x_i) size_i / sum_i hat(x_i); at a node without points the mean over all
    mean = total.sum(tuple(range(count.ndim))) / count.sum()
    return jnp.where(count[..., None] > 0, total / jnp.maximum(count, 1e-12)[..., None], mean)


def _cells(on: AbstractDiscretization, order: int) -> Grid:
    return Grid(on.domain, tuple(_CELLS[order] + (not p) for p in on.domain.periodic))


def _bounded(x: Array) -> Array:
    # (x^2 + 0.01)^(1/2)
    return jnp.sqrt(x**2 + _LEAST**2)
