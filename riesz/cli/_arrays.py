"""Outputs of commands, checked before anything is computed."""

from pathlib import Path

from riesz.errors import UsageError


def require_free(path: Path, force: bool, columns: bool = False) -> None:
    """Check that an output can be written.

    `columns`: also to formats that hold one table of columns.
    """
    from riesz.data.internal import suffixes

    known = suffixes(written=True, columns=columns)
    if path.suffix.lower() not in known:
        raise UsageError(
            "the format of an output is told by its name",
            where=str(path),
            expected=f"a name that ends in {', '.join(known)}",
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
