"""Networks on vectors of samples, which papers compare operators with.

They take the values of a function as they come: their weights know a resolution, which is what
an operator must not do. They serve to show what goes wrong then.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from riesz.domains import AbstractDiscretization, Space
from riesz.functions import Function
from riesz.operators import AbstractOperator


class FullyConnected(AbstractOperator):
    """u(y) = N(a(x_1), ..., a(x_m), y): one fully connected network of all samples and a point."""

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    network: eqx.nn.MLP

    def __init__(self, spaces: tuple[Space, Space], samples: int, width: int, *, key: PRNGKeyArray):
        self.input_space, self.output_space = spaces
        self.network = eqx.nn.MLP(samples + 1, 1, width, 3, jax.nn.gelu, key=key)

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        on = a.discretization if on is None else on
        points = on.coordinates.astype(a.values.dtype)
        # (samples + 1,) -> (1,) at each point y
        values = jax.vmap(lambda y: self.network(jnp.concatenate([a.values[:, 0], y])))(points)
        return Function(values, on, self.output_space)


class Convolutional(AbstractOperator):
    """A convolutional network on a circle: kernels span a number of points, not a length."""

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    layers: tuple[eqx.nn.Conv1d, ...]

    def __init__(
        self, spaces: tuple[Space, Space], width: int, points: int, depth: int, *, key: PRNGKeyArray
    ):
        self.input_space, self.output_space = spaces
        sizes = (1, *(width,) * (depth - 1), 1)
        parts = zip(sizes[:-1], sizes[1:], jax.random.split(key, depth), strict=True)
        self.layers = tuple(
            eqx.nn.Conv1d(a, b, points, padding="SAME", padding_mode="CIRCULAR", key=k)
            for a, b, k in parts
        )

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        # (points, 1) -> (1, points)
        v = self.layers[0](a.values.T)
        for layer in self.layers[1:-1]:
            v = v + layer(jax.nn.gelu(v))
        out = Function(self.layers[-1](jax.nn.gelu(v)).T, a.discretization, self.output_space)
        return out if on is None else out.resample(on)
