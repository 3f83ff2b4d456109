"""Expectations of smooth functions of two Gaussian numbers, as Hermite series.

With h_k the normalised Hermite polynomials, z standard normal and rho = q12 / sqrt(q11 q22),

    E[f(u) g(v)] = sum_k a_k(q11) b_k(q22) rho^k,    a_k(q) = E[f(sqrt(q) z) h_k(z)],

the formula of Mehler (1866; see Daniely et al. 2016, arXiv:1602.05897, section 4). Coefficients
belong to one variance each; only the sum runs over pairs. For f analytic in the strip
|Im u| < w they fall like exp(-w sqrt(k / q)), and the trapezoidal rule, by which they are
computed, converges like exp(-2 pi w / (spacing sqrt(q))) (Trefethen and Weideman 2014, "The
exponentially convergent trapezoidal rule").
"""

from collections.abc import Callable
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float

from riesz.networks._activations._pair import Numbers, geometric_mean, quotient

# A function of one number, applied to each entry of an array.
Entrywise = Callable[[Array], Array]

TERMS = 256

# `entrywise` and `derivative` give one object per function, so that what was compiled for it is
# found again.


@lru_cache(maxsize=256)
def entrywise(function: Callable) -> Entrywise:
    """The function applied to each entry."""
    return jnp.vectorize(function)


@lru_cache(maxsize=256)
def derivative(function: Entrywise) -> Entrywise:
    """The derivative, by automatic differentiation, of a function that acts on each entry."""

    def slope(x: Array) -> Array:
        value, pull = jax.vjp(function, x)
        return pull(jnp.ones_like(value))[0]

    return slope


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def mehler(
    f: Entrywise, g: Entrywise, q11: Numbers, q12: Numbers, q22: Numbers
) -> Float[Array, "..."]:
    """E[f(u) g(v)], with derivatives of all orders."""
    return _sum(f, g, q11, q12, q22)


@mehler.defjvp
def _heat_equation(f, g, primals, tangents):
    # The Gaussian density solves the heat equation in its covariances (theorem of Price). The
    # derivatives of the series are singular at variance zero; these are not.
    (d11, d12, d22), (df, dg) = tangents, (derivative(f), derivative(g))
    # dE[f g] = E[f'' g] dq11 / 2 + E[f' g'] dq12 + E[f g''] dq22 / 2
    tangent = (
        mehler(derivative(df), g, *primals) * d11 / 2
        + mehler(df, dg, *primals) * d12
        + mehler(f, derivative(dg), *primals) * d22 / 2
    )
    return mehler(f, g, *primals), tangent


@partial(jax.jit, static_argnums=0)
def mehler_error(f: Entrywise, q11: Numbers, q12: Numbers, q22: Numbers) -> Float[Array, "..."]:
    """An upper estimate of the absolute error of `mehler(f, f, q11, q12, q22)`.

    The terms left out are bounded by the inequality of Cauchy and Schwarz, from as many
    coefficients again; the error of the others is estimated from coarser quadratures.
    """
    rho = jnp.abs(_correlation(q11, q12, q22))
    sides = []
    for fine, coarse in zip(
        _coefficients(f, _rule(2 * TERMS), q11, q22),
        _coefficients(f, _coarse_rules(TERMS), q11, q22),
        strict=True,
    ):
        # sqrt(sum_(k >= TERMS) a_k^2)
        used, tail = fine[:TERMS], jnp.sqrt(jnp.sum(fine[TERMS:] ** 2, 0))
        # the largest change by one of the three coarse rules, for each k
        error = jnp.max(jnp.abs(coarse.reshape(-1, *used.shape) - used), 0)
        sides.append((jnp.abs(used), error, tail, jnp.sqrt(jnp.sum(used**2, 0))))
    (a, error_a, tail_a, norm_a), (b, error_b, tail_b, norm_b) = sides
    # sum_k (|da_k| |b_k| + |a_k| |db_k|) |rho|^k
    quadrature = series(error_a, b, rho) + series(a, error_b, rho)
    rounding = 16 * jnp.finfo(rho.dtype).eps * norm_a * norm_b
    # The tail goes on behind the coefficients seen: for the slowest decay that has a finite
    # expectation of the derivative, k^(-3/2), three times as much.
    return 2 * quadrature + 4 * rho**TERMS * tail_a * tail_b + rounding


