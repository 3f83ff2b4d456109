"""Training losses, as integrals."""

from collections.abc import Callable, Iterable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.errors import RunError
from riesz.functions import Function, Pairs
from riesz.functions.internal import fixed_pairs, root, with_slopes
from riesz.operators import Affine

_FLOOR = 0.1  # of the typical size of a target, below which errors are not relative to it


class Scale(eqx.Module):
    """What the outputs of the training data are like, per channel.

    `mean` m and `unit` (the deviation, or the size of a channel that is constant) have one entry
    per channel; `slope` is the typical H1 seminorm of (v - m) / unit.
    """

    mean: Float[Array, " c"]
    unit: Float[Array, " c"]
    slope: Float[Array, " c"]

    @classmethod
    def of(cls, after: Affine, batches: Iterable[Pairs]) -> "Scale":
        """The scale of these statistics; slopes are those of the outputs of some pairs."""
        scale = cls(after.mean.value, after.unit, jnp.zeros_like(after.unit))
        slopes = jax.jit(jax.vmap(lambda u: _per_channel(slope_norm, scale.target(u))))
        found = np.concatenate(
            [np.asarray(slopes(with_slopes(fixed_pairs(pairs)[:]).outputs)) for pairs in batches]
        )
        # (mean over samples of |v_c|_{H1}^2)^(1/2), seminorms of (u - m) / unit, (c,)
        typical = jnp.asarray(np.sqrt(np.mean(found**2, 0)), scale.unit.dtype)
        return eqx.tree_at(lambda s: s.slope, scale, typical)

    def target(self, u: Function) -> Function:
        """(u - mean) / unit, per channel; 0 at masked points."""
        values = (u.values - self.mean) / self.unit
        return Function(_where_present(values, u), u.discretization)

    def error(self, prediction: Function, target: Function) -> Function:
        """(prediction - target) / unit, per channel; divided before anything is squared."""
        values = prediction.values / self.unit - target.values / self.unit
        return Function(_where_present(values, target), target.discretization)


class RelativeLoss(eqx.Module):
    """Mean over channels c of l2 |e_c| / |v_c - m_c| + h1 |grad e_c| / |grad v_c|.

    e = u - v is the error of the prediction u of v, norms are those of L2 as integrals over the
    points that are present, and m_c is the training mean of the channel. Denominators are not
    smaller than 0.1 of their typical size in the training data, so that a target that is constant
    or zero has a finite loss. On a grid the gradient in the loss is that of the piecewise linear
    interpolant along each axis: high-order and spectral derivatives weigh the noise at the scale
    of the grid most, which teaches rough solutions badly.

    **Arguments:**

    - `l2`, `h1`: weights of the two parts, not negative.
    - `scale`: means and sizes of the training outputs, which `riesz.fit` fills in. Without,
      errors are relative to |v_c| and |grad v_c| themselves, and absolute where these vanish.
    """

    l2: float = eqx.field(static=True, default=1.0)
    h1: float = eqx.field(static=True, default=0.0)
    scale: Scale | None = None

    def __check_init__(self):
        if min(self.l2, self.h1) < 0 or self.l2 + self.h1 == 0:
            raise RunError(
                "the weights of a loss must not be negative, nor both zero",
                where="RelativeLoss(l2, h1)",
                found=f"l2={self.l2}, h1={self.h1}",
                repair="RelativeLoss(l2=1.0, h1=0.3) is a good mixture for smooth outputs",
            )

    def __call__(self, prediction: Function, target: Function) -> Float[Array, ""]:
        scale = _own_scale(target) if self.scale is None else self.scale
        error, size = scale.error(prediction, target), scale.target(target)
        loss = jnp.zeros(target.channels, error.values.dtype)
        if self.l2:
            # 0.1 |domain|^(1/2): the L2 norm of a target of a tenth of the unit
            floor = 0.0 if self.scale is None else _FLOOR * jnp.sqrt(_volumes(target))
            loss += self.l2 * _ratio(l2_norm, error, size, floor)
        if self.h1:
            # h1 |grad e_c| / max(|grad v_c|, 0.1 slope_c)
            loss += self.h1 * _ratio(slope_norm, error, size, _FLOOR * scale.slope)
        return loss.mean()


def headline(prediction: Function, target: Function, after: Affine) -> Float[Array, ""]:
    """The mean over channels of rms(prediction - target) / s_c, rms over the present points."""
    none = jnp.zeros_like(after.unit)
    error = Scale(none, after.unit, none).error(prediction, target)
    # mean_c (int (p_c - u_c)^2 / |domain|)^(1/2) / s_c
    return jnp.mean(_per_channel(l2_norm, error) / jnp.sqrt(_volumes(target)))


