"""The contract of descriptions of operators."""

from abc import abstractmethod

import equinox as eqx
from jaxtyping import PRNGKeyArray

from riesz.domains import AbstractDiscretization, Space
from riesz.functions import Function
from riesz.networks._infinite import Limits
from riesz.operators import AbstractOperator


class AbstractOperatorNetwork(eqx.Module):
    """A description of maps from functions to functions, without weights.

    `init` makes a finite operator with random weights and `covariances` is its limit of infinite
    width: a **kernel between functions**, k((u, x), (v, y)) = E[G(u)(x) G(v)(y)] for the random
    operator G, by the same recursion as for networks. Both depend on functions, not on the grids
    they are given on.
    """

    @abstractmethod
    def init(
        self, input_space: Space, output_space: Space, *, key: PRNGKeyArray
    ) -> AbstractOperator:
        """A finite operator with random weights, in the tangent kernel parametrisation."""

    @abstractmethod
    def covariances(
        self,
        u: Function,
        x: AbstractDiscretization,
        v: Function | None = None,
        y: AbstractDiscretization | None = None,
    ) -> Limits:
        """Both kernels between batches of functions at points of the output domain.

        **Arguments:**

        - `u`, `v`: batches of n and m functions; without `v` those of `u`.
        - `x`, `y`: where outputs are taken, p and q points; without `y` those of `x`.

        **Returns:** arrays of shape (n, p, m, q). The output channels of the operator are
        independent and have these covariances each.
        """
