"""The two files of a model folder: reading them with suspicion, writing them atomically.

A save writes both files under temporary names and brings them to the disk, then renames the
weights, then the description. A crash between the two renames leaves new weights, the old
description and the new description under its temporary name: `read_folder` recognises the
pair by the hash, so that at every moment the folder holds the old model or the new one.
"""

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

from riesz._core.files import write_atomically
from riesz.errors import ModelError

FORMAT = "riesz.model"
VERSION = 1
MODEL = "model.json"
WEIGHTS = "weights.safetensors"
_NEW = ".new"
_JSON_LIMIT = 2**24  # bytes of a description
_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".dill", ".bin", ".eqx")
_AGAIN = "copy the model folder again, or save the model again with riesz.save"


def seal(record: dict[str, Any]) -> dict[str, Any]:
    """The record with the SHA-256 of its own canonical JSON."""
    return {**record, "sha256": _digest_record(record)}


def write_folder(folder: Path, record: dict[str, Any], weights: bytes) -> None:
    """Replace the model of a folder, or make the folder. The old model stays until the end."""
    if folder.exists() and not folder.is_dir():
        raise ModelError(
            "a model is saved in a folder, and this is a file",
            where=f"riesz.save({str(folder)!r}, ...)",
            expected="the name of a new folder, or of a model folder to replace",
            found=f"the file {folder}",
            repair=f"choose another name, such as {folder.stem}-model",
        )
    folder.mkdir(parents=True, exist_ok=True)
    _finish_interrupted(folder)
    text = json.dumps(seal(record), indent=1, allow_nan=False)
    write_atomically(folder / (WEIGHTS + _NEW), weights)
    write_atomically(folder / (MODEL + _NEW), text.encode())
    _sync(folder)
    os.replace(folder / (WEIGHTS + _NEW), folder / WEIGHTS)
    os.replace(folder / (MODEL + _NEW), folder / MODEL)
    _sync(folder)


def read_folder(folder: Path) -> tuple[dict[str, Any], bytes]:
    """The verified description and the verified bytes of the weights.

    **Raises:** `ModelError` unless both are exactly what one `write_folder` wrote.
    """
    _require_folder(folder)
    record, weights = _read_pair(folder)
    if not _fits(record, weights):  # a save was interrupted between its renames, or is going on
        try:
            newer = parse_record(_read(folder, MODEL + _NEW, _JSON_LIMIT), folder / MODEL)
        except ModelError:
            newer = record
        if not _fits(newer, weights):
            newer, weights = _read_pair(folder)
        record = newer
    if _fits(record, weights):
        return record, weights
    size = record["weights"]["bytes"]
    cut = len(weights) != size
    raise ModelError(
        "the weights have another size than their description says"
        if cut
        else "the weights are damaged, or belong to another model",
        where=str(folder / WEIGHTS),
        expected=f"{size} bytes" if cut else f"the SHA-256 in {MODEL}",
        found=f"{len(weights)} bytes" if cut else f"{len(weights)} bytes with another SHA-256",
        repair=_AGAIN,
    )


def _read_pair(folder: Path) -> tuple[dict[str, Any], bytes]:
    record = parse_record(_read(folder, MODEL, _JSON_LIMIT), folder / MODEL)
    return record, _read(folder, WEIGHTS, None)


