"""The contract of a process: a distribution over functions."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import equinox as eqx
from jaxtyping import PRNGKeyArray, Shaped

from riesz.domains import AbstractDiscretization
from riesz.processes._marginals import AbstractMarginal, Fields

# Where a process is looked at: a discretization of a domain, or an array of inputs, one a row.
On = AbstractDiscretization | Shaped[Any, "points *features"]


class AbstractProcess(eqx.Module):
    """A distribution over functions, known by its laws at finitely many points.

    `on` says where it is looked at. On a discretization of a domain, samples, means and
    standard deviations are `Function`s; on an array of inputs `(points, *features)`, as a
    kernel takes them, they are arrays `(points, channels)`. A process is a pytree; its methods
    run under jit and vmap, and it passes `riesz.testing.check_process`.
    """

    @abstractmethod
    def sample(self, n: int, *, on: On, key: PRNGKeyArray) -> Fields:
        """`n` independent functions: a batch of them, or an array with a leading axis."""

    @abstractmethod
    def condition(self, observations: Any | Sequence[Any]) -> "AbstractProcess":
        """The process given one or several observations, such as `Values` or `Integrals`."""

    @abstractmethod
    def marginal(self, *, on: On, joint: bool = False) -> AbstractMarginal:
        """The law at these points: mean, variance and standard deviation.

        With `joint` also the covariance between the points, which takes points^2 numbers.
        """
