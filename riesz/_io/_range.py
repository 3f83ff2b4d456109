"""Whether inputs lie in the range that a model was trained on."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from riesz._calibrate import Banded
from riesz._calibrate._banded import input_ranges
from riesz.errors import InputRangeWarning
from riesz.functions import Function, PairsLike
from riesz.operators import AbstractOperator

MARGIN = 0.05


def input_range(inputs: Function | PairsLike) -> list[dict[str, Any]]:
    """The smallest and largest value of each channel, for the card of a model.

    Of one function, a batch, or the inputs of pairs in memory or in an open data file:
    `[{"name": "u", "min": 0.0, "max": 1.0}, ...]`.
    """
    first = inputs if isinstance(inputs, Function) else inputs[:1].inputs
    rows = zip(first.space.names, *input_ranges(inputs), strict=True)
    return [{"name": n, "min": float(a), "max": float(b)} for n, a, b in rows]


def check_range(
    source: Mapping[str, Any] | AbstractOperator | Banded, functions: Function
) -> list[InputRangeWarning]:
    """Warn of each channel whose values leave the range seen by a model.

    By more than 5 % of the width of that range, or of its size when the channel was constant.

    **Arguments:**

    - `source`: the card of a model (with `input_range`), all of its `model.json`, or a
      calibrated operator, which remembers the inputs that it was calibrated on. A plain
      operator does not know its range: then nothing is checked.
    - `functions`: one input or a batch.

    **Returns** the warnings that were also issued by `warnings.warn`.
    """
    seen = _seen(source)
    found = []
    if seen is not None and len(seen) == functions.space.channels:
        for known, new in zip(seen, input_range(functions), strict=True):
            low, high = float(known["min"]), float(known["max"])
            slack = MARGIN * ((high - low) or max(abs(low), abs(high)))
            if not (low - slack <= new["min"] and new["max"] <= high + slack):
                text = (
                    f"the input channel {new['name']!r} has values from {new['min']:g} to "
                    f"{new['max']:g}; the model has seen {low:g} to {high:g}. Outside of that "
                    "range errors and bands are not to be trusted"
                )
                found.append(InputRangeWarning(text))
    for warning in found:
        warnings.warn(warning, stacklevel=2)
    return found


def _seen(source: Any) -> list[dict[str, Any]] | None:
    if isinstance(source, Banded):
        low, high = np.asarray(source.inputs.value)
        return [{"min": a, "max": b} for a, b in zip(low, high, strict=True)]
    if isinstance(source, Mapping):
        if source.get("format") == "riesz.model":
            source = source.get("card", {})
        return source.get("input_range")
    return None
