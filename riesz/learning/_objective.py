"""What an objective is, and what a fit needs of one."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
from jaxtyping import Array, Float, Key, PRNGKeyArray

from riesz._core.blocks import length, mapped
from riesz.errors import RunError
from riesz.learning._samples import points
from riesz.operators import micro_batch

Parts = dict[str, Float[Array, ""]]


class Task(NamedTuple):
    """What a fit works on, after its objective has prepared it.

    `restore`: from the trained model to the one that is returned; `notes`: what is unusual in the
    data; `cautious`: whether the first weights are kept unless others are surely better.
    """

    model: Any
    objective: "AbstractObjective"
    training: Any
    held: Any
    restore: Callable[[Any], Any] = lambda model: model
    notes: tuple[str, ...] = ()
    cautious: bool = False


class AbstractObjective(eqx.Module):
    """What `riesz.fit` makes small: `objective(model, batch, key)`.

    The value is a scalar, or a scalar and a dict of scalars, its parts, which are recorded and
    shown by name. It is an average over the samples of the batch: a fit works on a batch in
    micro-batches and averages their values. `batch` is None where a fit has no data. Any function
    of these arguments is an objective; a subclass may also override what is below.
    """

    @abstractmethod
    def __call__(
        self, model: Any, batch: Any, key: PRNGKeyArray
    ) -> Float[Array, ""] | tuple[Float[Array, ""], Parts]:
        """The value of the model on a batch."""

    def check(self, model: Any, data: Any) -> None:
        """Raise where the model or the data are of another kind than the objective needs."""

    def prepare(self, task: Task, survey: Any) -> Task:
        """The task with what follows from the training data, such as scales."""
        return task

    def errors(self, model: Any, batch: Any, keys: Key[Array, " n"]) -> Float[Array, " n"]:
        """The validation error of each sample: the value on it alone, with a key of its own."""

        def one(item: Any) -> Array:
            sample, key = item
            # a batch of one: (...) -> (1, ...)
            alone = jax.tree.map(lambda leaf: leaf[None], sample)
            return value_and_parts(self(model, alone, key))[0]

        n = length(keys)
        size = 1 if batch is None else micro_batch(points(batch), n, gradient=False)
        return mapped(one, (batch, keys), size)


class Given(AbstractObjective):
    """A function of (model, batch, key) as an objective."""

    function: Callable[[Any, Any, Any], Any]

    def __call__(self, model: Any, batch: Any, key: PRNGKeyArray) -> Any:
        return self.function(model, batch, key)


def value_and_parts(found: Any) -> tuple[Any, Any]:
    """The value of an objective and its parts, of which there may be none.

    **Raises:** `RunError` for anything but scalars.
    """
    value, parts = found if isinstance(found, tuple) and len(found) == 2 else (found, {})
    numbers: list[Any] = [value, *parts.values()] if isinstance(parts, dict) else [found]
    wrong = [x for x in numbers if not eqx.is_inexact_array(x) or x.shape != ()]
    if wrong:
        shape = getattr(wrong[0], "shape", None)
        raise RunError(
            "the value of an objective is a real number",
            where="riesz.fit: objective(model, batch, key)",
            expected="an array of shape (), or one and a dict of such arrays",
            found=type(wrong[0]).__name__ if shape is None else f"an array of shape {shape}",
            repair="average over the samples and points: jnp.mean(errors)",
        )
    return value, parts


def average(found: Any) -> Any:
    """The means of values, or of values and parts, over their leading axis."""
    return jax.tree.map(lambda x: x.mean(), found)
