"""Writing arrays to NPZ or HDF5 files in one step."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

from riesz._core.files import replacing
from riesz.errors import UsageError

_OVERHEAD = 2**15  # bytes of a file beside its values


def require_free(path: Path, force: bool, *more: str) -> None:
    """Refuse an output that cannot be written, before anything is computed.

    `more`: formats beside NPZ and HDF5, by the endings of their names.
    """
    if path.suffix.lower() not in (".npz", ".h5", ".hdf5", *more):
        raise UsageError(
            "the format of an output is told by its name",
            where=str(path),
            expected=f"a name that ends in {', '.join((*more, '.npz', '.h5'))} or .hdf5",
            found=path.name,
            repair=f"write to {path.with_suffix('.npz')}",
        )
    if path.exists() and (path.is_dir() or not force):
        raise UsageError(
            "the output exists and was left untouched",
            where=str(path),
            repair="choose another name, or give --force to replace the file",
        )
    if not path.absolute().parent.is_dir():
        raise UsageError(
            "the folder of the output does not exist",
            where=str(path),
            repair=f"mkdir -p {path.parent}",
        )


def write_arrays(path: Path, arrays: dict[str, Any], attributes: dict[str, Any]) -> None:
    """All arrays in one file, or no file."""
    import h5py
    import numpy as np

    arrays = {name: np.asarray(x) for name, x in arrays.items()}
    _require_space(path, sum(x.nbytes for x in arrays.values()) + _OVERHEAD)
    with replacing(path) as draft:
        if path.suffix.lower() == ".npz":
            with draft.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
        else:
            with h5py.File(draft, "w") as file:
                for name, x in arrays.items():
                    file.create_dataset(name, data=x)
                file.attrs["riesz"] = json.dumps(attributes)


def _require_space(path: Path, size: int) -> None:
    """HDF5 cannot close a file that it could not write; so that it is asked beforehand."""
    if shutil.disk_usage(path.absolute().parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
