"""What every kernel does with its inputs and hyperparameters first."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz._core.tracing import traced
from riesz.errors import DataError

# A hyperparameter, and one that may differ from input to input.
Scalar = int | float | Float[Array, ""]
PerInput = int | float | Float[Array, ""] | Float[Array, " d"]


# What a field of a kernel or a process holds, in its metadata: `tune` draws starts accordingly.
LENGTH = {"role": "length"}  # positive, in the unit of the inputs
VARIANCE = {"role": "variance"}  # positive, in the squared unit of the values


def hyperparameter(value: Any) -> Any:
    """A leaf that `jax.grad` takes: integers become floats, sequences arrays."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return jnp.asarray(value) if isinstance(value, list | tuple | np.ndarray) else value


def as_pytree(function: Any) -> Any:
    """A function that may be a field of a kernel under jit and grad: its arrays are leaves."""
    return function if isinstance(function, eqx.Module) else jax.tree_util.Partial(function)


def require_positive(kernel: Any, *names: str, infinite: bool = False) -> None:
    """Raise for hyperparameters that are not positive, where their values are known."""
    for name in names:
        value = getattr(kernel, name)
        if traced(value) or not isinstance(value, float | int | jax.Array):
            continue
        number = np.asarray(value)
        if not (number > 0).all() or (not infinite and np.isinf(number).any()):
            raise DataError(
                f"the {name.replace('_', ' ')} of a kernel is positive"
                + ("" if infinite else " and finite"),
                where=type(kernel).__name__,
                expected=f"{name} > 0",
                found=f"{name}={value}",
                repair=f"pass a positive {name}; to fit it, train its logarithm",
            )


def points(x: Any, where: Any) -> Float[Array, "n d"]:
    """Inputs `(n, *features)` as points `(n, d)`."""
    x = jnp.asarray(x)
    if x.ndim == 0 or not jnp.issubdtype(x.dtype, jnp.floating):
        raise DataError(
            "the inputs of a kernel are an array of floats, one row per point",
            where=type(where).__name__,
            expected="shape (n, *features) and a floating type",
            found=f"shape {x.shape} of {x.dtype}",
            repair="x[None] makes one point per row, x.astype(float) makes integers floats",
        )
    return x.reshape(x.shape[0], int(np.prod(x.shape[1:])))


def pair(x: Any, y: Any, where: Any) -> tuple[Float[Array, "n d"], Float[Array, "m d"]]:
    """Two sets of inputs as points with equally many columns; `y` is `x` by default."""
    x = points(x, where)
    y = x if y is None else points(y, where)
    if x.shape[1] != y.shape[1]:
        raise DataError(
            "the two sets of inputs of a kernel have different features",
            where=type(where).__name__,
            expected=f"{x.shape[1]} numbers per point in both",
            found=f"{x.shape[1]} and {y.shape[1]}",
            repair="both have shape (n, *features); points of a line have shape (n, 1) or (n,)",
        )
    return x, y


def per_input(
    value: int | float | Float[Array, "..."], x: Float[Array, "n d"], name: str, where: Any
) -> Float[Array, "..."]:
    """A hyperparameter in the type of `x`: a scalar, or one number a column of `x`."""
    value = jnp.asarray(value, x.dtype)
    if value.ndim and value.shape != (x.shape[1],):
        raise DataError(
            f"the {name.replace('_', ' ')} of a kernel is a number, or one per input",
            where=type(where).__name__,
            expected=f"shape () or ({x.shape[1]},)",
            found=f"{name} of shape {value.shape}",
            repair=f"give as many as a point has numbers, or one {name} for all",
        )
    return value


def symmetric(gram: Float[Array, "n n"], diagonal: Float[Array, " n"]) -> Float[Array, "n n"]:
    """The Gram matrix of one set without the asymmetry that products are rounded to."""
    # (K + K^T) / 2, with k(x_i, x_i) on the diagonal
    same = jnp.eye(gram.shape[0], dtype=bool)
    return jnp.where(same, diagonal[:, None], (gram + gram.T) / 2)