def surely_less(
    errors: Sequence[float] | Float[np.ndarray, " n"],
    than: Sequence[float] | Float[np.ndarray, " n"],
    by: float = 0.0,
) -> bool:
    """Whether errors of the same samples are smaller by twice the standard error of the mean.

    `by`: and by this part of what they are compared with.
    """
    # paired differences d_i: mean d > max(2 s_d / n^(1/2), by * mean than)
    gain = np.subtract(than, errors)
    if len(gain) < 2:
        return False
    return bool(gain.mean() > max(2 * gain.std(ddof=1) / len(gain) ** 0.5, by * np.mean(than)))


def l2_norm(f: Function) -> Float[Array, ""]:
    """The L2 norm."""
    return f.norm("L2")


def _own_scale(target: Function) -> Scale:
    """The scale of one function on its own: its largest value, which keeps squares in range."""
    peak = jnp.max(
        jnp.abs(_where_present(target.values, target)), axis=tuple(range(target.values.ndim - 1))
    )
    none = jnp.zeros_like(peak)
    return Scale(none, jnp.where(peak > 0, peak, 1), none)


def _ratio(
    norm: Callable[[Function], Array], error: Function, size: Function, floor: Array | float
) -> Float[Array, " c"]:
    """The norms of the channels of one function over those of another, at least `floor`."""
    above, below = [], []
    for e, v in zip(error.components, size.components, strict=True):
        # both functions in one pass: (*shape, 2 c) -> (2 c,)
        both = Function(jnp.concatenate([e.values, v.values], -1), e.discretization)
        found = jnp.split(_per_channel(norm, both), 2)
        above, below = [*above, found[0]], [*below, found[1]]
    denominator = jnp.maximum(jnp.concatenate(below), floor)
    return jnp.concatenate(above) / jnp.where(denominator > 0, denominator, 1)


def _per_channel(norm: Callable[[Function], Array], f: Function) -> Float[Array, " c"]:
    def one(values, on):
        return norm(Function(values[..., None], on))

    parts = [(g.values, g.discretization) for g in f.components]
    return jnp.concatenate([jax.vmap(one, in_axes=(-1, None))(*part) for part in parts])


def _volumes(f: Function) -> Float[Array, " c"]:
    """The volume that a function covers of the domain of each channel, 1 where that is none."""
    sums = [jnp.full(g.channels, jnp.sum(g.discretization.weights)) for g in f.components]
    volumes = jnp.concatenate(sums).astype(f.values.dtype)
    return jnp.where(volumes > 0, volumes, 1)


def _where_present(values: Array, f: Function) -> Array:
    return jnp.where((f.discretization.weights > 0)[..., None], values, 0)


def slope_norm(f: Function) -> Float[Array, ""]:
    """The H1 seminorm of the piecewise linear interpolant of a function on a grid.

    On a masked grid it is that between neighbours that are both present.
    """
    grid = f.discretization.grid
    if grid is None:
        return f.gradient().norm("L2")
    mask = f.discretization.mask
    total = jnp.zeros((), f.values.dtype)
    for axis, periodic in enumerate(grid.domain.periodic):
        # v_{j+1} - v_j and h_j, (..., n - 1, ..., c) and (n - 1,)
        x = grid.axis_relative[axis].astype(f.values.dtype)
        # sum over edges j of (v_{j+1} - v_j)^2 / h_j, times the cells of the other axes
        rise, run = jnp.diff(f.values, axis=axis), jnp.abs(jnp.diff(x))
        if periodic:
            first, last = (jnp.take(f.values, jnp.array([i]), axis) for i in (0, -1))
            # the edge from the last node around to the first
            gap = grid.domain.lengths[axis] - jnp.abs(x[-1] - x[0])
            rise = jnp.concatenate([rise, first - last], axis)
            run = jnp.concatenate([run, gap[None]])
        if mask is not None:
            # both ends of an edge j, j + 1 are present
            both = mask & jnp.roll(mask, -1, axis)
            both = jnp.moveaxis(jnp.moveaxis(both, axis, 0)[: run.shape[0]], 0, axis)
            rise = jnp.where(both[..., None], rise, 0)
        # (1 / h_j) prod_{other axes} cell, as square roots before the square
        weights = [c.astype(run.dtype) for c in grid.axis_cells]
        weights[axis] = 1 / run
        for other, weight in enumerate(weights):
            shape = [1] * rise.ndim
            shape[other] = -1
            rise = rise * jnp.sqrt(weight).reshape(shape)
        total += jnp.sum(rise**2)
    return root(total)
