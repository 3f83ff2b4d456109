"""Saving and loading operators, with their model card."""

import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from riesz import __version__
from riesz._calibrate import Banded
from riesz._core.parameters import trainable
from riesz._io._folder import FORMAT, VERSION, WEIGHTS, read_folder, write_folder
from riesz._io._tensors import (
    from_bytes,
    named_arrays,
    require_same_structure,
    structure,
    to_bytes,
)
from riesz.domains._json import space_from_json, space_to_json
from riesz.errors import ModelError, RieszError
from riesz.operators import AbstractOperator

Folder = str | os.PathLike[str]


def save(
    folder: Folder, operator: AbstractOperator | Banded, *, card: dict[str, Any] | None = None
) -> None:
    """Save an operator, calibrated or not, as a model folder.

    The folder holds `model.json` (what the operator is, where it came from) and
    `weights.safetensors`. A model that is there is replaced at the last moment: a crash leaves
    the old one or the new one.

    **Arguments:**

    - `folder`: made when absent.
    - `operator`: any operator that `riesz.operators.build` can make anew, or what `calibrate`
      returned.
    - `card`: what is known about the model, as JSON values: data fingerprint, split, metrics,
      resolutions tested, seed, training time, hardware, and under `input_range` what
      `riesz.input_range(training.inputs)` gave, from which later inputs are judged.

    **Raises:** `ModelError` when the operator or the card cannot be written so that it is read
    back the same.
    """
    description = _as_json(operator.describe(), "operator.describe()")
    input_space, output_space = operator.input_space, operator.output_space
    require_same_structure(
        operator, structure(description, input_space, output_space, "riesz.save")
    )
    weights = to_bytes(operator)
    record = {
        "format": FORMAT,
        "version": VERSION,
        "riesz": __version__,
        "jax": jax.__version__,
        "python": platform.python_version(),
        "architecture": description,
        "input_space": space_to_json(input_space),
        "output_space": space_to_json(output_space),
        "parameters": count_parameters(operator),
        "weights": {
            "file": WEIGHTS,
            "bytes": len(weights),
            "sha256": hashlib.sha256(weights).hexdigest(),
            "tensors": len(named_arrays(operator)),
        },
        "card": _as_json(card or {}, "riesz.save(..., card)"),
    }
    write_folder(Path(folder), record, weights)


def load(folder: Folder) -> AbstractOperator | Banded:
    """The operator of a model folder, ready to use; bitwise the one that was saved.

    Hashes, names, shapes and types are checked before anything is used. Nothing in the folder
    is ever run: there is no pickle in it, and none is opened.

    **Raises:** `ModelError` for a folder that is damaged, incomplete, of another version or not
    a model.

    ```python
    operator = riesz.load("models/darcy")
    ```
    """
    record, weights = read_folder(Path(folder))
    try:
        spaces = [space_from_json(record.get(k)) for k in ("input_space", "output_space")]
        where = str(Path(folder) / WEIGHTS)
        return from_bytes(weights, record.get("architecture"), spaces[0], spaces[1], where)
    except RieszError as error:
        if error.repair and isinstance(error, ModelError):
            raise
        raise ModelError(
            "the description of this model cannot be built",
            where=str(folder),
            expected="spaces and operators of this version of riesz",
            found=str(error),
            repair="load it with the riesz that saved it",
        ) from error


def read_model(folder: Folder) -> dict[str, Any]:
    """All of `model.json`, verified together with the weights."""
    return read_folder(Path(folder))[0]


def read_card(folder: Folder) -> dict[str, Any]:
    """The card that the model was saved with, verified together with the weights."""
    return read_model(folder)["card"]


def count_parameters(operator: AbstractOperator | Banded) -> int:
    """The number of trainable values of an operator."""
    return sum(x.size for x in jax.tree.leaves(eqx.filter(operator, trainable(operator))))


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
