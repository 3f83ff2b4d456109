"""Points where a process is evaluated, as inputs of a kernel, and values there as functions."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz._core.tracing import traced
from riesz.domains import AbstractDiscretization
from riesz.errors import DataError
from riesz.functions import Function
from riesz.processes._process import On


def inputs_of(on: On, dtype: Any = None) -> Float[Array, "points *features"]:
    """The inputs of a kernel, one per row: coordinates of a discretization, or the array itself.

    **Raises:** `DataError` for what is neither, no rows, and numbers that are not finite.
    """
    if isinstance(on, AbstractDiscretization):
        inputs = as_floats(on.coordinates.reshape(-1, on.domain.dim))
    else:
        inputs = as_floats(_rows(on))
        require_finite("marginal(on=points), sample(n, on=points)", points=inputs)
    return jnp.asarray(inputs if dtype is None else inputs.astype(dtype))


def _rows(on: Any) -> Any:
    """An array of inputs, one per row, at least one."""
    if isinstance(on, Function):
        repair, found = "give f.discretization, and f.values for values", f"a Function, {on!r}"
    else:
        array = on if isinstance(on, jax.Array) else _as_array(on)
        real = jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)
        if real and array.ndim and len(array):
            return array
        found = f"{type(on).__name__}, {on!r}"
        repair = "np.array([[0.3]]) is one point of a line, x[:, None] are many"
        if real and array.ndim:
            found, repair = f"no points: shape {array.shape}", "give at least one point"
    raise DataError(
        "points are a discretization, or an array of real inputs with one row per point",
        where="on=..., points=...",
        expected="a discretization, or an array of shape (points, *features)",
        found=found if len(found) < 200 else found[:200] + "...",
        repair=repair,
    )


def _as_array(values: Any) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError:  # rows of different lengths
        return np.asarray(None)


def require_key(key: Any, where: str) -> None:
    """Raise where this is not one random key."""
    array = isinstance(key, jax.Array)
    typed = array and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0
    if not typed and not (array and key.dtype == jnp.uint32 and key.ndim == 1):
        raise DataError(
            "a random key was not given",
            where=where,
            expected="one key",
            found=f"{type(key).__name__}, {key!r}"[:120],
            repair="key=jax.random.key(0); for many keys use jax.vmap",
        )


def as_floats(values: Any) -> Any:
    """Numbers in a floating type of JAX, still in NumPy if they were, where nothing compiles."""
    given = values
    if not isinstance(values, jax.Array):
        values = _as_array(values)
    if values.dtype.kind in "cUSO":
        function = isinstance(given, Function)
        raise DataError(
            "points and values of a process are real numbers",
            where="points, values, weights or noise",
            expected="an array of real numbers",
            found=type(given).__name__ if values.dtype.kind == "O" else str(values.dtype),
            repair="give f.discretization and f.values"
            if function
            else "give np.asarray(..., float), with rows of equal length",
        )
    floating = jnp.issubdtype(values.dtype, jnp.floating)
    dtype = jax.dtypes.canonicalize_dtype(values.dtype if floating else float)
    return values if values.dtype == dtype else values.astype(dtype)


def observed(
    where: str, on: On, values: Any, count: int | None = None
) -> tuple[Float[Array, "points *features"], Float[Array, "m c"]]:
    """Inputs and values of an observation in one floating type, without masked points.

    `values` has as many rows as there are points, or `count` when that is given.
    """
    grid = isinstance(on, AbstractDiscretization)
    inputs = as_floats(on.coordinates.reshape(-1, on.domain.dim) if grid else _rows(on))
    values = as_floats(values)
    if not jnp.issubdtype(values.dtype, jnp.floating) or (values.ndim and not len(values)):
        raise DataError(
            "an observation has at least one row of real values",
            where=where,
            expected="an array of shape (m, channels)",
            found=f"{values.dtype} of shape {values.shape}",
            repair="give the numbers observed, one row for each thing observed",
        )
    shape = on.shape if isinstance(on, AbstractDiscretization) else inputs.shape[:1]
    rows = shape if count is None else (count,)
    if values.ndim != len(rows) + 1 or values.shape[:-1] != rows:
        raise DataError(
            "an observation has one row of values for each thing observed, one column per channel",
            where=where,
            expected=f"values of shape ({', '.join(map(str, rows))}, channels)",
            found=f"shape {values.shape}",
            repair="values[..., None] makes one channel"
            if values.shape == rows
            else "give as many values as points",
        )
    dtype = np.promote_types(inputs.dtype, values.dtype)
    inputs, values = inputs.astype(dtype), values.astype(dtype).reshape(-1, values.shape[-1])
    mask = mask_of(on)
    if mask is not None and count is None:
        inputs, values = _present(where, mask, inputs, values)
    return jnp.asarray(inputs), jnp.asarray(values)


def mask_of(on: Any) -> Bool[Array, "*shape"] | None:
    """Where a discretization has values, if it has a mask."""
    return on.mask if isinstance(on, AbstractDiscretization) else None


def _present(where: str, mask: Array, inputs: Any, values: Any) -> tuple[Any, Any]:
    if traced(mask):
        raise DataError(
            "points that may be masked cannot be left out inside a compiled function",
            where=where,
            expected="an array of inputs, or a discretization made outside jit",
            found="a traced mask",
            repair="give points.coordinates, when none of them is masked",
        )
    keep = np.asarray(mask).reshape(-1)
    return (inputs, values) if keep.all() else (inputs[keep], values[keep])


def require_finite(where: str, **arrays: Any) -> None:
    """Raise for NaN and infinity, where values are known."""
    for name, array in arrays.items():
        if traced(array):
            continue
        bad = np.flatnonzero(~np.isfinite(np.asarray(array)).reshape(len(array), -1).all(1))
        if bad.size:
            raise DataError(
                f"{name} are not finite",
                where=where,
                expected="finite numbers",
                found=f"{bad.size} rows of {len(array)}, the first is row {bad[0]}",
                repair="leave these rows out: a missing value is no observation, and no place",
            )
