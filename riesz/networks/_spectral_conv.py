"""Spectral convolutions on a torus."""

from dataclasses import replace
from itertools import product
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.sizes import require_size, require_stds
from riesz.errors import ModelError
from riesz.networks._covariances import Covariances
from riesz.networks._dense import add_bias, affine, random_linear
from riesz.networks._network import AbstractNetwork, Parameters, Shape
from riesz.networks._parameter import Place, Scalar
from riesz.networks._space import as_sizes, require_space
from riesz.networks._weights import IID


class SpectralConv(AbstractNetwork):
    """The convolution with a random periodic function of finitely many modes, plus a bias.

    On the unit torus v -> int kappa(x - y) v(y) dy + b with
    kappa(z) = sum over modes |k| < `modes` of R(k) exp(2 pi i k.z), R(-k) the conjugate of R(k),
    E|R(k)|^2 = w_std^2 / fan_in: the Fourier layer of Li et al. 2021 (arXiv:2010.08895, equation
    4). Weights of different modes being independent, only equal frequencies of a covariance
    survive: K(x, y) -> b_std^2 + w_std^2 sum_k K^(k, -k) exp(2 pi i k.(x - y)), K^(k, -k) being the
    double integral of K(x, y) exp(-2 pi i k.(x - y)). It depends on x - y alone.

    **Arguments:**

    - `channels`: the number of outputs at each position.
    - `modes`: the number of modes 0, 1, ... kept along each axis, at most half the
      positions. Positions are equispaced on a torus, so that the layer means the same at every
      resolution.
    - `w_std`, `b_std`: see above; with b_std = 0 there is no bias.
    """

    channels: int = eqx.field(static=True)
    modes: tuple[int, ...] = eqx.field(static=True, converter=as_sizes)
    w_std: Scalar = 1.0
    b_std: Scalar = 0.0
    couples: ClassVar[bool] = True

    def __check_init__(self):
        require_size("SpectralConv(channels, modes)", "channels", self.channels)
        for count in self.modes:
            require_size("SpectralConv(channels, modes)", "modes", count)
        require_stds("SpectralConv", self.w_std, self.b_std)

    def out_shape(self, shape: Shape) -> Shape:
        require_space(f"{self}", shape, len(self.modes))
        if any(2 * m > n + 1 for m, n in zip(self.modes, shape[:-1], strict=True)):
            raise ModelError(
                "the grid is too coarse for the modes of the layer",
                where=f"{self}",
                expected=f"at least {tuple(2 * m - 1 for m in self.modes)} positions",
                found=f"{shape[:-1]} positions",
                repair="use fewer modes or a finer grid",
            )
        return (*shape[:-1], self.channels)

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        weight, *bias = affine((shape[-1], self.channels), self.w_std, self.b_std, IID(), place)
        columns = 2 * len(self._waves()) * self.channels
        return (replace(weight, shape=(shape[-1], columns)), *bias)

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        del key
        space = x.shape[:-1]
        rows = x.reshape(-1, x.shape[-1])
        # (in, cosine or sine, waves, out)
        w = weights[0].reshape(x.shape[-1], 2, -1, self.channels)
        cosine, sine = self._waves_at(space, x.dtype)
        # kappa(z) = sum_k a cos(k z) + b sin(k z), written out at z = x - y.
        # (waves, in): means over positions of cos(k y) v(y) and sin(k y) v(y)
        c, s = cosine.T @ rows / len(rows), sine.T @ rows / len(rows)
        mix = lambda v, part: jnp.einsum("ki,iko->ko", v, w[:, part])  # noqa: E731
        # cos(k x) (a C - b S) + sin(k x) (a S + b C)
        out = cosine @ (mix(c, 0) - mix(s, 1)) + sine @ (mix(s, 0) + mix(c, 1))
        return add_bias(out.reshape(*space, self.channels), weights)

    def propagate(self, inputs: Covariances) -> Covariances:
        shape = self.out_shape(inputs.shape)
        space = shape[:-1]

        def transform(k: Array, full: bool) -> Array:
            return self._stationary(k, space) if full else k  # the latter is read by nobody after

        moved = random_linear(inputs.linear(transform), self.w_std, self.b_std)
        return replace(moved, shape=shape)

    def _waves(self) -> np.ndarray:
        """Modes, one of each pair k and -k."""
        every = product(*(range(1 - m, m) for m in self.modes))
        return np.array([k for k in every if k >= (0,) * len(k)])

    def _waves_at(self, space: Shape, dtype: Any) -> tuple[Array, Array]:
        """Cosines and sines at the positions, with norms such that E|R(k)|^2 is the same for all.

        Shape (positions, waves). Both are sqrt(2) / sqrt(sqrt(2)) times the wave for k != 0, as
        they meet twice.
        """
        waves = self._waves()
        angles = 2 * np.pi * _positions(space) @ waves.T
        norm = np.where((waves == 0).all(1), 1.0, 2**0.25)
        return jnp.asarray(norm * np.cos(angles), dtype), jnp.asarray(norm * np.sin(angles), dtype)

    def _stationary(self, k: Float[Array, "..."], space: Shape) -> Float[Array, "..."]:
        """The part of a covariance, shape (*batch, *S, *S), that passes the random convolution."""
        size = int(np.prod(space))
        # (*batch, positions, positions)
        flat = k.reshape(*k.shape[: k.ndim - 2 * len(space)], size, size)
        place = np.indices(space).reshape(len(space), -1)
        shift = lambda a, b: np.ravel_multi_index(  # noqa: E731
            tuple(a[:, :, None] + b[:, None, :]), space, mode="wrap"
        )
        # M(z) = mean over p of K(p + z, p)
        means = jnp.mean(flat[..., shift(place, place), np.arange(size)], axis=-1)
        points, waves = _positions(space), self._waves()
        # 2 pi k.(z - z'), (positions, positions, waves)
        angles = 2 * np.pi * (points[:, None] - points[None]) @ waves.T
        # exp(2 pi i k.z) with its conjugate: 2 cos for k != 0
        count = np.where((waves == 0).all(1), 1.0, 2.0)
        kept = jnp.asarray((count * np.cos(angles)).sum(-1) / size, k.dtype)
        # K(x, y) = (kept M)(x - y)
        return (means @ kept)[..., shift(place, -place)].reshape(k.shape)


def _positions(space: Shape) -> np.ndarray:
    """Equispaced points of the unit torus, shape (positions, axes)."""
    axes = np.meshgrid(*(np.arange(n) / n for n in space), indexing="ij")
    return np.stack([a.ravel() for a in axes], axis=-1)
