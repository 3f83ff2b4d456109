"""The graph neural operator (Li et al. 2020, arXiv 2003.03485)."""

from math import ceil
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from riesz._core.blocks import fitting, mapped
from riesz._core.layers import MLP, Pointwise
from riesz.domains import (
    AbstractDiscretization,
    AbstractDomain,
    AbstractProductDomain,
    Space,
    feature_count,
)
from riesz.errors import ModelError
from riesz.functions import Function
from riesz.operators._operator import AbstractOperator, require_input, require_one_domain
from riesz.operators._registry import register

_LEAST = 3  # nodes within a radius: one itself, one inside, and one at which the window is 0


class Edges(NamedTuple):
    """The neighbours of every node, and what the kernel network says of each pair.

    `others`: numbers of the neighbours; None where all nodes are neighbours, in their order.
    `weight`: quadrature weight times window times h_b(x, y), over radius^d.
    """

    others: Int[Array, "n k"] | None
    weight: Float[Array, "n k b"]


class GraphLayer(eqx.Module):
    """v -> v + M(gelu(K v + W v + b)): K integrates against a kernel, M is a pointwise network."""

    last: Float[Array, "b c c"]  # the last, linear layer of the kernel network
    local: Pointwise
    mix: MLP

    def __init__(self, rank: int, width: int, *, key: PRNGKeyArray):
        k1, k2, k3 = jax.random.split(key, 3)
        # variance 1 / (b c): the sum over b and c keeps the size
        self.last = jax.random.normal(k1, (rank, width, width)) / (rank * width) ** 0.5
        self.local = Pointwise(width, width, key=k2)
        self.mix = MLP((width, 2 * width, width), gain=0.5, key=k3)

    def __call__(self, v: Float[Array, "n c"], edges: Edges) -> Float[Array, "n c"]:
        # sum_y w_y h_b(x, y) v(y), (n, b, c); then sum_b of its product with W_b
        if edges.others is None:
            sums = jnp.einsum("nkb,kc->nbc", edges.weight, v)
        else:
            sums = jnp.einsum("nkb,nkc->nbc", edges.weight, v[edges.others])
        b, c, _ = self.last.shape
        # sum_{b, c} sums_{n b c} W_{b c c'}: (n, b c) x (b c, c')
        integral = sums.reshape(-1, b * c) @ self.last.reshape(b * c, c)
        return v + self.mix(jax.nn.gelu(integral + self.local(v)))


