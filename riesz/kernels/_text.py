"""Kernels as text."""

import dataclasses

from riesz._core import text as core
from riesz.kernels._kernel import AbstractKernel


def parse(text: str) -> AbstractKernel:
    """Read a kernel, such as `"0.5 * SquaredExponential(0.3) + White(0.01)"`.

    The text is what a kernel prints: names of `riesz.kernels` called with numbers, tuples and
    further kernels, joined by `+` and `*`. Nothing is executed but these calls.

    **Raises:** `ModelError` that points at the place that cannot be read.

    ```python
    kernel = parse("SquaredExponential(50.0) + 2.0 * Periodic(1.0)")
    assert str(parse(str(kernel))) == str(kernel)
    ```
    """
    from riesz import kernels

    names = {n: k for n, k in vars(kernels).items() if dataclasses.is_dataclass(k)}
    return core.parse(text, names, "kernel", AbstractKernel)
