"""Real trigonometric polynomials on tori, by their Fourier coefficients.

A polynomial with `modes` = (K_1, ..., K_d) has wave numbers |k_i| <= K_i. Its coefficients
c_k, in f(x) = sum_k c_k exp(2 pi i k . x / length), are stored in the order of NumPy's `rfftn`:
shape (2 K_1 + 1, ..., 2 K_{d-1} + 1, K_d + 1). Transforms act on whole arrays, without channels.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float
from scipy.fft import next_fast_len

_DECAYED = 1e-4  # L2 norm of the tail, relative to the whole, of a resolved function


def wave_numbers(modes: Sequence[int]) -> list[np.ndarray]:
    """The wave numbers k_i along each axis, float64, with shapes that broadcast together."""
    # 0, 1, ..., K, -K, ..., -1 along the full axes; 0, 1, ..., K along the last
    full = [np.fft.fftfreq(2 * k + 1, 1 / (2 * k + 1)) for k in modes[:-1]]
    return list(np.meshgrid(*full, np.arange(modes[-1] + 1.0), indexing="ij", sparse=True))


def product_shape(modes: Sequence[int]) -> tuple[int, ...]:
    """Points on which the square of a polynomial has exact coefficients: the 2/3 rule."""
    # K < |k + l| <= 2 K wraps to |k + l - n| > K, which is dropped, for n >= 3 K + 1
    return tuple(int(next_fast_len(3 * k + 1, real=True)) for k in modes)  # pyright: ignore[reportArgumentType]


def to_modes(values: Float[Array, "*shape"], modes: Sequence[int]) -> Complex[Array, "*modes"]:
    """Coefficients of the trigonometric interpolant of samples on a uniform grid.

    Wave numbers above `modes` are dropped. On an even number of points the highest one is a
    cosine, shared equally by both signs, as in `Function.at`.
    """
    # c_k = 1 / N sum_j f(x_j) exp(-2 pi i k . j / n), N the number of points
    out = jnp.fft.rfftn(values, norm="forward")
    for axis, (n, k) in enumerate(zip(values.shape, modes, strict=True)):
        out = jnp.moveaxis(out, axis, 0)
        # |k| <= keep lie below n / 2; on an even n the modes n / 2 and -n / 2 are one coefficient
        keep = min(k, (n - 1) // 2)
        shared = n % 2 == 0 and k >= n // 2
        # c cos(pi j) = c / 2 (exp(i pi j) + exp(-i pi j)) at the nodes j
        top = [out[n // 2, None] / 2] if shared else []
        gap = k - keep - shared
        if axis == values.ndim - 1:
            # 0, ..., keep, n / 2, zeros up to K
            parts = [out[: keep + 1], *top, jnp.zeros((gap, *out.shape[1:]), out.dtype)]
        else:
            # 0, ..., keep, n / 2, zeros, -n / 2, -keep, ..., -1
            zeros = jnp.zeros((2 * gap, *out.shape[1:]), out.dtype)
            parts = [out[: keep + 1], *top, zeros, *top, out[n - keep :]]
        out = jnp.moveaxis(jnp.concatenate(parts), 0, axis)
    return out


def to_grid(coefficients: Complex[Array, "*modes"], shape: Sequence[int]) -> Float[Array, "..."]:
    """Values on the uniform grid of the given shape, exact on coarse grids too."""
    modes = [n // 2 for n in coefficients.shape[:-1]] + [coefficients.shape[-1] - 1]
    # r = ceil((2 K + 1) / n): n r points resolve all modes, and every r-th of them is kept
    strides = [-(-(2 * k + 1) // n) for n, k in zip(shape, modes, strict=True)]
    fine = [n * r for n, r in zip(shape, strides, strict=True)]
    out = coefficients
    for axis, (n, k) in enumerate(zip(fine[:-1], modes[:-1], strict=True)):
        out = jnp.moveaxis(out, axis, 0)
        # 0, ..., K, zeros, -K, ..., -1
        zeros = jnp.zeros((n - 2 * k - 1, *out.shape[1:]), out.dtype)
        out = jnp.moveaxis(jnp.concatenate([out[: k + 1], zeros, out[k + 1 :]]), 0, axis)
    # f(x_j) = sum_k c_k exp(2 pi i k . j / n)
    out = jnp.fft.irfftn(out, s=fine, norm="forward")
    return out[tuple(slice(None, None, r) for r in strides)]


def decayed(coefficients: Complex[Array, "*modes"]) -> Bool[Array, ""]:
    """Whether all values are finite and the highest tenth of wave numbers hardly contributes.

    Hardly is an L2 norm of at most 1e-4 of the whole.
    """
    modes = [n // 2 for n in coefficients.shape[:-1]] + [coefficients.shape[-1] - 1]
    waves = wave_numbers(modes)
    # |k_i| > 0.9 K_i for some i
    high = np.any(
        np.broadcast_arrays(*(abs(w) > 0.9 * k for w, k in zip(waves, modes, strict=True))), axis=0
    )
    twice = jnp.where(waves[-1] > 0, 2, 1)  # the conjugate coefficients are not stored
    # Parseval: the mean of f^2 is sum_k |c_k|^2
    energy = twice * jnp.abs(coefficients) ** 2
    tail = jnp.sum(energy, where=high)
    return jnp.isfinite(energy).all() & (tail <= _DECAYED**2 * jnp.sum(energy))
