"""Writing pairs to HDF5 some at a time, so that a process killed at any moment can go on.

The values go to `FILE.partial`, an HDF5 file whose data sets are allocated in full before the
first value is written: from then on only chunks of values, and one number that counts the
complete samples, are overwritten in place, in this order. No structure of the file changes, so
that a process killed at any moment leaves a file that opens, and loses at most what followed
the last count. When all samples are there, the description gets the fingerprint of the values,
in place as well, and the file is renamed to `FILE` in one step.
"""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from os import PathLike
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from riesz._core.files import replacing
from riesz.data._formats._hdf5 import chunks_of
from riesz.data._layout import DESCRIPTION, PAIRS, Samples, write_description
from riesz.data._scan import Fingerprint, combine, ranges, to_float32
from riesz.data._spec import Location
from riesz.data._write import (
    is_written,
    require_finite,
    require_same_description,
    writing,
)
from riesz.domains import AbstractDiscretization, Space
from riesz.errors import DataError
from riesz.functions import Pairs
from riesz.functions.internal import Parts

_UNKNOWN = ("fingerprint", "sha256")  # entries of the description until all values are there


class PairsWriter:
    """Writes pairs to a group of an HDF5 file, chunk by chunk.

    **Arguments:**

    - `path`, `group`: the file, and the group in it (`""` for the root).
    - `input_space`, `output_space`, `input_grid`, `output_grid`: what the pairs are.
    - `length`: how many pairs there will be.
    - `parts`: `pairs.parts`, where the sides of the pairs are made of named functions.
    - `problem`, `seed`, `details`: kept in the file; JSON values.

    A writer that was interrupted, at any moment and by any signal, is continued by making it
    anew with the same arguments: `complete` pairs are in the file, append from there. When the
    file is finished already, `done` is true and `complete == length`.

    **Raises:** `DataError` when the file, finished or not, has another description.

    ```python
    with PairsWriter("burgers.h5", "train", a_space, u_space, grid, grid, 1000) as writer:
        while writer.complete < 1000:
            writer.append(Pairs(...))
    ```
    """

    def __init__(
        self,
        path: str | PathLike[str],
        group: str,
        input_space: Space,
        output_space: Space,
        input_grid: AbstractDiscretization,
        output_grid: AbstractDiscretization,
        length: int,
        *,
        parts: Parts = None,
        problem: str | None = None,
        seed: Any = None,
        details: Mapping[str, Any] | None = None,
    ):
        if length < 1:
            raise DataError("data needs at least one pair", where="PairsWriter", found=length)
        self.location = location = Location(f"{os.fspath(path)}::{group}")
        self.sets = {
            role: Samples(role, space, grid, assembly=assembly)
            for role, space, grid, assembly in (
                ("input", input_space, input_grid, parts and parts[0]),
                ("output", output_space, output_grid, parts and parts[1]),
            )
        }
        self.length = length
        self._extra = {"problem": problem, "seed": seed, "details": dict(details or {})}
        self._target = os.path.realpath(location.path)
        groups = filter(None, location.group.split("/"))
        self._partial = ".".join((self._target, *groups, "partial"))
        shapes = [(length, *samples.shape) for samples in self.sets.values()]
        self.rows = min(chunks_of(shape)[0] for shape in shapes)
        self._buffer: list[dict[str, np.ndarray]] = []
        self._file: h5py.File | None = None
        text = write_description(PAIRS, length, self.sets, **self._extra)
        with writing(location):
            self.done = is_written(location, text, ignoring=_UNKNOWN)  # nothing is to be written
            self.complete = length
            if self.done:
                with suppress(FileNotFoundError):
                    os.remove(self._partial)  # killed between renaming and removing
                return
            if not os.path.exists(self._partial):
                self._create(text)
            self._file = h5py.File(self._partial, "r+")
            attributes: Any = self._group.attrs
            found = json.loads(attributes[DESCRIPTION])
            require_same_description(self._partial, found, json.loads(text), _UNKNOWN)
            self.complete = int(attributes["complete"])

    def append(self, pairs: Pairs) -> None:
        """Add some pairs; what fills a chunk is in the file when this returns."""
        new = {
            "input": to_float32(np.asarray(pairs.inputs.values)),
            "output": to_float32(np.asarray(pairs.outputs.values)),
        }
        count, size = self.complete + sum(len(b["input"]) for b in self._buffer), len(pairs)
        for role, samples in self.sets.items():
            values = new[role]
            if values.shape != (size, *samples.shape) or count + size > self.length:
                raise DataError(
                    f"these {role} values do not fit the file",
                    where=str(self.location),
                    expected=f"shape ({min(size, self.length - count)}, "
                    f"{', '.join(map(str, samples.shape))}), samples from {count} of {self.length}",
                    found=f"shape {values.shape}",
                    repair="append samples in order, as many of each set, with a channel axis",
                )
            require_finite(self.location, role, values, count)
        self._buffer.append(new)
        count += size
        stop = count if count == self.length else count // self.rows * self.rows
        if stop > self.complete:
            self._write(stop)

    def finish(self) -> None:
        """Give the file its fingerprint and its name. All samples must be there."""
        if self._file is None:
            return
        if self.complete != self.length:
            raise DataError(
                "the data is not complete",
                where=str(self.location),
                expected=f"{self.length} samples",
                found=f"{self.complete} samples",
                repair="append the remaining samples before finish()",
            )
        with writing(self.location):
            digest = combine(map(self._fingerprint, self.sets.values()))
            text = write_description(PAIRS, self.length, self.sets, digest, **self._extra)
            self._group.attrs.modify(DESCRIPTION, np.bytes_(text))
            self.close()
            if self.location.group and os.path.exists(self._target):
                self._merge()
                os.remove(self._partial)
            else:
                os.replace(self._partial, self._target)
            self.done = True

    def close(self) -> None:
        """Close the file and keep what is written, to continue later."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self):
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if error is None and self.complete == self.length:
            self.finish()
        self.close()

    @property
    def _group(self) -> Any:
        assert self._file is not None
        return self._file[self.location.group or "/"]

    def _create(self, text: str) -> None:
        """The file with its space allocated, in one step."""
        with replacing(self._partial) as draft, h5py.File(draft, "w") as file:
            group = file.require_group(self.location.group or "/")
            group.attrs.create(DESCRIPTION, np.bytes_(text))
            group.attrs.create("complete", 0, dtype="<i8")
            for samples in self.sets.values():
                early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
                shape, chunks = (self.length, *samples.shape), (self.rows, *samples.shape)
                group.create_dataset(
                    samples.name, shape, "<f4", chunks=chunks, fletcher32=True, dcpl=early
                )
                for name, array in samples.arrays().items():
                    group.create_dataset(name, data=array)

    def _write(self, stop: int) -> None:
        """The buffered samples up to number `stop`, then their count."""
        assert self._file is not None
        size, rest = stop - self.complete, {}
        with writing(self.location):
            for role, samples in self.sets.items():
                values = np.concatenate([part[role] for part in self._buffer])
                self._group[samples.name][self.complete : stop] = values[:size]
                rest[role] = values[size:]
            self._file.flush()
            self._group.attrs.modify("complete", stop)
            self._file.flush()
        self.complete, self._buffer = stop, [rest]

    def _fingerprint(self, samples: Samples) -> str:
        digest = Fingerprint(samples.shape)
        for start, stop in ranges(self.length, self.rows * 16):
            digest.update(self._group[samples.name][start:stop])
        return digest.hexdigest()

    def _merge(self) -> None:
        """Put the group into the file that is there, in one step."""
        group = self.location.group
        with replacing(self._target) as draft:
            shutil.copyfile(self._target, draft)
            with h5py.File(draft, "r+") as file, h5py.File(self._partial, "r") as new:
                if group in file:
                    del file[group]
                new.copy(group, file, group)
