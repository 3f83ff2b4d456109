"""Residual networks of finite width in the limit of infinite depth."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.sizes import require_size, require_stds
from riesz.errors import DataError, ModelError
from riesz.networks import Abs, AbstractActivation, LeakyRelu, Relu

Scalar = float | Float[Array, ""]


class ResidualDiffusion(eqx.Module):
    """The preactivations of a residual network of n neurons and infinitely many layers.

    The network h -> h + depth^(-1/2) W phi(h), entries of W of variance w_std^2 / n, tends as the
    depth grows to the diffusion without drift

        dX_t = (w_std / sqrt n) |phi(X_t)| dB_t,    t in [0, 1],

    B a Brownian motion in R^n (Hayou 2023, arXiv:2210.00688, proposition 1). X is not Gaussian
    unless n grows too. While |phi(X)| > 0,

        d log |phi(X)| = drift dt + volatility dB'_t

    for a Brownian motion B' in R. For a ReLU the volatility is w_std / sqrt n and the drift
    (w_std^2 / n) (active neurons / 2 - 1): |phi(X)| never reaches zero.

    **Arguments:**

    - `activation`: for the drift, with two derivatives or linear on each side of zero.
    - `w_std`: of each layer.

    ```python
    diffusion = ResidualDiffusion(Relu(), w_std=1.0)
    ends = diffusion.sample(jnp.ones(4), 1000, steps=100, key=jax.random.key(0))    # (1000, 4)
    ```
    """

    activation: AbstractActivation
    w_std: Scalar = 1.0

    def __check_init__(self):
        require_stds("ResidualDiffusion", self.w_std)

    def sample(
        self, start: Float[Array, " n"], samples: int, *, steps: int, key: PRNGKeyArray
    ) -> Float[Array, "samples n"]:
        """Independent draws of X_1 from X_0 = start, by the method of Euler and Maruyama.

        A draw has the distribution of the network with `steps` layers, exactly. Expectations of
        smooth functions differ from those of the diffusion by O(1 / steps).

        **Arguments:**

        - `start`: shape (n,).
        - `samples`, `steps`: how many draws, and steps for each.
        - `key`: for all of them.
        """
        _require_vector("sample", start)
        require_size("ResidualDiffusion.sample(samples)", "samples", samples)
        require_size("ResidualDiffusion.sample(steps)", "steps", steps)
        w_std = jnp.asarray(self.w_std, start.dtype)
        many = jnp.broadcast_to(start, (samples, *start.shape))
        return _euler_maruyama(self.activation, w_std, many, steps, key)

    def log_norm_drift(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        """The drift of log |phi(X)| at x, by the formula of Ito.

        (w_std^2 / 2n) sum_i [phi'^2 + phi phi'' - 2 phi^2 phi'^2 / |phi|^2](x_i). Zero where
        phi(x) = 0 and X has stopped.
        """
        _require_vector("log_norm_drift", x)
        slope = jax.grad(self.activation)
        # phi'^2 + phi phi''
        total = jax.vmap(lambda u: slope(u) ** 2 + self.activation(u) * jax.grad(slope)(u))(x)
        drift = (jnp.sum(total) - 2 * self._share(x)) / (2 * len(x))
        moving = jnp.any(self.activation(x) != 0)
        return jnp.where(moving, jnp.asarray(self.w_std, x.dtype) ** 2 * drift, 0)

    def log_norm_volatility(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        """The volatility of log |phi(X)| at x: w_std |phi phi'| / (sqrt n |phi|)."""
        _require_vector("log_norm_volatility", x)
        return jnp.asarray(self.w_std, x.dtype) * jnp.sqrt(self._share(x) / len(x))

    def _share(self, x: Array) -> Array:
        """|phi phi'|^2 / |phi|^2, zero where phi is."""
        phi, slope = self.activation(x), jax.vmap(jax.grad(self.activation))(x)
        squared = jnp.sum(phi**2)
        return jnp.sum((phi * slope) ** 2) / jnp.where(squared > 0, squared, 1)

    def random_start_drift(self, width: int) -> Float[Array, ""]:
        """The mean drift of log |phi(X)| for a ReLU at t = 0, from a random start.

        The start has `width` independent symmetric entries, at least one of which is positive.
        The number of positive ones has mean n 2^(n-1) / (2^n - 1), so that the drift is

            w_std^2 [1 / (4 (1 - 2^-n)) - 1 / n]:

        activations shrink with depth for widths up to 3 and grow from width 4 on (Hayou 2023,
        arXiv:2210.00688). As t grows the number of active neurons falls slowly; the
        change of regime is still there at t = 1.

        **Raises:** `ModelError` for another activation.
        """
        require_size("ResidualDiffusion.random_start_drift(width)", "width", width)
        if not isinstance(self.activation, Relu):
            raise ModelError(
                "the mean drift from a random start is known for a ReLU",
                where="ResidualDiffusion.random_start_drift(width)",
                expected="Relu()",
                found=str(self.activation),
                repair="average diffusion.log_norm_drift over draws of the start",
            )
        return jnp.asarray(self.w_std) ** 2 * (1 / (4 * (1 - 0.5**width)) - 1 / width)

    def log_norm_law(self, start: Float[Array, " n"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Mean and variance of log |phi(X_1)|, where it is Gaussian.

        That is for activations linear on each side of zero if n = 1, where X is a geometric
        Brownian motion, and for every n if the slopes on the two sides are equal but for their
        sign: mean log |phi(start)| + s^2 w_std^2 (1/2 - 1/n) and variance s^2 w_std^2 / n, s the
        slope at start.

        **Raises:** `ModelError` otherwise.
        """
        _require_vector("log_norm_law", start)
        n = len(start)
        if not isinstance(self.activation, Abs | LeakyRelu | Relu) or (
            n > 1 and all(not isinstance(p, int | float) or p for p in self.activation.parts)
        ):
            raise ModelError(
                "the distribution of the norm of the activations is not known in closed form",
                where="ResidualDiffusion.log_norm_law(start)",
                expected="an activation that is linear on each side of zero, at width 1; or "
                "Abs() or LeakyRelu(1.0)",
                found=f"{self.activation} at width {n}",
                repair="draw from it: diffusion.sample(start, samples, steps=..., key=...)",
            )
        # Mean and variance follow from drift and volatility, which are constant here.
        # log |phi(X_1)| ~ N(log |phi(start)| + drift, volatility^2)
        mean = jnp.log(jnp.linalg.norm(self.activation(start))) + self.log_norm_drift(start)
        return mean, self.log_norm_volatility(start) ** 2


@eqx.filter_jit
def _euler_maruyama(
    activation: AbstractActivation, w_std: Array, start: Array, steps: int, key: PRNGKeyArray
) -> Array:
    n = start.shape[1]

    def step(x: Array, i: Array) -> tuple[Array, None]:
        norm = jnp.linalg.norm(activation(x), axis=1, keepdims=True)
        noise = jax.random.normal(jax.random.fold_in(key, i), x.shape, x.dtype)
        # X + w_std |phi(X)| / sqrt(n) dB, dB ~ N(0, I / steps)
        return x + w_std / (n * steps) ** 0.5 * norm * noise, None

    return jax.lax.scan(step, start, jnp.arange(steps))[0]


def _require_vector(method: str, x: Array) -> None:
    if x.ndim != 1 or not x.size:
        raise DataError(
            "the state of the diffusion is one number for each neuron",
            where=f"ResidualDiffusion.{method}",
            expected="shape (n,)",
            found=f"shape {x.shape}",
            repair="jax.vmap over several states",
        )
