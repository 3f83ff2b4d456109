"""The low-rank neural operator (Kovachki et al. 2023, JMLR 24(89))."""

import equinox as eqx
from jaxtyping import PRNGKeyArray

from riesz._core.draws import split
from riesz.domains import Space
from riesz.operators._lifted import AbstractLifted, lifted, require_same_domain, require_sizes
from riesz.operators._registry import register
from riesz.operators.layers import MLP, IntegralBlock, LowRankIntegral, Pointwise


@register
class LowRankOperator(AbstractLifted):
    """Neural operator whose kernels have low rank, on any points (LNO).

    v_{l+1} = v_l + M_l(gelu(K_l v_l + W_l v_l + b_l)) with
    (K v)(x) = sum_j phi_j(x) int psi_j . v / |D|, phi and psi networks of the point. Time is
    linear in the number of points.

    **Arguments:**

    - `input_space`, `output_space`: on the same domain.
    - `width`: channels inside. `layers`: number of blocks. `rank`: number of terms.
    - `hidden`: hidden channels of phi and psi.
    - `coordinates`: whether P depends on x.

    **Raises:** `ModelError` for arguments that make no operator.

    ```python
    LowRankOperator(plane, plane, rank=8, key=jax.random.key(0))
    ```
    """

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    width: int = eqx.field(static=True)
    layers: int = eqx.field(static=True)
    rank: int = eqx.field(static=True)
    hidden: int = eqx.field(static=True)
    coordinates: bool = eqx.field(static=True)
    lift: Pointwise
    blocks: tuple[IntegralBlock, ...]
    project: MLP

    def __init__(
        self,
        input_space: Space,
        output_space: Space,
        *,
        width: int = 32,
        layers: int = 4,
        rank: int = 8,
        hidden: int = 32,
        coordinates: bool = True,
        key: PRNGKeyArray,
    ):
        require_same_domain("a LowRankOperator", input_space, output_space)
        require_sizes("LowRankOperator", width=width, layers=layers, rank=rank, hidden=hidden)
        self.input_space, self.output_space = input_space, output_space
        self.width, self.layers, self.rank, self.hidden = width, layers, rank, hidden
        self.coordinates = coordinates

        def block(key: PRNGKeyArray) -> IntegralBlock:
            k1, k2 = split(key, 2)
            integral = LowRankIntegral(input_space.domain, width, rank, hidden, key=k1)
            return IntegralBlock(integral, width, 2 * width, key=k2)

        self.lift, self.blocks, self.project = lifted(self, block, key=key)
