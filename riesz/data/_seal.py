"""The seal of a finished HDF5 file: a SHA-256 of all its bytes, in front of them.

HDF5 verifies chunks of values when asked to (fletcher32), but hardly any of its metadata, and
its C library is not made for hostile input. The HDF5 format leaves a *user block* free at the
start of a file (HDF5 file format specification, section II.A). Riesz writes there, in plain
text and twice, the size of the file and the SHA-256 of everything after the block; `head -1`
shows it. A sealed file is verified before the HDF5 library sees a byte of it, so that a file
that was changed, cut or damaged anywhere is refused and never read differently.
"""

import hashlib
import os
from typing import BinaryIO

from riesz.data._spec import USER_BLOCK, Location
from riesz.errors import DataError

_MAGIC = b"RIESZ DATA 1 "
_BUFFER = 2**22


def seal(path: str) -> None:
    """Write the seal of a finished file and bring it to the disk."""
    with open(path, "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        digest = _digest(file)
        file.seek(0)
        file.write(_block(size, digest))
        file.flush()
        os.fsync(file.fileno())


def check_seal(location: Location) -> bool:
    """Whether the file has a seal, which then is intact.

    **Raises:** `DataError` when it has a seal that does not fit the file.
    """
    with open(location.path, "rb") as file:
        block = file.read(USER_BLOCK)
        half = USER_BLOCK // 2
        copies = [part for part in (block[:half], block[half:]) if part.startswith(_MAGIC)]
        if not copies:
            return False
        size = os.fstat(file.fileno()).st_size
        declared = {_size(part) for part in copies}
        if len(declared) == 1 and size not in declared:
            (expected,) = declared
            raise DataError(
                "the data file is cut short" if size < expected else "the data file has grown",
                where=str(location),
                expected=f"{expected} bytes, as its first line says",
                found=f"{size} bytes",
                repair=_REPAIR,
            )
        if block != _block(size, _digest(file)):
            raise DataError(
                "the data file is damaged: its checksum does not fit its content",
                where=str(location),
                expected="the SHA-256 in its first line",
                found=f"{size} bytes with another SHA-256",
                repair=_REPAIR,
            )
    return True


_REPAIR = (
    "copy or download the file again, or repeat the command that made it. A file changed on "
    "purpose is read as plain arrays, copied to a new file with h5py"
)


def _block(size: int, digest: str) -> bytes:
    line = _MAGIC + f"bytes {size} sha256 {digest}\n".encode()
    return 2 * line.ljust(USER_BLOCK // 2)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(USER_BLOCK)
    while data := file.read(_BUFFER):
        digest.update(data)
    return digest.hexdigest()


def _size(copy: bytes) -> int:
    words = copy.split(maxsplit=5)
    return int(words[4]) if len(words) > 4 and words[4].isdigit() and len(words[4]) < 19 else 0
