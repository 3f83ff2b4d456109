"""Truncated expansions of functions on tensor grids, as real matrix products.

An axis has a basis of functions phi_k. Analysis takes values at the nodes to coefficients by
quadrature, synthesis takes them back; only coordinates and weights enter, never an FFT length, so
that any nodes serve. A Fourier basis may have a period P longer than the axis: nothing padded is
ever stored.

Layout. Values are `(n_1, ..., n_d, c)`. Every stage contracts the leading axis, one large product
`(2k, n) @ (n, everything else)` with no copy of a full-size array; only arrays that are truncated
already are reordered. Coefficients are `(p, k_d, ..., k_1, c)`, **axes reversed**: p is 2, real
and imaginary parts, where an axis has a Fourier basis, and 1 otherwise. Since values are real,
the first Fourier axis carries the half spectrum 0..K and the others -K..K. All arrays are real.
"""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.domains import AbstractTensorGrid

BASES = ("fourier", "cosine", "sine", "chebyshev")


class AxisTransform(NamedTuple):
    """The two real matrices of one axis; complex ones are blocks `[[Re, -Im], [Im, Re]]`."""

    analysis: Float[Array, "two_k n_or_two_n"]
    synthesis: Float[Array, "n_or_two_n two_k"]
    parts: int  # of what the analysis makes: 1 real, 2 complex
    mixes: bool  # whether real and imaginary parts are rows of one product


def coefficient_shape(modes: Sequence[int], bases: Sequence[str]) -> tuple[int, ...]:
    """`(k_d, ..., k_1)`: how many coefficients each axis has, axes reversed."""
    counts, half = [], True
    for m, basis in zip(modes, bases, strict=True):
        counts.append(m + 1 if half or basis != "fourier" else 2 * m + 1)
        half = half and basis != "fourier"
    return tuple(counts[::-1])


def fourier(
    x: Float[Array, " n"],
    weights: Float[Array, " n"],
    modes: int,
    period: float,
    cutoff: float,
    *,
    half: bool,
) -> AxisTransform:
    """Matrices of `v_hat_k = (1/P) sum_j w_j exp(-2 pi i k x_j / P) v_j` and of its inverse.

    With `half` the axis takes real values to `k = 0..modes` and back (`k > 0` counts twice, for
    its conjugate); otherwise it takes complex values, stacked as real and imaginary part, to
    `k = -modes..modes` and back. Coefficients of modes above `cutoff`, which the grid does not
    resolve, are zero.
    """
    k = jnp.arange(0 if half else -modes, modes + 1, dtype=float)
    # reducing k x / P to one turn before the factor 2 pi keeps float32 phases accurate
    turns = k[:, None] * (x / period)[None, :]
    phase = 2 * jnp.pi * (turns - jnp.round(turns))
    # exp(-2 pi i k x_j / P) = cos - i sin, (k, n)
    cos, sin = jnp.cos(phase), jnp.sin(phase)
    w = jnp.where(jnp.abs(k) <= cutoff, 1.0, 0.0)[:, None] * (weights / period)
    if half:
        twice = jnp.where(k == 0, 1.0, 2.0)[:, None]
        # Re and Im of v_hat_k for real v: (2 k, n)
        analysis = jnp.concatenate([cos * w, -sin * w])
        # v_j = sum_k twice_k (Re v_hat_k cos - Im v_hat_k sin): (n, 2 k)
        synthesis = jnp.concatenate([cos * twice, -sin * twice]).T
        return AxisTransform(analysis, synthesis, 2, False)
    # exp(-i phase) w forward, (2 k, 2 n), exp(i phase) back, (2 n, 2 k)
    return AxisTransform(_complex(cos * w, -sin * w), _complex(cos.T, sin.T), 2, True)


def real_basis(
    x: Float[Array, " n"],
    weights: Float[Array, " n"],
    modes: int,
    length: float,
    cutoff: float,
    basis: str,
    parts: int,
) -> AxisTransform:
    """Matrices of the L2 projection on cosines, sines or polynomials, `v_hat = G^-1 Phi W v`.

    On an axis from 0 to `length`, with s = x / length: cos(pi k s), sin(pi (k + 1) s), or the
    Chebyshev polynomials T_k(2 s - 1), k = 0..modes. G is their Gram matrix.
    """
    s, k = x / length, jnp.arange(modes + 1, dtype=float)
    if basis == "chebyshev":
        # T_k(cos t) = cos(k t)
        phi = jnp.cos(k[:, None] * jnp.arccos(jnp.clip(2 * s - 1, -1, 1)))
        inverse = jnp.asarray(np.linalg.inv(_chebyshev_gram(modes)) / length)
    else:
        turns = 0.5 * (k + float(basis == "sine"))[:, None] * s
        phase = 2 * jnp.pi * (turns - jnp.round(turns))
        phi = jnp.sin(phase) if basis == "sine" else jnp.cos(phase)
        # int sin^2 = int cos^2 = length / 2, and length for the constant
        constant = (k == 0) & (basis == "cosine")
        inverse = jnp.diag(jnp.where(constant, 1.0, 2.0) / length)
    analysis = inverse.astype(phi.dtype) @ (phi * weights)
    return AxisTransform(jnp.where((k <= cutoff)[:, None], analysis, 0.0), phi.T, parts, False)


