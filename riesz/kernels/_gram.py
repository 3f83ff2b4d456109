"""Gram matrices of more points than one call should hold."""

from collections import deque
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Shaped

from riesz._core.progress import Progress
from riesz.errors import DataError
from riesz.kernels._kernel import AbstractKernel
from riesz.kernels._tile import IN_FLIGHT, Tile, fitting_rows, pad


def gram(
    kernel: AbstractKernel,
    x: Shaped[Any, "n *features"],
    y: Shaped[Any, "m *features"] | None = None,
    *,
    memory: int | float = 4e9,
    progress: bool = True,
) -> Float[np.ndarray, "n m"]:
    """The Gram matrix k(x_i, y_j) in the memory of the host, made by tiles.

    Without `y` it is that of x with itself: tiles above the diagonal are made and copied below
    it. One program makes all tiles off the diagonal and one those on it; all devices of
    `jax.devices()` work in turn. It can be interrupted.

    **Arguments:**

    - `kernel`: any kernel.
    - `x`, `y`: inputs, as the kernel takes them.
    - `memory`: bytes for the result and for making tiles; tiles are as small as that asks.
    - `progress`: after two seconds show a bar on a terminal, elsewhere a line each ten seconds.

    **Returns:** a numpy array in the type of the inputs (float32 unless JAX has 64-bit types
    enabled).

    **Raises:** `DataError` when the result, or a tile of one entry, is larger than `memory`.

    ```python
    k = gram(Matern(2.5, 0.3), x)                       # 20 000 points: 1.6 GB
    ```
    """
    x = _inputs(x)
    other = x if y is None else _inputs(y)
    bytes_ = len(x) * len(other) * x.itemsize
    if bytes_ > memory:
        raise DataError(
            "the Gram matrix is larger than the memory it may take",
            where="gram(kernel, x, y)",
            expected=f"at most {memory / 1e9:.3g} GB",
            found=f"{bytes_ / 1e9:.3g} GB for {len(x)} x {len(other)} numbers",
            repair=f"gram(..., memory={bytes_ * 1.2:.2g}) if there is as much; or multiply without "
            "it, riesz.kernels.matvec(kernel, x, v); or use fewer numbers, "
            "FeatureKernel(NystromFeatures(kernel, x[:1000]))",
        )
    out = np.empty((len(x), len(other)), x.dtype)
    if not out.size:
        return out
    tile = Tile(kernel, x.dtype)
    rows = fitting_rows(tile, x, None if y is None else other, float(memory - bytes_))
    fill(out, tile, x, None if y is None else other, rows, progress)
    return out


def fill(
    out: np.ndarray, tile: Tile, x: np.ndarray, y: np.ndarray | None, rows: int, progress: bool
) -> None:
    """Write the Gram matrix by tiles of that many rows, each on the next device."""
    symmetric, devices = y is None, jax.devices()
    other = x if y is None else y
    starts = list(_tiles(len(x), len(other), rows, symmetric))
    put = _placed(x, other, rows)
    flying: deque[tuple[int, int, Any]] = deque()
    with Progress(progress, "gram", len(starts), "tiles") as shown:

        def land() -> None:
            _store(out, *flying.popleft(), symmetric)
            shown.advance()

        for (i, j), device in zip(starts, cycle(devices), strict=False):
            columns = None if symmetric and i == j else put(1, j, device)
            flying.append((i, j, tile(put(0, i, device), columns, device)))
            if len(flying) == IN_FLIGHT * len(devices):
                land()
        while flying:
            land()


def _inputs(x: Any) -> np.ndarray:
    x = np.asarray(x)
    return x.astype(jax.dtypes.canonicalize_dtype(x.dtype), copy=False)


def _tiles(n: int, m: int, rows: int, symmetric: bool) -> Iterator[tuple[int, int]]:
    """The first row and column of each tile."""
    for i in range(0, n, rows):
        for j in range(i if symmetric else 0, m, rows):
            yield i, j


def _placed(x: np.ndarray, y: np.ndarray, rows: int) -> Any:
    @cache
    def put(which: int, start: int, device: Any) -> jax.Array:
        part = (x, y)[which][start : start + rows]
        return jax.device_put(pad(part, rows), device)

    return put


def _store(out: np.ndarray, i: int, j: int, tile: jax.Array, symmetric: bool) -> None:
    place = out[i : i + tile.shape[0], j : j + tile.shape[1]]
    values = np.asarray(tile)[: place.shape[0], : place.shape[1]]
    place[:] = values
    if symmetric and i != j:
        out[j : j + tile.shape[1], i : i + tile.shape[0]] = values.T
