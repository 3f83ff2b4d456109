"""Pairs in a file, read when they are asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Float

from riesz.data._coordinates import groups_of
from riesz.data._foreign import foreign_samples, require_rows
from riesz.data._format import open_source
from riesz.data._given import (
    Channels,
    Given,
    HasSpaces,
    Nodes,
    domain_of,
    given_of,
    of_role,
)
from riesz.data._joined import joined, names_in
from riesz.data._layout import PAIRS, Samples
from riesz.data._names import choose_names
from riesz.data._native import native_samples, require_agreement, require_fingerprint
from riesz.data._read import read_functions, scanned
from riesz.data._scan import ranges
from riesz.data._settle import Settled
from riesz.data._source import AbstractSource
from riesz.data._spec import Location
from riesz.domains import AbstractDiscretization, AbstractDomain, DisjointUnion, Space
from riesz.errors import DataError
from riesz.functions import Pairs
from riesz.functions.internal import Parts


@dataclass(frozen=True, repr=False)
class PairsFile:
    """Pairs of functions in a file; made by `open_pairs`.

    `file[i:j]`, `file[[5, 2, 7]]` and `file.all()` read `riesz.functions.Pairs` with NumPy
    values in 32-bit floats. `fingerprint` is that of `riesz.data.fingerprint(file.all())`, for
    pairs of a series that of the whole series;
    `notes` says what was guessed and `understood()` all that was understood; `problem` and `seed`
    are those of the native layout.

    `times` are those of the outputs, one per pair, in the unit of `time_label`; `groups` are the
    numbers of trajectories or geometries, one per pair; both `None` where the file has none.
    """

    path: str
    group: str
    fingerprint: str
    problem: str | None
    seed: Any
    notes: tuple[str, ...]
    inputs: Samples
    outputs: Samples
    source: AbstractSource
    rows: tuple[np.ndarray, np.ndarray]
    times: Float[np.ndarray, " n"] | None = None
    time_label: str = ""
    groups: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"PairsFile({str(self.source.location)!r}, {self.length} pairs: " + (
            f"{self.inputs} -> {self.outputs})"
        )

    @property
    def length(self) -> int:
        """The number of pairs."""
        return len(self.rows[0])

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
        """Where the inputs are sampled (the first one, where each has its own points or holes)."""
        return self.inputs.discretization

    @property
    def output_grid(self) -> AbstractDiscretization:
        """Where the outputs are sampled (the first one, where each has its own points or holes)."""
        return self.outputs.discretization

    def __getitem__(self, index: Any) -> Pairs:
        pairs = self._numbers(index)
        inputs, outputs = (
            read_functions(self.source, samples, rows[pairs])
            for samples, rows in zip((self.inputs, self.outputs), self.rows, strict=True)
        )
        return Pairs(inputs, outputs, self.parts)

    @property
    def parts(self) -> Parts:
        """How named functions are assembled, where the sides are made of several arrays."""
        a, u = self.inputs.assembly, self.outputs.assembly
        return None if a is None or u is None else (a, u)

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

    def _numbers(self, index: Any) -> np.ndarray:
        if isinstance(index, slice):
            return np.arange(self.length)[index]
        numbers = np.atleast_1d(np.asarray(index))
        if numbers.dtype == bool and numbers.shape == (self.length,):
            return np.flatnonzero(numbers)
        ok = numbers.dtype.kind in "iu" and numbers.ndim == 1
        if not numbers.size and numbers.ndim == 1:
            ok, numbers = True, numbers.astype(int)
        if not ok or (numbers < -self.length).any() or (numbers >= self.length).any():
            raise DataError(
                "these are not pairs of the data",
                where=f"{self.source.location}[...]",
                expected=f"a slice, or whole numbers from 0 to {self.length - 1}",
                found=repr(index)[:80],
                repair=f"the data has {self.length} pairs; floor and clip the numbers",
            )
        return np.where(numbers < 0, numbers + self.length, numbers)

    def understood(self) -> list[str]:
        """Lines that say what the file was taken for, to be read before a training."""
        lead = int(self.rows[1][0] - self.rows[0][0])
        later = "the next one" if lead == 1 else f"the one {lead} steps later"
        lines = [f"{self.length} pairs" + (f": each time and {later}" if lead else "")]
        if self.inputs.name == self.outputs.name:
            lines.append(f"field: {self.inputs}")
        else:
            lines += [f"input: {self.inputs}", f"output: {self.outputs}"]
        if self.groups is not None:
            lines[0] += f", in {len(np.unique(self.groups))} groups (trajectories or geometries)"
        if self.times is not None:
            label = f" {self.time_label}" if self.time_label else ""
            lines.append(f"times of the outputs: {self.times[0]:g} .. {self.times[-1]:g}{label}")
            steps = np.diff(self.times)
            steps = steps[steps > 0]  # a trajectory begins anew
            if len(steps) and steps.max() > 1.2 * steps.min():  # months differ by less
                lines.append(f"note: the steps in time differ, {steps.min():g} to {steps.max():g}")
        return [*lines, *(f"taken: {note}" for note in self.notes)]


def open_pairs(
    path_spec: str | PathLike[str],
    *,
    input: str | None = None,
    output: str | None = None,
    lead: int | None = None,
    domain: AbstractDomain | Mapping[str, AbstractDomain] | None = None,
    channels: Channels | Mapping[str, Channels] | None = None,
    periodic: bool | Sequence[bool] | Mapping[str, bool | Sequence[bool]] | None = None,
    nodes: Nodes | Mapping[str, Nodes] = None,
    problem: HasSpaces | None = None,
    apart: bool = False,
) -> PairsFile:
    """Open pairs of functions in a file of one of `riesz.data.FORMATS`.

    Data that Riesz wrote says everything itself. NetCDF, PDEBench, The Well, and coordinates
    beside the arrays of other files say most of it; what a file does not say is asked for.

    **Arguments:**

    - `path_spec`: `"FILE"`, or `"FILE::GROUP"` where files have groups (HDF5, NetCDF).
    - `input`, `output`: names of the arrays; names such as a/u, x/y, input/output are
      understood, and `notes` says what was guessed. Several, such as `"a,viscosity"`, are read
      as the channels of one function, and those on several domains apart. An array `(n,)` holds
      a number per sample, and one `(n, k)` with `channels={"NAME": "last"}` k numbers: functions
      on `Point`.
    - `lead`: pairs each sample of one array with that `lead` steps later in time; 1 where a file
      holds one variable with an axis of time and nothing else.
    - `domain`: by default that of the coordinates, or the unit box.
    - `channels`: `"first"`, `"last"` or `"none"`: which axis counts channels.
    - `periodic`: whether the axes of the domain are closed.
    - `nodes`: where the samples lie, as for `riesz.domains.Grid`, or a `Grid` or `Points`.
    - `problem`: gives both spaces.
    - `apart`: whether several functions of one domain are kept apart too, each at its own points,
      see `riesz.functions.Assembly`; so where the problem's spaces are on disjoint unions.

    `domain`, `channels`, `periodic` and `nodes` may be mappings with keys `"input"` and
    `"output"`, or names of arrays; `periodic` and `nodes` take one entry for all axes of the
    domain, or one per axis.

    NaN, or the file's fill value, is a missing value: the functions lie on a
    `riesz.domains.MaskedGrid`, or on `Points` with a mask.

    The whole file is read once, in parts: Riesz' own files to verify their SHA-256, other
    files to find values that are missing or infinite.

    **Raises:** `DataError`, which names the file, the data set and the repair.

    ```python
    data = open_pairs("darcy.h5::train_16", nodes="left")
    data[:32].inputs.values     # (32, 16, 16, 1)
    data.understood()           # lines that say what was understood
    ```
    """
    source = open_source(Location(path_spec))
    record = source.description or {}
    options = {"domain": domain, "channels": channels, "periodic": periodic, "nodes": nodes}
    names = {"input": input, "output": output}
    given = {role: _given(role, source, names[role], options, problem) for role in names}
    settled: dict[str, Settled] = {}
    notes: tuple[str, ...] = ()
    if source.description is not None:
        both = native_samples(source, PAIRS)
        for role, one in given.items():
            require_agreement(source, role, both[role], one)
    else:
        a, u, lead, notes = choose_names(source, (input, output), lead)
        _require_apart(source, a, u, lead)
        given = {
            f"{role} {i}".removesuffix(" 0"): _given(
                role, source, name, options, problem, name != text
            )
            for role, text in zip(names, (a, u), strict=True)
            for i, name in enumerate(names_in(source, text))
        }
        both, settled, found = foreign_samples(source, given, lead)
        notes += found
    stored = require_rows(source, [samples.name for samples in both.values()])
    digest, both, found = scanned(source, both)
    notes += found
    require_fingerprint(source, digest)
    if source.description is None:
        both, found = joined(both, apart or _keeps_apart(problem))
        notes += found
    rows = _rows(source, both, stored, lead)
    times, label = _times(settled, rows[1])
    return PairsFile(
        path=source.location.path,
        group=source.location.group,
        fingerprint=digest,
        problem=record.get("problem"),
        seed=record.get("seed"),
        notes=notes,
        inputs=both["input"],
        outputs=both["output"],
        source=source,
        rows=rows,
        times=times,
        time_label=label,
        groups=_groups(source, both["output"], stored, rows[1]),
    )


def _require_apart(source: AbstractSource, a: str, u: str, lead: int | None) -> None:
    """Check that no output is given as an input, too."""
    both = set(names_in(source, a)) & set(names_in(source, u))
    if both and lead is None:
        raise DataError(
            "an output is among the inputs, so that there is nothing to learn",
            where=str(source.location),
            expected="other arrays as inputs than as outputs",
            found=f"{', '.join(map(str, sorted(both, key=str)))} in both",
            repair="leave it out of the inputs, or give lead=K (--lead K) for its value K steps on",
        )


def _rows(
    source: AbstractSource, both: dict[str, Samples], stored: int, lead: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the samples of inputs and outputs that make pairs."""
    steps = {samples.stored.steps for samples in both.values()}
    if len(steps) > 1:
        raise DataError(
            "one of the two sets has an axis of time and the other has none",
            where=str(source.location),
            expected="times in both, or in neither",
            found=f"{both['input'].name!r} with {both['input'].stored.steps} times per sample, "
            f"{both['output'].name!r} with {both['output'].stored.steps}",
            repair="for steps in time name one of them for both with lead=1 (--input NAME --lead "
            "1); for a map to one time write that time to a file: numpy.savez(path, "
            "input=a, output=u[:, -1])",
        )
    (each,) = steps
    rows = np.arange(stored * each)
    if lead is None:
        return rows, rows
    along = each if each > 1 else stored
    if lead >= along:
        raise DataError(
            "the lead is longer than the data",
            where=str(source.location),
            expected=f"lead < {along}, the number of times",
            found=f"lead={lead}",
            repair="give a smaller lead",
        )
    first = rows[rows % along < along - lead]
    return first, first + lead


