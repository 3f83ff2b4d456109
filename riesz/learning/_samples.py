"""The data of a fit: samples in memory, in a file, drawn without end, or none."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from riesz.errors import DataError
from riesz.functions import Function, Pairs
from riesz.functions.internal import is_batch
from riesz.operators.internal import larger

_DRAWS = 2**32 - 1  # of the key: smaller numbers are those of steps


@dataclass(frozen=True)
class Stream:
    """Fresh samples for each step: `draw(key, n)` gives a batch of n.

    A batch is `Pairs`, a batch of functions, or any pytree of arrays with n entries along their
    first axis. `draw` runs outside compiled code and must give the same batch for the same key.

    ```python
    stream = riesz.Stream(lambda key, n: problem.sample(n, grid=32, key=key))
    fitted = riesz.fit(operator, stream, steps=500, key=key)
    ```
    """

    draw: Callable[[PRNGKeyArray, int], Any]


@dataclass(frozen=True)
class Samples:
    """A pytree of arrays with one entry per sample; an index gives such a tree."""

    tree: Any

    def __len__(self) -> int:
        return len(jax.tree.leaves(self.tree)[0])

    def __getitem__(self, index: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[index], self.tree)


def samples_of(data: Any, where: str) -> Any:
    """Data with a length and an index that gives batches; streams and None as they are."""
    if data is None or isinstance(data, Stream | Pairs):
        return data
    tree = isinstance(data, list | tuple | dict | np.ndarray | jax.Array | Function)
    if not tree and hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        return data  # an open file
    functions = [f for f in _parts(data) if isinstance(f, Function)]
    leaves = jax.tree.leaves(data)
    sizes = {x.shape[0] if getattr(x, "ndim", 0) else None for x in leaves}
    if len(sizes) != 1 or None in sizes or not all(map(is_batch, functions)):
        shapes = [getattr(x, "shape", type(x).__name__) for x in leaves]
        raise DataError(
            "data for learning have one entry per sample",
            where=where,
            expected="Pairs, a batch of functions, an open file, a riesz.Stream, or arrays with "
            "one length along their first axis",
            found=f"a {type(data).__name__} of {shapes}"[:120],
            repair="make a batch of functions by riesz.functions.batch or stack",
        )
    return Samples(data)


def count(data: Any) -> int | None:
    """The number of samples; None where there is no end of them, or no data."""
    return None if data is None or isinstance(data, Stream) else len(data)


def make_batches(data: Any, size: int, key: PRNGKeyArray, start: int) -> Iterator[Any]:
    """Random batches without replacement within an epoch; a function of the step number."""
    step = start
    while data is None:
        yield None
    # the batch of step i is draw(fold_in(draws, i))
    draws = jax.random.fold_in(key, _DRAWS)
    while isinstance(data, Stream):
        yield data.draw(jax.random.fold_in(draws, step), size)
        step += 1
    seed = np.asarray(jax.random.key_data(key)).tolist()
    each = len(data) // size
    while True:
        # step = epoch * each + place: the permutation of an epoch follows from its number
        epoch, place = divmod(step, each)
        order = np.random.default_rng([*seed, epoch]).permutation(len(data))
        for i in range(place, each):
            yield data[np.sort(order[i * size : (i + 1) * size])]
            step += 1


def points(batch: Any) -> tuple[int, ...]:
    """The shape of the part of a sample that has the most points."""
    shape: tuple[int, ...] = ()
    for part in _parts(batch):
        values = part.values if isinstance(part, Function) else part
        shape = larger(shape, values.shape[1:-1])
    return shape


def _parts(tree: Any) -> list[Any]:
    """Functions, and arrays that belong to none."""
    return jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, Function))
