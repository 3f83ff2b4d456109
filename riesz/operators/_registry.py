"""The operators by name, filled by the decorator `register`, and operators from text."""

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

import equinox as eqx
from jaxtyping import PRNGKeyArray

from riesz._core import text as core
from riesz._core.registry import Registry
from riesz.domains import Space
from riesz.functions import Reflection, Transposition
from riesz.operators._operator import Workload

OPERATORS = Registry("operator")
register = OPERATORS.register
_ARGUMENTS = {kind.__name__: kind for kind in (Reflection, Transposition)}


def parse(
    text: str,
    input_space: Space,
    output_space: Space,
    *,
    key: PRNGKeyArray,
    task: Workload | None = None,
) -> Any:
    """The operator of a text, such as `"ZeroDirichlet(FNO(modes=12, width=64))"`.

    The text is what an operator prints: names of `riesz.operators.OPERATORS` called with
    everything but spaces and keys.

    **Arguments:**

    - `task`: what sizes that the text leaves out are chosen by; without, they are the
      constructors' defaults.

    **Raises:** `ModelError` that points at the place that cannot be read, or for arguments that
    make no operator.

    ```python
    operator = riesz.operators.parse("FNO(modes=12, width=64)", space, space, key=key)
    ```
    """

    def defaults(kind: Any, options: dict[str, Any]) -> dict[str, Any]:
        return kind.sizes(task, options) if task is not None and hasattr(kind, "sizes") else {}

    given = {"input_space": input_space, "output_space": output_space, "key": key}
    names: Mapping[str, Any] = ChainMap(_ARGUMENTS, OPERATORS)  # pyright: ignore[reportArgumentType]
    return core.parse(text, names, "operator", eqx.Module, defaults, **given)
