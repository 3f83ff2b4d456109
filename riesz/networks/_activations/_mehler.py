"""Expectations of smooth functions of two Gaussian numbers, as Hermite series.

With h_k the normalised Hermite polynomials, z standard normal and rho = q12 / sqrt(q11 q22),

    E[f(u) g(v)] = sum_k a_k(q11) b_k(q22) rho^k,    a_k(q) = E[f(sqrt(q) z) h_k(z)],

the formula of Mehler (1866; see Daniely et al. 2016, arXiv:1602.05897, section 4). Coefficients
belong to one variance each; only the sum runs over pairs. For f analytic in the strip
|Im u| < w they fall like exp(-w sqrt(k / q)), and the trapezoidal rule, by which they are
computed, converges like exp(-2 pi w / (spacing sqrt(q))) (Trefethen and Weideman 2014, "The
exponentially convergent trapezoidal rule").
"""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.networks._activations._derivative import Function, derivative
from riesz.networks._activations._pair import Numbers, geometric_mean, quotient

TERMS = 256


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def mehler(
    f: Function, g: Function, q11: Numbers, q12: Numbers, q22: Numbers
) -> Float[Array, "..."]:
    """E[f(u) g(v)], with derivatives of all orders."""
    return _sum(f, g, q11, q12, q22)


@mehler.defjvp
def _heat_equation(f, g, primals, tangents):
    # The Gaussian density solves the heat equation in its covariances (theorem of Price). The
    # derivatives of the series are singular at variance zero; these are not.
    (d11, d12, d22), (df, dg) = tangents, (derivative(f), derivative(g))
    tangent = (
        mehler(derivative(df), g, *primals) * d11 / 2
        + mehler(df, dg, *primals) * d12
        + mehler(f, derivative(dg), *primals) * d22 / 2
    )
    return mehler(f, g, *primals), tangent


def mehler_error(f: Function, q11: Numbers, q12: Numbers, q22: Numbers) -> Float[Array, "..."]:
    """An upper estimate of the absolute error of `mehler(f, f, q11, q12, q22)`.

    The terms left out are bounded by the inequality of Cauchy and Schwarz, from as many
    coefficients again; the error of the others is estimated from a coarser quadrature.
    """
    rho = jnp.abs(_correlation(q11, q12, q22))
    sides = []
    for q in (q11, q22):
        fine = _coefficients(f, q, 2 * TERMS)
        used, tail = jnp.abs(fine[:TERMS]), jnp.sqrt(jnp.sum(fine[TERMS:] ** 2, 0))
        error = jnp.abs(fine[:TERMS] - _coefficients(f, q, TERMS, coarse=True))
        sides.append((used, error, tail, jnp.sqrt(jnp.sum(used**2, 0))))
    (a, error_a, tail_a, norm_a), (b, error_b, tail_b, norm_b) = sides
    quadrature = series(error_a, b, rho) + series(a, error_b, rho)
    rounding = 16 * jnp.finfo(rho.dtype).eps * norm_a * norm_b
    # The tail goes on behind the coefficients seen: for the slowest decay that has a finite
    # expectation of the derivative, k^(-3/2), three times as much.
    return 2 * quadrature + 4 * rho**TERMS * tail_a * tail_b + rounding


@jax.jit
def series(
    a: Float[Array, "terms ..."], b: Float[Array, "terms ..."], rho: Numbers
) -> Float[Array, "..."]:
    """The sum over k of a_k b_k rho^k, where a_k, b_k and rho broadcast together."""
    shape = jnp.broadcast_shapes(a.shape[1:], b.shape[1:], rho.shape)

    def horner(total: Array, pair: tuple[Array, Array]) -> tuple[Array, None]:
        return total * rho + pair[0] * pair[1], None

    zero = jnp.zeros(shape, rho.dtype)
    return jax.lax.scan(horner, zero, (a, b), reverse=True)[0]


@partial(jax.jit, static_argnums=(0, 1))
def _sum(f: Function, g: Function, q11: Numbers, q12: Numbers, q22: Numbers) -> Float[Array, "..."]:
    a, b = _coefficients(f, q11, TERMS), _coefficients(g, q22, TERMS)
    return series(a, b, _correlation(q11, q12, q22))


def _correlation(q11: Numbers, q12: Numbers, q22: Numbers) -> Numbers:
    return jnp.clip(quotient(q12, geometric_mean(q11, q22)), -1, 1)


def _coefficients(
    f: Function, q: Numbers, terms: int, coarse: bool = False
) -> Float[Array, "terms ..."]:
    z, projection = (jnp.asarray(x, q.dtype) for x in _rule(terms, coarse))

    def one(variance: Array) -> Array:
        values = f(jnp.sqrt(jnp.maximum(variance, 0)) * z)
        return jnp.matmul(projection, values, precision="highest")

    rows = jax.lax.map(one, q.ravel(), batch_size=1024)
    return rows.T.reshape(terms, *q.shape)


@lru_cache(maxsize=8)
def _rule(terms: int, coarse: bool) -> tuple[np.ndarray, np.ndarray]:
    """Nodes z_n, and the matrix w_n h_k(z_n) that takes values there to coefficients.

    The coarse rule has its nodes elsewhere, so that the two do not err alike on a kink.
    """
    # The density is 1e-32 at 12. Waves of h_k are longer than 2 pi / sqrt(2 terms), 0.3 for 256.
    z = np.arange(-120, 120) / 10 + 0.05 if coarse else np.arange(-192, 193) / 16
    weights = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    rows = [np.zeros_like(z), np.ones_like(z)]
    for k in range(terms - 1):
        rows.append((z * rows[-1] - np.sqrt(k) * rows[-2]) / np.sqrt(k + 1))
    return z, np.stack(rows[1:]) * weights
