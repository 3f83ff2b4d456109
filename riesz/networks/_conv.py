"""Convolutions."""

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.sizes import require_size, require_stds
from riesz.errors import ModelError
from riesz.networks._covariances import Covariances, Level
from riesz.networks._dense import add_bias, affine, random_linear
from riesz.networks._network import AbstractNetwork, Parameters, Shape
from riesz.networks._parameter import Place, Scalar
from riesz.networks._space import as_sizes, pad, require_space, window_mean
from riesz.networks._weights import IID, AbstractWeights


class Conv(AbstractNetwork):
    """A convolution over one to three axes of space.

    K(a, b) -> b_std^2 + w_std^2 / |window| sum_c K(a + c, b + c) over offsets c of the window, the
    same for the tangent kernel (Novak et al. 2019, arXiv:1810.05148; Garriga-Alonso et al. 2019,
    arXiv:1808.05587; Arora et al. 2019, arXiv:1904.11955).

    **Arguments:**

    - `channels`: the number of outputs at each position.
    - `window`: the size of the filter along each axis of space, such as (3, 3), or 3 for one axis.
    - `w_std`, `b_std`: entries of the filter have variance w_std^2 / fan_in at the start,
      fan_in being the size of the window times the channels before; biases b_std^2. With
      b_std = 0 there is no bias.
    - `padding`: `"same"` continues functions by zero, `"circular"` periodically; `"valid"`
      keeps only positions whose window lies inside.
    - `weights`: their distribution, see `riesz.networks.AbstractWeights`.
    """

    channels: int = eqx.field(static=True)
    window: tuple[int, ...] = eqx.field(static=True, converter=as_sizes)
    w_std: Scalar = 1.0
    b_std: Scalar = 0.0
    padding: str = eqx.field(static=True, default="same")
    weights: AbstractWeights = IID()

    def __check_init__(self):
        require_size("Conv(channels, window)", "channels", self.channels)
        for width in self.window:
            require_size("Conv(channels, window)", "window", width)
        require_stds("Conv", self.w_std, self.b_std)
        if not 1 <= len(self.window) <= 3 or self.padding not in ("same", "valid", "circular"):
            raise ModelError(
                "unknown kind of convolution",
                where="Conv(channels, window, padding)",
                expected="a window over 1 to 3 axes; padding same, valid or circular",
                found=f"window {self.window}, padding {self.padding!r}",
            )

    def out_shape(self, shape: Shape) -> Shape:
        require_space(f"{self}", shape, len(self.window))
        space = shape[:-1]
        if self.padding == "valid":
            space = tuple(n - w + 1 for n, w in zip(space, self.window, strict=True))
        short = self.padding == "circular" and any(
            n < w for n, w in zip(shape, self.window, strict=False)
        )
        if min(space) < 1 or short:
            raise ModelError(
                "the window is wider than the input",
                where=f"{self}",
                expected=f"at least {self.window} positions",
                found=f"{shape[:-1]} positions",
                repair="use a smaller window, fewer layers, or padding='same'",
            )
        return (*space, self.channels)

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        size = (*self.window, shape[-1], self.channels)
        return affine(size, self.w_std, self.b_std, self.weights, place)

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        del key
        for axis, width in enumerate(self.window):
            x = pad(x, axis, width, self.padding)
        space = "XYZ"[: len(self.window)]
        layout = (f"N{space}C", f"{space}IO", f"N{space}C")
        strides = (1,) * len(space)
        # (1, *S, in) x (*window, in, out) -> (1, *S', out)
        out = lax.conv_general_dilated(
            x[None], weights[0], strides, "VALID", dimension_numbers=layout
        )
        return add_bias(jnp.squeeze(out, 0), weights)

    def propagate(self, inputs: Covariances) -> Covariances:
        shape = self.out_shape(inputs.shape)
        # 1/|window| sum_c K(a + c, b + c)
        moved = inputs.linear(lambda k, full: window_mean(k, self.window, self.padding, full))
        outputs = replace(random_linear(moved, self.w_std, self.b_std), shape=shape)
        # With all pairs of positions another pass over memory costs more than it saves.
        return outputs if outputs.pair == Level.FULL else outputs.computed_once()
