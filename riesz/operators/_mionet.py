"""The deep operator network of several inputs (Jin, Meng, Lu 2022, arXiv 2202.06137)."""

from collections.abc import Mapping
from functools import reduce
from math import prod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.draws import split
from riesz._core.layers import MLP
from riesz._core.parameters import Frozen
from riesz.domains import (
    AbstractDiscretization,
    AbstractDomain,
    AbstractProductDomain,
    DisjointPoints,
    DisjointUnion,
    Grid,
    Space,
    feature_count,
)
from riesz.errors import ModelError
from riesz.functions import Function
from riesz.operators._deeponet import FEW, SENSORS
from riesz.operators._operator import AbstractOperator, Workload, require_input
from riesz.operators._registry import register


@register
class MIONet(AbstractOperator):
    """Low-rank MIONet: u(y) = sum_k prod_i branch_ik(v_i(x_i1), ..., v_i(x_im)) trunk_k(y) + bias.

    Each input function v_i has a branch of its own, which reads it at sensors in its own domain
    by the function's own interpolation: grids, scattered points that differ from sample to sample,
    and numbers. Inputs are the components of a function on a `DisjointUnion`, as pairs of named
    functions make it. So are outputs: each has its own trunk and its own branch coefficients. With
    one input and one output it is a `DeepONet`.

    The output may be evaluated anywhere (`on`), by default where an input of its domain is given,
    or on 64 nodes per axis.

    **Arguments:**

    - `input_space`, `output_space`: on any domains; inputs on boxes, tori, products and `Point`.
    - `sensors`: nodes per axis of a uniform grid on the domain of each input, one number for all
      or one per input; when absent 64, 16, 8 in 1, 2, 3 dimensions and 4 in more.
    - `width`, `depth`: hidden channels and hidden layers of branches and trunks.
    - `basis`: number of terms k for each output channel.

    **Raises:** `ModelError` for arguments that make no operator.

    ```python
    pairs = Pairs({"source": f, "boundary": g}, {"u": u})     # on a square and on a circle
    operator = MIONet(pairs.input_space, pairs.output_space, key=jax.random.key(0))
    ```
    """

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    sensors: int | tuple[int, ...] | None = eqx.field(static=True)
    width: int = eqx.field(static=True)
    depth: int = eqx.field(static=True)
    basis: int = eqx.field(static=True)
    positions: tuple[Frozen, ...]  # (m, d) of each input, relative to its domain's origin
    branches: tuple[MLP, ...]
    trunks: tuple[MLP, ...]
    bias: Float[Array, " c"]

    def __init__(
        self,
        input_space: Space,
        output_space: Space,
        *,
        sensors: int | tuple[int, ...] | None = None,
        width: int = 128,
        depth: int = 2,
        basis: int = 64,
        key: PRNGKeyArray,
    ):
        self.input_space, self.output_space = input_space, output_space
        self.sensors, self.width, self.depth, self.basis = sensors, width, depth, basis
        inputs, outputs = input_space.components, output_space.components
        counts = _sensor_counts(sensors, inputs)
        if len(counts) != len(inputs) or min(width, depth, basis, *counts) < 1:
            raise ModelError(
                "a MIONet needs sensors for each input and positive sizes",
                where="MIONet",
                expected=f"one number of sensors per axis, or {len(inputs)} of them",
                found=f"sensors={sensors}, width={width}, depth={depth}, basis={basis}",
            )
        self.positions = tuple(_positions(s, n) for s, n in zip(inputs, counts, strict=True))
        channels, hidden = output_space.channels, (width,) * depth
        keys = split(key, len(inputs) + len(outputs))
        self.branches = tuple(
            # branch i: m_i c_i -> k c, all output channels
            MLP((x.value.shape[0] * s.channels, *hidden, basis * channels), key=k)
            for s, x, k in zip(inputs, self.positions, keys, strict=False)
        )
        self.trunks = tuple(
            # trunk j: f_j -> k c_j
            MLP((feature_count(s.domain) or 1, *hidden, basis * s.channels), key=k)
            for s, k in zip(outputs, keys[len(inputs) :], strict=True)
        )
        self.bias = jnp.zeros(channels)

    @classmethod
    def sizes(cls, task: Workload, given: Mapping[str, Any]) -> dict[str, Any]:
        """Half the terms and channels where there are fewer than 300 samples."""
        del given
        half = 2 if task.samples < FEW else 1
        return {"basis": 64 // half, "width": 128 // half}

    def output_weights(self) -> tuple[Any, ...]:
        last = self.branches[-1].layers[-1]
        return last.weight, last.bias, self.bias

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        require_input(self, a, on)
        on = self._default(a) if on is None else on
        parts = zip(a.components, self.positions, self.branches, strict=True)
        # branch_i(v_i(x_i1), ..., v_i(x_im)), (k c,) each
        readings = [branch(_read(f, x)) for f, x, branch in parts]
        # (k, c): the product of the branches
        coefficients = reduce(jnp.multiply, readings).reshape(self.basis, -1)
        values, start = [], 0
        outputs = zip(on.parts, self.output_space.components, self.trunks, strict=True)
        for part, space, trunk in outputs:
            stop = start + space.channels
            # (*shape, k, c) of this output
            modes = trunk(_features(part, a.values.dtype)).reshape(*part.shape, self.basis, -1)
            # u_c(y) = sum_k coefficients_kc trunk_kc(y) / sqrt(k) + bias_c
            sums = jnp.einsum("...kc,kc->...c", modes, coefficients[:, start:stop])
            values.append(sums / self.basis**0.5 + self.bias[start:stop])
            start = stop
        return Function(on.joined(values), on, self.output_space)

    def _default(self, a: Function) -> AbstractDiscretization:
        """The points of an input of the same domain, else a grid; for each output."""
        given = {f.domain: f.discretization for f in reversed(a.components)}
        domains = [space.domain for space in self.output_space.components]
        places = [given[d] if d in given else Grid(d, 64) for d in domains]
        union = self.output_space.domain
        return DisjointPoints(union, places) if isinstance(union, DisjointUnion) else places[0]


def _sensor_counts(sensors: int | tuple[int, ...] | None, inputs: tuple[Space, ...]):
    """Nodes per axis for each input."""
    if sensors is None:
        return tuple(SENSORS.get(space.domain.dim, 4) for space in inputs)
    return (sensors,) * len(inputs) if isinstance(sensors, int) else tuple(sensors)


def _positions(space: Space, nodes: int) -> Frozen:
    """A uniform grid of sensors, relative to the origin of the domain."""
    domain: AbstractDomain = space.domain
    if not isinstance(domain, AbstractProductDomain):
        raise ModelError(
            "a MIONet reads its inputs on boxes, tori and their products",
            where="MIONet(input_space, output_space)",
            expected="a domain with a uniform grid of sensors",
            found=f"an input on a {domain}",
            repair="resample functions on regions to a grid of a box around them",
        )
    with jax.ensure_compile_time_eval():  # also where only shapes are asked for
        grid = Grid(domain, nodes)
        places = np.asarray(grid.relative).reshape(prod(grid.shape), domain.dim)
    return Frozen(jnp.asarray(places, float))


def _read(f: Function, positions: Frozen) -> Float[Array, " m"]:
    """Values at the sensors, all channels."""
    # (m, d) -> (m, c) -> (m c,)
    places = positions.value.astype(f.values.dtype)
    return f.discretization.interpolate(f.values, places).reshape(-1)


def _features(on: AbstractDiscretization, dtype: Any) -> Float[Array, "*shape f"]:
    """What a trunk receives of each point: on `Point`, which has no coordinates, the number 1."""
    features = on.features().astype(dtype)
    return features if features.shape[-1] else jnp.ones((*on.shape, 1), dtype)
