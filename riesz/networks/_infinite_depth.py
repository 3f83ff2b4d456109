"""Residual networks of great depth, and their limit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.sizes import require_size
from riesz.errors import ModelError
from riesz.networks._branches import Residual
from riesz.networks._covariances import Covariances, Needs
from riesz.networks._network import AbstractNetwork, Parameters, Shape
from riesz.networks._parameter import Place

# Of the integrator in depth, which is of fourth order.
_STEPS = 32

# `xx`, `yy`, `nngp` and `ntk` of `Covariances`.
Arrays = tuple[Array, Array, Array, Array | None]


class InfiniteDepth(AbstractNetwork):
    """Very many residual blocks h -> h + depth^(-1/2) inner(h), with independent weights.

    The finite network has `depth` of them. The kernel is the limit of infinite width and depth,
    which does not depend on the order of the limits (Hayou and Yang 2023, arXiv:2302.00453;
    Hayou 2023, arXiv:2302.02976): with t in [0, 1] in place of the index of the block,

        dK/dt = K_inner(K),    dTheta/dt = Theta_inner(K, Theta),

    where K_inner and Theta_inner are the kernels behind `inner`. For `Relu() >> Dense(n, w_std)`
    dK/dt = w_std^2 E[phi(u) phi(v)], and variances grow by exp(w_std^2 / 2). The equations are
    integrated by the classical Runge-Kutta method in 32 steps; for that ReLU the relative error of
    variances is 2e-10, 2e-7 and 1e-5 at w_std = 1, 2 and 3.

    **Arguments:**

    - `inner`: the block, which keeps shapes and ends with a layer with weights.
    - `depth`: the number of blocks of the finite network, for `init`.

    **Raises:** `ModelError` when the block ends with an activation.

    ```python
    block = Relu() >> Dense(512, w_std=1.0)
    network = Dense(512) >> InfiniteDepth(block, depth=64) >> Relu() >> Dense(1)
    network.kernel().nngp(jnp.ones((5, 3)))
    ```
    """

    inner: AbstractNetwork
    depth: int = eqx.field(static=True)

    def __check_init__(self):
        require_size("InfiniteDepth(inner, depth)", "depth", self.depth)

    @property
    def _block(self) -> Residual:
        return Residual(self.inner, self.depth**-0.5)

    def out_shape(self, shape: Shape) -> Shape:
        return self._block.out_shape(shape)

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        return tuple(self._block.parameters(shape, place) for _ in range(self.depth))

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        block = self._block
        # (depth, *shape) for each array of a block
        stacked = jax.tree.map(lambda *w: jnp.stack(w), *weights)

        def step(x: Array, own: tuple[Any, Array]) -> tuple[Array, None]:
            noise = None if key is None else jax.random.fold_in(key, own[1])
            return block.apply(own[0], x, noise), None

        return jax.lax.scan(step, x, (stacked, jnp.arange(self.depth)))[0]

    def needs(self, after: Needs) -> Needs:
        # What the last block needs, the block before it must hand on; twice settles both flags.
        once = self._block.needs(after)
        return self._block.needs(self._block.needs(once))

    def propagate(self, inputs: Covariances) -> Covariances:
        self.out_shape(inputs.shape)
        # A block reads what the one before it gives.
        entry = replace(inputs, uncorrelated=False, after=self.needs(inputs.after))
        probe = self.inner.propagate(entry)
        if not (probe.uncorrelated and probe.centred):
            raise ModelError(
                "a block whose output has a mean, or depends on its input, has no limit in depth",
                where=f"kernel of {self}",
                expected="an inner network that ends with a layer with weights (Dense, Conv)",
                found=str(self.inner),
                repair="end the block with a Dense or Conv: its output then has mean zero",
            )
        levels = Needs(min(inputs.pair, probe.pair), min(inputs.own, probe.own))
        entry = entry.reduce(levels)

        def rate(arrays: Arrays) -> Arrays:
            # K_inner(K), Theta_inner(K, Theta)
            moved = self.inner.propagate(_with(entry, arrays))
            return _arrays(moved.reduce(levels))

        def step(_: Any, arrays: Arrays) -> Arrays:
            return _runge_kutta(rate, arrays, 1 / _STEPS)

        last = _with(entry, jax.lax.fori_loop(0, _STEPS, step, _arrays(entry)))
        return replace(last, uncorrelated=inputs.uncorrelated, after=inputs.after)


def _runge_kutta(rate: Callable[[Arrays], Arrays], start: Arrays, length: float) -> Arrays:
    """One step of the classical method of fourth order. Its stages share one compiled rate."""
    dtype = start[0].dtype
    # k_i = rate(start + before_i k_(i-1)), result start + sum_i weights_i k_i
    before = jnp.asarray([0, length / 2, length / 2, length], dtype)
    weights = jnp.asarray([length / 6, length / 3, length / 3, length / 6], dtype)

    def stage(state: tuple[Arrays, Arrays], at: tuple[Array, Array]) -> tuple[Any, None]:
        slope, total = state
        slope = rate(jax.tree.map(lambda x, k: x + at[0] * k, start, slope))
        return (slope, jax.tree.map(lambda x, k: x + at[1] * k, total, slope)), None

    zero = jax.tree.map(jnp.zeros_like, start)
    return jax.lax.scan(stage, (zero, start), (before, weights))[0][1]


def _arrays(c: Covariances) -> Arrays:
    return c.xx, c.yy, c.nngp, c.ntk


def _with(c: Covariances, arrays: Arrays) -> Covariances:
    xx, yy, nngp, ntk = arrays
    return replace(c, xx=xx, yy=yy, nngp=nngp, ntk=ntk)
