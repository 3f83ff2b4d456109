"""The deep operator network (Lu et al. 2021, arXiv 1910.03193)."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.draws import split
from riesz._core.layers import MLP
from riesz._core.parameters import Frozen
from riesz.domains import AbstractDiscretization, Grid, Space, feature_count
from riesz.errors import ModelError
from riesz.functions import Function, Pairs
from riesz.functions.internal import require_inside
from riesz.operators._operator import AbstractOperator, Workload, require_input, require_one_domain
from riesz.operators._registry import register

SENSORS = {1: 64, 2: 16, 3: 8}  # nodes per axis, by dimension
FEW = 300  # samples


@register
class DeepONet(AbstractOperator):
    """Unstacked DeepONet: u(y) = sum_k branch_k(a(x_1), ..., a(x_m)) trunk_k(y) + bias.

    The input function is evaluated at the sensors by its own interpolation, so it may come on
    any discretization; the output may be evaluated anywhere (`on`), by default where the input is
    given, or on the sensors' count of nodes if the two domains differ.

    **Arguments:**

    - `input_space`, `output_space`: on any two domains.
    - `sensors`: positions, shape (m, d), or a number of nodes per axis of a uniform grid. They
      are kept relative to the lower end of the domain.
    - `width`, `depth`: hidden channels and hidden layers of branch and trunk.
    - `basis`: number of terms k for each output channel.

    A trunk of POD modes (Lu et al. 2022, arXiv 2111.05512) is made by `DeepONet.with_pod`.

    **Raises:** `ModelError` for arguments that make no operator.

    ```python
    DeepONet(problem.input_space, problem.output_space, sensors=64, key=jax.random.key(0))
    ```
    """

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    basis: int = eqx.field(static=True)
    width: int = eqx.field(static=True)
    depth: int = eqx.field(static=True)
    sensors: int | None = eqx.field(static=True)  # None where their positions were given
    positions: Frozen  # (m, d), relative
    branch: MLP
    trunk: "MLP | PODTrunk"
    bias: Float[Array, " c"]

    def __init__(
        self,
        input_space: Space,
        output_space: Space,
        *,
        sensors: int | Float[Any, "m d"] = 32,
        width: int = 128,
        depth: int = 2,
        basis: int = 64,
        key: PRNGKeyArray,
    ):
        require_one_domain("DeepONet", input_space, output_space)
        self.input_space, self.output_space = input_space, output_space
        self.basis, self.width, self.depth = basis, width, depth
        dim = input_space.domain.dim
        if isinstance(sensors, int):
            with jax.ensure_compile_time_eval():  # also where only shapes are asked for
                positions = np.asarray(Grid(input_space.domain, sensors).relative).reshape(-1, dim)
        else:
            # x - lower, (m, d)
            positions = np.asarray(sensors, np.float64) - np.asarray(input_space.domain.lower)
        if positions.ndim != 2 or positions.shape[1] != dim or min(width, depth, basis) < 1:
            raise ModelError(
                "a DeepONet needs sensors of shape (m, d) and positive sizes",
                where="DeepONet",
                expected=f"sensors of shape (m, {dim})",
                found=f"sensors {positions.shape}, width={width}, depth={depth}, basis={basis}",
            )
        require_inside(input_space.domain, positions, "DeepONet(sensors=...)")
        self.sensors = sensors if isinstance(sensors, int) else None
        self.positions = Frozen(jnp.asarray(positions, float))
        channels = output_space.channels
        k1, k2 = split(key, 2)
        # branch: m c_in -> k c; trunk: f -> k c
        inputs = positions.shape[0] * input_space.channels
        hidden = (width,) * depth
        self.branch = MLP((inputs, *hidden, basis * channels), key=k1)
        features = feature_count(output_space.domain)
        self.trunk = MLP((features, *hidden, basis * channels), key=k2)
        self.bias = jnp.zeros(channels)

    @classmethod
    def with_pod(
        cls,
        pairs: Pairs,
        *,
        basis: int = 32,
        sensors: int | Float[Any, "m d"] = 32,
        width: int = 128,
        depth: int = 2,
        key: PRNGKeyArray,
    ) -> "DeepONet":
        """A DeepONet whose trunk is the mean and the leading POD modes of the outputs.

        The modes are orthonormal in L2 by the quadrature of the outputs' grid; they are
        functions, so the operator still answers anywhere.
        """
        sizes = {"basis": basis, "sensors": sensors, "width": width, "depth": depth}
        plain = cls(pairs.input_space, pairs.output_space, **sizes, key=key)  # pyright: ignore[reportArgumentType]
        trunk = PODTrunk.from_outputs(pairs.outputs, basis)
        return eqx.tree_at(lambda o: o.trunk, plain, trunk)

    @classmethod
    def sizes(cls, task: Workload, given: Mapping[str, Any]) -> dict[str, Any]:
        """Half the terms and channels where there are fewer than 300 samples."""
        del given
        half = 2 if task.samples < FEW else 1
        sensors = SENSORS.get(task.dim, 4)
        return {"sensors": sensors, "basis": 64 // half, "width": 128 // half}

    def output_weights(self) -> tuple[Any, ...]:
        mean = (self.trunk.mean.value,) if isinstance(self.trunk, PODTrunk) else ()
        return self.branch.layers[-1].weight, self.branch.layers[-1].bias, self.bias, *mean

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        require_input(self, a, on)
        if on is None:
            same = a.domain == self.output_space.domain
            on = a.discretization if same else Grid(self.output_space.domain, 64)
        channels = self.output_space.channels
        sensors = self.positions.value.astype(a.values.dtype)
        # a(x_1), ..., a(x_m): (m, c_in) -> (m c_in,)
        readings = a.discretization.interpolate(a.values, sensors).reshape(-1)
        # (k, c)
        coefficients = self.branch(readings).reshape(self.basis, channels)
        if isinstance(self.trunk, PODTrunk):
            modes, mean = self.trunk(on)
        else:
            features = on.features().astype(readings.dtype)
            # (*shape, f) -> (*shape, k c) -> (*shape, k, c)
            trunk = self.trunk(features).reshape(*on.shape, self.basis, channels)
            # over sqrt(k), so that the sum of k random terms has the size of one
            modes, mean = trunk / self.basis**0.5, jnp.zeros((), readings.dtype)
        # u_c(y) = sum_k branch_kc trunk_kc(y) + mean_c(y) + bias_c
        values = jnp.einsum("...kc,kc->...c", modes, coefficients) + mean + self.bias
        return Function(values, on, self.output_space)


class PODTrunk(eqx.Module):
    """Fixed modes and a mean, given as functions on the grid of the training outputs."""

    modes: Frozen  # (*shape, basis * channels)
    mean: Frozen  # (*shape, channels)
    grid: Grid = eqx.field(static=True)

    @classmethod
    def from_outputs(cls, outputs: Function, basis: int) -> "PODTrunk":
        grid = outputs.discretization.whole
        values = jnp.asarray(outputs.values)
        if grid is None or basis >= values.shape[0]:
            raise ModelError(
                "POD needs outputs on a grid and more samples than modes",
                where="DeepONet.with_pod",
                found=f"{values.shape[0]} outputs, basis={basis}",
                repair="ask for fewer modes, or use the trained trunk",
            )
        # (*shape, c), and sqrt(w_i), (*shape, 1)
        mean = values.mean(0)
        root = jnp.sqrt(grid.weights).astype(values.dtype)[..., None]

        def leading(channel):
            # sqrt(w_i) (u_n - mean)(x_i), (n, p): right singular vectors sqrt(w_i) phi_k(x_i)
            snapshots = ((values - mean) * root)[..., channel].reshape(values.shape[0], -1)
            _, _, modes = jnp.linalg.svd(snapshots, full_matrices=False)
            # phi_k(x_i), (*shape, k), orthonormal in L2
            return modes[:basis].T.reshape(*grid.shape, basis) / root

        # (*shape, k, c)
        modes = jnp.stack([leading(c) for c in range(values.shape[-1])], -1)
        return cls(Frozen(modes.reshape(*grid.shape, -1)), Frozen(mean), grid)

    def __call__(self, on: AbstractDiscretization) -> tuple[Array, Array]:
        channels = self.mean.value.shape[-1]
        modes = Function(self.modes.value, self.grid).resample(on).values
        mean = Function(self.mean.value, self.grid).resample(on).values
        # (*shape, k c) -> (*shape, k, c)
        return modes.reshape(*on.shape, -1, channels), mean
