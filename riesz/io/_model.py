"""Saving and loading models, with their model card."""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from riesz import __version__
from riesz._core.parameters import trainable
from riesz._core.structure import class_of, from_json, to_json
from riesz.errors import ModelError, RieszError
from riesz.io._folder import FORMAT, VERSION, WEIGHTS, read_folder, write_folder
from riesz.io._tensors import from_bytes, to_bytes

_SPACES = ("input_space", "output_space")
Folder = str | os.PathLike[str]


def save(folder: Folder, model: eqx.Module, *, card: dict[str, Any] | None = None) -> None:
    """Save a model as a model folder: an operator, calibrated or not, a process, a network.

    The folder holds `model.json` (what the model is, where it came from) and
    `weights.safetensors`. A model that is there is replaced at the last moment: a crash leaves
    the old one or the new one.

    **Arguments:**

    - `folder`: made when absent.
    - `model`: an `equinox.Module` of modules, arrays, numbers and texts.
    - `card`: what is known about the model, as JSON values: data fingerprint, split, metrics,
      resolutions tested, seed, training time, hardware, and under `input_range` what
      `riesz.input_range(training.inputs)` gave, from which later inputs are judged.

    **Raises:** `ModelError` when the model or the card cannot be written so that it is read
    back the same.
    """
    structure, arrays = to_json(model, "riesz.save(folder, model)")
    weights = to_bytes(arrays)
    record = {
        "format": FORMAT,
        "version": VERSION,
        "riesz": __version__,
        "jax": jax.__version__,
        "python": platform.python_version(),
        "text": " ".join(repr(model).split()),
        "spaces": {k: str(getattr(model, k)) for k in _SPACES if hasattr(model, k)},
        "structure": structure,
        "parameters": count_parameters(model),
        "weights": {
            "file": WEIGHTS,
            "bytes": len(weights),
            "sha256": hashlib.sha256(weights).hexdigest(),
            "tensors": len(arrays),
        },
        "card": _as_json(card or {}, "riesz.save(..., card)"),
    }
    write_folder(Path(folder), record, weights)


def load(folder: Folder, *, trust: str | Sequence[str] = ()) -> Any:
    """The model of a model folder, ready to use; bitwise the one that was saved.

    Hashes, names, shapes and types are checked before anything is used. Nothing in the folder
    is ever run: there is no pickle in it, and none is opened.

    **Arguments:**

    - `trust`: modules outside riesz, already imported, whose classes the model may hold.

    **Raises:** `ModelError` for a folder that is damaged, incomplete, of another version or not
    a model, and for a model with classes of modules that are not trusted.

    ```python
    operator = riesz.load("models/darcy")
    ```
    """
    record, weights = read_folder(Path(folder))
    path = Path(folder)
    arrays = from_bytes(weights, str(path / WEIGHTS))
    try:
        return from_json(record.get("structure"), arrays, str(path), trust)
    except RieszError as error:
        if error.repair and isinstance(error, ModelError):
            raise
        raise ModelError(
            "the description of this model cannot be built",
            where=str(folder),
            expected="parts that fit together in this version of riesz",
            found=str(error),
            repair="load it with the riesz that saved it",
        ) from error


def read_model(folder: Folder) -> dict[str, Any]:
    """All of `model.json`, verified together with the weights."""
    return read_folder(Path(folder))[0]


def model_class(folder: Folder, *, trust: Sequence[str] = ()) -> type | None:
    """The class of the model in a folder, which is not made; `trust` as for `load`."""
    return class_of(read_model(folder)["structure"], str(folder), trust)


def read_card(folder: Folder) -> dict[str, Any]:
    """The card that the model was saved with, verified together with the weights."""
    return read_model(folder)["card"]


def count_parameters(model: eqx.Module) -> int:
    """The number of trainable values of a model."""
    return sum(x.size for x in jax.tree.leaves(eqx.filter(model, trainable(model))))


def _as_json(value: Any, where: str) -> Any:
    """The value as it will be read back."""

    def plain(x: Any) -> Any:
        if isinstance(x, np.ndarray | np.generic | jax.Array):
            return np.asarray(x).tolist()
        raise TypeError(f"a {type(x).__name__} is no JSON value")

    try:
        return json.loads(json.dumps(value, allow_nan=False, default=plain))
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelError(
            "this cannot be written as JSON",
            where=where,
            expected="texts, finite numbers, true, false, null, lists and objects of them",
            found=str(error),
            repair="leave out or convert what is not a JSON value",
        ) from error