@register
class GNO(AbstractOperator):
    """Graph neural operator: kernel integrals over the nodes within a radius, on any points.

    u = Q(v_L), v_{l+1} = v_l + M_l(gelu(K_l v_l + W_l v_l + b_l)), v_0 = P(a, x), with pointwise
    P, Q and M_l, and

        (K v)(x) = r^-d int kappa(x, y) chi(|x - y| / r) v(y) dy,
        kappa(x, y) = sum_b h_b((x - y) / r, |x - y|^2 / r^2, a(x), a(y)) W_b.

    h is a network that all layers share, and the matrices W_b, one set per layer, are the last,
    linear layer of the kernel network of the paper: it is applied after the sum over y, which
    gives the same number at a fraction of the work. The window chi(s) = (1 - s^2)^2 vanishes at
    the radius, so that sums over nodes converge when a mesh is refined.

    Integrals take the quadrature weights of the discretization the function comes on: a mesh, a
    grid, one with holes, scattered points, one or another in each sample. Periodic axes wrap.

    **Arguments:**

    - `input_space`, `output_space`: on the same domain.
    - `radius`: r, in the unit of the coordinates.
    - `share`: the largest part of all nodes that the neighbours of a node may be, which bounds
      memory. Where more lie within the radius, the radius there is the distance within which
      this part lies, and three nodes at least. 1 never shortens it.
    - `width`: channels inside. `layers`: number of layers.
    - `rank`: number of h_b. `hidden`: hidden channels of h.
    - `coordinates`: whether P depends on x.

    **Raises:** `ModelError` for arguments that make no operator.

    ```python
    plane = Space(Region(2))
    operator = GNO(plane, plane, radius=0.5, key=jax.random.key(0))
    u = operator(Function.from_callable(lambda x, y: x * y, Mesh.l_shape(8)))
    ```
    """

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    radius: float = eqx.field(static=True)
    share: float = eqx.field(static=True)
    width: int = eqx.field(static=True)
    layers: int = eqx.field(static=True)
    rank: int = eqx.field(static=True)
    hidden: int = eqx.field(static=True)
    coordinates: bool = eqx.field(static=True)
    lift: Pointwise
    kernel: MLP
    blocks: tuple[GraphLayer, ...]
    project: MLP

    def __init__(
        self,
        input_space: Space,
        output_space: Space,
        *,
        radius: float = 0.5,
        share: float = 1.0,
        width: int = 32,
        layers: int = 4,
        rank: int = 8,
        hidden: int = 32,
        coordinates: bool = True,
        key: PRNGKeyArray,
    ):
        require_one_domain("GNO", input_space, output_space)
        self.input_space, self.output_space = input_space, output_space
        self.radius, self.share = float(radius), float(share)
        self.width, self.layers, self.rank, self.hidden = width, layers, rank, hidden
        self.coordinates = coordinates
        if input_space.domain != output_space.domain:
            raise ModelError(
                "a GNO maps functions to functions on the same domain",
                where="GNO",
                found=f"input {input_space.domain}, output {output_space.domain}",
                repair="use a DeepONet, whose two domains are independent",
            )
        sizes = {"width": width, "layers": layers, "rank": rank, "hidden": hidden}
        if not (self.radius > 0 and 0 < self.share <= 1 and min(sizes.values()) > 0):
            raise ModelError(
                "a GNO needs a positive radius, a share of the nodes and positive sizes",
                where="GNO",
                expected="radius > 0, 0 < share <= 1",
                found=f"radius={radius}, share={share}, "
                + ", ".join(f"{name}={size}" for name, size in sizes.items()),
            )
        domain, channels = input_space.domain, input_space.channels
        keys = jax.random.split(key, layers + 3)
        # P: c + f -> width; h: (x - y) / r, |x - y|^2 / r^2, a(x), a(y) -> b; Q: width -> c_out
        features = channels + coordinates * feature_count(domain)
        self.lift = Pointwise(features, width, key=keys[0])
        self.kernel = MLP((domain.dim + 1 + 2 * channels, hidden, rank), key=keys[1])
        self.blocks = tuple(GraphLayer(rank, width, key=k) for k in keys[3:])
        self.project = MLP((width, 2 * width, output_space.channels), key=keys[2])

    def output_weights(self) -> tuple[Any, ...]:
        return self.project.layers[-1].weight, self.project.layers[-1].bias

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        require_input(self, a, on)
        here = a.discretization
        # (*shape, c) -> (n, c)
        values = here.present(a.values).reshape(-1, a.channels)
        edges = self._edges(here, values)
        if self.coordinates:
            # v_0 = P(a, x), (n, width)
            features = here.features().reshape(len(values), -1).astype(values.dtype)
            v = self.lift(jnp.concatenate([values, features], -1))
        else:
            v = self.lift(values)
        for block in self.blocks:
            v = block(v, edges)
        # u = Q(v_L), (n, c_out) -> (*shape, c_out)
        out = Function(self.project(v).reshape(*here.shape, -1), here, self.output_space)
        return out if on is None else out.resample(on)

    def _edges(self, on: AbstractDiscretization, a: Float[Array, "n c"]) -> Edges:
        # (n, d) and (n,)
        places = on.relative.reshape(len(a), -1).astype(a.dtype)
        weights = on.weights.reshape(-1).astype(a.dtype)
        present, n = weights > 0, len(a)
        most = min(n, max(ceil(self.share * n), _LEAST))
        # of the nodes that are present, so that padding changes no radius
        count = jnp.ceil(self.share * present.sum(dtype=a.dtype)).astype(int)
        count = jnp.clip(count, min(n, _LEAST), most)

        def one(centre: tuple[Array, Array]) -> Any:
            x, value = centre
            # (x - y) / r, (n, d), and |x - y|^2 / r^2, (n,), infinite at padding
            offsets = _offsets(on.domain, x - places) / self.radius
            square = jnp.where(present, jnp.sum(offsets**2, -1), jnp.inf)
            limit, index, near, other, weight = 1.0, None, square, a, weights
            if most < n:
                # the nearest `most` nodes; limit: square of the radius in units of r
                near, index = jax.lax.top_k(-square, most)
                near, offsets, other, weight = -near, offsets[index], a[index], weights[index]
                limit = jnp.minimum(1.0, near[count - 1])
            # chi(s) = (1 - s^2)^2, and 0 beyond the radius and at padding
            inside = near < limit
            near = jnp.where(inside, near, 0)
            window = jnp.where(inside, weight * (1 - near / limit) ** 2, 0)
            # (x - y) / r, |x - y|^2 / r^2, a(x), a(y): (k, d + 1 + 2 c) -> h (k, b)
            own = jnp.broadcast_to(value, other.shape)
            pairs = jnp.concatenate([offsets, near[:, None], own, other], -1)
            h = self.kernel(jnp.where(inside[:, None], pairs, 0))
            # w_y chi h_b / r^d
            return index, window[:, None] * h / self.radius**on.domain.dim

        return Edges(*mapped(one, (places, a), fitting(most * self.hidden)))


def _offsets(domain: AbstractDomain, way: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """The shortest way, around periodic axes."""
    if not isinstance(domain, AbstractProductDomain) or not any(domain.periodic):
        return way
    # way - L round(way / L) around circles
    lengths = np.where(domain.periodic, domain.lengths, 1).astype(way.dtype)
    return jnp.where(np.asarray(domain.periodic), way - lengths * jnp.round(way / lengths), way)