@jax.custom_jvp
def series(
    a: Float[Array, "terms ..."], b: Float[Array, "terms ..."], rho: Numbers
) -> Float[Array, "..."]:
    """The sum over k of a_k b_k rho^k, where a_k, b_k and rho broadcast together."""
    return _horner(a, b, rho)


@series.defjvp
def _series_jvp(primals, tangents):
    # Differentiating the loop would keep the partial sum of every pair at every step.
    (a, b, rho), (da, db, drho) = primals, tangents
    # d/drho: sum_(k >= 1) k a_k b_k rho^(k - 1)
    k = jnp.arange(1, len(a), dtype=rho.dtype).reshape(-1, *[1] * (a.ndim - 1))
    slope = series(k * a[1:], b[1:], rho)
    return series(a, b, rho), _horner(da, b, rho) + _horner(a, db, rho) + slope * drho


@jax.jit
def _horner(a: Array, b: Array, rho: Array) -> Array:
    def step(total: Array, pair: tuple[Array, Array]) -> tuple[Array, None]:
        # s_k = a_k b_k + rho s_(k+1)
        return total * rho + pair[0] * pair[1], None

    shape = jnp.broadcast_shapes(a.shape[1:], b.shape[1:], rho.shape)
    return jax.lax.scan(step, jnp.zeros(shape, rho.dtype), (a, b), reverse=True)[0]


@partial(jax.jit, static_argnums=(0, 1))
def _sum(
    f: Entrywise, g: Entrywise, q11: Numbers, q12: Numbers, q22: Numbers
) -> Float[Array, "..."]:
    a, b = (
        _coefficients(f, _rule(TERMS), q11, q22)
        if f is g
        else (_coefficients(h, _rule(TERMS), q)[0] for h, q in ((f, q11), (g, q22)))
    )
    return series(a, b, _correlation(q11, q12, q22))


def _correlation(q11: Numbers, q12: Numbers, q22: Numbers) -> Numbers:
    return jnp.clip(quotient(q12, geometric_mean(q11, q22)), -1, 1)


def _coefficients(
    f: Entrywise, rule: tuple[np.ndarray, np.ndarray], *variances: Numbers
) -> list[Float[Array, "terms ..."]]:
    """a_k(q), the index first, for each array of variances."""
    z, projection = (jnp.asarray(x, variances[0].dtype) for x in rule)

    def one(variance: Array) -> Array:
        values = f(jnp.sqrt(jnp.maximum(variance, 0)) * z)
        # a_k = sum_n w_n h_k(z_n) f(sqrt(q) z_n)
        return jnp.matmul(projection, values, precision="highest")

    together = jnp.concatenate([q.ravel() for q in variances])
    # (variances, terms) -> (terms, variances)
    rows = jax.lax.map(one, together, batch_size=1024).T
    parts = jnp.split(rows, np.cumsum([q.size for q in variances])[:-1], axis=1)
    return [part.reshape(-1, *q.shape) for part, q in zip(parts, variances, strict=True)]


@lru_cache(maxsize=4)
def _rule(terms: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes z_n, and the matrix w_n h_k(z_n) that takes values there to coefficients."""
    # The density is 1e-32 at 12, and waves of h_k are longer than 2 pi / sqrt(2 terms).
    return _trapezoidal(np.arange(-192, 193) / 16, terms)


@lru_cache(maxsize=4)
def _coarse_rules(terms: int) -> tuple[np.ndarray, np.ndarray]:
    """Three rules in one: at a kink, wherever it lies, they do not all err like the fine rule."""
    grid = np.arange(-120, 120) / 10
    nodes, blocks = zip(*(_trapezoidal(grid + k / 60, terms) for k in (1, 3, 5)), strict=True)
    # nodes (3 n,); coefficients of each rule, (3 terms, 3 n)
    return np.concatenate(nodes), np.asarray(scipy.linalg.block_diag(*blocks))


def _trapezoidal(z: np.ndarray, terms: int) -> tuple[np.ndarray, np.ndarray]:
    # w_n = spacing exp(-z_n^2 / 2) / sqrt(2 pi)
    weights = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    rows: list[np.ndarray] = [np.zeros_like(z), np.ones_like(z)]
    for k in range(terms - 1):
        # h_(k+1) = (z h_k - sqrt(k) h_(k-1)) / sqrt(k + 1)
        rows.append((z * rows[-1] - np.sqrt(k) * rows[-2]) / np.sqrt(k + 1))
    return z, np.stack(rows[1:]) * weights
