"""Writing the native HDF5 layout so that it survives being killed at any moment.

The values go to `FILE.partial`, an HDF5 file whose data sets are allocated in full before the
first value is written: from then on only chunks of values, and one number that counts the
complete samples, are overwritten in place, in this order. No structure of the file changes, so
that a process killed at any moment leaves a file that opens, and loses at most what followed
the last count. When all samples are there, the file gets its fingerprint and its seal and is
renamed to `FILE` in one step.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import prod
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from jaxtyping import Shaped

from riesz.data._hdf5 import follow
from riesz.data._layout import Samples, write_description
from riesz.data._scan import Fingerprint, combine, ranges, to_float32
from riesz.data._seal import check_seal, seal
from riesz.data._spec import USER_BLOCK, Location, file_format
from riesz.errors import DataError, RieszError

_CHUNK_BYTES = 2**18  # of values stored, checked and read together


class SetWriter:
    """Fills sets of functions of equal length, some samples at a time, in one group."""

    def __init__(
        self,
        location: Location,
        kind: str,
        sets: dict[str, Samples],
        length: int,
        overwrite: bool = False,
        resume: bool = True,
        **extra: Any,
    ):
        self.location, self.sets, self.length = location, sets, length
        self.overwrite = overwrite
        self.text = write_description(kind, length, sets, **extra)
        self.target = os.path.realpath(location.path)
        suffix = "".join(f".{part}" for part in location.group.split("/") if part)
        self.partial = f"{self.target}{suffix}{'' if resume else f'.{os.getpid()}'}.partial"
        self.resume = resume
        largest = max(prod(s.shape) * 4 for s in sets.values())
        self.rows = max(1, min(length, _CHUNK_BYTES // largest))
        self._buffer: list[dict[str, np.ndarray]] = []
        self._file: h5py.File | None = None
        self.done = False  # the file is finished, so that there is nothing to write
        with writing(location):
            if self._is_done():
                self.complete, self.done = self.length, True
                if resume and os.path.exists(self.partial):
                    os.remove(self.partial)  # killed between renaming and removing
                return
            if not resume or not os.path.exists(self.partial):
                self._create()
            self._file = h5py.File(self.partial, "r+")
            self.complete = self._resume(self._group(self._file))

    def append(self, values: Mapping[str, Shaped[Any, "n ..."]]) -> None:
        """Add samples, `(n, *grid, channels)` for each set; whole chunks go to the file."""
        new = {role: to_float32(np.asarray(values[role])) for role in self.sets}
        count = self.complete + sum(len(next(iter(b.values()))) for b in self._buffer)
        for role, samples in self.sets.items():
            self._require_fit(role, samples, new, count)
        self._buffer.append(new)
        count += len(next(iter(new.values())))
        stop = count if count == self.length else count // self.rows * self.rows
        if stop > self.complete:
            self._write(stop)

    def finish(self) -> None:
        """Seal the file and give it its name. All samples must be there."""
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
            group = self._group(self._file)
            digest = combine(self._fingerprint(group, samples) for samples in self.sets.values())
            group.attrs.modify("fingerprint", np.bytes_(digest))
            self.close()
            ready = self._merge()
            seal(ready)
            os.replace(ready, self.target)
            if ready != self.partial:
                os.remove(self.partial)
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
        if not self.resume and os.path.exists(self.partial):
            os.remove(self.partial)

    def _group(self, file: h5py.File) -> Any:
        return follow(file, self.location, self.location.group)

    def _create(self) -> None:
        fresh = f"{self.partial}.new"
        try:
            with h5py.File(fresh, "w", userblock_size=USER_BLOCK) as file:
                group = file.require_group(self.location.group or "/")
                group.attrs.create("riesz", np.bytes_(self.text))
                group.attrs.create("complete", 0, dtype="<i8")
                group.attrs.create("fingerprint", np.bytes_(b" " * 64))
                for samples in self.sets.values():
                    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
                    shape = (self.length, *samples.shape)
                    chunks = (self.rows, *samples.shape)
                    group.create_dataset(
                        samples.name, shape, "<f4", chunks=chunks, fletcher32=True, dcpl=early
                    )
                    for name, array in samples.arrays().items():
                        group.create_dataset(name, data=array)
        except Exception:  # what a full disk took of it is given back
            with suppress(OSError):
                os.remove(fresh)
            raise
        os.replace(fresh, self.partial)

    def _resume(self, group: Any) -> int:
        text, complete = group.attrs["riesz"].decode(), int(group.attrs["complete"])
        if text != self.text:
            raise _other(self.partial, f"delete {self.partial} to start anew, or give the same "
                         "arguments as before to continue", text, self.text)  # fmt: skip
        return complete

    def _is_done(self) -> bool:
        require_folder(self.location)
        if not os.path.exists(self.target):
            return False
        if self.overwrite and not self.location.group:
            return False
        there = Location(self.target)
        if file_format(there) != "hdf5" or not check_seal(there):
            raise DataError(
                "a file of this name exists, and Riesz did not write it",
                where=str(self.location),
                expected="a new name, or a data file that Riesz wrote",
                found=self.target,
                repair="choose another name, or remove the file",
            )
        with h5py.File(self.target, "r") as file:
            try:
                group = self._group(file)
            except KeyError:
                if "riesz" not in file.attrs:
                    return False
                group = file
            text = group.attrs.get("riesz", b'{"format": "groups, no data in the root"}').decode()
        if self.overwrite and self.location.group:
            return False
        if text != self.text:
            raise _other(self.target, "choose another name or group, or remove the file",
                         text, self.text)  # fmt: skip
        return True

    def _require_fit(self, role: str, samples: Samples, new: dict[str, np.ndarray], count: int):
        values, first = new[role], len(next(iter(new.values())))
        if values.shape != (first, *samples.shape) or count + first > self.length:
            raise DataError(
                f"these {role} values do not fit the file",
                where=str(self.location),
                expected=f"shape ({min(first, self.length - count)}, "
                f"{', '.join(map(str, samples.shape))}), samples from {count} of {self.length}",
                found=f"shape {values.shape}",
                repair="append samples in order, as many of each set, with a channel axis",
            )
        if not np.isfinite(values).all():
            bad = np.argwhere(~np.isfinite(values))[0].tolist()
            raise DataError(
                f"{role} values are not finite and are not written",
                where=str(self.location),
                expected="no NaN, no infinity, nothing beyond 3.4e38",
                found=f"sample {count + bad[0]}, at index {tuple(bad[1:])}",
                repair="look at what made this sample; write the others without it",
            )

    def _write(self, stop: int) -> None:
        assert self._file is not None
        group = self._group(self._file)
        size = stop - self.complete
        rest = {}
        with writing(self.location):
            for role, samples in self.sets.items():
                values = np.concatenate([part[role] for part in self._buffer])
                group[samples.name][self.complete : stop] = values[:size]
                rest[role] = values[size:]
            self._file.flush()
            group.attrs.modify("complete", stop)
            self._file.flush()
        self.complete, self._buffer = stop, [rest]

    def _fingerprint(self, group: Any, samples: Samples) -> str:
        digest = Fingerprint(samples.shape)
        for start, stop in ranges(self.length, self.rows * 16):
            digest.update(group[samples.name][start:stop])
        return digest.hexdigest()

    def _merge(self) -> str:
        """The file to seal: the partial file, or a copy with the groups that were there."""
        if not self.location.group or not os.path.exists(self.target):
            return self.partial
        merged = f"{self.target}.merged"
        with (
            h5py.File(merged, "w", userblock_size=USER_BLOCK) as file,
            h5py.File(self.target, "r") as old,
            h5py.File(self.partial, "r") as new,
        ):
            for name in old:
                old.copy(name, file)
            if self.location.group in file:
                del file[self.location.group]
            new.copy(self.location.group, file, self.location.group)
        return merged


def require_folder(location: Location) -> None:
    """Refuse to write into a folder that is not there."""
    folder = os.path.dirname(os.path.realpath(location.path))
    if not os.path.isdir(folder):
        raise DataError(
            "the folder to write to does not exist",
            where=str(location),
            expected=f"a folder {folder}",
            repair=f"mkdir -p {folder}",
        )


def _other(path: str, repair: str, found: str, expected: str) -> DataError:
    here, wanted = _flat(json.loads(found)), _flat(json.loads(expected))
    keys = [key for key in {**wanted, **here} if here.get(key) != wanted.get(key)]
    return DataError(
        "the file holds data of another description",
        where=path,
        expected="\n".join(f"{key}: {wanted.get(key, 'absent')}" for key in keys[:4]),
        found="\n".join(f"{key}: {here.get(key, 'absent')}" for key in keys[:4]),
        repair=repair,
    )


def _flat(record: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(record, dict):
        return {prefix.removesuffix("."): json.dumps(record)}
    parts = [_flat(value, f"{prefix}{key}.") for key, value in record.items()]
    return {key: value for part in parts for key, value in part.items()}


@contextmanager
def writing(location: Location) -> Iterator[None]:
    """Turn what the system and HDF5 raise while writing into a `DataError`."""
    try:
        yield
    except RieszError:
        raise
    except BlockingIOError:
        raise DataError(
            "another process is writing this data",
            where=str(location),
            repair="wait until it is done, or stop it; then repeat the command to continue",
        ) from None
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise DataError(
            "the data file cannot be written",
            where=str(location),
            found=f"{type(error).__name__}: {str(error)[:200]}",
            repair="check the free space and the permissions. If the unfinished file is damaged, "
            f"delete {location.path}*.partial and start anew",
        ) from None
