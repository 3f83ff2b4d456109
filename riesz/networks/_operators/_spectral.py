"""Neural operators on tori at any width."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.domains import AbstractDiscretization, AbstractDomain, Grid, Space
from riesz.errors import DomainError, ModelError
from riesz.functions import Function
from riesz.networks._finite import FiniteNetwork
from riesz.networks._infinite import Limits
from riesz.networks._network import AbstractNetwork
from riesz.networks._operators._contract import AbstractOperatorNetwork
from riesz.operators import AbstractOperator
from riesz.operators.internal import require_input


class SpectralOperator(AbstractOperatorNetwork):
    """A network over the positions of a periodic grid, as a map of functions on a torus.

    With layers such as `Sum(SpectralConv(w, (8,)), Dense(w)) >> Gelu()` it is the Fourier neural
    operator (Li et al. 2021, arXiv:2010.08895) without coordinates as inputs, so that it commutes
    with translations. Functions are resampled to the grid by trigonometric interpolation, and
    outputs from it.

    **Arguments:**

    - `network`: a description whose output keeps the positions and has one channel for each
      channel of the output space.
    - `nodes`: along each axis of the grid.

    ```python
    layer = Sum(SpectralConv(64, (8,)), Dense(64)) >> Gelu()
    description = SpectralOperator(Dense(64) >> layer >> layer >> Dense(1), nodes=32)
    ```
    """

    network: AbstractNetwork
    nodes: int = eqx.field(static=True, default=32)

    def init(
        self, input_space: Space, output_space: Space, *, key: PRNGKeyArray
    ) -> "FiniteSpectralOperator":
        grid = self.grid(input_space.domain)
        network = self.network.init((*grid.shape, input_space.channels), key=key)
        after = network.network.out_shape(network.shape)
        if after != (*grid.shape, output_space.channels):
            raise ModelError(
                "the network does not give functions of the output space",
                where="SpectralOperator(network)",
                expected=f"outputs of shape {(*grid.shape, output_space.channels)}",
                found=f"outputs of shape {after}",
                repair=f"end the network with Dense({output_space.channels}), and use no layer "
                "that changes the positions",
            )
        return FiniteSpectralOperator(
            network=network, grid=grid, input_space=input_space, output_space=output_space
        )

    def covariances(
        self,
        u: Function,
        x: AbstractDiscretization,
        v: Function | None = None,
        y: AbstractDiscretization | None = None,
    ) -> Limits:
        grid = self.grid(u.domain)
        # (batch, *S, channels)
        read = jax.vmap(lambda f: f.resample(grid).values)
        limits = self.network.kernel().both(read(u), None if v is None else read(v))
        y = x if y is None else y
        return Limits(*(_at(k, grid, x, y) for k in limits))

    def grid(self, domain: AbstractDomain) -> Grid:
        """Where the network computes.

        **Raises:** `DomainError` for a domain that is not a torus.
        """
        if not all(domain.periodic):
            raise DomainError(
                "spectral convolutions act on periodic functions",
                where="SpectralOperator",
                expected="functions on a Torus",
                found=str(domain),
                repair="use riesz.networks.DeepONet on this domain",
            )
        return Grid(domain, self.nodes)


class FiniteSpectralOperator(AbstractOperator):
    """A `riesz.networks.SpectralOperator` with weights."""

    network: FiniteNetwork
    grid: Grid
    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        require_input(self, a)
        values = self.network(a.resample(self.grid).values)
        on = a.discretization if on is None else on
        return Function(values, self.grid, self.output_space).resample(on)


def _at(
    k: Float[Array, "n m *S"], grid: Grid, x: AbstractDiscretization, y: AbstractDiscretization
) -> Float[Array, "n p m q"]:
    """Covariances between positions of the grid, interpolated to points on both sides."""
    n, m = k.shape[:2]
    size = grid.weights.size
    # positions s of x and t of y: (n, m, s, t)
    k = k.reshape(n, m, size, size)
    left, right = (_interpolation(grid, on, k.dtype) for on in (x, y))
    # sum_st L_ps K_st R_qt
    return jnp.einsum("ps,nmst,qt->npmq", left, k, right)


def _interpolation(
    grid: Grid, on: AbstractDiscretization, dtype: Any
) -> Float[Array, "points positions"]:
    """The matrix of the grid's interpolation."""
    # channel s is 1 at position s, else 0
    basis = jnp.eye(grid.weights.size, dtype=dtype).reshape(*grid.shape, -1)
    return Function(basis, grid).resample(on).values.reshape(-1, grid.weights.size)
