"""Names of data: `FILE` or `FILE::GROUP`, and which format a file really has."""

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import equinox as eqx

from riesz.errors import DataError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ZIP_SIGNATURE = b"PK\x03\x04"
HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5")
USER_BLOCK = 512  # bytes in front of the HDF5 signature of the files that Riesz writes


class Location(eqx.Module):
    """A file, and a group in it (`""` is the root)."""

    path: str = eqx.field(static=True)
    group: str = eqx.field(static=True)

    def __init__(self, spec: str | os.PathLike[str]):
        path, _, group = os.fspath(spec).partition("::")
        self.path = path
        self.group = "/".join(part for part in group.split("/") if part)

    def __str__(self) -> str:
        return f"{self.path}::{self.group}" if self.group else self.path

    def to(self, name: str) -> str:
        """How an error names one data set of the group."""
        return f"{self.path}::{self.group}/{name}" if self.group else f"{self.path}::{name}"

    @property
    def format(self) -> Literal["hdf5", "npz"]:
        """The format to write, by the file's suffix."""
        suffix = Path(self.path).suffix.lower()
        if suffix not in (*HDF5_SUFFIXES, ".npz"):
            raise DataError(
                "the name of a new data file says its format",
                where=str(self),
                expected="a name that ends in .h5 or .npz",
                found=f"{Path(self.path).name!r}",
                repair=f"write to {Path(self.path).name}.h5",
            )
        return "npz" if suffix == ".npz" else "hdf5"


_CONVERT = {
    b"\x93NUM": "put the arrays into one file: numpy.savez(path, input=numpy.load(FILE), output=u)",
    b"GRIB": "convert it: xarray.open_dataset(path, engine='cfgrib').to_netcdf('data.nc')",
    b"": "check that the download or copy is complete; other formats are converted with "
    "numpy.savez(path, input=..., output=...)",
}


def file_format(location: Location) -> Literal["hdf5", "npz", "netcdf", "matlab"]:
    """The format of an existing file, by its first bytes rather than its name.

    `netcdf` is that of version 3, `matlab` that up to version 7: later ones are HDF5 files.
    """
    path = Path(location.path)
    if path.is_dir():
        raise DataError(
            "this is a folder, not a data file",
            where=str(location),
            expected="an HDF5 (.h5) or NPZ (.npz) file",
            found="a folder",
            repair=_suggest(sorted(p.name for p in path.iterdir()), "it holds"),
        )
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(10)
            if head.startswith(ZIP_SIGNATURE):
                return "npz"
            if head.startswith(b"CDF") and head[3:4] in (b"\1", b"\2", b"\5"):
                return "netcdf"
            if head == b"MATLAB 5.0":
                return "matlab"
            start = 0
            while start < size:  # the signature lies at 0 or at a power of two from 512 on
                file.seek(start)
                if file.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE:
                    return "hdf5"
                start = max(USER_BLOCK, 2 * start)
            file.seek(0)
            head = file.read(8)
    except FileNotFoundError:
        raise missing(location) from None
    except (OSError, ValueError) as error:
        raise DataError(
            "the file cannot be opened",
            where=str(location),
            found=str(error),
            repair="check the name and the permissions of the file",
        ) from None
    raise DataError(
        "this is neither an HDF5, NPZ, NetCDF nor MATLAB file",
        where=str(location),
        expected="a file that starts with the signature of one of them",
        found=f"{size} bytes, starting with {head!r}" if size else "an empty file",
        repair=_CONVERT.get(head[:4], _CONVERT[b""]),
    )


def missing(location: Location) -> DataError:
    """The error for a file that is not there, with names that are like it."""
    path = Path(location.path)
    folder = path.parent
    if not folder.is_dir():
        repair = f"the folder {str(folder)!r} does not exist either; check the path"
    else:
        names = sorted(p.name for p in folder.iterdir() if p.is_file())
        repair = _suggest(closest(path.name, names), "the folder has", "check the name")
    return DataError(
        "there is no such data file", where=str(location), found=f"no file {path}", repair=repair
    )


def closest(name: str, names: Iterable[str]) -> list[str]:
    """Up to five of the names, those most like `name` first."""
    names = list(names)
    near = difflib.get_close_matches(name, names, n=5, cutoff=0.5)
    return near or names[:5]


def _suggest(names: list[str], lead: str, otherwise: str = "choose a file") -> str:
    return f"{lead} {', '.join(names[:5])}" if names else otherwise


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Names for an error message, the first dozen of them."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more if names else "nothing"
