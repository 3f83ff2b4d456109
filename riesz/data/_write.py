"""Writing functions and arrays in one step, in each format that has a writer."""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any

import jax
import numpy as np
from jaxtyping import Shaped

from riesz._core.files import replacing
from riesz.data._format import format_to_write, open_source
from riesz.data._layout import ARRAYS, FUNCTIONS, PAIRS, Samples, write_description
from riesz.data._scan import fingerprint, to_float32
from riesz.data._spec import Location, listed
from riesz.errors import DataError, RieszError
from riesz.functions import Assembly, Function, Pairs

_OVERHEAD = 2**15  # bytes of a file beside its values


def write_pairs(
    path_spec: str | PathLike[str],
    pairs: Pairs,
    *,
    problem: str | None = None,
    seed: Any = None,
    overwrite: bool = False,
) -> None:
    """Write pairs to `FILE.h5`, `FILE.h5::GROUP`, `FILE.npz` or another format, or nothing.

    Pairs that are in the file already are left there.

    **Raises:** `DataError` when other data is there, unless `overwrite`.
    """
    parts = pairs.parts or (None, None)
    sets = {
        "input": (samples_of(pairs.inputs, "input", parts[0]), pairs.inputs),
        "output": (samples_of(pairs.outputs, "output", parts[1]), pairs.outputs),
    }
    extra = {"problem": problem, "seed": seed, "details": {}}
    _write_sets(Location(path_spec), PAIRS, sets, fingerprint(pairs), overwrite, extra)


def save_functions(
    path_spec: str | PathLike[str], functions: Function, *, overwrite: bool = False
) -> None:
    """Write a batch of functions to `FILE.npz`, `FILE.h5`, `FILE.h5::GROUP`, ..., or nothing.

    In an NPZ file the values are the array `values`, of shape `(n, *grid, channels)`, which
    `numpy.load` reads; the coordinates of its axes lie beside it.

    **Raises:** `DataError` when other data is there, unless `overwrite`.
    """
    location, samples = Location(path_spec), samples_of(functions, "values")
    if np.shape(functions.values)[1:] != samples.shape:
        raise DataError(
            "these are not a batch of functions",
            where=f"save_functions({str(location)!r})",
            expected=f"values of shape (n, {', '.join(map(str, samples.shape))})",
            found=f"shape {np.shape(functions.values)}",
            repair="for one function write riesz.functions.batch(f.values[None], "
            "f.discretization, f.space)",
        )
    sets = {"values": (samples, functions)}
    _write_sets(location, FUNCTIONS, sets, fingerprint(functions), overwrite, {})


def write_arrays(
    path_spec: str | PathLike[str],
    arrays: Mapping[str, Shaped[np.ndarray, "..."]],
    about: Mapping[str, Any],
) -> None:
    """Write plain arrays, with what is said `about` them (JSON values), or nothing."""
    _write(Location(path_spec), arrays, json.dumps({"format": ARRAYS, **about}), columns=True)


def samples_of(functions: Function, name: str, assembly: Assembly | None = None) -> Samples:
    """Where a batch of functions is sampled: all on the same points, or each on its own."""
    where = functions.discretization
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(where)]
    each = None
    if where.stacked:
        each = None if all((leaf == leaf[:1]).all() for leaf in leaves) else where
        where = jax.tree.map(lambda leaf: leaf[0], where)
    samples = Samples(name, functions.space, where, each, assembly=assembly)
    samples.describe()  # raises for what the layout cannot hold
    return samples


def _write_sets(
    location: Location,
    kind: str,
    sets: dict[str, tuple[Samples, Function]],
    digest: str,
    overwrite: bool,
    extra: dict[str, Any],
) -> None:
    arrays, length = {}, 0
    for samples, functions in sets.values():
        values = to_float32(np.asarray(functions.values))
        require_finite(location, samples.name, values)
        arrays |= {samples.name: values, **samples.arrays()}
        length = len(values)
    described = {role: samples for role, (samples, _) in sets.items()}
    text = write_description(kind, length, described, digest, **extra)
    if not is_written(location, text, overwrite):
        _write(location, arrays, text)


def _write(
    location: Location, arrays: Mapping[str, np.ndarray], text: str, columns: bool = False
) -> None:
    kind, target = format_to_write(location, columns), os.path.realpath(location.path)
    arrays = {name: np.asarray(x) for name, x in arrays.items()}
    size = sum(x.nbytes for x in arrays.values()) + _OVERHEAD
    with writing(location), replacing(target) as draft:
        if shutil.disk_usage(draft.parent).free < size:  # HDF5 cannot close what it cannot write
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if location.group and os.path.exists(target):  # the other groups stay
            shutil.copyfile(target, draft)
        kind.write(draft, arrays, text, location)


def is_written(
    location: Location, text: str, overwrite: bool = False, ignoring: Sequence[str] = ("sha256",)
) -> bool:
    """Whether data of this description is in the file already.

    **Raises:** `DataError` when other data is there, unless `overwrite`.
    """
    kind = format_to_write(location)
    require_folder(location)
    if overwrite or not kind.taken(location):
        return False
    source, expected = open_source(location), json.loads(text)
    found = source.description
    if found is None:
        raise DataError(
            "a file of this name exists, and Riesz did not write it",
            where=str(location),
            expected="a new name, or a data file that Riesz wrote",
            found=f"groups {listed(source.groups)}" if source.groups else "other arrays",
            repair="choose another name or group, remove the file, or say overwrite=True",
        )
    require_same_description(location.path, found, expected, ignoring)
    return True


def require_same_description(
    path: str, found: dict[str, Any], expected: dict[str, Any], ignoring: Sequence[str]
) -> None:
    """Check that two descriptions agree, but for some entries."""
    here, wanted = _flat(found), _flat(expected)
    keys = [k for k in {**wanted, **here} if here.get(k) != wanted.get(k) and k not in ignoring]
    keys = [k for k in keys if k != "fingerprint"] or keys  # which follows from the others
    if keys:
        raise DataError(
            "the file holds data of another description",
            where=path,
            expected="\n".join(f"{key}: {wanted.get(key, 'absent')}" for key in keys[:4]),
            found="\n".join(f"{key}: {here.get(key, 'absent')}" for key in keys[:4]),
            repair="choose another name or group, remove the file, or say overwrite=True",
        )


def _flat(record: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(record, dict):
        return {prefix.removesuffix("."): json.dumps(record)}
    parts = [_flat(value, f"{prefix}{key}.") for key, value in record.items()]
    return {key: value for part in parts for key, value in part.items()}


def require_finite(location: Location, name: str, values: np.ndarray, first: int = 0) -> None:
    """Check values that are to be written, of samples from number `first` on."""
    if not np.isfinite(values).all():
        bad = np.argwhere(~np.isfinite(values))[0].tolist()
        raise DataError(
            f"{name} values are not finite and are not written",
            where=str(location),
            expected="no NaN, no infinity, nothing beyond 3.4e38",
            found=f"sample {first + bad[0]}, at index {tuple(bad[1:])}",
            repair="look at what made this sample; write the others without it",
        )


def require_folder(location: Location) -> None:
    """Check that the folder to write to is there."""
    folder = os.path.dirname(os.path.realpath(location.path))
    if not os.path.isdir(folder):
        raise DataError(
            "the folder to write to does not exist",
            where=str(location),
            expected=f"a folder {folder}",
            repair=f"mkdir -p {folder}",
        )


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
