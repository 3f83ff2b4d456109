"""Checkpoints of a fit: one file, written atomically, rejected when damaged."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from riesz._core.files import write_atomically
from riesz.errors import RunError

NAME = "checkpoint.safetensors"


def write_checkpoint(folder: Path, tree: Any, record: dict[str, Any]) -> None:
    """Save the arrays of `tree` and a JSON record; a crash leaves the old file or the new one."""
    leaves = {str(i): np.asarray(x) for i, x in enumerate(jax.tree.leaves(tree))}
    leaves["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
    data = save(leaves)
    write_atomically(folder / NAME, hashlib.sha256(data).digest() + data)


def read_checkpoint(folder: Path, like: Any) -> tuple[Any, dict[str, Any]] | None:
    """The arrays in the structure of `like`, and the record; None where there is no file.

    **Raises:** `RunError` when the file is damaged or belongs to another structure.
    """
    path = folder / NAME
    if not path.exists():
        return None
    content = path.read_bytes()
    digest, data = content[:32], content[32:]
    try:
        if hashlib.sha256(data).digest() != digest:
            raise ValueError("its checksum does not match its content")
        arrays = load(data)
        record = json.loads(arrays.pop("record").tobytes())
        leaves, structure = jax.tree.flatten(like)
        found = [arrays[str(i)] for i in range(len(leaves))]
        if [(x.shape, x.dtype) for x in found] != [(x.shape, x.dtype) for x in leaves]:
            raise ValueError("its arrays are those of another operator")
    except (ValueError, KeyError, SafetensorError) as error:
        raise RunError(
            "the checkpoint cannot be used",
            where=str(path),
            found=str(error),
            repair="delete the file to start the fit anew, or choose another folder",
        ) from error
    return jax.tree.unflatten(structure, [jax.numpy.asarray(x) for x in found]), record
