"""Training losses, as integrals."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.domains import MaskedGrid
from riesz.errors import RunError
from riesz.functions import Function
from riesz.functions._norms import root


class RelativeLoss(eqx.Module):
    """l2 * |u - v| / |v| + h1 * |grad (u - v)| / |grad v|, norms in L2 as integrals.

    On a grid the gradient in the loss is that of the piecewise linear interpolant along each
    axis: high-order and spectral derivatives weigh the noise at the scale of the grid most,
    which teaches rough solutions badly. A truth that vanishes (or, for h1 > 0, is constant)
    has no relative error; such members should be left out.
    """

    l2: float = eqx.field(static=True, default=1.0)
    h1: float = eqx.field(static=True, default=0.0)

    def __check_init__(self):
        if min(self.l2, self.h1) < 0 or self.l2 + self.h1 == 0:
            raise RunError(
                "the weights of a loss must not be negative, nor both zero",
                where="RelativeLoss(l2, h1)",
                found=f"l2={self.l2}, h1={self.h1}",
                repair="RelativeLoss(l2=1.0, h1=0.3) is a good mixture for smooth outputs",
            )

    def __call__(self, prediction: Function, truth: Function) -> Float[Array, ""]:
        error = prediction - truth
        loss = jnp.zeros((), error.values.dtype)
        if self.l2:
            loss += self.l2 * error.norm("L2") / truth.norm("L2")
        if self.h1:
            loss += self.h1 * slope_norm(error) / slope_norm(truth)
        return loss


def slope_norm(f: Function) -> Float[Array, ""]:
    """The H1 seminorm of the piecewise linear interpolant of a function on a grid.

    On a masked grid it is that between neighbours that are both present.
    """
    grid = f.discretization.grid
    if grid is None:
        return f.gradient().norm("L2")
    mask = f.discretization.mask if isinstance(f.discretization, MaskedGrid) else None
    total = jnp.zeros((), f.values.dtype)
    for axis, periodic in enumerate(grid.domain.periodic):
        x = grid.axis_relative[axis].astype(f.values.dtype)
        rise, run = jnp.diff(f.values, axis=axis), jnp.abs(jnp.diff(x))
        if periodic:
            first, last = (jnp.take(f.values, jnp.array([i]), axis) for i in (0, -1))
            gap = grid.domain.lengths[axis] - jnp.abs(x[-1] - x[0])
            rise = jnp.concatenate([rise, first - last], axis)
            run = jnp.concatenate([run, gap[None]])
        if mask is not None:
            both = mask & jnp.roll(mask, -1, axis)
            both = jnp.moveaxis(jnp.moveaxis(both, axis, 0)[: run.shape[0]], 0, axis)
            rise = jnp.where(both[..., None], rise, 0)
        weights = [c.astype(run.dtype) for c in grid.axis_cells]
        weights[axis] = 1 / run
        for other, weight in enumerate(weights):
            shape = [1] * rise.ndim
            shape[other] = -1
            rise = rise * jnp.sqrt(weight).reshape(shape)
        total += jnp.sum(rise**2)
    return root(total)
