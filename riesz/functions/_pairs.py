"""Pairs of functions: the data an operator is learned from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from riesz.domains import Space
from riesz.errors import DataError
from riesz.functions._agreement import is_batch
from riesz.functions._assembly import Assembly, assembled
from riesz.functions._batch import take
from riesz.functions._function import Function

Parts = tuple[Assembly, Assembly] | None


class Pairs(eqx.Module):
    """n input functions and n output functions, each a batch on one discretization.

    The values may be NumPy arrays on the host; a slice of pairs is pairs.

    ```python
    pairs = Pairs(batch(a, grid), batch(u, grid))
    training, held_out = pairs.split(0.1, key=key)
    ```

    Several functions on a side are a dict of batches. They are assembled as channels of one
    function each (see `Assembly`), numbers on `Point` among them, and `parts` says how. Functions
    on several domains are kept apart, each at its own points; with `apart=True` all are, also
    those on one domain at points of their own.

    ```python
    pairs = Pairs({"source": f, "viscosity": nu}, {"velocity": u, "drag": d})
    pairs.parts[1].split(pairs.outputs)["drag"]
    ```
    """

    inputs: Function
    outputs: Function
    parts: Parts = eqx.field(static=True)

    def __init__(
        self,
        inputs: Function | Mapping[str, Function],
        outputs: Function | Mapping[str, Function],
        parts: Parts = None,
        *,
        apart: bool = False,
    ):
        if isinstance(inputs, Mapping) or isinstance(outputs, Mapping):
            inputs, outputs, parts = assembled(inputs, outputs, apart)
        for side, name in ((inputs, "inputs"), (outputs, "outputs")):
            if not isinstance(side, Function) or not is_batch(side):
                raise DataError(
                    "pairs are made of two batches of functions",
                    where="Pairs(inputs, outputs)",
                    expected="batches: Functions whose values are (n, *shape, channels)",
                    found=f"{name}: {_kind(side)}",
                    repair="write Pairs(batch(a, grid), batch(u, grid)) with riesz.functions.batch "
                    "and the Grid or Points of the samples",
                )
        n, m = inputs.values.shape[0], outputs.values.shape[0]
        if n != m:
            raise DataError(
                "pairs need one output for each input",
                where="Pairs(inputs, outputs)",
                found=f"{n} inputs, {m} outputs",
                repair="drop the samples without a partner",
            )
        self.inputs, self.outputs, self.parts = inputs, outputs, parts

    def __repr__(self) -> str:
        sides = (f"{_side(f)}" for f in (self.inputs, self.outputs))
        return f"{len(self)} pairs: {' -> '.join(sides)}"

    def __len__(self) -> int:
        return self.inputs.values.shape[0]

    def __getitem__(self, index: Any) -> "Pairs":
        if isinstance(index, int | np.integer):
            if not -len(self) <= index < len(self):  # which also ends `for pair in pairs`
                raise IndexError(f"sample {index} of {len(self)} pairs")
            index = slice(index, index + 1 or None)
        return Pairs(take(self.inputs, index), take(self.outputs, index), self.parts)

    @property
    def input_space(self) -> Space:
        """Where the inputs live."""
        return self.inputs.space

    @property
    def output_space(self) -> Space:
        """Where the outputs live."""
        return self.outputs.space

    @property
    def same_points(self) -> bool:
        """Whether each output is sampled at the points of its input; not inside compiled code."""
        a, u = self.inputs.discretization, self.outputs.discretization
        if jax.tree.structure(a) != jax.tree.structure(u):
            return False
        leaves = zip(jax.tree.leaves(a), jax.tree.leaves(u), strict=True)
        return all(np.array_equal(x, y) for x, y in leaves)

    def split(self, fraction: float, *, key: PRNGKeyArray) -> tuple["Pairs", "Pairs"]:
        """The pairs without, and with, a random `fraction` of them (at least one)."""
        rest, held = split_samples(len(self), fraction, key)
        return self[rest], self[held]


def _side(f: Function) -> str:
    return f"{', '.join(f.space.labels)} on {f.discretization.describe()} of {f.domain}"


def _kind(side: Any) -> str:
    """What was given in place of a batch."""
    if isinstance(side, Function):
        return f"one function, values of shape {side.values.shape}"
    shape = getattr(side, "shape", None)
    return f"{type(side).__name__}{'' if shape is None else f' of shape {shape}'}"


@runtime_checkable
class PairsLike(Protocol):
    """Pairs, or what reads `Pairs` when it is indexed, such as an open data file.

    An index is a slice, or an array of the numbers of samples.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Pairs: ...


@dataclass(frozen=True)
class Subset:
    """Some of the pairs, or of other samples, read when they are asked for."""

    pairs: Any
    samples: np.ndarray

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any) -> Any:
        return self.pairs[np.atleast_1d(self.samples[index])]


def subset(pairs: PairsLike, samples: np.ndarray) -> PairsLike:
    """Some of the pairs: copied from memory, or read from elsewhere when they are asked for."""
    return pairs[samples] if isinstance(pairs, Pairs) else Subset(pairs, samples)


def split_samples(count: int, fraction: float, key: PRNGKeyArray) -> tuple[np.ndarray, np.ndarray]:
    """Ascending numbers of samples: those left, and a random `fraction` (at least one)."""
    held = max(1, round(fraction * count))
    if not 0 < fraction < 1 or held >= count:
        raise DataError(
            "a split must leave pairs on both sides",
            expected="0 < fraction < 1",
            found=f"fraction {fraction} of {count} pairs",
        )
    order = np.asarray(jax.random.permutation(key, count))
    return np.sort(order[held:]), np.sort(order[:held])


_PIECE_FLOATS = 2**24  # values read at once, 64 MiB


def pieces(pairs: Any) -> Iterator[Any]:
    """All pairs, or other samples, in order, as many at a time as fit a bounded memory."""
    first = jax.tree.leaves(pairs[:1], is_leaf=lambda x: isinstance(x, Function))
    each = sum(np.size(x.values if isinstance(x, Function) else x) for x in first)
    size = max(1, _PIECE_FLOATS // max(1, each))
    for start in range(0, len(pairs), size):
        yield pairs[start : start + size]


def chunks(pairs: Any, size: int) -> Iterator[tuple[Any, int]]:
    """Batches of exactly `size` pairs or other samples (or all), and how many of them count.

    The last chunk is filled up with copies of its last sample, so that one compiled program
    serves all.
    """
    size = min(size, len(pairs))
    for start in range(0, len(pairs), size):
        count = min(size, len(pairs) - start)
        part = pairs[start : start + count]
        if count < size:
            part = _filled(part, count, size)
        yield part, count


def _filled(part: Any, count: int, size: int) -> Any:
    rows = np.minimum(np.arange(size), count - 1)
    return jax.tree.map(lambda leaf: leaf[rows], part)
