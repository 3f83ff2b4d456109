"""Names of data: `FILE` or `FILE::GROUP`, and how errors speak of them."""

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

import equinox as eqx

from riesz.errors import DataError


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
    def suffix(self) -> str:
        """The ending of the file's name in small letters, such as `.h5`."""
        return Path(self.path).suffix.lower()


def missing(location: Location) -> DataError:
    """The error for a file that is not there, with names that are like it."""
    path = Path(location.path)
    folder = path.parent
    if not folder.is_dir():
        repair = f"the folder {str(folder)!r} does not exist either; check the path"
    else:
        names = sorted(p.name for p in folder.iterdir() if p.is_file())
        near = closest(path.name, names)
        repair = f"the folder has {', '.join(near)}" if near else "check the name"
    return DataError(
        "there is no such data file", where=str(location), found=f"no file {path}", repair=repair
    )


def closest(name: str, names: Iterable[str]) -> list[str]:
    """Up to five of the names, those most like `name` first."""
    names = list(names)
    near = difflib.get_close_matches(name, names, n=5, cutoff=0.5)
    return near or names[:5]


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Names for an error message, the first dozen of them."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more if names else "nothing"
