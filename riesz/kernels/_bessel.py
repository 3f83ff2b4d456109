"""The modified Bessel function of the second kind, as covariances need it."""

from functools import partial
from math import exp, factorial, lgamma, log, pi, sqrt

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# Highest polynomial whose powers stay far from overflow in float32.
_CLOSED = 9 / 2
# Lower end of the logarithms of quadrature nodes; exp(80) still fits into float32.
_LOWEST = -80.0


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def scaled_bessel(order: float, t: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """t^(order/2) K_order(sqrt t), divided by 2^(order-1) Gamma(order): it is 1 at t = 0.

    An order -mu gives t^-mu times the function of order mu, and order 0 gives K_0(sqrt t).
    Where these are infinite, at t = 0, they are set to 0: as derivatives of a covariance they
    then multiply powers of a vanishing distance.

    The derivative in t is -s_(order-1) / (2 s_order) times the function of order - 1, where s_v is
    2^(|v|-1) Gamma(|v|), and 1 for v = 0 (DLMF 10.29.4), at t = 0 also.
    """
    if order <= 0:
        # t^order overflows below this; the products in which it occurs are negligible there
        least = float(jnp.finfo(t.dtype).tiny) ** (1 / max(1.0, -order))
        safe = jnp.where(t > least, t, 1)
        value = safe**order * scaled_bessel(-order, safe) if order else _quadrature(order, safe)
        return jnp.where(t > least, value, 0)
    if order <= _CLOSED and order % 1 == 0.5:
        return _half_integer(order, t)
    return jnp.where(t > 0, _quadrature(order, t), 1)


@scaled_bessel.defjvp
def _derivative(order, primals, tangents):
    (t,), (dt,) = primals, tangents
    # f_v' = -s_(v-1) / (2 s_v) f_(v-1)
    factor = -exp(_log_scale(order - 1) - _log_scale(order)) / 2
    return scaled_bessel(order, t), factor * scaled_bessel(order - 1, t) * dt


def _log_scale(order: float) -> float:
    # log s_v; s_0 = 1
    order = abs(order)
    return (order - 1) * log(2) + lgamma(order) if order else 0.0


def _half_integer(order: float, t: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    # order = p + 1/2: K(z) is sqrt(pi / (2 z)) e^-z sum_k c_k z^-k (DLMF 10.49.12)
    p = int(order)
    # c_k = (p + k)! / (k! (p - k)! 2^k)
    powers = [factorial(p + k) / factorial(k) / factorial(p - k) / 2**k for k in range(p + 1)]
    z = jnp.sqrt(t)
    bounded = jnp.minimum(z, 1000)  # no infinity times zero far away
    # e^-z sum_k c_k / c_p z^(p - k) by the scheme of Horner: 1 at z = 0
    polynomial = jnp.zeros_like(z)
    for coefficient in powers:
        polynomial = polynomial * bounded + coefficient / powers[-1]
    return polynomial * jnp.exp(-z)


def _quadrature(order: float, t: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The trapezoidal rule for int exp(order v - e^v - t e^-v / 4) dv (DLMF 10.32.10).

    It converges exponentially, uniformly in t. Its terms are squared exponentials of sqrt t with
    positive weights, so that the result is a covariance exactly.
    """
    # weight_n = step exp(order v_n - e^v_n) / Gamma(order), rate_n = e^-v_n / 4
    weights, rates = (jnp.asarray(a, t.dtype) for a in _nodes(order, t.dtype))

    def add(total, node):
        weight, rate = node
        return total + weight * jnp.exp(-rate * t), None

    # sum_n weight_n exp(-rate_n t), a node at a time: memory is that of t
    return jax.lax.scan(add, jnp.zeros_like(t), (weights, rates))[0]


def _nodes(order: float, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import loggamma

    small = float(jnp.finfo(dtype).eps) / 10
    # The error of the rule is 2 |Gamma(order + 2 pi i / step)|, relative to Gamma(order).
    start, step = loggamma(max(order, 0.5)), 0.6
    while np.exp((loggamma(order + 2j * pi / step) - start).real) > small:
        step *= 0.9
    # for larger v exp(order v - e^v) is less than e^-40 of its maximum
    upper = log(order + 40 + 10 * sqrt(order))
    # int_-inf^lower exp(order v) dv = small Gamma(order)
    lower = (log(small) + lgamma(order + 1)) / order if order else _LOWEST
    v = np.arange(upper, max(lower, _LOWEST) - step, -step)
    # int exp(-t e^-v / 4 - e^v) dv = 2 K_0(sqrt t): order 0 has 2 in place of Gamma(0)
    normaliser = lgamma(order) if order else log(2)
    return step * np.exp(order * v - np.exp(v) - normaliser), np.exp(-v) / 4


def gamma_mixture(
    order: Float[Array, ""], t: Float[Array, "*shape"], shape: Float[Array, ""]
) -> Float[Array, "*shape"]:
    """The integral of exp(order v - e^v - t e^-v / 4) dv, divided by Gamma(shape).

    For a traced order, positive or not, by a fixed number of nodes for orders up to `shape`; at
    t = 0 it is Gamma(order) / Gamma(shape), or infinite where that integral diverges.
    """
    # for larger v exp(shape v - e^v) is less than e^-40 of its maximum
    upper = jnp.log(shape + 40 + 10 * jnp.sqrt(shape))
    step = 0.25 / jnp.sqrt(1 + shape / 4)
    v = upper - step * jnp.arange(400, dtype=t.dtype)
    v = jnp.maximum(v, _LOWEST)
    # log(step exp(order v - e^v) / Gamma(shape))
    base = order * v - jnp.exp(v) + jnp.log(step) - jax.lax.lgamma(shape)
    rate = jnp.exp(-v) / 4
    positive = t > 0
    # (*shape, nodes)
    exponents = base - rate * jnp.where(positive, t, 1)[..., None]
    at_zero = jnp.where(order > 0, order, 1)
    at_zero = jnp.exp(jax.lax.lgamma(at_zero) - jax.lax.lgamma(shape))
    at_zero = jnp.where(order > 0, at_zero, jnp.inf)
    return jnp.where(positive, jnp.exp(exponents).sum(-1), at_zero)
