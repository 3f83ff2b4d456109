"""Truncated Fourier transforms as real matrix products, in 1, 2 and 3 dimensions.

The integral operator `v -> sum_k R_k v_hat_k exp(2 pi i k . x / P)` acts on values at the nodes
of a tensor grid. `v_hat` is the quadrature sum over the nodes, so only coordinates and weights
enter, never an FFT length, and padding is a period `P` longer than the domain: nothing padded is
ever stored.

Layout. Values inside a network are `(n_d, ..., n_1, c)`: **spatial axes reversed**, channels last
(`reverse_axes` converts at the two ends of the network, where there are few channels). Every
stage contracts the leading axis, so it is one large product `(2k, n) @ (n, everything else)` with
no copy of a full-size array; only the already truncated arrays are reordered. The last axis `n_d`
carries the half spectrum `0..K` because values are real. Coefficients are `(2, k_1, ..., k_d, c)`,
real parts first. All arrays are real.
"""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float


class AxisTransform(NamedTuple):
    """The two real matrices of one axis; complex ones are blocks `[[Re, -Im], [Im, Re]]`."""

    analysis: Float[Array, "two_k n_or_two_n"]
    synthesis: Float[Array, "n_or_two_n two_k"]


def wavenumbers(modes: int, *, half: bool) -> Float[Array, " k"]:
    """`0..modes` (half spectrum of real values) or `-modes..modes`."""
    return jnp.arange(0 if half else -modes, modes + 1, dtype=float)


def axis_transform(
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
    `k = -modes..modes` and back.
    Coefficients of modes above `cutoff`, which the grid does not resolve, are zero.
    """
    k = wavenumbers(modes, half=half)
    # reducing k x / P to one turn before the factor 2 pi keeps float32 phases accurate
    turns = k[:, None] * (x / period)[None, :]
    # exp(-2 pi i k x_j / P) = cos - i sin, (k, n)
    phase = 2 * jnp.pi * (turns - jnp.round(turns))
    cos, sin = jnp.cos(phase), jnp.sin(phase)
    # w_j / P, 0 beyond the cutoff: (k, n)
    w = jnp.where(jnp.abs(k) <= cutoff, 1.0, 0.0)[:, None] * (weights / period)
    if half:
        twice = jnp.where(k == 0, 1.0, 2.0)[:, None]
        return AxisTransform(
            # Re and Im of v_hat_k for real v: (2 k, n)
            jnp.concatenate([cos * w, -sin * w]),
            # v_j = sum_k twice_k (Re v_hat_k cos - Im v_hat_k sin): (n, 2 k)
            jnp.concatenate([cos * twice, -sin * twice]).T,
        )
    # exp(-i phase) w forward, (2 k, 2 n), exp(i phase) back, (2 n, 2 k)
    return AxisTransform(_complex(cos * w, -sin * w), _complex(cos.T, sin.T))


def tensor_transforms(
    axes: Sequence[tuple[Float[Array, " _"], Float[Array, " _"]]],
    modes: Sequence[int],
    periods: Sequence[float],
    cutoffs: Sequence[float],
) -> tuple[AxisTransform, ...]:
    """One transform per axis, in natural order; `axes` holds (coordinates, weights)."""
    last = len(axes) - 1
    return tuple(
        axis_transform(x, w, m, p, c, half=i == last)
        for i, ((x, w), m, p, c) in enumerate(zip(axes, modes, periods, cutoffs, strict=True))
    )


def reverse_axes(v: Float[Array, "*n c"]) -> Float[Array, "*n_reversed c"]:
    """`(n_1, ..., n_d, c)` to `(n_d, ..., n_1, c)` and back (its own inverse)."""
    return v.transpose(*range(v.ndim - 2, -1, -1), v.ndim - 1)


def analyse(
    v: Float[Array, "*n_reversed c"], transforms: Sequence[AxisTransform]
) -> Float[Array, "2 *k c"]:
    """Truncated Fourier coefficients of real values, last axis first."""
    *front, last = transforms
    n, *rest = v.shape
    a = (last.analysis @ v.reshape(n, -1)).reshape(2, -1, *rest)  # (2, k_d, n_{d-1}, ..., n_1, c)
    for done, t in enumerate(reversed(front), start=1):
        a = jnp.moveaxis(
            a, 1 + done, 1
        )  # next axis to the front: (2, n_i, k_{i+1}, ..., k_d, n_{i-1}, ..., c)
        # (2 k, 2 n) x (2 n, everything else)
        _, n, *rest = a.shape
        a = (t.analysis @ a.reshape(2 * n, -1)).reshape(2, -1, *rest)
    return a


def synthesise(
    a: Float[Array, "2 *k c"], transforms: Sequence[AxisTransform]
) -> Float[Array, "*n_reversed c"]:
    """Values at the nodes of the real function with these Fourier coefficients."""
    *front, last = transforms
    for todo, t in zip(range(len(front), 0, -1), front, strict=True):
        # (2 n, 2 k) x (2 k, everything else)
        _, k, *rest = a.shape
        a = (t.synthesis @ a.reshape(2 * k, -1)).reshape(
            2, -1, *rest
        )  # (2, n_i, k_{i+1}, ..., k_d, n_{i-1}, ..., c)
        a = jnp.moveaxis(a, 1, 1 + todo)  # (2, k_{i+1}, ..., k_d, n_i, n_{i-1}, ..., c)
    _, k, *rest = a.shape
    # (n_d, 2 k_d) x (2 k_d, everything else): real values
    return (last.synthesis @ a.reshape(2 * k, -1)).reshape(-1, *rest)


def mix_modes(
    a: Float[Array, "2 *k c_in"], weight: Float[Array, "*k c_in two_c_out"]
) -> Float[Array, "2 *k c_out"]:
    """Multiply the coefficients of each mode by its complex matrix, stored as `[Re R | Im R]`.

    One real batched product of doubled width a mode; the four partial products are then added
    crosswise. The doubled matrix `[[Re, Im], [-Im, Re]]` needs as many operations but twice the
    memory traffic, also for its gradient.
    """
    _, *k, c_in = a.shape
    c_out = weight.shape[-1] // 2
    # [Re a; Im a] of each mode: (modes, 2, c_in)
    rows = jnp.moveaxis(a.reshape(2, prod(k), c_in), 0, 1)
    z = rows @ weight.reshape(prod(k), c_in, 2 * c_out)  # (modes, 2, [Re | Im])
    # Re = Re a Re R - Im a Im R, Im = Re a Im R + Im a Re R
    re = z[:, 0, :c_out] - z[:, 1, c_out:]
    im = z[:, 0, c_out:] + z[:, 1, :c_out]
    return jnp.stack([re, im]).reshape(2, *k, c_out)


def spectral_operator(
    v: Float[Array, "*n_reversed c_in"],
    weight: Float[Array, "*k c_in two_c_out"],
    transforms: Sequence[AxisTransform],
    targets: Sequence[AxisTransform] | None = None,
) -> Float[Array, "*m_reversed c_out"]:
    """The spectral integral operator, on the same grid or on that of `targets`."""
    # (n_d, ..., n_1, c_in) -> (2, k_1, ..., k_d, c_in) -> (2, k_1, ..., k_d, c_out)
    a = mix_modes(analyse(v, transforms), weight)
    return synthesise(a, transforms if targets is None else targets)


def _complex(re: Float[Array, "a b"], im: Float[Array, "a b"]) -> Float[Array, "2*a 2*b"]:
    return jnp.block([[re, -im], [im, re]])