def _chebyshev_gram(modes: int) -> Float[np.ndarray, "k k"]:
    """int_0^1 T_j(2 s - 1) T_k(2 s - 1) ds = (1 / (1 - (j + k)^2) + 1 / (1 - (j - k)^2)) / 2."""
    j, k = np.ogrid[: modes + 1, : modes + 1]
    with np.errstate(divide="ignore"):
        terms = [np.where(m % 2 == 0, 1 / (1.0 - m**2), 0.0) for m in (j + k, j - k)]
    return 0.5 * (terms[0] + terms[1])


def axis_transform(
    grid: AbstractTensorGrid, axis: int, modes: int, basis: str, padding: float, half: bool
) -> AxisTransform:
    """The transform of one axis of a grid; `half` where values are real until there.

    Along an axis with ends the period of a Fourier basis is (1 + `padding`) times the axis.
    """
    x, weights = grid.axis_relative[axis], grid.axis_cells[axis]
    length, n = grid.domain.lengths[axis], len(grid.axis_relative[axis])
    if basis != "fourier":
        return real_basis(x, weights, modes, length, float(n - 1), basis, 1 if half else 2)
    stretch = 1.0 if grid.domain.periodic[axis] else 1.0 + padding
    # modes from half a wave per node upwards are not resolved by the grid
    return fourier(x, weights, modes, length * stretch, (n * stretch - 1) / 2, half=half)


def grid_transforms(
    grid: AbstractTensorGrid, modes: Sequence[int], bases: Sequence[str], padding: float
) -> tuple[AxisTransform, ...]:
    """One transform per axis of a grid."""
    return tuple(
        axis_transform(grid, i, m, basis, padding, "fourier" not in bases[:i])
        for i, (m, basis) in enumerate(zip(modes, bases, strict=True))
    )


def analyse(v: Float[Array, "*n c"], transforms: Sequence[AxisTransform]) -> Float[Array, "p *k c"]:
    """Coefficients of real values."""
    a = v[None]  # (1, n_1, ..., n_d, c)
    for done, t in enumerate(transforms):
        a = jnp.moveaxis(a, 1 + done, 1)  # (p, n_i, k_{i-1}, ..., k_1, n_{i+1}, ..., n_d, c)
        p, n, *rest = a.shape
        if t.mixes or p == 1:  # (q k, p n) @ (p n, rest)
            a = (t.analysis @ a.reshape(p * n, -1)).reshape(t.parts, -1, *rest)
        else:
            a = (t.analysis @ a.reshape(p, n, -1)).reshape(p, -1, *rest)
    return a


def synthesise(
    a: Float[Array, "p *k c"], transforms: Sequence[AxisTransform]
) -> Float[Array, "*n c"]:
    """Values at the nodes of the real function with these coefficients."""
    for todo, t in zip(range(len(transforms) - 1, -1, -1), reversed(transforms), strict=True):
        p, k, *rest = a.shape  # (p, k_i, k_{i-1}, ..., k_1, n_{i+1}, ..., n_d, c)
        if t.mixes or t.parts == 1:
            a = (t.synthesis @ a.reshape(p * k, -1)).reshape(p, -1, *rest)
        elif t.synthesis.shape[1] == p * k:  # the half spectrum: real values again
            a = (t.synthesis @ a.reshape(p * k, -1)).reshape(1, -1, *rest)
        else:
            a = (t.synthesis @ a.reshape(p, k, -1)).reshape(p, -1, *rest)
        a = jnp.moveaxis(a, 1, 1 + todo)
    return a[0]


def mix_modes(
    a: Float[Array, "p *k_rest c_in"], weight: Float[Array, "*k c_in p_c_out"]
) -> Float[Array, "p *k_rest c_out"]:
    """Multiply the coefficients of each mode by its matrix, complex ones stored as `[Re | Im]`.

    Axes behind those of the modes are axes of space, with the same matrix everywhere.

    One real batched product of doubled width per mode; the four partial products are then added
    crosswise. The doubled matrix `[[Re, Im], [-Im, Re]]` needs as many operations but twice the
    memory traffic, also for its gradient.
    """
    *k, c_in, columns = weight.shape
    p, modes = len(a), prod(k)
    rows = jnp.moveaxis(a.reshape(p, modes, -1, c_in), 0, 1)  # (modes, p, rest, c_in)
    z = rows.reshape(modes, -1, c_in) @ weight.reshape(modes, c_in, columns)
    z = z.reshape(modes, p, -1, columns)  # (modes, p, rest, [Re | Im])
    if p == 1:
        return z[:, 0].reshape(*a.shape[:-1], columns)
    # Re = Re a Re R - Im a Im R, Im = Re a Im R + Im a Re R
    c_out = columns // 2
    re = z[:, 0, ..., :c_out] - z[:, 1, ..., c_out:]
    im = z[:, 0, ..., c_out:] + z[:, 1, ..., :c_out]
    return jnp.stack([re, im]).reshape(*a.shape[:-1], c_out)


def scale_modes(
    a: Float[Array, "p *k c"], weight: Float[Array, "*k p_c"]
) -> Float[Array, "p *k c"]:
    """Multiply the coefficients of each mode and channel by a number, stored as `[Re | Im]`."""
    if len(a) == 1:
        return a * weight
    re, im = jnp.split(weight, 2, -1)
    return jnp.stack([a[0] * re - a[1] * im, a[0] * im + a[1] * re])


def _complex(re: Float[Array, "a b"], im: Float[Array, "a b"]) -> Float[Array, "2*a 2*b"]:
    return jnp.block([[re, -im], [im, re]])
