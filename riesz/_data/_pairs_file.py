"""Pairs in a file, read when they are asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Float

from riesz._data._foreign import (
    HasSpaces,
    Nodes,
    choose_names,
    foreign_samples,
    require_members,
)
from riesz._data._hdf5 import open_hdf5
from riesz._data._layout import PAIRS, Samples
from riesz._data._native import native_samples, require_agreement
from riesz._data._npz import open_npz
from riesz._data._scan import combine, ranges, scan, to_float32
from riesz._data._source import AbstractSource
from riesz._data._spec import Location, file_format
from riesz.domains import AbstractDiscretization, AbstractDomain, Space
from riesz.errors import DataError
from riesz.functions import Pairs


@dataclass(frozen=True, repr=False)
class PairsFile:
    """Pairs of functions in an HDF5 or NPZ file; made by `open_pairs`.

    `file[i:j]`, `file[[5, 2, 7]]` and `file.all()` read `riesz.functions.Pairs` with NumPy
    values in 32-bit floats. `fingerprint` is that of `riesz._data.fingerprint(file.all())`;
    `notes` says what was guessed; `problem` and `seed` are those of the native layout.
    """

    path: str
    group: str
    length: int
    fingerprint: str
    problem: str | None
    seed: Any
    notes: tuple[str, ...]
    inputs: Samples
    outputs: Samples
    source: AbstractSource

    def __repr__(self) -> str:
        return f"PairsFile({str(self.source.location)!r}, {self.length} pairs: " + (
            f"{self.inputs} -> {self.outputs})"
        )

    def __len__(self) -> int:
        return self.length

    @property
    def input_space(self) -> Space:
        """Where the inputs live."""
        return self.inputs.space

    @property
    def output_space(self) -> Space:
        """Where the outputs live."""
        return self.outputs.space

    @property
    def input_grid(self) -> AbstractDiscretization:
        """Where the inputs are sampled: a `Grid` or `Points`."""
        return self.inputs.discretization

    @property
    def output_grid(self) -> AbstractDiscretization:
        """Where the outputs are sampled: a `Grid` or `Points`."""
        return self.outputs.discretization

    def __getitem__(self, index: Any) -> Pairs:
        members = self._members(index)
        wanted, place = np.unique(members, return_inverse=True)
        both = (read_members(self.source, s, wanted, place) for s in (self.inputs, self.outputs))
        a, u = both
        return Pairs(self.inputs.function(a), self.outputs.function(u))

    def __iter__(self) -> Iterator[Pairs]:
        return (self[i] for i in range(self.length))

    def all(self) -> Pairs:
        """Every pair, in memory."""
        return self[:]

    def chunks(self, n: int) -> Iterator[Pairs]:
        """All pairs in order, `n` at a time; the last chunk may be smaller."""
        if n < 1:
            raise DataError("a chunk needs at least one pair", where="PairsFile.chunks", found=n)
        return (self[start:stop] for start, stop in ranges(self.length, n))

    def _members(self, index: Any) -> np.ndarray:
        if isinstance(index, slice):
            return np.arange(self.length)[index]
        members = np.atleast_1d(np.asarray(index))
        if members.dtype == bool and members.shape == (self.length,):
            return np.flatnonzero(members)
        ok = members.dtype.kind in "iu" and members.ndim == 1
        if not members.size and members.ndim == 1:
            ok, members = True, members.astype(int)
        if not ok or (members < -self.length).any() or (members >= self.length).any():
            raise DataError(
                "these are not members of the data",
                where=f"{self.source.location}[...]",
                expected=f"a slice, or whole numbers from 0 to {self.length - 1}",
                found=repr(index)[:80],
                repair=f"the data has {self.length} pairs; floor and clip the numbers",
            )
        return np.where(members < 0, members + self.length, members)


def open_source(location: Location) -> AbstractSource:
    """The arrays of a file, whichever its format."""
    return open_npz(location) if file_format(location) == "npz" else open_hdf5(location)


def open_pairs(
    path_spec: str | PathLike[str],
    *,
    input: str | None = None,
    output: str | None = None,
    domain: AbstractDomain | Mapping[str, AbstractDomain] | None = None,
    nodes: Nodes | Mapping[str, Nodes] = None,
    problem: HasSpaces | None = None,
) -> PairsFile:
    """Open pairs of functions in an HDF5 or NPZ file.

    **Arguments:**

    - `path_spec`: `"FILE"`, or `"FILE::GROUP"` for a group of an HDF5 file.

    Data that Riesz wrote says everything else itself. For other arrays, of shape
    `(n, *grid)` or `(n, *grid, channels)` and any real type:

    - `input`, `output`: names of the data sets; names such as a/u, x/y, input/output are
      understood, and `notes` says what was guessed.
    - `nodes`: where the samples lie, as for `riesz.domains.Grid`, or a `Grid` or `Points`.
    - `domain`: the unit box of the arrays' dimension when absent.
    - `problem`: gives both spaces.

    `nodes` and `domain` may be mappings with keys `"input"` and `"output"`.

    The whole file is read once, in parts: Riesz' own files to verify their checksum, other
    files to find values that are not finite.

    **Raises:** `DataError`, which names the file, the data set and the repair.

    ```python
    data = open_pairs("darcy.h5::train_16", nodes="left")
    data[:32].inputs.values     # (32, 16, 16, 1)
    ```
    """
    source = open_source(Location(path_spec))
    notes: tuple[str, ...] = ()
    record = source.description or {}
    given = {role: _given(role, source, nodes, domain, problem) for role in ("input", "output")}
    if source.description is not None:
        both = native_samples(source, PAIRS)
        for role, name in zip(given, (input, output), strict=True):
            require_agreement(source, role, both[role], name, *given[role])
        names = both["input"].name, both["output"].name
    else:
        *names, notes = choose_names(source, (input, output))
        pairs = zip(given, names, strict=True)
        both = {role: foreign_samples(source, name, *given[role]) for role, name in pairs}
    length = require_members(source, tuple(names))
    if source.verified:
        digest = record["fingerprint"]
    else:
        digest = combine(scan(source, s.name, s.shape) for s in both.values())
        require_fingerprint(source, digest)
    return PairsFile(
        path=source.location.path,
        group=source.location.group,
        length=length,
        fingerprint=digest,
        problem=record.get("problem"),
        seed=record.get("seed"),
        notes=notes,
        inputs=both["input"],
        outputs=both["output"],
        source=source,
    )


def _given(
    role: str, source: AbstractSource, nodes: Any, domain: Any, problem: HasSpaces | None
) -> tuple[Nodes, AbstractDomain | None, Space | None]:
    """What a call of `open_pairs` says of the inputs, or of the outputs."""
    region = domain.get(role) if isinstance(domain, Mapping) else domain
    where = nodes.get(role) if isinstance(nodes, Mapping) else nodes
    space = getattr(problem, f"{role}_space", None)
    if space is not None and region is not None and region != space.domain:
        raise DataError(
            "the domain and the problem disagree",
            where=f"open_pairs({str(source.location)!r})",
            expected=f"{space.domain}, of the problem's {role}s",
            found=f"domain {region}",
            repair="leave domain out; the problem knows it",
        )
    return where, region, space


def require_fingerprint(source: AbstractSource, digest: str) -> None:
    """Refuse values that are not those that were written, when the file says which."""
    expected = (source.description or {}).get("fingerprint", digest)
    if digest != expected:
        raise DataError(
            "the values of the data file are not those that were written",
            where=str(source.location),
            expected=f"SHA-256 {expected}",
            found=digest,
            repair="copy the file again, or repeat the command that made it",
        )


def read_members(
    source: AbstractSource, samples: Samples, wanted: np.ndarray, place: np.ndarray
) -> Float[np.ndarray, "n ..."]:
    """Values `(n, *grid, channels)` of ascending, different members, put in their places."""
    out = np.empty((len(wanted), *samples.shape), np.float32)
    chunk = source.info(samples.name).chunk
    # One read for the members of each stored chunk, which is decoded as a whole anyway.
    cuts = np.flatnonzero(np.diff(wanted // chunk)) + 1
    parts = [part for part in np.split(wanted, cuts) if len(part)]
    spans = [(int(part[0]), int(part[-1]) + 1) for part in parts]
    done = 0
    for part, block in zip(parts, source.blocks(samples.name, spans), strict=True):
        rows = to_float32(block[part - part[0]])
        out[done : done + len(part)] = rows.reshape(-1, *samples.shape)
        done += len(part)
    return out if np.array_equal(place, np.arange(len(wanted))) else out[place]
