"""The contract of a process: a distribution over functions."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
from jaxtyping import PRNGKeyArray, Shaped

from riesz._core.parameters import FROZEN
from riesz._core.registry import Registry
from riesz._core.text import written
from riesz.domains import AbstractDiscretization
from riesz.functions import Function, take
from riesz.processes._fields import Fields
from riesz.processes._marginals import AbstractMarginal

PROCESSES = Registry("process")
register = PROCESSES.register

# Where a process is evaluated: a discretization of a domain, or an array of inputs, one per row.
# What else may be given is checked by `inputs_of` and `require_key`, which say what to do.
if TYPE_CHECKING:
    On = AbstractDiscretization | Shaped[Any, "points *features"]
    RandomKey = PRNGKeyArray
else:
    On = RandomKey = Any


class AbstractProcess(eqx.Module):
    """A distribution over functions, known by its distributions at finitely many points.

    `sample` draws from it, `marginal` gives its distribution at points, `condition` what it is
    given observations, and `exact` says whether that is the conditional distribution. A process
    whose values have a density also has `log_density(observations)`, that of what was observed.

    `on` says where it is evaluated. On a discretization of a domain, samples, means and
    standard deviations are `Function`s; on an array of inputs `(points, *features)`, as a
    kernel takes them, they are arrays `(points, channels)`. A process is a pytree; its methods
    run under jit and vmap, and it passes `riesz.testing.check_process`.

    Its hyperparameters are those of its kernels and of fields that say so. A final class has the
    decorator `riesz.processes.register`, by which the command line finds a saved process.
    """

    parameter_kind: ClassVar[str] = FROZEN

    def __repr__(self) -> str:
        return written(self)

    @property
    @abstractmethod
    def exact(self) -> bool:
        """Whether `condition` gives the conditional distribution, up to rounding.

        False where it approximates it, or does something else, such as training a network.
        """

    @property
    def pathwise(self) -> bool:
        """Whether a key gives the same function on all points, to which refining adds detail.

        False where draws on other points are other functions of the same distribution.
        """
        return False

    @abstractmethod
    def sample(self, n: int, *, on: On, key: RandomKey) -> Fields:
        """`n` independent functions: a batch of them, or an array with a leading axis."""

    def draw(self, on: AbstractDiscretization, *, key: PRNGKeyArray) -> Function:
        """One function. Runs under jit and vmap."""
        return take(self.sample(1, on=on, key=key), 0)

    @abstractmethod
    def condition(self, observations: Any | Sequence[Any]) -> "AbstractProcess":
        """The process given one or several observations, such as `Values` or `Integrals`."""

    @abstractmethod
    def marginal(self, *, on: On, joint: bool = False) -> AbstractMarginal:
        """The distribution at these points: mean, variance and standard deviation.

        With `joint` also the covariance between the points, which takes points^2 numbers.
        """
