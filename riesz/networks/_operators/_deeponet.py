"""The deep operator network at any width."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.domains import AbstractDiscretization, Grid, Space, feature_count
from riesz.errors import ModelError
from riesz.functions import Function
from riesz.networks._finite import FiniteNetwork
from riesz.networks._infinite import Limits
from riesz.networks._network import AbstractNetwork
from riesz.networks._operators._contract import AbstractOperatorNetwork
from riesz.operators import AbstractOperator
from riesz.operators.internal import require_input


class DeepONet(AbstractOperatorNetwork):
    """G(u)(y) = sum_k branch_k(u) trunk_k(y) / sqrt(basis) (Lu et al. 2021, arXiv:1910.03193).

    The branch receives u at sensors, a grid of its domain, with weights such that inner products
    of its inputs are L2 inner products by quadrature: the first kernel of the recursion is
    int u.v / (|domain| channels). The trunk receives coordinates. Branch and trunk are independent,
    hence with kernels K and tangent kernels Theta of each

        k = K_branch(u, v) K_trunk(x, y),
        theta = Theta_branch K_trunk + K_branch Theta_trunk.

    **Arguments:**

    - `branch`, `trunk`: descriptions that end with a `Dense` of equally many features.
    - `sensors`: nodes along each axis of the grid on which functions are read.

    ```python
    layers = Dense(256, b_std=0.5) >> Relu() >> Dense(128)
    description = DeepONet(layers, layers, sensors=32)
    operator = description.init(space, space, key=jax.random.key(0))
    ```
    """

    branch: AbstractNetwork
    trunk: AbstractNetwork
    sensors: int = eqx.field(static=True, default=32)

    def init(
        self, input_space: Space, output_space: Space, *, key: PRNGKeyArray
    ) -> "FiniteDeepONet":
        first, second = jax.random.split(key)
        grid = Grid(input_space.domain, self.sensors)
        inputs = grid.coordinates.size // grid.coordinates.shape[-1] * input_space.channels
        branch = self.branch.init(inputs, key=first)
        trunk = self.trunk.init(feature_count(output_space.domain), key=second)
        sizes = [n.network.out_shape(n.shape) for n in (branch, trunk)]
        if sizes[0] != sizes[1] or sizes[0][-1] % output_space.channels:
            raise ModelError(
                "branch and trunk cannot be multiplied",
                where="DeepONet(branch, trunk)",
                expected="equal numbers of features at their ends, a multiple of the "
                f"{output_space.channels} output channels",
                found=f"branch {sizes[0]}, trunk {sizes[1]}",
                repair="end both with Dense(n) of one n",
            )
        return FiniteDeepONet(
            branch=branch,
            trunk=trunk,
            sensors=grid,
            input_space=input_space,
            output_space=output_space,
        )

    def covariances(
        self,
        u: Function,
        x: AbstractDiscretization,
        v: Function | None = None,
        y: AbstractDiscretization | None = None,
    ) -> Limits:
        grid = Grid(u.domain, self.sensors)
        read = jax.vmap(lambda f: readings(f, grid))
        dtype = u.values.dtype
        branch = self.branch.kernel().both(read(u), None if v is None else read(v))
        trunk = self.trunk.kernel().both(points(x, dtype), None if y is None else points(y, dtype))
        # (n, m), (p, q) -> (n, p, m, q)
        both = lambda a, b: jnp.einsum("nm,pq->npmq", a, b)  # noqa: E731
        tangent = both(branch.ntk, trunk.nngp) + both(branch.nngp, trunk.ntk)
        return Limits(both(branch.nngp, trunk.nngp), tangent)


class FiniteDeepONet(AbstractOperator):
    """A `riesz.networks.DeepONet` with weights."""

    branch: FiniteNetwork
    trunk: FiniteNetwork
    sensors: Grid
    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        require_input(self, a)
        if on is None:
            same = a.domain == self.output_space.domain
            on = a.discretization if same else Grid(self.output_space.domain, 64)
        channels = self.output_space.channels
        # branch_k(u), (basis, channels)
        coefficients = self.branch(readings(a, self.sensors)).reshape(-1, channels)
        basis = jax.vmap(self.trunk)(points(on, a.values.dtype))
        # trunk_k(y), (*points, basis, channels)
        terms = basis.reshape(*on.shape, -1, channels)
        # sum_k branch_k(u) trunk_k(y) / sqrt(basis)
        values = jnp.einsum("...kc,kc->...c", terms, coefficients)
        return Function(values / coefficients.shape[0] ** 0.5, on, self.output_space)


def readings(f: Function, grid: Grid) -> Float[Array, " features"]:
    """Values of f on the grid, scaled so that products of them sum to L2 inner products."""
    values = f.resample(grid).values
    mean = grid.weights / jnp.sum(grid.weights)
    # N nodes, w the weights: f_i sqrt(N w_i / |domain|), so that products of f and g
    # sum to N channels times int f.g / (|domain| channels)
    scaled = values * jnp.sqrt(mean * mean.size).astype(values.dtype)[..., None]
    return scaled.reshape(-1)


def points(on: AbstractDiscretization, dtype: Any) -> Float[Array, "p features"]:
    """Coordinates as the trunk receives them."""
    features = on.features()
    return features.reshape(-1, features.shape[-1]).astype(dtype)
