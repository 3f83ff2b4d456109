"""Attention as integrals over the points of a function."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.blocks import fitting, mapped
from riesz._core.draws import split
from riesz._core.layers import MLP, Pointwise, random_weights
from riesz.domains import AbstractDiscretization
from riesz.errors import ModelError
from riesz.operators.layers._pointwise import ChannelNorm

KINDS = ("softmax", "galerkin", "fourier", "normalised")


class IntegralAttention(eqx.Module):
    """Attention over all points, by quadrature; cross-attention where queries are given.

    With q = W_q u(x), k = W_k v(y) and w = W_v v(y), for each head of d channels,

    - `"softmax"`: A(x) = int exp(q.k / sqrt(d)) w dy / int exp(q.k / sqrt(d)) dy;
    - `"galerkin"`: A(x) = q . int k w^T dy / |D|, k and w with ChannelNorm (Cao 2021,
      arXiv 2105.14995, equation 3);
    - `"fourier"`: the same with ChannelNorm of q and k instead (there, equation 2);
    - `"normalised"`: A(x) = q . int k w^T dy / q . int k dy, with q and k softmax over their
      channels (Hao et al. 2023, arXiv 2302.14376, equation 7).

    Sums over points with weights 1 / n are replaced by integrals, so that the layer converges
    when points are refined, whatever their density. Softmax attention takes time in n^2 and works
    in blocks of bounded memory; the others are linear in n.

    **Arguments:**

    - `size`: channels of queries and of the output. `heads`: divides it.
    - `source`: channels of v; by default `size`.
    - `gain`: of the last linear layer.

    **Raises:** `ModelError` for arguments that make no layer.

    ```python
    layer = IntegralAttention(32, 4, "galerkin", key=key)
    w = layer(v, on)                          # at the points of v
    w = layer(v, on, queries=u)               # where u is given, (*m, 32)
    ```
    """

    heads: int = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    query: Float[Array, "c hd"]
    key: Float[Array, "s hd"]
    value: Float[Array, "s hd"]
    norms: tuple[ChannelNorm, ...]
    out: Pointwise

    def __init__(
        self,
        size: int,
        heads: int = 4,
        kind: str = "softmax",
        *,
        source: int | None = None,
        gain: float = 1.0,
        key: PRNGKeyArray,
    ):
        require_heads("IntegralAttention", size, heads)
        if kind not in KINDS:
            raise ModelError(
                "there is no attention of this kind",
                where="IntegralAttention(size, heads, kind)",
                expected=", ".join(KINDS),
                found=repr(kind),
            )
        self.heads, self.kind = heads, kind
        given = source or size
        keys = split(key, 4)
        self.query = random_weights(keys[0], (size, size), 1.0, size)
        self.key = random_weights(keys[1], (given, size), 1.0, given)
        self.value = random_weights(keys[2], (given, size), 1.0, given)
        count = 2 if kind in ("galerkin", "fourier") else 0
        self.norms = tuple(ChannelNorm(size // heads) for _ in range(count))
        self.out = Pointwise(size, size, gain=gain, key=keys[3])

    def __call__(
        self,
        v: Float[Array, "*n s"],
        on: AbstractDiscretization,
        queries: Float[Array, "*m c"] | None = None,
    ) -> Float[Array, "*m c"]:
        u = v if queries is None else queries
        weights = on.weights.reshape(-1).astype(v.dtype)
        q, k, w = (
            self._heads(x @ matrix)  # (n, h, d)
            for x, matrix in ((u, self.query), (v, self.key), (v, self.value))
        )
        summed = _softmax if self.kind == "softmax" else _linear
        if self.kind == "galerkin":
            k, w = self.norms[0](k), self.norms[1](w)
        elif self.kind == "fourier":
            q, k = self.norms[0](q), self.norms[1](k)
        elif self.kind == "normalised":
            q, k = jax.nn.softmax(q), jax.nn.softmax(k)
            # one more channel, the integral of the kernel
            w = jnp.concatenate([w, jnp.ones((*w.shape[:-1], 1), w.dtype)], -1)
        out = summed(q, k, w, weights)
        if self.kind == "normalised":
            out = out[..., :-1] / out[..., -1:]
        return self.out(out.reshape(u.shape))

    def _heads(self, x: Float[Array, "*n c"]) -> Float[Array, "m h d"]:
        return x.reshape(-1, self.heads, x.shape[-1] // self.heads)


def _softmax(
    q: Float[Array, "m h d"],
    k: Float[Array, "n h d"],
    w: Float[Array, "n h e"],
    weights: Float[Array, " n"],
) -> Float[Array, "m h e"]:
    # a quadrature weight is a factor of exp, log w in the exponent; padding has none
    shift = jnp.where(weights > 0, jnp.log(jnp.where(weights > 0, weights, 1)), -jnp.inf)

    def one(query: Float[Array, "h d"]) -> Float[Array, "h e"]:
        scores = jnp.einsum("hd,nhd->hn", query, k) / query.shape[-1] ** 0.5
        return jnp.einsum("hn,nhe->he", jax.nn.softmax(scores + shift), w)

    return mapped(one, q, fitting(k.shape[0] * k.shape[1]))


def _linear(
    q: Float[Array, "m h d"],
    k: Float[Array, "n h d"],
    w: Float[Array, "n h e"],
    weights: Float[Array, " n"],
) -> Float[Array, "m h e"]:
    # int k w^T dy / |D|, (h, d, e), then its product with q
    share = weights / weights.sum()
    moments = jnp.einsum("nhd,nhe->hde", k * share[:, None, None], w)
    return jnp.einsum("mhd,hde->mhe", q, moments)


class SliceAttention(eqx.Module):
    """Attention between a few tokens, integrals over soft slices of the domain (Transolver).

    Wu et al. 2024, arXiv 2402.02366: with slices s_m(x) = softmax_m(S v(x) / t) for each head, the
    tokens z_m = int s_m v dx / int s_m dx attend to each other, z' = softmax(q k^T / sqrt(d)) w,
    and the output is sum_m s_m(x) z'_m. Time is linear in the number of points.

    **Arguments:** `size` channels, `heads`, `slices` per head, and the `gain` of the last layer.
    """

    heads: int = eqx.field(static=True)
    temperature: Float[Array, " h"]
    inputs: Pointwise
    scores: Pointwise
    query: Float[Array, "d d"]
    key: Float[Array, "d d"]
    value: Float[Array, "d d"]
    out: Pointwise

    def __init__(
        self,
        size: int,
        heads: int = 4,
        slices: int = 16,
        *,
        gain: float = 1.0,
        key: PRNGKeyArray,
    ):
        require_heads("SliceAttention", size, heads)
        self.heads, d = heads, size // heads
        keys = split(key, 6)
        self.inputs = Pointwise(size, size, key=keys[0])
        self.scores = Pointwise(d, slices, key=keys[1])
        self.query, self.key, self.value = (random_weights(k, (d, d), 1.0, d) for k in keys[2:5])
        self.temperature = jnp.full(heads, 0.5)
        self.out = Pointwise(size, size, gain=gain, key=keys[5])

    def __call__(
        self, v: Float[Array, "*n c"], on: AbstractDiscretization, shared: Any = None
    ) -> Float[Array, "*n c"]:
        del shared
        weights = on.weights.reshape(-1).astype(v.dtype)
        x = self.inputs(v).reshape(len(weights), self.heads, -1)  # (n, h, d)
        s = jax.nn.softmax(self.scores(x) / self.temperature[:, None])  # (n, h, m)
        measure = s * (weights / weights.sum())[:, None, None]
        # z_m = int s_m x / int s_m, (h, m, d)
        z = jnp.einsum("nhm,nhd->hmd", measure, x) / (measure.sum(0)[..., None] + 1e-6)
        q, k, w = z @ self.query, z @ self.key, z @ self.value
        mixed = jax.nn.softmax(q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5) @ w
        return self.out(jnp.einsum("nhm,hmd->nhd", s, mixed).reshape(v.shape))


class TransformerBlock(eqx.Module):
    """v -> w + M(N(w)) with w = v + A(N(v)): A attention, N ChannelNorm and M a pointwise network.

    **Arguments:** `attention` is called as `attention(v, on)`; `hidden` channels of M.
    """

    attention: eqx.Module
    norms: tuple[ChannelNorm, ChannelNorm]
    mix: MLP

    def __init__(self, attention: eqx.Module, width: int, hidden: int, *, key: PRNGKeyArray):
        self.attention = attention
        self.norms = (ChannelNorm(width), ChannelNorm(width))
        self.mix = MLP((width, hidden, width), gain=0.5, key=key)

    def __call__(
        self, v: Float[Array, "*n c"], on: AbstractDiscretization, shared: Any = None
    ) -> Float[Array, "*n c"]:
        del shared
        attention: Any = self.attention
        v = v + attention(self.norms[0](v), on)
        return v + self.mix(self.norms[1](v))


def require_heads(kind: str, size: int, heads: int) -> None:
    """Raise where the channels cannot be divided among heads."""
    if min(size, heads) < 1 or size % heads:
        raise ModelError(
            "the channels of attention are divided among its heads",
            where=f"{kind}(size, heads)",
            expected="a number of channels that is a multiple of the heads",
            found=f"{size} channels, {heads} heads",
        )
