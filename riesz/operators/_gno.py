"""The graph neural operator (Li et al. 2020, arXiv 2003.03485)."""

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.draws import split
from riesz.domains import AbstractDiscretization, Space
from riesz.operators._lifted import AbstractLifted, lifted, require_same_domain, require_sizes
from riesz.operators._registry import register
from riesz.operators.layers import (
    MLP,
    Edges,
    IntegralBlock,
    KernelIntegral,
    KernelNetwork,
    Pointwise,
)


@register
class GNO(AbstractLifted):
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
      memory. Where more lie within the radius, the radius there is the distance of the first
      node that is left out. 1 never shortens it.
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
    kernel: KernelNetwork
    blocks: tuple[IntegralBlock, ...]
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
        require_same_domain("a GNO", input_space, output_space)
        require_sizes("GNO", width=width, layers=layers)
        self.input_space, self.output_space = input_space, output_space
        self.radius, self.share = float(radius), float(share)
        self.width, self.layers, self.rank, self.hidden = width, layers, rank, hidden
        self.coordinates = coordinates
        first, key = split(key, 2)
        self.kernel = KernelNetwork(
            input_space.domain.dim,
            input_space.channels,
            hidden,
            rank,
            radius=radius,
            share=share,
            key=first,
        )

        def block(key: PRNGKeyArray) -> IntegralBlock:
            k1, k2 = split(key, 2)
            integral = KernelIntegral(width, width, rank, key=k1)
            return IntegralBlock(integral, width, 2 * width, key=k2)

        self.lift, self.blocks, self.project = lifted(self, block, key=key)

    def shared(self, on: AbstractDiscretization, a: Float[Array, "*n c"]) -> Edges:
        return self.kernel(on, a)