def _times(
    settled: dict[str, Settled], rows: np.ndarray
) -> tuple[Float[np.ndarray, " n"] | None, str]:
    layout = settled.get("output")
    if layout is None or layout.time is None or layout.time.values is None:
        return None, ""
    times = np.asarray(layout.time.values, np.float64)
    return times[rows % len(times)], layout.time.unit


def _groups(
    source: AbstractSource, samples: Samples, stored: int, rows: np.ndarray
) -> np.ndarray | None:
    if samples.stored.steps > 1:
        return rows // samples.stored.steps
    found = groups_of(source, stored) if source.description is None else None
    return None if found is None else found[rows]


def _keeps_apart(problem: HasSpaces | None) -> bool:
    if problem is None:
        return False
    domains = problem.input_space.domain, problem.output_space.domain
    return any(isinstance(domain, DisjointUnion) for domain in domains)


def _given(
    role: str,
    source: AbstractSource,
    name: str | None,
    options: Mapping[str, Any],
    problem: HasSpaces | None,
    several: bool = False,
) -> Given:
    """What a call of `open_pairs` says of the inputs or the outputs, or of one of their arrays."""
    space, own = getattr(problem, f"{role}_space", None), of_role(options, role, name)
    if several and space is not None:  # which is that of all arrays together
        own["domain"], space = own["domain"] or domain_of(space, name), None
    return given_of(source, name, space, **own)
