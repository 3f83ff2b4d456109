"""One tile of a Gram matrix: the program that makes it, and its size."""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from riesz._core.parameters import as_traced
from riesz.errors import DataError
from riesz.kernels._kernel import AbstractKernel

# Rows of a tile of a cheap kernel: longer ones leave the cache, shorter ones wait for the host.
_ROWS = 1000
# Tiles that are made while one is stored, for each device.
IN_FLIGHT = 2


class Tile:
    """The program that makes a tile: compiled once for a shape, on each device that runs it."""

    def __init__(self, kernel: AbstractKernel, dtype: Any):
        arrays, rest = eqx.partition(as_traced(kernel, dtype), _is_array)
        leaves, structure = jax.tree.flatten(rest)
        self._static = (tuple(leaves), structure)
        self._arrays = {device: jax.device_put(arrays, device) for device in jax.devices()}

    def __call__(self, x: Array, y: Array | None, device: Any) -> Array:
        """The tile of inputs on a device; without y that of x with itself."""
        return _tile(self._static, self._arrays[device], x, y)

    def cost(self, x: Array, y: Array | None, device: Any) -> int:
        """Bytes of the tile and of the memory for making it. This compiles the program."""
        compiled = _tile.lower(self._static, self._arrays[device], x, y).compile()
        sizes: Any = compiled.memory_analysis()
        return sizes.temp_size_in_bytes + sizes.output_size_in_bytes


@partial(jax.jit, static_argnums=0)
def _tile(static: Any, arrays: Any, x: Array, y: Array | None) -> Float[Array, "n m"]:
    leaves, structure = static
    kernel = eqx.combine(arrays, jax.tree.unflatten(structure, leaves))
    return kernel(x) if y is None else kernel(x, y)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray)


def rows_of(n: int, limit: int) -> int:
    """Rows of equal tiles of `n` inputs that have at most `limit`."""
    rows = -(-n // -(-n // limit))
    # a stride that is a multiple of 256 bytes maps a column into few sets of the cache, and
    # copying the transpose takes ten times as long
    return rows + 4 if rows % 64 == 0 and rows < n else rows


def fitting_rows(tile: Tile, x: np.ndarray, y: np.ndarray | None, spare: float) -> int:
    """The most rows of tiles whose making fits into `spare` bytes."""
    devices = jax.devices()
    longest = len(x) if y is None else max(len(x), len(y))
    limit, several = min(_ROWS, longest), len(devices) * IN_FLIGHT
    while True:
        rows = rows_of(longest, limit)
        first = jax.device_put(pad(x[:rows], rows), devices[0])
        only = y is None and rows == longest
        second = None if only else jax.device_put(pad((x if y is None else y)[:rows], rows))
        cost = several * tile.cost(first, second, devices[0])
        if cost <= spare:
            return rows
        if rows == 1:
            raise DataError(
                "a tile of one entry does not fit into the memory that the Gram matrix leaves",
                where="gram(kernel, x, y)",
                expected=f"at most {spare:.3g} bytes besides the result",
                found=f"{cost:.3g} bytes for {several} tiles at a time",
                repair="give more bytes: gram(..., memory=)",
            )
        limit = max(1, min(rows // 2, int(rows * (spare / cost) ** 0.5)))


def pad(x: np.ndarray, rows: int) -> np.ndarray:
    """The inputs, the last one repeated up to that many rows."""
    missing = rows - len(x)
    return np.concatenate([x, np.repeat(x[-1:], missing, 0)]) if missing else x
