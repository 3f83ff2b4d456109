"""Pairs of functions: the data an operator is learned from."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from riesz.domains import Space
from riesz.errors import DataError
from riesz.functions._function import Function, take


class Pairs(eqx.Module):
    """n input functions and n output functions, each a batch on one discretization.

    The values may be NumPy arrays on the host; a slice of pairs is pairs.

    ```python
    pairs = Pairs(batch(a, grid), batch(u, grid))
    training, held_out = pairs.split(0.1, key=key)
    ```
    """

    inputs: Function
    outputs: Function

    def __check_init__(self):
        n, m = self.inputs.values.shape[0], self.outputs.values.shape[0]
        if n != m:
            raise DataError(
                "pairs need one output for each input",
                found=f"{n} inputs, {m} outputs",
                repair="drop the members without a partner",
            )

    def __len__(self) -> int:
        return self.inputs.values.shape[0]

    def __getitem__(self, index: Any) -> "Pairs":
        if isinstance(index, int | np.integer):
            index = slice(index, index + 1 or None)
        return Pairs(take(self.inputs, index), take(self.outputs, index))

    @property
    def input_space(self) -> Space:
        """Where the inputs live."""
        return self.inputs.space

    @property
    def output_space(self) -> Space:
        """Where the outputs live."""
        return self.outputs.space

    def split(self, fraction: float, *, key: PRNGKeyArray) -> tuple["Pairs", "Pairs"]:
        """The pairs without, and with, a random `fraction` of them (at least one)."""
        held = max(1, round(fraction * len(self)))
        if not 0 < fraction < 1 or held >= len(self):
            raise DataError(
                "a split must leave pairs on both sides",
                expected="0 < fraction < 1",
                found=f"fraction {fraction} of {len(self)} pairs",
            )
        order = np.asarray(jax.random.permutation(key, len(self)))
        return self[np.sort(order[held:])], self[np.sort(order[:held])]
