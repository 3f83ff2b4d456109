"""Transformers between functions: Galerkin and Fourier attention, and attention by slices."""

import equinox as eqx
from jaxtyping import PRNGKeyArray

from riesz._core.draws import split
from riesz.domains import Space
from riesz.operators._lifted import AbstractLifted, lifted, require_same_domain, require_sizes
from riesz.operators._registry import register
from riesz.operators.layers import (
    MLP,
    IntegralAttention,
    Pointwise,
    SliceAttention,
    TransformerBlock,
)


@register
class GalerkinTransformer(AbstractLifted):
    """Transformer without softmax, on any points (Cao 2021, arXiv 2105.14995).

    v_{l+1} = w + M_l(N(w)) with w = v_l + A_l(N(v_l)), where A_l is attention over all points by
    quadrature and N is ChannelNorm. Time is linear in the number of points, except for
    `kind="softmax"`.

    **Arguments:**

    - `input_space`, `output_space`: on the same domain.
    - `width`: channels inside. `layers`: number of blocks. `heads`: of attention.
    - `kind`: of attention, see `riesz.operators.layers.IntegralAttention`.
    - `expansion`: hidden channels of M_l over `width`.
    - `coordinates`: whether the input's points are given to the network.

    **Raises:** `ModelError` for arguments that make no operator.

    ```python
    GalerkinTransformer(plane, plane, width=64, layers=4, key=jax.random.key(0))
    ```
    """

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    width: int = eqx.field(static=True)
    layers: int = eqx.field(static=True)
    heads: int = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    expansion: float = eqx.field(static=True)
    coordinates: bool = eqx.field(static=True)
    lift: Pointwise
    blocks: tuple[TransformerBlock, ...]
    project: MLP

    def __init__(
        self,
        input_space: Space,
        output_space: Space,
        *,
        width: int = 32,
        layers: int = 4,
        heads: int = 4,
        kind: str = "galerkin",
        expansion: float = 2.0,
        coordinates: bool = True,
        key: PRNGKeyArray,
    ):
        require_same_domain("a GalerkinTransformer", input_space, output_space)
        require_sizes("GalerkinTransformer", width=width, layers=layers, expansion=expansion)
        self.input_space, self.output_space = input_space, output_space
        self.width, self.layers, self.heads, self.kind = width, layers, heads, kind
        self.expansion, self.coordinates = float(expansion), coordinates

        def block(key: PRNGKeyArray) -> TransformerBlock:
            k1, k2 = split(key, 2)
            attention = IntegralAttention(width, heads, kind, gain=0.5, key=k1)
            return TransformerBlock(attention, width, round(expansion * width), key=k2)

        # ChannelNorm is singular where all channels are equal, as without a bias where v = 0
        self.lift, self.blocks, self.project = lifted(self, block, bias=1.0, key=key)


@register
class Transolver(AbstractLifted):
    """Transformer between soft slices of the domain (Wu et al. 2024, arXiv 2402.02366).

    As `GalerkinTransformer`, with attention among `slices` tokens per head, each an integral over
    the part of the domain where points look alike. Time is linear in the number of points.

    **Arguments:**

    - `input_space`, `output_space`: on the same domain.
    - `width`: channels inside. `layers`: number of blocks. `heads` and `slices`: of attention.
    - `expansion`: hidden channels of M_l over `width`.
    - `coordinates`: whether the input's points are given to the network.

    **Raises:** `ModelError` for arguments that make no operator.

    ```python
    Transolver(plane, plane, width=64, slices=32, key=jax.random.key(0))
    ```
    """

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    width: int = eqx.field(static=True)
    layers: int = eqx.field(static=True)
    heads: int = eqx.field(static=True)
    slices: int = eqx.field(static=True)
    expansion: float = eqx.field(static=True)
    coordinates: bool = eqx.field(static=True)
    lift: Pointwise
    blocks: tuple[TransformerBlock, ...]
    project: MLP

    def __init__(
        self,
        input_space: Space,
        output_space: Space,
        *,
        width: int = 32,
        layers: int = 4,
        heads: int = 4,
        slices: int = 16,
        expansion: float = 2.0,
        coordinates: bool = True,
        key: PRNGKeyArray,
    ):
        require_same_domain("a Transolver", input_space, output_space)
        require_sizes("Transolver", width=width, layers=layers, slices=slices, expansion=expansion)
        self.input_space, self.output_space = input_space, output_space
        self.width, self.layers, self.heads, self.slices = width, layers, heads, slices
        self.expansion, self.coordinates = float(expansion), coordinates

        def block(key: PRNGKeyArray) -> TransformerBlock:
            k1, k2 = split(key, 2)
            attention = SliceAttention(width, heads, slices, gain=0.5, key=k1)
            return TransformerBlock(attention, width, round(expansion * width), key=k2)

        # ChannelNorm is singular where all channels are equal, as without a bias where v = 0
        self.lift, self.blocks, self.project = lifted(self, block, bias=1.0, key=key)
