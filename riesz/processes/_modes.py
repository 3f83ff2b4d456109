"""Real trigonometric modes along one axis, and sums of them by FFT or directly.

Modes are numbered 0: the constant, 2k - 1: sqrt(2) cos(k t), 2k: sqrt(2) sin(k t), with
t = 2 pi (x - lower) / period, so that each has mean square 1 over a period. The numbers do
not depend on how many modes are kept.
"""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.domains import AbstractAxis

Boundary = Literal["periodic", "dirichlet", "neumann", "free"]

# Highest wave number where the nodes have no Nyquist frequency, by dimension of the domain.
WAVES = {1: 256, 2: 64, 3: 16}


class AxisModes(eqx.Module):
    """The modes of one axis with wave numbers up to `waves`.

    `periodic`: all modes, period L. `neumann`: the cosines of period 2L, which have slope zero
    at the ends. `dirichlet`: the sines of period 2L. `free`: all modes of period 2L.
    """

    lower: float = eqx.field(static=True)
    length: float = eqx.field(static=True)
    boundary: Boundary = eqx.field(static=True)
    waves: int = eqx.field(static=True)

    @property
    def period(self) -> float:
        return self.length if self.boundary == "periodic" else 2 * self.length

    @property
    def measure(self) -> float:
        """The length over which the modes are orthogonal."""
        return self.period if self.boundary == "free" else self.length

    @property
    def numbers(self) -> np.ndarray:
        """The numbers of the modes, ascending, shape (modes,)."""
        # sines 2 k; the constant 0 and cosines 2 k - 1; or both, for k = 1, ..., waves
        if self.boundary == "dirichlet":
            return 2 * np.arange(1, self.waves + 1)
        if self.boundary == "neumann":
            return np.maximum(2 * np.arange(self.waves + 1) - 1, 0)
        return np.arange(2 * self.waves + 1)

    @property
    def frequencies(self) -> np.ndarray:
        """Angular frequencies, shape (modes,)."""
        # w = 2 pi k / period, k = (number + 1) // 2
        return 2 * np.pi / self.period * ((self.numbers + 1) // 2)

    def fourier_size(self, axis: AbstractAxis) -> int:
        """Nodes of `axis` in a period; 0 where they are not equispaced."""
        if axis.nodes == "chebyshev" or isinstance(axis.nodes, tuple):
            return 0
        cells = axis.size - 1 if axis.nodes == "vertex" else axis.size
        return cells if self.boundary == "periodic" else 2 * cells

    def basis(self, x: Float[Array, " p"]) -> Float[Array, "p modes"]:
        """Every mode at every point."""
        wave = jnp.asarray((self.numbers + 1) // 2, x.dtype)
        # k t / (2 pi) less whole turns, of which cos and sin would lose digits
        turns = (x[:, None] - self.lower) / self.period * wave
        angle = 2 * jnp.pi * (turns - jnp.round(turns))
        cosine = jnp.asarray(self.numbers % 2 == 1)
        oscillating = jnp.sqrt(jnp.asarray(2.0, x.dtype)) * jnp.where(
            cosine, jnp.cos(angle), jnp.sin(angle)
        )
        return jnp.where(jnp.asarray(self.numbers == 0), 1, oscillating)

    def synthesise(
        self, coefficients: Float[Array, "modes *rest"], axis: AbstractAxis
    ) -> Float[Array, "n *rest"]:
        """The sum of coefficient times mode at the nodes of `axis`, on [0, length]."""
        size = self.fourier_size(axis)
        if 2 * self.waves >= size:
            # at or above the Nyquist frequency, or nodes without one: (n, modes) x (modes, ...)
            nodes = jnp.asarray(self.lower + axis.coordinates(), coefficients.dtype)
            return jnp.einsum("nm,m...->n...", self.basis(nodes), coefficients)
        constant, cosines, sines = self._split(coefficients)
        # sqrt(2) (a cos k t + b sin k t) = (c exp(i k t) + conjugate) / n with
        # c = n (a - i b) / sqrt(2); irfft adds the conjugate and divides by n
        spectrum = jax.lax.complex(cosines, -sines) * (size / 2**0.5)
        start = axis.coordinates()[0] / self.period
        # the first node lies at t = 2 pi start: c exp(2 pi i k start)
        phase = np.exp(2j * np.pi * start * np.arange(1, self.waves + 1))
        phase = jnp.asarray(phase, spectrum.dtype).reshape(-1, *(1,) * (spectrum.ndim - 1))
        spectrum = jnp.concatenate([constant.astype(spectrum.dtype) * size, spectrum * phase])
        values = jnp.fft.irfft(spectrum, n=size, axis=0)
        # the last node of a vertex axis of one period is the first
        wrapped = np.arange(axis.size) % size
        return values[: axis.size] if axis.size <= size else values[wrapped]

    def _split(self, coefficients: Array) -> tuple[Array, Array, Array]:
        zero = jnp.zeros((1, *coefficients.shape[1:]), coefficients.dtype)
        none = jnp.zeros((self.waves, *coefficients.shape[1:]), coefficients.dtype)
        if self.boundary == "dirichlet":
            return zero, none, coefficients
        if self.boundary == "neumann":
            return coefficients[:1], coefficients[1:], none
        return coefficients[:1], coefficients[1::2], coefficients[2::2]


def axis_modes(
    lower: float,
    upper: float,
    boundary: Boundary,
    waves: int | None,
    axis: AbstractAxis | None,
    default: int,
) -> AxisModes:
    """The modes kept on `axis` (or on scattered points): those below its Nyquist frequency.

    `waves` overrides that; `default` serves nodes without a Nyquist frequency.
    """
    modes = AxisModes(lower, upper - lower, boundary, 0)
    if waves is None:
        size = 0 if axis is None else modes.fourier_size(axis)
        waves = (size - 1) // 2 if size else default
    return AxisModes(lower, upper - lower, boundary, waves)
