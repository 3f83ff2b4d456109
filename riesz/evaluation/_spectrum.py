"""Mean squares by wave number.

Along a periodic axis functions are expanded in 1, sqrt(2) cos(2 pi k s), sqrt(2) sin(2 pi k s),
along an axis with ends in 1, sqrt(2) cos(pi k s), s in [0, 1] being the position along the axis.
Cosines, not sines: they fit any values at the ends, and cos(pi k s) counts as wave number k / 2,
so that wave numbers are cycles along the axis on both. Shell j holds the modes whose wave vector
has a Euclidean length that rounds to j. Modes that the grid does not resolve are left out.
"""

from functools import lru_cache, reduce

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.domains import AbstractDiscretization, Grid
from riesz.functions import Function


def has_spectrum(discretization: AbstractDiscretization) -> bool:
    """Whether the modes are defined: on a full grid of one axis or more."""
    return discretization.whole is not None and bool(discretization.shape)


def energies(f: Function) -> Float[Array, " shells"]:
    """The mean square of a function on a `Grid`, divided among the shells of wave numbers."""
    grid = f.discretization.whole
    assert grid is not None
    # cosines need equispaced nodes: cell centres, unless both ends are nodes
    nodes = tuple(k if k in ("uniform", "vertex") else "centre" for k in grid.kinds)
    values = f.resample(Grid(grid.domain, grid.shape, nodes)).values
    waves = []
    for axis, (kind, n) in enumerate(zip(nodes, grid.shape, strict=True)):
        matrix, wave = _modes(kind, n)
        # a_k = sum_j w_j phi_k(x_j) v_j along the axis
        moved = jnp.moveaxis(values, axis, 0)
        moved = jnp.tensordot(jnp.asarray(matrix, values.dtype), moved, axes=1)
        values = jnp.moveaxis(moved, 0, axis)
        waves.append(wave)
    # |k|^2 = k_1^2 + ... + k_d^2 of every mode
    squared = reduce(lambda a, b: a[..., None] + b, [w**2 for w in waves])
    shell = np.rint(np.sqrt(squared)).astype(int)
    count = int(min(w.max() for w in waves)) + 1  # shells that lie inside the box of modes
    inside = shell < count
    # sum_c a_kc^2, added up over the modes of each shell
    square = jnp.sum(values**2, -1)
    return jnp.zeros(count, values.dtype).at[shell[inside]].add(square[inside])


@lru_cache(maxsize=64)
def _modes(kind: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that take n values to coefficients of orthonormal modes, and their wave numbers."""
    if kind == "uniform":
        # cycles 1, ..., (n - 1) // 2: below the Nyquist mode
        s, weight = np.arange(n) / n, np.full(n, 1 / n)
        k = np.arange(1, (n - 1) // 2 + 1)
        angle = 2 * np.pi * np.outer(k, s)
        # 1, sqrt(2) cos(2 pi k s), sqrt(2) sin(2 pi k s)
        rows = [np.ones((1, n)), np.sqrt(2) * np.cos(angle), np.sqrt(2) * np.sin(angle)]
        waves = np.concatenate([[0], k, k])
    else:
        if kind == "vertex":
            # trapezoidal weights: h inside, h / 2 at the ends
            s, weight = np.linspace(0, 1, n), np.full(n, 1 / (n - 1))
            weight[[0, -1]] /= 2
            k = np.arange(1, n - 1)
        else:
            # midpoint weights
            s, weight = (np.arange(n) + 0.5) / n, np.full(n, 1 / n)
            k = np.arange(1, n)
        # 1, sqrt(2) cos(pi k s), of wave number k / 2
        rows = [np.ones((1, n)), np.sqrt(2) * np.cos(np.pi * np.outer(k, s))]
        waves = np.concatenate([[0], k / 2])
    return np.concatenate(rows) * weight, waves
