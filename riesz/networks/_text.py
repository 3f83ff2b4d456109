"""Descriptions of networks as text."""

import dataclasses

from riesz._core import text as core
from riesz.networks._network import AbstractNetwork


def parse(text: str) -> AbstractNetwork:
    """Read a description of a network, such as `"Dense(512, w_std=1.4) >> Relu() >> Dense(1)"`.

    The text is what a description prints: names of `riesz.networks` called with numbers, tuples,
    strings, functions of `jax.nn` or `jax.numpy` and further descriptions, joined by `>>`.
    Nothing is executed but these calls.

    **Raises:** `ModelError` that points at the place that cannot be read.

    ```python
    assert str(parse("Dense(8) >> Erf() >> Dense(1)")) == "Dense(8) >> Erf() >> Dense(1)"
    ```
    """
    from riesz import networks

    names = {n: k for n, k in vars(networks).items() if dataclasses.is_dataclass(k)}
    return core.parse(text, names, "network", AbstractNetwork)
