"""Whether the derivative of a process exists, before observations of it are conditioned on."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz._core.parameters import as_traced, cast
from riesz.errors import DataError
from riesz.kernels import AbstractKernel
from riesz.processes._compiled import compiled

_POINTS = 64  # at which it is looked for
_STEP = 1e-6  # of the extent of the points
_FACTOR = 4.0  # between two steps
_GROWTH = 1.5  # of quotients over this factor: a rougher process than |x - y|^1.7
_ROUNDING = 1e-11  # of a variance


def require_derivative(
    kernel: AbstractKernel, points: Float[Array, "n d"], axis: int, where: str
) -> None:
    """Raise for derivatives of a process that has none in mean square.

    The variance of (f(x + h) - f(x)) / h has a limit as h goes to 0 where the mixed second
    derivative of the kernel exists, and grows like 1 / h for kernels with a kink such as
    |x - y|, for which automatic differentiation answers wrongly and in silence.

    **Raises:** `DataError` when the variance grows.
    """
    if not len(points):
        return
    index = np.linspace(0, len(points) - 1, _POINTS).astype(int)
    chosen = np.asarray(points, np.float64)[np.unique(index)]
    along = chosen[:, axis]
    step = _STEP * (np.ptp(along) or np.abs(along).max() or 1.0)
    with jax.enable_x64(True):
        steps = jnp.asarray([step, step / _FACTOR])
        wide = cast(as_traced(kernel, steps.dtype), steps.dtype)
        variances = _increments(wide, jnp.asarray(chosen), axis, steps)
    coarse, fine = np.asarray(variances)
    known = fine > _ROUNDING
    # Var(f(x + h) - f(x)) / h^2 at h / 4 over that at h: 1 if smooth, 4 for |x - y|
    growth = (fine * _FACTOR**2)[known] / coarse[known]
    if (growth > _GROWTH).any():
        raise DataError(
            "the derivative of this process does not exist: its kernel has a kink at equal inputs",
            where=where,
            expected="a kernel with a mixed second derivative at equal inputs",
            found=f"{type(kernel).__name__}: the variance of difference quotients along axis "
            f"{axis} grows by {growth.max():.2g} as their step shrinks by "
            f"{_FACTOR:g}, to {step / _FACTOR:.1g}",
            repair="take a smoother kernel: SquaredExponential, Matern of smoothness 1.5 or 2.5, "
            "of a network with kinks like Relu its nngp",
        )


@compiled
def _increments(
    kernel: AbstractKernel, points: Float[Array, "n d"], axis: int, steps: Float[Array, " s"]
) -> Float[Array, "s n"]:
    """Variances of f(x + h) - f(x), in units of the largest of f(x)."""
    count = len(points)
    # x, x + h_1, x + h_2: (3 n, d)
    moved = [points.at[:, axis].add(step) for step in (0.0, *steps)]
    k = kernel(jnp.concatenate(moved))
    # k(x + h, x + h): (3, n); k(x, x + h): (2, n)
    own = k.diagonal().reshape(-1, count)
    both = jnp.stack([k.diagonal(i * count)[:count] for i in range(1, len(moved))])
    # k(x, x) - 2 k(x, x + h) + k(x + h, x + h)
    return jnp.abs(own[:1] - 2 * both + own[1:]) / own.max()
