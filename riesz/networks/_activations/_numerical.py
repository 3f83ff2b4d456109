"""Activations without a closed form: tanh, silu, and any function."""

from collections.abc import Callable
from functools import lru_cache
from math import isfinite, pi, sqrt
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.errors import ModelError
from riesz.networks._activations._activation import AbstractActivation
from riesz.networks._activations._kinked import FINE, kinked_duals, kinked_error
from riesz.networks._activations._mehler import (
    Entrywise,
    derivative,
    entrywise,
    mehler,
    mehler_error,
)
from riesz.networks._activations._pair import Duals, Numbers


class AbstractNumericalActivation(AbstractActivation):
    """An activation whose `duals` are computed numerically, with an estimate of their error."""

    # A function of one number. Pyright takes a variable of type Callable for a method.
    function: eqx.AbstractVar[Any]
    kinks: eqx.AbstractVar[tuple[float, ...]]
    exact: ClassVar[bool] = False

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return entrywise(self.function)(x)

    def duals(self, q11: Numbers, q12: Numbers, q22: Numbers) -> Duals:
        phi = entrywise(self.function)
        if self.kinks:
            return kinked_duals(phi, self.kinks, FINE, q11, q12, q22)
        slope = derivative(phi)
        return mehler(phi, phi, q11, q12, q22), mehler(slope, slope, q11, q12, q22)

    def error(self, q11: Numbers, q12: Numbers, q22: Numbers) -> Duals:
        """Upper estimates of the absolute errors of the two `duals`.

        Without kinks: the terms left out of the Hermite series, bounded by the inequality of
        Cauchy and Schwarz, and the effect of a coarser quadrature. With kinks: the effect of
        coarser quadratures. Both are large for a function whose kinks were not declared.
        """
        phi = entrywise(self.function)
        if self.kinks:
            return kinked_error(phi, self.kinks, q11, q12, q22)
        return mehler_error(phi, q11, q12, q22), mehler_error(derivative(phi), q11, q12, q22)


class Tanh(AbstractNumericalActivation):
    """tanh(u), by a Hermite series of 256 terms.

    Errors are those of rounding up to variances of 2. At 10 and u = v they are 7e-8, for the
    derivatives 2e-6; `error` tells.
    """

    function: ClassVar[Entrywise] = staticmethod(jnp.tanh)
    kinks: ClassVar[tuple[float, ...]] = ()
    differentiable: ClassVar[bool] = True


class Silu(AbstractNumericalActivation):
    """u / (1 + exp(-u)), by a Hermite series of 256 terms.

    Errors are those of rounding up to variances of 10; `error` tells.
    """

    function: ClassVar[Entrywise] = staticmethod(jax.nn.silu)
    kinks: ClassVar[tuple[float, ...]] = ()
    differentiable: ClassVar[bool] = True


class Activation(AbstractNumericalActivation):
    """Any function of one number, written with JAX.

    A smooth function is expanded in Hermite polynomials: expectations are sums of 256 terms, with
    coefficients that belong to one variance each (Mehler's formula; Daniely et al. 2016,
    arXiv:1602.05897). A function with kinks or jumps needs to name them. Its series serves
    correlations up to 0.9; closer pairs take a double integral split at the kinks, which costs
    some thousand evaluations of the function each. Either is inaccurate for a function that is
    steep for the standard deviation of its argument, and `error` says by how much.

    **Arguments:**

    - `function`: takes a number to a number.
    - `kinks`: where the function or one of its derivatives jumps.

    `differentiable` is found out by Stein's identity, E[phi(z) h(z)] = E[phi'(z)] and its like:
    automatic differentiation gives the derivative zero for `jnp.sign` and `jnp.round`, which is
    not that of the function. Such an activation has an nngp kernel and no tangent kernel.

    **Raises:** `ModelError` for what is no function of one number in JAX.

    ```python
    elu = Activation(jax.nn.elu, kinks=(0.0,))
    q = jnp.asarray(1.0)
    value, slope = elu.duals(q, q / 2, q)
    assert max(elu.error(q, q / 2, q)) < 1e-5
    ```
    """

    function: Callable = eqx.field(static=True)
    kinks: tuple[float, ...] = eqx.field(static=True, default=())

    def __check_init__(self):
        _require_number_to_number(self.function)
        if not isinstance(self.kinks, tuple) or not all(map(_is_finite, self.kinks)):
            raise ModelError(
                "kinks are the numbers at which a function or one of its derivatives jumps",
                where="Activation(function, kinks)",
                expected="a tuple of finite numbers, such as (0.0,)",
                found=repr(self.kinks),
            )

    @property
    def differentiable(self) -> bool:
        return _has_its_derivative(self.function)


def _is_finite(kink: Any) -> bool:
    return isinstance(kink, int | float) and isfinite(kink)


def _require_number_to_number(function: Callable) -> None:
    where = "Activation(function, kinks)"
    expected = "a function of one number, written with jax.numpy"
    try:
        number = jax.eval_shape(lambda u: function(u), jnp.ones(()))
    except jax.errors.JAXTypeError as error:
        raise ModelError(
            "the function cannot be traced by JAX",
            where=where,
            expected=expected,
            found=str(error).partition("\n")[0],
            repair="use jax.numpy for numpy and math, and jnp.where(u > 0, a, b) for "
            "`a if u > 0 else b`",
        ) from None
    shape, dtype = getattr(number, "shape", None), getattr(number, "dtype", None)
    if shape != () or dtype is None or not jnp.issubdtype(dtype, jnp.floating):
        raise ModelError(
            "the function does not map a number to a number",
            where=where,
            expected=expected,
            found=f"at a float of shape () it returns {number}",
            repair="write for one number; it is applied to each entry of an array",
        )


@lru_cache(maxsize=256)
def _has_its_derivative(function: Callable) -> bool:
    """Whether sqrt(k + 1) E[phi(z) h_(k+1)(z)] = E[phi'(z) h_k(z)] for the first k.

    A jump of phi by J at t changes the right-hand side by J h_k(t) times the density at t.
    """
    # midpoints of 2^16 cells of [-8, 8]
    z = (np.arange(2**16) + 0.5) / 2**12 - 8
    rows = [np.ones_like(z), z]
    for k in range(1, 6):
        # h_(k+1) = (z h_k - sqrt(k) h_(k-1)) / sqrt(k + 1)
        rows.append((z * rows[k] - sqrt(k) * rows[k - 1]) / sqrt(k + 1))
    weights = np.exp(-(z**2) / 2) / sqrt(2 * pi) / 2**12
    phi = entrywise(function)
    with jax.ensure_compile_time_eval():
        value, slope = (np.asarray(f(jnp.asarray(z)), float) for f in (phi, derivative(phi)))
    # E[phi(z) h_k(z)] and E[phi'(z) h_k(z)], k = 0 to 6
    of_value, of_slope = ((np.stack(rows) * weights) @ x for x in (value, slope))
    # sqrt(k + 1) E[phi(z) h_(k+1)(z)] - E[phi'(z) h_k(z)], k = 0 to 5
    defect = np.sqrt(np.arange(1, 7)) * of_value[1:] - of_slope[:-1]
    size = sqrt(weights @ value**2) + sqrt(weights @ slope**2)
    return bool(np.all(np.abs(defect) <= 1e-3 * size))
