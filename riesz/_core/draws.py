"""Random numbers without a compiled program for every shape.

Outside compiled functions each shape of `jax.random.normal` is a program that takes a third of a
second to compile, so that a network of ten shapes takes seconds to make. The generator of JAX is
short enough to be followed in NumPy.
"""

from collections.abc import Sequence
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from riesz._core.tracing import traced

_MOST = 2**20  # numbers that are drawn in NumPy; more are compiled, on all cores
# Of Threefry-2x32 with 20 rounds (Salmon et al. 2011, doi 10.1145/2063384.2063405).
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)
# Of erfinv(x) / x in single precision, in w - 2.5 and sqrt(w) - 3 with w = -log(1 - x^2) below and
# above 5, highest power first (Giles 2012, "Approximating the erfinv function", table 5). JAX takes
# the same; scipy.special, which has all digits, takes .16 s to import.
_CENTRE = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
    -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
)  # fmt: skip
_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
    -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
)  # fmt: skip


def normal(key: PRNGKeyArray, shape: Sequence[int]) -> Float[Array | np.ndarray, "..."]:
    """The numbers of `jax.random.normal(key, shape)` up to rounding, in NumPy for a known key.

    Products with NumPy arrays are rounded as those of JAX, and are not compiled.
    """
    count = prod(shape)
    if count > _MOST or not _followed(key):
        return jax.random.normal(key, tuple(shape))
    high, low = _threefry(key, count)
    # the highest bits are the digits of a number in [1, 2), which is moved to (-1, 1)
    if jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        bits = (high.astype(np.uint64) << np.uint64(32)) | low
        unit = ((bits >> np.uint64(12)) | np.float64(1).view(np.uint64)).view(np.float64) - 1
    else:
        unit = (((high ^ low) >> np.uint32(9)) | np.float32(1).view(np.uint32)).view(np.float32) - 1
    least = np.nextafter(unit.dtype.type(-1), unit.dtype.type(0))
    uniform = np.maximum(least, unit * (1 - least) + least)
    double = unit.dtype == np.float64
    numbers = np.sqrt(2) * (scipy.special.erfinv(uniform) if double else _erfinv(uniform))
    return numbers.astype(unit.dtype).reshape(shape)


def split(key: PRNGKeyArray, count: int) -> list[PRNGKeyArray]:
    """The keys of `jax.random.split(key, count)`."""
    if not _followed(key):
        return list(jax.random.split(key, count))
    rows = np.stack(_threefry(key, count), -1)
    with jax.ensure_compile_time_eval():  # a key of a compiled function's constants
        return [jax.random.wrap_key_data(row, impl="threefry2x32") for row in rows]


def _erfinv(x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The inverse error function to seven digits."""
    x = x.astype(np.float64)
    w = -np.log((1 - x) * (1 + x))
    ratio, rare = np.polyval(_CENTRE, w - 2.5), w >= 5
    ratio[rare] = np.polyval(_TAIL, np.sqrt(w[rare]) - 3)
    return x * ratio


def _followed(key: PRNGKeyArray) -> bool:
    """Whether the generator of a key is the one below, and the key is known."""
    typed = not traced(key) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    threefry = typed and str(jax.random.key_impl(key)) == "threefry2x32"
    return threefry and bool(jax.config.jax_threefry_partitionable)  # pyright: ignore[reportAttributeAccessIssue]


def _threefry(
    key: PRNGKeyArray, count: int
) -> tuple[UInt32[np.ndarray, " n"], UInt32[np.ndarray, " n"]]:
    """The words that a key makes of the counters (0, i), i < count < 2^32."""
    with jax.ensure_compile_time_eval():
        first, second = np.asarray(jax.random.key_data(key))
    keys = first, second, first ^ second ^ _PARITY
    x, y = np.full(count, first), np.arange(count, dtype=np.uint32) + second
    for group in range(5):
        for r in _ROTATIONS[group % 2]:
            x += y
            y = (y << np.uint32(r)) | (y >> np.uint32(32 - r))
            y ^= x
        x += keys[(group + 1) % 3]
        y += keys[(group + 2) % 3] + np.uint32(group + 1)
    return x, y
