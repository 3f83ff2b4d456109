"""Gram matrices of more points than one call should hold: stored by tiles, or never stored."""

from collections import deque
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from riesz._core.blocks import blocked, fitting
from riesz._core.parameters import as_traced
from riesz._core.progress import Progress
from riesz.errors import DataError
from riesz.kernels._kernel import AbstractKernel, Inputs, Others

# Rows of a tile of a cheap kernel: longer ones leave the cache, shorter ones wait for the host.
_ROWS = 1000
# Tiles that are made while one is stored, for each device.
_AHEAD = 2
# Numbers of the matrix in memory at a time in `matvec`: 16 MiB in single precision.
_NUMBERS = 2**22


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
    - `memory`: bytes for the result and for making tiles, whose size is chosen accordingly.
    - `progress`: after two seconds show a bar on a terminal, elsewhere a line each ten seconds.

    **Returns:** a numpy array in the type of the inputs (float32 unless JAX has 64-bit types
    enabled).

    **Raises:** `DataError` when the result, or a tile of one entry, is larger than `memory`.

    ```python
    k = gram(Matern(2.5, 0.3), x)                       # 20 000 points: 1.6 GB
    ```
    """
    x, y = _inputs(x), None if y is None else _inputs(y)
    columns = len(x if y is None else y)
    bytes_ = len(x) * columns * x.itemsize
    if bytes_ > memory:
        raise DataError(
            "the Gram matrix is larger than the memory it may take",
            where="gram(kernel, x, y)",
            expected=f"at most {memory / 1e9:.3g} GB",
            found=f"{bytes_ / 1e9:.3g} GB for {len(x)} x {columns} numbers",
            repair=f"gram(..., memory={bytes_ * 1.2:.2g}) if there is as much; or multiply without "
            "it, riesz.kernels.matvec(kernel, x, v); or use fewer numbers, "
            "FeatureKernel(NystromFeatures(kernel, x[:1000]))",
        )
    if not bytes_:
        return np.empty((len(x), columns), x.dtype)
    kernel = as_traced(kernel, x.dtype)
    return by_tiles(kernel, x, y, _sides(kernel, x, y, float(memory - bytes_)), progress)


def by_tiles(
    kernel: AbstractKernel, x: np.ndarray, y: np.ndarray | None, sides: tuple[int, int], bar: bool
) -> Float[np.ndarray, "n m"]:
    """The Gram matrix, made by tiles with so many rows and columns, each on the next device."""
    other, devices = x if y is None else y, jax.devices()
    out = np.empty((len(x), len(other)), x.dtype)
    # the last tile of each row and column overlaps the one before
    rows, columns = (
        [min(start, len(z) - side) for start in range(0, len(z), side)]
        for z, side in zip((x, other), sides, strict=True)
    )
    starts = [(i, j) for i in rows for j in columns if y is not None or j >= i]

    def tiles() -> Iterator[tuple[int, int, Array]]:
        for (i, j), device in zip(starts, cycle(devices), strict=False):
            own = y is None and i == j
            parts = x[i : i + sides[0]], None if own else other[j : j + sides[1]]
            yield i, j, _tile(kernel, *jax.device_put(parts, device))

    with Progress(bar, "gram", len(starts), "tiles") as shown:
        for i, j, tile in _ahead(tiles(), _AHEAD * len(devices)):
            _store(out, i, j, tile, y is None and i != j)
            shown.advance()
    return out


def _inputs(x: Any) -> np.ndarray:
    x = np.asarray(x)
    return x.astype(jax.dtypes.canonicalize_dtype(x.dtype), copy=False)


@eqx.filter_jit
def _tile(kernel: AbstractKernel, x: Array, y: Array | None) -> Float[Array, "a b"]:
    return kernel(x) if y is None else kernel(x, y)


def _ahead(items: Iterator[Any], count: int) -> Iterator[Any]:
    """The same items; those being computed are `count` ahead of the one that is used."""
    waiting = deque(islice(items, count))
    while waiting:
        yield waiting.popleft()
        waiting.extend(islice(items, 1))


def _store(out: np.ndarray, i: int, j: int, tile: Array, mirror: bool) -> None:
    values = np.asarray(tile)
    a, b = values.shape
    out[i : i + a, j : j + b] = values
    if mirror:
        out[j : j + b, i : i + a] = values.T


def _side(n: int, limit: int) -> int:
    """The side of equal tiles of n inputs, at most `limit`."""
    # ceil(n / tiles) with tiles = ceil(n / limit)
    side = -(-n // -(-n // limit))
    # a stride that is a multiple of 256 bytes maps a column into few sets of the cache, and
    # copying the transpose takes ten times as long
    return side + 4 if side % 64 == 0 and side + 4 <= n else side


def _sides(
    kernel: AbstractKernel, x: np.ndarray, y: np.ndarray | None, spare: float
) -> tuple[int, int]:
    """Rows and columns of the largest tiles whose making fits into `spare` bytes."""
    limit, several = _ROWS, len(jax.devices()) * _AHEAD
    other = x if y is None else y
    while True:
        a, b = _side(len(x), limit), _side(len(other), limit)
        only = y is None and a == len(x)
        lower: Any = _tile.lower  # pyright: ignore[reportFunctionMemberAccess]
        program = lower(kernel, *jax.device_put((x[:a], None if only else other[:b]))).compile()
        sizes = program.compiled.memory_analysis()
        cost = several * (sizes.temp_size_in_bytes + sizes.output_size_in_bytes)
        if cost <= spare:
            return a, b
        if limit == 1:
            raise DataError(
                "a tile of one entry does not fit into the memory that the Gram matrix leaves",
                where="gram(kernel, x, y)",
                expected=f"at most {spare:.3g} bytes besides the result",
                found=f"{cost:.3g} bytes for {several} tiles at a time",
                repair="give more bytes: gram(..., memory=)",
            )
        limit = max(1, min(limit, max(a, b)) // 2)


def matvec(
    kernel: AbstractKernel,
    x: Inputs,
    v: Float[Array, "m *columns"],
    y: Others | None = None,
) -> Float[Array, "n *columns"]:
    """K v with K_ij = k(x_i, y_j), without y k(x_i, x_j), by blocks of rows of K.

    Time is that of the whole matrix, memory that of a block: for iterative solvers. Runs under
    jit, vmap and grad; for gradients blocks are made again.

    **Arguments:**

    - `kernel`: any kernel.
    - `x`, `y`: inputs, as the kernel takes them.
    - `v`: a vector (m,), or several as columns (m, k), m being the number of the `y` (of the `x`).

    ```python
    residual = b - matvec(kernel, x, weights)
    ```
    """
    rows = fitting(len(x if y is None else y), _NUMBERS)
    return _matvec(as_traced(kernel, x.dtype), x, v, y, rows)


@eqx.filter_jit
def _matvec(kernel: AbstractKernel, x: Inputs, v: Array, y: Others | None, size: int) -> Array:
    other = x if y is None else y

    @jax.checkpoint
    def product(block: tuple[Array, Array]) -> Array:
        rows, numbers = block
        k = kernel(rows, other)
        if y is None:
            # off the diagonal k(x, x) and k(x) agree, on it there is noise and rounding
            own = numbers[:, None] == jnp.arange(len(x))
            k = jnp.where(own, kernel.diagonal(rows)[:, None], k)
        # (rows, m) x (m, *columns) -> (rows, *columns)
        return jnp.matmul(k, v, precision=jax.lax.Precision.HIGHEST)

    return blocked(product, (x, jnp.arange(len(x))), size)
