"""Files that are replaced in one step."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The name of a draft to write, which takes the place of `path` at the end.

    A crash, a full disk or an exception at any moment leaves the old content or the new; only a
    process that was killed leaves its draft, `path` with `.part` appended.

    **Raises:** `OSError` that names the file.

    ```python
    with replacing("values.npz") as draft, draft.open("wb") as file:
        numpy.savez(file, u=u)
    ```
    """
    path = Path(path)
    draft = path.with_name(path.name + ".part")
    try:
        draft.unlink(missing_ok=True)  # never write through a link
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        # NumPy and HDF5 raise these without a name
        if isinstance(error, OSError | RuntimeError) and not getattr(error, "filename", None):
            setattr(error, "filename", str(path))  # noqa: B010
        raise


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Replace a file by these bytes in one step.

    **Raises:** `OSError` that names the file.
    """
    with replacing(path) as draft:
        draft.write_bytes(content)
