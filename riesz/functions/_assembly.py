"""Several named functions as the channels of one, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from riesz._core.tracing import traced
from riesz.domains import (
    AbstractDiscretization,
    AbstractDomain,
    DisjointPoints,
    DisjointUnion,
    Grid,
    Point,
    Space,
)
from riesz.errors import DataError, DomainError
from riesz.functions._agreement import is_batch, same_points
from riesz.functions._batch import batch
from riesz.functions._function import Function


class Assembly(eqx.Module):
    """Named functions as the channels of one function, for operators that read channels.

    Functions on `Point`, which are numbers, become constant functions on the domain of the
    others; read back, they are the mean of their channel. The other functions share one domain,
    and are resampled to the points of the first of them; on one grid with different holes, a place
    that is missing in one of them is missing in all.

    Functions that are kept apart are the components of one function on the `DisjointUnion` of
    their domains, each at its own points, and are read back exactly. So are functions on several
    domains.

    **Arguments:**

    - `spaces`: of each function, by name.
    - `domain`: on which numbers are constant, where all functions are numbers.
    - `apart`: whether functions of one domain, and numbers, are kept apart, too.

    **Raises:** `DomainError` for no functions, or functions on another domain than that given.

    ```python
    assembly = Assembly({"source": Space(Interval(0, 1)), "viscosity": Space(Point())})
    joined = assembly.join({"source": f, "viscosity": nu})      # two channels
    assembly.split(joined)["viscosity"].values                  # shape (1,)
    ```
    """

    spaces: tuple[tuple[str, Space], ...] = eqx.field(static=True)
    space: Space = eqx.field(static=True)

    def __init__(
        self,
        spaces: Mapping[str, Space],
        domain: AbstractDomain | None = None,
        apart: bool = False,
    ):
        self.spaces = tuple(spaces.items())
        fields = list(dict.fromkeys(s.domain for s in spaces.values() if s.domain != Point()))
        found: AbstractDomain = (fields or [domain or Point()])[0]
        if not spaces or (domain is not None and found != domain):
            raise DomainError(
                "functions are assembled on their own domain",
                where="Assembly(spaces)",
                expected=f"functions on {domain or found} and on Point()",
                found=", ".join(f"{name!r} on {s.domain}" for name, s in self.spaces) or "none",
                repair="leave the domain out",
            )
        if apart or len(fields) > 1:
            found = DisjointUnion(spaces)
        names, units = [], []
        for name, s in self.spaces:
            names += [name] if s.channels == 1 else [f"{name}.{channel}" for channel in s.names]
            units += s.units
        self.space = Space(found, len(names), names, units)

    def __repr__(self) -> str:
        where = str(self.space.domain)
        text = where if self.apart else f"{', '.join(self.names)} on {where}"
        return f"Assembly({text})"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the functions."""
        return tuple(name for name, _ in self.spaces)

    @property
    def apart(self) -> bool:
        """Whether the functions are components of one on a disjoint union, not channels."""
        return isinstance(self.space.domain, DisjointUnion)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The channels of the joined function that are numbers."""
        owners = [space for _, space in self.spaces for _ in range(space.channels)]
        return tuple(c for c, space in enumerate(owners) if self._constant(space))

    def join(
        self, functions: Mapping[str, Function], on: AbstractDiscretization | None = None
    ) -> Function:
        """One function, or a batch of them, whose channels are those of all.

        At the points of the first function that is not a number, or else `on`; apart, each at its
        own points.

        **Raises:** `DomainError` for other names or other spaces, `DataError` for other numbers
        of samples.
        """
        self._require(functions)
        self._require_counts(functions)
        if self.apart:
            return self._united([functions[name] for name in self.names])
        fields = [functions[name] for name, s in self.spaces if s.domain == self.space.domain]
        on = common_points([f.discretization for f in fields]) if fields else on
        if on is None:
            raise DomainError(
                "numbers become constant functions on given points only",
                where="Assembly.join(functions, on)",
                expected=f"on: a discretization of {self.space.domain}",
                found="None",
            )
        # (*lead, *shape, c_1), (*lead, *shape, c_2), ... -> (*lead, *shape, c_1 + c_2 + ...)
        columns = [self._values(functions[name], on) for name, _ in self.spaces]
        values = jnp.concatenate(columns, -1)
        if is_batch(functions[self.names[0]]):
            return batch(values, on, self.space)
        return Function(values, on, self.space)

    def _united(self, members: list[Function]) -> Function:
        """The function, or the batch, whose components are these."""
        if is_batch(members[0]):
            return eqx.filter_vmap(self._united)(members)
        on = self.on([f.discretization for f in members])
        return Function(on.joined([f.values for f in members]), on, self.space)

    def on(self, places: Sequence[AbstractDiscretization]) -> AbstractDiscretization:
        """The points of functions that are kept apart, from those of each."""
        domain = self.space.domain
        assert isinstance(domain, DisjointUnion)
        return DisjointPoints(domain, places)

    def _values(self, f: Function, on: AbstractDiscretization) -> Array:
        """Values of a function, or of a batch, at the points of the joined one."""
        if self._constant(f.space):
            *lead, channels = f.values.shape
            # stacked points have the number of samples in front
            shape = on.relative.shape[1:-1] if on.stacked and on.grid is None else on.shape
            # (*lead, c) -> (*lead, 1, ..., 1, c) -> (*lead, *shape, c)
            at_one = f.values.reshape(*lead, *(1,) * len(shape), channels)
            return jnp.broadcast_to(at_one, (*lead, *shape, channels))
        if same_nodes(f.discretization, on):
            return jnp.asarray(f.values)
        if not is_batch(f):
            return f.resample(on).values
        axes = (eqx.if_array(0), eqx.if_array(0) if on.stacked else None)
        return eqx.filter_vmap(lambda f, on: f.resample(on).values, in_axes=axes)(f, on)

    def split(self, function: Function) -> dict[str, Function]:
        """The functions by name, of one function or of a batch."""
        if is_batch(function):
            return eqx.filter_vmap(self.split)(function)
        if self.apart:
            return dict(zip(self.names, function.components, strict=True))
        found, start = {}, 0
        for name, space in self.spaces:
            values = function.values[..., start : start + space.channels]
            part = Function(values, function.discretization, self._channels(space))
            found[name] = _mean(part, space) if self._constant(space) else part
            start += space.channels
        return found

    def project(self, function: Function) -> Function:
        """The function with the channels of numbers replaced by their mean."""
        if not self.numbers:
            return function
        return self.join(self.split(function), function.discretization)

    def _constant(self, space: Space) -> bool:
        return not self.apart and space.domain != self.space.domain

    def _channels(self, space: Space) -> Space:
        return Space(self.space.domain, space.channels, space.names, space.units)

    def _require_counts(self, functions: Mapping[str, Function]) -> None:
        counts = {name: len(f.values) if is_batch(f) else 1 for name, f in functions.items()}
        if len(set(counts.values())) > 1:
            raise DataError(
                "named functions that belong together have different numbers of samples",
                where="Assembly.join(functions)",
                expected="as many samples of each",
                found=", ".join(f"{name}: {count}" for name, count in counts.items()),
                repair="drop the samples without a partner",
            )

    def _require(self, functions: Any) -> None:
        given = functions if isinstance(functions, Mapping) else {}
        wrong = [
            name
            for name, space in self.spaces
            if not isinstance(given.get(name), Function) or not space.accepts(given[name].space)
        ]
        if not wrong and len(given) == len(self.spaces):
            return
        found = {n: f.space if isinstance(f, Function) else type(f) for n, f in given.items()}
        raise DomainError(
            "these are not the named functions that were announced",
            where="Assembly.join(functions)",
            expected=", ".join(f"{name!r}: {space}" for name, space in self.spaces),
            found=", ".join(f"{name!r}: {what}" for name, what in found.items())
            or type(functions).__name__,
            repair="give a dict of Functions; numbers are Function(values, Grid(Point()))",
        )


def same_nodes(a: AbstractDiscretization, b: AbstractDiscretization) -> bool:
    """Whether these are the same points, whatever is missing of a grid."""
    grid = a.tensor
    return (grid is not None and grid == b.tensor) or same_points(a, b, unknown=False)


def common_points(places: Sequence[AbstractDiscretization]) -> AbstractDiscretization:
    """The first of them, without the places that are missing in others on the same grid.

    Several that are stacked give several.

    **Raises:** `DataError` where nothing is left.
    """
    first, grid = places[0], places[0].tensor
    masks = [p.mask for p in places if p.mask is not None and p.tensor == grid]
    if grid is None or all(mask is first.mask for mask in masks):
        return first
    # present where all are, in every sample: (*n, *shape)
    there = masks[0]
    for mask in masks[1:]:
        there = there & mask
    dims = tuple(range(-len(grid.shape), 0))
    if not traced(there) and not np.asarray(there).any(dims).all():
        raise DataError(
            "there is no place where all of the functions have a value",
            where="Assembly.join(functions)",
            expected="holes that leave some places of the grid",
            found=f"{int((~np.asarray(there).any(dims)).sum())} samples without any",
            repair="leave out these samples, or one of the functions",
        )
    return jax.vmap(grid.masked)(there) if there.ndim > len(grid.shape) else grid.masked(there)


def _mean(f: Function, space: Space) -> Function:
    """The mean of each channel, as a function on a point."""
    # int f / |domain|, (c,)
    volume = jnp.sum(f.discretization.weights).astype(f.values.dtype)
    return Function(f.integral() / volume, Grid(Point()), space)


def kept_apart(sides: Sequence[Sequence[AbstractDomain]], apart: bool) -> list[bool]:
    """Whether the functions of each side of pairs are kept apart, by their domains.

    Where those of one side lie on several domains, numbers are kept apart on both sides.
    """
    several = any(len({domain for domain in side if domain != Point()}) > 1 for side in sides)
    return [(apart and len(side) > 1) or (several and len({*side}) > 1) for side in sides]


def assembled(
    inputs: Any, outputs: Any, apart: bool
) -> tuple[Function, Function, tuple[Assembly, Assembly]]:
    """Both sides of pairs as one batch each, and how; numbers lie where the other side does."""
    sides = (inputs, outputs)
    if not all(isinstance(f, Function) for s in sides for f in _values(s)) or not all(sides):
        raise DataError(
            "pairs of named functions are made of two dicts of batches",
            where="Pairs(inputs, outputs)",
            expected='such as Pairs({"a": a, "nu": nu}, {"u": u}), of Functions',
            found=" and ".join(type(side).__name__ for side in sides),
            repair="name the functions of both sides, also where one side has only one",
        )
    fields = [f for side in sides for f in side.values() if f.domain != Point()]
    kept = kept_apart([[f.domain for f in side.values()] for side in sides], apart)
    joined, parts = [], []
    for side, own in zip(sides, kept, strict=True):
        numbers = not any(kept) and all(f.domain == Point() for f in side.values())
        on = fields[0].discretization if numbers and fields else None
        assembly = Assembly(
            {n: f.space for n, f in side.items()},
            None if on is None else on.domain,
            own,
        )
        joined.append(assembly.join(side, on))
        parts.append(assembly)
    return joined[0], joined[1], (parts[0], parts[1])


def _values(side: Any) -> Any:
    return side.values() if isinstance(side, Mapping) else [None]
