"""The Fourier neural operator (Li et al. 2021, arXiv 2010.08895)."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from riesz._core.draws import split
from riesz._core.layers import MLP, Pointwise, random_weights
from riesz.domains import (
    AbstractDiscretization,
    AbstractTensorGrid,
    Space,
    feature_count,
)
from riesz.errors import DomainError, ModelError
from riesz.functions import Function
from riesz.operators._operator import AbstractOperator, Workload, require_input, require_one_domain
from riesz.operators._registry import register
from riesz.operators._spectral import (
    AxisTransform,
    reverse_axes,
    spectral_operator,
    tensor_transforms,
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


class FourierLayer(eqx.Module):
    """v -> v + M(gelu(K v + W v + b)): K integrates against a kernel, M is a pointwise network.

    The kernel of K is a trigonometric polynomial of x - y, held by its coefficients.
    """

    spectrum: Float[Array, "*k c two_c"]
    local: Pointwise
    mix: MLP

    def __init__(self, modes: Sequence[int], width: int, hidden: int, *, key: PRNGKeyArray):
        k1, k2, k3 = split(key, 3)
        # k = -m, ..., m, on the last axis 0, ..., m; [Re R | Im R] of (c, c) matrices
        shape = (*(2 * m + 1 for m in modes[:-1]), modes[-1] + 1, width, 2 * width)
        self.spectrum = random_weights(k1, shape, 0.5, width)
        self.local = Pointwise(width, width, key=k2)
        self.mix = MLP((width, hidden, width), gain=0.5, key=k3)

    def __call__(
        self,
        v: Float[Array, "*n c"],
        transforms: tuple[AxisTransform, ...],
        present: Bool[Array, "*n"] | None = None,
    ) -> Float[Array, "*n c"]:
        # K integrates over the present part
        known = v if present is None else jnp.where(present[..., None], v, 0)
        integral = spectral_operator(known, self.spectrum, transforms)
        return v + self.mix(jax.nn.gelu(integral + self.local(v)))


@register
class FNO(AbstractOperator):
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
    coordinates: bool = eqx.field(static=True)
    lift: Pointwise
    blocks: tuple[FourierLayer, ...]
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
        coordinates: bool = True,
        key: PRNGKeyArray,
    ):
        dim = input_space.domain.dim
        require_one_domain("FNO", input_space, output_space)
        self.input_space, self.output_space = input_space, output_space
        self.modes = (modes,) * dim if isinstance(modes, int) else tuple(modes)
        self.width, self.layers, self.expansion = width, layers, float(expansion)
        self.padding, self.coordinates = float(padding), coordinates
        if input_space.domain != output_space.domain:
            raise ModelError(
                "an FNO maps functions to functions on the same domain",
                where="FNO",
                found=f"input {input_space.domain}, output {output_space.domain}",
                repair="use a DeepONet, whose two domains are independent",
            )
        if not dim:
            raise ModelError(
                "an FNO maps functions, and a point has no axis",
                where="FNO",
                expected="a domain of one axis or more",
                found=str(input_space.domain),
                repair="from numbers to numbers: a process, riesz fit-process",
            )
        if len(self.modes) != dim or min(*self.modes, width, layers, 1) < 1 or padding < 0:
            raise ModelError(
                "an FNO needs positive modes, width and layers, and padding >= 0",
                where="FNO",
                expected=f"one number of modes, or {dim}",
                found=f"modes={modes}, width={width}, layers={layers}, padding={padding}",
            )
        hidden = max(1, round(expansion * width))
        # P: c_in + f -> width; Q: width -> 2 width -> c_out
        features = input_space.channels + coordinates * feature_count(input_space.domain)
        keys = split(key, layers + 2)
        self.lift = Pointwise(features, width, key=keys[0])
        self.blocks = tuple(FourierLayer(self.modes, width, hidden, key=k) for k in keys[2:])
        self.project = MLP((width, 2 * width, output_space.channels), key=keys[1])

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

    def output_weights(self) -> tuple[Any, ...]:
        return self.project.layers[-1].weight, self.project.layers[-1].bias

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        require_input(self, a, on)
        grid = a.discretization.grid
        if grid is None:
            raise DomainError(
                "an FNO needs a function on a grid",
                where="FNO(a)",
                expected="a function on a Grid or MaskedGrid",
                found=f"a function on {type(a.discretization).__name__}",
                repair="resample it first, a.resample(Grid(a.domain, 64)), or use a DeepONet",
            )
        # in holes the input is continued, so that the output is known there, too
        # (*n, c_in); masks have the reversed axes of v
        values, mask = a.discretization.filled(a.values), a.discretization.mask
        present = None if mask is None else mask.T
        if self.coordinates:
            # (*n, c_in) -> (*n, c_in + f)
            features = grid.features().astype(values.dtype)
            values = jnp.concatenate([values, features], -1)
        transforms = self._transforms(grid)
        # P: (n_d, ..., n_1, c_in + f) -> (n_d, ..., n_1, width)
        v = self.lift(reverse_axes(values))
        for block in self.blocks:
            v = block(v, transforms, present)
        # Q: (n_d, ..., n_1, width) -> (n_1, ..., n_d, c_out)
        out = Function(reverse_axes(self.project(v)), grid, self.output_space)
        return out.resample(a.discretization if on is None else on)

    def _transforms(self, grid: AbstractTensorGrid) -> tuple[AxisTransform, ...]:
        domain = self.input_space.domain
        # period P = (1 + padding) L along axes with ends, L around circles
        stretch = [1.0 if p else 1.0 + self.padding for p in domain.periodic]
        periods = [s * length for s, length in zip(stretch, domain.lengths, strict=True)]
        # modes from half a wave per node upwards are not resolved by the grid
        cutoffs = [(n * s - 1) / 2 for n, s in zip(grid.shape, stretch, strict=True)]
        axes = zip(grid.axis_relative, grid.axis_cells, strict=True)
        return tensor_transforms(tuple(axes), self.modes, periods, cutoffs)


def _seconds(sizes: Mapping[str, Any], task: Workload) -> float:
    """About what a step takes on a CPU: transforms, mixing of modes and pointwise layers."""
    width, points = sizes["width"], prod(task.shape)
    modes = sizes["modes"]
    modes = (modes,) * task.dim if isinstance(modes, int) else modes
    # the last axis, (2 k, n) forth and back; those of the other axes are of truncated arrays
    transforms = 8 * points * width * modes[-1]
    # a complex (width, width) matrix per mode, the half spectrum counted as a whole one
    mixing = 8 * prod(2 * m + 1 for m in modes) * width**2
    # W takes 2 width^2 per point, M with 2 width hidden channels 8 width^2
    pointwise = 10 * points * width**2
    forward = sizes["layers"] * (transforms + mixing + pointwise)
    # the backward pass takes twice the forward one
    return 3 * BATCH_SIZE * forward / OPERATIONS
