"""Nodes on a circle: Fourier."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.domains._axes._axis import AbstractAxis, AbstractGlobalAxis, Nodes, barycentric


class UniformAxis(AbstractGlobalAxis):
    """Equispaced nodes on a circle, x_i = a + i (b - a) / n: Fourier, spectral throughout."""

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    size: int = eqx.field(static=True)
    nodes: Nodes = eqx.field(static=True, default="uniform")

    def coordinates(self) -> np.ndarray:
        return self.lower + (self.upper - self.lower) * np.arange(self.size) / self.size

    def weights(self) -> np.ndarray:
        return np.full(self.size, (self.upper - self.lower) / self.size)

    def cardinal(self, x: Float[Array, " p"]) -> Float[Array, "p n"]:
        length = self.upper - self.lower
        # l_j ~ (-1)^j cot(z_j) for even n, (-1)^j / sin(z_j) for odd n, z_j = pi (x - x_j) / L
        # (Henrici 1979)
        turns = (x[:, None] - jnp.asarray(self.coordinates(), x.dtype)) / length
        # less whole turns, which keeps the digits of float32
        gap = jnp.pi * (turns - jnp.round(turns))
        weight = jnp.asarray((-1.0) ** np.arange(self.size), x.dtype)
        if self.size % 2 == 0:
            return barycentric(weight, gap, jnp.tan)
        # crossing a period changes the sign of the sine; the sign of the weight follows it
        flip = 1 - 2 * (jnp.abs(jnp.round(turns)) % 2)
        return barycentric(weight * flip, gap, jnp.sin)

    def cardinal_derivative(self, weight: Float[Array, "p n"]) -> Float[Array, "p n"]:
        # l_k'(x) = sum_j l_j(x) D_jk
        return -self.differentiate(weight.T, 1).T  # the differentiation matrix is antisymmetric

    def differentiate(self, values: Float[Array, "n *rest"], order: int) -> Float[Array, "n *rest"]:
        n = self.size
        # (d / dx)^order exp(i k x) = (i k)^order exp(i k x), k = 2 pi j / L, j = 0, ..., n // 2
        wave = 2 * np.pi / (self.upper - self.lower) * np.arange(n // 2 + 1)
        factor = (1j * wave) ** order
        if n % 2 == 0 and order % 2 == 1:
            factor[-1] = 0  # the Nyquist cosine has no odd derivative on the grid
        spectrum = jnp.fft.rfft(values, axis=0)
        factor = jnp.asarray(factor, spectrum.dtype).reshape(-1, *(1,) * (values.ndim - 1))
        return jnp.fft.irfft(spectrum * factor, n=n, axis=0)

    def resample(
        self,
        values: Float[Array, "n *rest"],
        onto: AbstractAxis,
        sign: Float[Array, ""],
        offset: Float[Array, ""],
    ) -> Float[Array, "m *rest"]:
        if not isinstance(onto, UniformAxis):
            return AbstractAxis.resample(self, values, onto, sign, offset)
        # f(sign * x + offset) by a phase; then zero padding, and every `stride`-th sample
        n, m = self.size, onto.size
        # the least multiple of m that is not below n
        stride = -(-n // m)
        fine = stride * m
        spectrum = jnp.fft.rfft(values, axis=0)
        spread = (-1, *(1,) * (values.ndim - 1))
        # node j of `onto`: sign (a + L j / m) + offset = a + L (sign j / m + turns)
        turns = (offset + (sign - 1) * self.lower) / (self.upper - self.lower)
        turns = (turns - jnp.round(turns)).astype(values.dtype)
        # f_hat_k exp(2 pi i k turns), (n // 2 + 1,)
        angle = 2 * jnp.pi * jnp.arange(n // 2 + 1).astype(values.dtype) * turns
        phase = jax.lax.complex(jnp.cos(angle), jnp.sin(angle)).reshape(spread)
        spectrum = spectrum * phase
        if n % 2 == 0:
            # the highest mode is a cosine: shared by two frequencies on a finer grid
            top = spectrum[-1:] if fine > n else spectrum[-1:].real.astype(spectrum.dtype)
            spectrum = jnp.concatenate([spectrum[:-1], top / 2 if fine > n else top])
        # j -> -j conjugates the spectrum of a real function
        spectrum = jnp.where(sign < 0, spectrum.conj(), spectrum)
        # sums over n nodes are divided by `fine`: times fine / n
        return jnp.fft.irfft(spectrum, n=fine, axis=0)[::stride] * (fine / n)
