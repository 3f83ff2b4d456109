"""The kernel integral over scattered points (Li et al. 2020, arXiv 2003.03485)."""

from math import ceil
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from riesz._core.blocks import fitting, mapped
from riesz._core.layers import MLP, random_weights
from riesz.domains import AbstractDiscretization, AbstractDomain, AbstractProductDomain
from riesz.errors import ModelError


class Edges(NamedTuple):
    """The neighbours of every node, and what the kernel network says of each pair.

    `others`: numbers of the neighbours; None where all nodes are neighbours, in their order.
    `weight`: quadrature weight times window times h_b(x, y), over radius^d.
    """

    others: Int[Array, "n k"] | None
    weight: Float[Array, "n k b"]


class KernelNetwork(eqx.Module):
    """h_b(x, y) = N((x - y) / r, |x - y|^2 / r^2, a(x), a(y)) for the pairs within a radius.

    The window chi(s) = (1 - s^2)^2 of s = |x - y| / r vanishes at the radius, so that sums over
    nodes converge when they are refined. Periodic axes wrap.

    **Arguments:**

    - `dim`: of the domain. `channels`: of a. `hidden`: channels of N. `rank`: number of h_b.
    - `radius`: r, in the unit of the coordinates.
    - `share`: the largest part of all nodes that the neighbours of a node may be, which bounds
      memory. Where more lie within the radius, the radius there is the distance of the first
      node that is left out. 1 never shortens it.

    **Raises:** `ModelError` for arguments that make no network.

    ```python
    edges = KernelNetwork(2, 1, 32, 8, radius=0.3, key=key)(on, a)
    w = KernelIntegral(32, 32, 8, key=key)(v, on, edges)
    ```
    """

    network: MLP
    radius: float = eqx.field(static=True)
    share: float = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        channels: int,
        hidden: int,
        rank: int,
        *,
        radius: float,
        share: float = 1.0,
        key: PRNGKeyArray,
    ):
        self.radius, self.share = float(radius), float(share)
        if not (self.radius > 0 and 0 < self.share <= 1 and min(hidden, rank) > 0):
            raise ModelError(
                "a kernel integral needs a positive radius, a share of the nodes, positive sizes",
                where="KernelNetwork",
                expected="radius > 0, 0 < share <= 1",
                found=f"radius={radius}, share={share}, hidden={hidden}, rank={rank}",
            )
        self.network = MLP((dim + 1 + 2 * channels, hidden, rank), key=key)

    def __call__(self, on: AbstractDiscretization, a: Float[Array, "*n c"]) -> Edges:
        a = a.reshape(-1, a.shape[-1])
        places = on.relative.reshape(len(a), -1).astype(a.dtype)
        weights = on.weights.reshape(-1).astype(a.dtype)
        present, n = weights > 0, len(a)
        a = jnp.where(present[:, None], a, 0)
        most = min(n, ceil(self.share * n))
        # of the nodes that are present, so that padding changes no radius
        count = jnp.maximum(jnp.ceil(self.share * present.sum(dtype=a.dtype)).astype(int), 1)

        def one(centre: tuple[Array, Array]) -> Any:
            x, value = centre
            # (x - y) / r, (n, d), and |x - y|^2 / r^2, (n,), infinite at padding
            offsets = _offsets(on.domain, x - places) / self.radius
            square = jnp.where(present, jnp.sum(offsets**2, -1), jnp.inf)
            limit, index, near, other, weight = 1.0, None, square, a, weights
            if most < n:
                # the nearest `most` nodes; limit: square of the radius in units of r, at which
                # the first node that is left out lies
                near, index = jax.lax.top_k(-square, most + 1)
                limit = jnp.minimum(1.0, -near[count])
                near, index = -near[:most], index[:most]
                offsets, other, weight = offsets[index], a[index], weights[index]
            # chi(s) = (1 - s^2)^2, and 0 beyond the radius and at padding
            inside = near < limit
            near = jnp.where(inside, near, 0)
            window = jnp.where(inside, weight * (1 - near / limit) ** 2, 0)
            own = jnp.broadcast_to(value, other.shape)
            pairs = jnp.concatenate([offsets, near[:, None], own, other], -1)
            # (x - y) / r, |x - y|^2 / r^2, a(x), a(y): (k, d + 1 + 2 c) -> h (k, b)
            h = self.network(jnp.where(inside[:, None], pairs, 0))
            # w_y chi h_b / r^d
            return index, window[:, None] * h / self.radius**on.domain.dim

        hidden = self.network.layers[0].bias.size
        return Edges(*mapped(one, (places, a), fitting(most * hidden)))


class KernelIntegral(eqx.Module):
    """(K v)(x) = r^-d int sum_b h_b(x, y) chi(|x - y| / r) W_b v(y) dy, on any points.

    The matrices W_b are the last, linear layer of the kernel network of the paper: it is applied
    after the sum over y, which gives the same number at a fraction of the work.

    **Arguments:** `size_in`, `size_out` channels, and the `rank` of the `KernelNetwork` that
    makes the h_b, one for several layers.
    """

    weight: Float[Array, "b c_in c_out"]

    def __init__(self, size_in: int, size_out: int, rank: int, *, key: PRNGKeyArray):
        self.weight = random_weights(key, (rank, size_in, size_out), 1.0, rank * size_in)

    def __call__(
        self, v: Float[Array, "*n c_in"], on: AbstractDiscretization, edges: Edges
    ) -> Float[Array, "*n c_out"]:
        rows = v.reshape(-1, v.shape[-1])
        # sum_y w_y h_b(x, y) v(y), (n, b, c); then sum_b of its product with W_b
        if edges.others is None:
            sums = jnp.einsum("nkb,kc->nbc", edges.weight, rows)
        else:
            sums = jnp.einsum("nkb,nkc->nbc", edges.weight, rows[edges.others])
        b, c, _ = self.weight.shape
        # sum_{b, c} sums_{n b c} W_{b c c'}: (n, b c) x (b c, c')
        integral = sums.reshape(-1, b * c) @ self.weight.reshape(b * c, -1)
        return integral.reshape(*v.shape[:-1], -1)


def _offsets(domain: AbstractDomain, way: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """The shortest way, around periodic axes."""
    if not isinstance(domain, AbstractProductDomain) or not any(domain.periodic):
        return way
    # way - L round(way / L) around circles
    lengths = np.where(domain.periodic, domain.lengths, 1).astype(way.dtype)
    return jnp.where(np.asarray(domain.periodic), way - lengths * jnp.round(way / lengths), way)
