"""File formats: how arrays are read from files and written to them, registered by name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, ClassVar, NoReturn

import numpy as np

from riesz._core.registry import Registry
from riesz.data._layout import read_description
from riesz.data._source import AbstractSource, reading, stamp
from riesz.data._spec import Location, listed, missing
from riesz.errors import DataError, ModelError

FORMATS = Registry("file format")


class AbstractFormat(ABC):
    """A file format: a reader and, where files of it can be written, a writer.

    A class of another package joins by the decorator `riesz.data.register`; `open_pairs`,
    `load_functions` and the command line then read such files, and write them where the class
    has `write`.

    - `suffixes`: the endings of its files' names, in small letters.
    - `signatures`: first bytes, by which a file is known whatever its name; without any, a file
      is known by its name.
    - `grouped`: whether files hold several groups of arrays, `FILE::GROUP`.
    - `columns`: whether a file is one table of columns; it then holds no arrays of more axes.

    ```python
    @riesz.data.register
    class JSON(riesz.data.AbstractFormat):
        suffixes = (".json",)

        @classmethod
        def read(cls, location):
            arrays = json.loads(Path(location.path).read_text())
            return ArraySource(location, {k: numpy.asarray(v) for k, v in arrays.items()})
    ```
    """

    suffixes: ClassVar[tuple[str, ...]]
    signatures: ClassVar[tuple[bytes, ...]] = ()
    grouped: ClassVar[bool] = False
    columns: ClassVar[bool] = False

    @classmethod
    def fits(cls, file: BinaryIO) -> bool:
        """Whether an open file begins as those of this format do."""
        return file.read(16).startswith(cls.signatures)

    @classmethod
    @abstractmethod
    def read(cls, location: Location) -> AbstractSource:
        """The arrays of a file, as far as possible without reading their values.

        Whatever it raises becomes a `DataError` that names the file.
        """

    @classmethod
    def write(
        cls, path: Path, arrays: Mapping[str, np.ndarray], text: str, location: Location
    ) -> None:
        """Write arrays, and a text that `read` gives back as the source's `description`.

        `path` is a draft, which takes the name of the `location` when it is complete.
        """
        raise NotImplementedError

    @classmethod
    def writable(cls) -> bool:
        """Whether the format has a writer."""
        return cls.write.__func__ is not AbstractFormat.write.__func__

    @classmethod
    def taken(cls, location: Location) -> bool:
        """Whether something is already where data is to be written."""
        return Path(location.path).exists()


def register(cls: type[AbstractFormat]) -> type[AbstractFormat]:
    """Enter a format into `FORMATS`, under the name of its class; a decorator.

    **Raises:** `ModelError` when another format has the name or one of the suffixes.
    """
    for name, other in FORMATS.items():
        both = set(other.suffixes) & set(cls.suffixes)
        if both and other.__qualname__ != cls.__qualname__:
            raise ModelError(
                "another file format has this suffix",
                where=f"{cls.__module__}.{cls.__qualname__}",
                found=f"{', '.join(sorted(both))}: {name}",
                repair="choose other suffixes",
            )
    return FORMATS.register(cls)


def suffixes(written: bool = False, columns: bool = True) -> list[str]:
    """The suffixes of all formats, or of those that are written or that hold any array."""
    kinds = [k for k in FORMATS.values() if columns or not k.columns]
    return [s for k in kinds if k.writable() or not written for s in k.suffixes]


def format_to_write(location: Location, columns: bool = False) -> type[AbstractFormat]:
    """The format of a file to write, by its suffix.

    **Raises:** `DataError` when no format of this suffix is written.
    """
    for kind in FORMATS.values():
        if location.suffix in kind.suffixes and kind.writable() and (columns or not kind.columns):
            if location.group and not kind.grouped:
                _no_groups(kind, location)
            return kind
    name = Path(location.path).name
    raise DataError(
        "the name of a new data file says its format",
        where=str(location),
        expected=f"a name that ends in {listed(suffixes(True, columns))}",
        found=repr(name),
        repair=f"write to {name}.h5",
    )


def open_source(location: Location) -> AbstractSource:
    """The arrays of a file, whichever its format."""
    kind = _format_of(location)
    if location.group and not kind.grouped:
        _no_groups(kind, location)
    with reading(location):
        seen = stamp(location.path)
        source = kind.read(location)
        text = source.description
        description = None if text is None else read_description(text, str(location))
    return replace(source, stamp=seen, columns=kind.columns, description=description)


def _format_of(location: Location) -> type[AbstractFormat]:
    """The format of an existing file, by its first bytes, else by its suffix."""
    path = Path(location.path)
    signed = {name: kind for name, kind in FORMATS.items() if kind.signatures}
    if path.is_dir():
        names = sorted(p.name for p in path.iterdir())[:5]
        raise DataError(
            "this is a folder, not a data file",
            where=str(location),
            expected=f"a file of one of the formats {', '.join(FORMATS)}",
            found="a folder",
            repair=f"it holds {', '.join(names)}" if names else "choose a file",
        )
    try:
        with path.open("rb") as file:
            for kind in signed.values():
                file.seek(0)
                if kind.fits(file):
                    return kind
            file.seek(0)
            head, size = file.read(8), path.stat().st_size
    except FileNotFoundError:
        raise missing(location) from None
    except (OSError, ValueError) as error:
        raise DataError(
            "the file cannot be opened",
            where=str(location),
            found=str(error),
            repair="check the name and the permissions of the file",
        ) from None
    for kind in FORMATS.values():
        if not kind.signatures and location.suffix in kind.suffixes:
            return kind
    *names, last = signed
    raise DataError(
        f"this is neither an {', '.join(names)} nor {last} file",
        where=str(location),
        expected="a file that starts with the signature of one of them, or a name that ends in "
        + listed(s for k in FORMATS.values() if not k.signatures for s in k.suffixes),
        found=f"{size} bytes, starting with {head!r}" if size else "an empty file",
        repair=_CONVERT.get(head[:4], _CONVERT[b""]),
    )


_CONVERT = {
    b"\x93NUM": "put the arrays into one file: numpy.savez(path, input=numpy.load(FILE), output=u)",
    b"GRIB": "convert it: xarray.open_dataset(path, engine='cfgrib').to_netcdf('data.nc')",
    b"": "check that the download or copy is complete; other formats are converted with "
    "numpy.savez(path, input=..., output=...)",
}


def _no_groups(kind: type[AbstractFormat], location: Location) -> NoReturn:
    raise DataError(
        "files of this format have no groups",
        where=str(location),
        expected=f"{location.path}: {FORMATS.name_of(kind)} files hold one set of arrays",
        found=f"group {location.group!r}",
        repair=f"write {location.path}; arrays are chosen by their names",
    )
