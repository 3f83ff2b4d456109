"""The Fourier neural operator (Li et al. 2021, arXiv 2010.08895)."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, ClassVar

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.draws import split
from riesz.domains import AbstractDiscretization, Space
from riesz.errors import ModelError
from riesz.operators._lifted import AbstractLifted, lifted, require_same_domain
from riesz.operators._operator import Workload
from riesz.operators._registry import register
from riesz.operators.layers import (
    MLP,
    AxisSpectralConvolution,
    IntegralBlock,
    Pointwise,
    SpectralConvolution,
)

# At most so many modes by dimension, and 3/8 of the points.
MODES = {1: 16, 2: 12, 3: 8}
# (samples below which it holds, width, layers, modes at most); then the sizes by dimension.
SMALL = ((100, 16, 2, 8), (300, 16, 2, 12), (800, 32, 3, 16))
WIDTH = {1: 64, 2: 32, 3: 32}
LAYERS = 4

# A time budget must hold so many steps; on a CPU a step takes about so many operations a second.
STEPS_IN_BUDGET, OPERATIONS = 400, 1e10
BATCH_SIZE, LEAST_WIDTH = 16, 8


@register
class FNO(AbstractLifted):
    """Fourier neural operator on intervals, boxes, tori and their products, 1 to 3 axes.

    u = Q(v_L), v_{l+1} = v_l + M_l(gelu(K_l v_l + W_l v_l + b_l)), v_0 = P(a, x), with pointwise
    P, Q and M_l. K_l integrates against a kernel with `modes` Fourier modes per axis by the cells
    of the grid the function comes on, so that it acts on any nodes and at any resolution. On a
    `MaskedGrid` these are integrals over the present part of the domain. Along
    an axis with ends the kernel's period is (1 + `padding`) times the axis, which separates the
    two ends; nothing padded is stored.

    **Arguments:**

    - `input_space`, `output_space`: on the same domain.
    - `modes`: highest mode kept, one for all axes or one per axis. On a grid too coarse
      to carry them the highest ones are dropped.
    - `width`: channels inside. `layers`: number of Fourier layers. `expansion`: hidden channels
      of M_l over `width`.
    - `padding`: fraction of an axis with ends added to the kernel's period.
    - `form`, `rank`: of the weights. `"dense"`: a matrix for each mode. `"cp"`, `"tucker"` and
      `"train"`: in factors with a part `rank` of these numbers (TFNO, Kossaifi et al. 2023, arXiv
      2310.00120). `"separable"`: a number for each mode and channel. `"axes"`: kernels along one
      axis each, added (F-FNO, Tran et al. 2023, arXiv 2111.13802).
    - `bases`: `"fourier"`, or on axes with ends `"cosine"`, `"sine"` or `"chebyshev"`; one for
      all axes or one per axis.
    - `coordinates`: whether P depends on x. Without, the operator commutes with translations of
      tori.

    **Raises:** `ModelError` for arguments that make no operator, `DomainError` when called with
    a function of another space or not on a tensor grid.

    ```python
    FNO(problem.input_space, problem.output_space, modes=12, width=32, key=jax.random.key(0))
    ```
    """

    on_grids: ClassVar[bool] = True
    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    modes: tuple[int, ...] = eqx.field(static=True)
    width: int = eqx.field(static=True)
    layers: int = eqx.field(static=True)
    expansion: float = eqx.field(static=True)
    padding: float = eqx.field(static=True)
    form: str = eqx.field(static=True)
    rank: float = eqx.field(static=True)
    bases: str | tuple[str, ...] = eqx.field(static=True)
    coordinates: bool = eqx.field(static=True)
    lift: Pointwise
    blocks: tuple[IntegralBlock, ...]
    project: MLP

    def __init__(
        self,
        input_space: Space,
        output_space: Space,
        *,
        modes: int | Sequence[int] = 12,
        width: int = 32,
        layers: int = 4,
        expansion: float = 2.0,
        padding: float = 0.25,
        form: str = "dense",
        rank: float = 1.0,
        bases: str | Sequence[str] = "fourier",
        coordinates: bool = True,
        key: PRNGKeyArray,
    ):
        require_same_domain("an FNO", input_space, output_space)
        dim = input_space.domain.dim
        self.input_space, self.output_space = input_space, output_space
        self.modes = (modes,) * dim if isinstance(modes, int) else tuple(modes)
        self.width, self.layers, self.expansion = width, layers, float(expansion)
        self.padding, self.coordinates = float(padding), coordinates
        self.form, self.rank = form, float(rank)
        self.bases = bases if isinstance(bases, str) else tuple(bases)
        if len(self.modes) != dim or min(*self.modes, width, layers, 1) < 1 or padding < 0:
            raise ModelError(
                "an FNO needs positive modes, width and layers, and padding >= 0",
                where="FNO",
                expected=f"one number of modes, or {dim}",
                found=f"modes={modes}, width={width}, layers={layers}, padding={padding}",
            )
        hidden = max(1, round(expansion * width))

        def block(key: PRNGKeyArray) -> IntegralBlock:
            k1, k2 = split(key, 2)
            options: dict[str, Any] = {"dim": dim, "bases": bases, "padding": padding, "key": k1}
            if form == "axes":
                integral = AxisSpectralConvolution(self.modes, width, width, **options)
            else:
                options |= {"form": form, "rank": rank}
                integral = SpectralConvolution(self.modes, width, width, **options)
            return IntegralBlock(integral, width, hidden, key=k2)

        self.lift, self.blocks, self.project = lifted(self, block, key=key)

    @classmethod
    def sizes(cls, task: Workload, given: Mapping[str, Any]) -> dict[str, Any]:
        """Sizes that grow with samples and points, and shrink until the budget holds 400 steps."""
        dim = task.dim
        rows = (row[1:] for row in SMALL if task.samples < row[0])
        width, layers, most = next(rows, (WIDTH.get(dim, 16), LAYERS, MODES.get(dim, 4)))
        most = min(most, MODES.get(dim, 4))
        # 3/8 of the points: below the Nyquist mode n / 2
        modes = tuple(max(1, min(most, 3 * n // 8)) for n in task.shape)
        own = {"modes": modes, "width": width, "layers": layers, "coordinates": not task.invariant}
        sizes = {**own, **given}
        while task.budget is not None and STEPS_IN_BUDGET * _seconds(sizes, task) > task.budget:
            if "width" not in given and sizes["width"] > LEAST_WIDTH:
                sizes["width"] //= 2
            elif "layers" not in given and sizes["layers"] > 1:
                sizes["layers"] -= 1
            else:
                break
        return {name: sizes[name] for name in own}

    def shared(self, on: AbstractDiscretization, a: Float[Array, "*n c"]) -> Any:
        first: Any = self.blocks[0].integral
        return first.transforms(on)


def _seconds(sizes: Mapping[str, Any], task: Workload) -> float:
    """About what a step takes on a CPU: transforms, mixing of modes and pointwise layers."""
    width, points = sizes["width"], prod(task.shape)
    modes = sizes["modes"]
    modes = (modes,) * task.dim if isinstance(modes, int) else modes
    # the first axis, (2 k, n) forth and back; those of the other axes are of truncated arrays
    transforms = 8 * points * width * modes[0]
    # a complex (width, width) matrix per mode, the half spectrum counted as a whole one
    mixing = 8 * prod(2 * m + 1 for m in modes) * width**2
    # W takes 2 width^2 per point, M with 2 width hidden channels 8 width^2
    pointwise = 10 * points * width**2
    forward = sizes["layers"] * (transforms + mixing + pointwise)
    # the backward pass takes twice the forward one
    return 3 * BATCH_SIZE * forward / OPERATIONS
