"""Named arrays as the bytes of a safetensors file."""

from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from riesz.errors import ModelError


def to_bytes(arrays: dict[str, Any]) -> bytes:
    """The arrays as a safetensors file."""
    return safetensors.numpy.save({k: np.array(v, order="C") for k, v in arrays.items()})


def from_bytes(data: bytes, where: str) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file.

    **Raises:** `ModelError` for anything else.
    """
    try:
        return safetensors.numpy.load(data)
    except Exception as error:  # the reader's own errors, and NumPy's for absurd shapes
        raise ModelError(
            "the weights are no safetensors file",
            where=where,
            expected="a header of safetensors that fits the size of the file",
            found=str(error)[:200],
            repair="load it with the riesz that saved it, or save the model again with riesz.save",
        ) from None