def parse_record(data: bytes, path: Path) -> dict[str, Any]:
    """A description from its bytes: of this format and version, and with its own hash intact."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        raise _damaged(path, "text that is no JSON") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ModelError(
            "this folder holds no Riesz model",
            where=str(path),
            expected=f'a description with "format": "{FORMAT}"',
            found=repr(record)[:80],
            repair="give the folder that riesz.save wrote",
        )
    if record.get("version") != VERSION:
        raise ModelError(
            "this model was saved in another version of the model format",
            where=str(path),
            expected=f"version {VERSION}",
            found=f"version {str(record.get('version'))[:40]}, saved by riesz "
            f"{str(record.get('riesz'))[:40]}",
            repair="load it with the riesz that saved it, or upgrade: pip install --upgrade riesz",
        )
    seal = record.pop("sha256", None)
    try:
        intact = seal == _digest_record(record)
    except (ValueError, RecursionError):
        intact = False
    entries = record.get("weights")
    known = isinstance(entries, dict) and type(entries.get("bytes")) is int
    if not intact or not known:
        raise _damaged(path, "a description that does not fit its own SHA-256")
    return record


def _damaged(path: Path, found: str) -> ModelError:
    return ModelError(
        "the description of this model is damaged",
        where=str(path),
        expected="the JSON that riesz.save wrote, unchanged",
        found=found,
        repair=f"{_AGAIN}; the description is not for editing by hand",
    )


def _digest_record(record: dict[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _fits(record: dict[str, Any], weights: bytes) -> bool:
    entry = record["weights"]
    same = len(weights) == entry["bytes"]
    return same and hashlib.sha256(weights).hexdigest() == entry.get("sha256")


def _require_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    if folder.suffix.lower() in _PICKLES:
        raise ModelError(
            "Riesz opens no pickles, since opening one runs the code inside",
            where=f"riesz.load({str(folder)!r})",
            expected=f"a model folder with {MODEL} and {WEIGHTS}",
            found=f"a {folder.suffix} file",
            repair="save the operator with riesz.save in the program that made it",
        )
    raise ModelError(
        "a model is a folder, and this is a file" if folder.exists() else "no such model folder",
        where=f"riesz.load({str(folder)!r})",
        expected=f"a folder with {MODEL} and {WEIGHTS}",
        found=f"the file {folder.name}" if folder.exists() else f"no folder {folder}",
        repair=f"give the folder: riesz.load({str(folder.parent)!r})"
        if folder.exists()
        else "check the path, or train a model and riesz.save it",
    )


def _read(folder: Path, name: str, limit: int | None) -> bytes:
    path = folder / name
    try:
        if Path(os.path.realpath(path)).parent != Path(os.path.realpath(folder)):
            raise ModelError(
                f"{name} is a link that leaves the model folder",
                where=str(path),
                expected="a file in the folder",
                found=f"a link to {os.path.realpath(path)}",
                repair="copy the files themselves into the folder: cp -rL",
            )
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(
                f"{name} is not a regular file",
                where=str(path),
                expected="a file",
                found="a folder" if path.is_dir() else "a device, pipe or socket",
                repair=_AGAIN,
            )
        if limit is not None and status.st_size > limit:
            raise _damaged(path, f"{status.st_size} bytes")
        return path.read_bytes()
    except FileNotFoundError:
        raise _missing(folder, name) from None
    except OSError as error:
        raise ModelError(
            f"{name} cannot be read",
            where=str(path),
            expected="a readable file",
            found=error.strerror or str(error),
            repair="check the permissions of the file and the disk",
        ) from None


def _missing(folder: Path, name: str) -> ModelError:
    there = sorted(p.name for p in folder.iterdir())
    pickles = [n for n in there if n.lower().endswith(_PICKLES)]
    repair = "give the folder that riesz.save wrote"
    if pickles:
        repair = (
            f"Riesz opens no pickles such as {pickles[0]}: "
            "save the operator with riesz.save in the program that made it"
        )
    elif name == WEIGHTS:
        repair = f"the folder was copied in part: {_AGAIN}"
    return ModelError(
        f"the model folder has no {name}",
        where=str(folder),
        expected=f"{MODEL} and {WEIGHTS}",
        found=", ".join(there[:8]) or "an empty folder",
        repair=repair,
    )


def _finish_interrupted(folder: Path) -> None:
    """Finish the rename that an interrupted save left; raise if it would overwrite other files."""
    present = folder / MODEL
    if not present.exists():
        return
    try:
        foreign = json.loads(present.read_bytes()).get("format") != FORMAT
    except (ValueError, RecursionError, AttributeError, OSError):
        foreign = False  # damaged: may be replaced
    if foreign:
        raise ModelError(
            f"this folder holds a {MODEL} that is not of Riesz, which saving would overwrite",
            where=f"riesz.save({str(folder)!r}, ...)",
            expected="a new folder, or a model folder to replace",
            found=str(present),
            repair="choose another folder",
        )
    newer = folder / (MODEL + _NEW)
    if newer.exists():
        try:
            record = parse_record(_read(folder, newer.name, _JSON_LIMIT), newer)
            if _fits(record, _read(folder, WEIGHTS, None)):
                os.replace(newer, present)
        except ModelError:
            pass


def _sync(folder: Path) -> None:
    """Bring renames to the disk, where the system lets a folder be synchronised."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
