"""Self-attention."""

from dataclasses import replace
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.sizes import require_size, require_stds
from riesz.errors import ModelError
from riesz.networks._covariances import Covariances, Level, Needs
from riesz.networks._dense import add_bias, affine
from riesz.networks._network import AbstractNetwork, Parameters, Shape
from riesz.networks._parameter import Parameter, Place, Scalar
from riesz.networks._space import require_space
from riesz.networks._weights import IID


class Attention(AbstractNetwork):
    """Global self-attention with equal queries and keys and scores divided by their dimension.

    With Q = X W_Q, G = Q Q^T / dim, the output is score(G) X W_V W_O + b over all positions. As
    widths grow G becomes the deterministic query_std^2 K(x, x), so that with A = score(G)
    K(x, y) -> b_std^2 + w_std^2 A(x) K(x, y) A(y)^T, and in the tangent kernel W_V and W_O count
    once each while W_Q does not count (Hron et al. 2020, arXiv:2006.10540, section 3: the scaling
    1/d is the one with a closed kernel for the softmax).

    **Arguments:**

    - `features`: the number of outputs at each position, also the dimension of queries and
      values.
    - `w_std`: of the product W_V W_O. `query_std`: of W_Q. `b_std`: of b; with 0 there is none.
    - `score`: `"softmax"` over positions, or `"linear"`, which leaves G as it is.
    """

    features: int = eqx.field(static=True)
    w_std: Scalar = 1.0
    b_std: Scalar = 0.0
    query_std: Scalar = 1.0
    score: str = eqx.field(static=True, default="softmax")
    couples: ClassVar[bool] = True

    def __check_init__(self):
        require_size("Attention(features)", "features", self.features)
        require_stds("Attention", self.w_std, self.b_std, self.query_std)
        if self.score not in ("softmax", "linear"):
            raise ModelError(
                "unknown score of attention",
                where="Attention(features, score)",
                expected="softmax or linear",
                found=repr(self.score),
            )

    def out_shape(self, shape: Shape) -> Shape:
        require_space(f"{self}", shape)
        return (*shape[:-1], self.features)

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        size, channels = self.features, shape[-1]
        inner = place._replace(last=False)
        outer = place._replace(first=False)
        query = Parameter((channels, size), channels, size, self.query_std, inner)
        value = Parameter((channels, size), channels, size, 1.0, inner)
        return (query, value, affine((size, size), self.w_std, self.b_std, IID(), outer))

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        del key
        query, value, out = weights
        # X: (positions, channels)
        rows = x.reshape(-1, x.shape[-1])
        q = rows @ query
        # score(Q Q^T / dim) X W_V, (positions, features)
        attended = self._scores(q @ q.T / self.features) @ (rows @ value)
        return add_bias(attended @ out[0], out).reshape(self.out_shape(x.shape))

    def needs(self, after: Needs) -> Needs:
        return Needs(Level.FULL, Level.FULL)

    def propagate(self, inputs: Covariances) -> Covariances:
        shape = self.out_shape(inputs.shape)
        space = shape[:-1]
        dtype = inputs.nngp.dtype
        w2, b2, q2 = (jnp.asarray(s, dtype) ** 2 for s in (self.w_std, self.b_std, self.query_std))

        def matrix(k: Array) -> Array:
            # (*batch, *S, *S) -> (*batch, positions, positions)
            size = k[(0,) * (k.ndim - 2 * len(space))].size
            side = round(size**0.5)
            return k.reshape(*k.shape[: k.ndim - 2 * len(space)], side, side)

        each = (inputs.nngp, inputs.nngp) if inputs.same else (inputs.xx, inputs.yy)
        # A(x) = score(query_std^2 K(x, x)), and A(y)
        left, right = (self._scores(q2 * matrix(k)) for k in each)

        def attend(k: Array, a: Array, b: Array, full: bool) -> Array:
            # w_std^2 A(x) K(x, y) A(y)^T, or its diagonal
            rows = w2 * a @ matrix(k)
            if not full:
                out = jnp.sum(rows * b, -1)
                return out.reshape(*out.shape[:-1], *space)
            out = rows @ jnp.swapaxes(b, -1, -2)
            return out.reshape(*out.shape[:-2], *space, *space)

        levels = inputs.least
        pair, own = (level == Level.FULL for level in levels)
        nngp = attend(inputs.nngp, left, right, pair)
        tangent = None
        if inputs.ntk is not None:
            # W_V and W_O each add w_std^2 A K A^T, b adds b_std^2, and w_std^2 A Theta A^T passes
            tangent = 2 * nngp + b2 + attend(inputs.ntk, left, right, pair)
        return replace(
            inputs,
            xx=attend(inputs.xx, left, left, own) + b2,
            yy=attend(inputs.yy, right, right, own) + b2,
            nngp=nngp + b2,
            ntk=tangent,
            pair=levels.pair,
            own=levels.own,
            shape=shape,
            gaussian=True,
            centred=True,
            uncorrelated=True,
        )

    def _scores(self, g: Float[Array, "..."]) -> Float[Array, "..."]:
        return jax.nn.softmax(g, axis=-1) if self.score == "softmax" else g
