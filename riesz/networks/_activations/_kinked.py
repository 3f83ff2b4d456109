"""Expectations of functions with kinks or jumps of two Gaussian numbers.

Coefficients of their Hermite series (see `_mehler`) fall slowly, like k^(-5/4) behind a kink, so
that the series serves pairs of moderate correlation only, with coefficients by a quadrature that
is split at the kinks. Other pairs are turned to the independent normal numbers

    x = (u / sqrt q11 + v / sqrt q22) / (2 cos(t/2)),
    y = (u / sqrt q11 - v / sqrt q22) / (2 sin(t/2)),

t the angle of (u, v). Given y, the kinks of both factors are known points x, and the integral over
x is a function of y that is smooth, uniformly in t, up to the points y where two of them meet.
Both integrals are split there. Negative correlations are those of u and -v.
"""

import math
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.networks._activations._mehler import Entrywise, derivative, series
from riesz.networks._activations._pair import Duals, Numbers, geometric_mean, quotient, root

Kinks = tuple[float, ...]

# Correlations up to here are left to the series.
_MODERATE = 0.9
# Pairs of a chunk are integrated together.
_CHUNK = 64


class Accuracy(NamedTuple):
    """Terms of the series, nodes per panel for them and for pairs, and where the line ends."""

    terms: int
    nodes: int
    order: int
    reach: float


FINE = Accuracy(terms=128, nodes=32, order=12, reach=7.5)
COARSE = Accuracy(terms=96, nodes=24, order=9, reach=6.5)


class Coordinates(NamedTuple):
    """Standard deviations of u and v, their correlation, and sin(t/2) of their angle t <= pi/2.

    The angle is that of u and v or of u and -v.
    """

    u: Numbers
    v: Numbers
    correlation: Numbers
    half: Numbers


def kinked_duals(
    phi: Entrywise, kinks: Kinks, accuracy: Accuracy, q11: Numbers, q12: Numbers, q22: Numbers
) -> Duals:
    """E[phi(u) phi(v)] and E[phi'(u) phi'(v)]."""
    arguments = phi, kinks, accuracy, q11, q12, q22
    return _value(*arguments), _slope(*arguments)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _value(
    phi: Entrywise, kinks: Kinks, accuracy: Accuracy, q11: Numbers, q12: Numbers, q22: Numbers
) -> Float[Array, "..."]:
    return _expectation(phi, kinks, accuracy, _coordinates(q11, q12, q22))


@_value.defjvp
def _price(phi, kinks, accuracy, primals, tangents):
    (q11, q12, q22), (d11, d12, d22) = primals, tangents
    here = _coordinates(*primals)

    def scaled(a: Array, b: Array) -> Array:
        return _expectation(phi, kinks, accuracy, here._replace(u=root(a), v=root(b)))

    # With respect to q12 the derivative is the second expectation (theorem of Price). Through
    # the half angle it would be 0 times infinity on the diagonal.
    value, change = jax.jvp(scaled, (q11, q22), (d11, d22))
    # sqrt(q11 q22) d rho = dq12 - q12 dq11 / (2 q11) - q12 dq22 / (2 q22)
    turn = d12 - quotient(q12 * d11, 2 * q11) - quotient(q12 * d22, 2 * q22)
    return value, change + _slope(phi, kinks, accuracy, *primals) * turn


def _slope(
    phi: Entrywise, kinks: Kinks, accuracy: Accuracy, q11: Numbers, q12: Numbers, q22: Numbers
) -> Float[Array, "..."]:
    return _expectation(derivative(phi), kinks, accuracy, _coordinates(q11, q12, q22))


def kinked_error(phi: Entrywise, kinks: Kinks, q11: Numbers, q12: Numbers, q22: Numbers) -> Duals:
    """An upper estimate of the absolute errors of `kinked_duals`.

    Three times what a coarser rule changes; its error is a hundred times as large where the
    quadrature resolves the function, and never much smaller where it does not.
    """
    at = _coordinates(q11, q12, q22)
    return _error(phi, kinks, at), _error(derivative(phi), kinks, at)


@partial(jax.jit, static_argnums=(0, 1))
def _error(f: Entrywise, kinks: Kinks, at: Coordinates) -> Array:
    fine, coarse = (_expectation(f, kinks, accuracy, at) for accuracy in (FINE, COARSE))
    # |E[f(u) f(v)]| <= |a| |b| for the coefficients a of f(u) and b of f(v) (Cauchy and Schwarz)
    sides = _coefficients(f, kinks, COARSE, at.u, at.v)
    norms = (jnp.sqrt(jnp.sum(side**2, 0)) for side in sides)
    rounding = 64 * jnp.finfo(fine.dtype).eps * math.prod(norms)
    return 3 * jnp.abs(fine - coarse) + rounding


def _coordinates(q11: Numbers, q12: Numbers, q22: Numbers) -> Coordinates:
    r = geometric_mean(q11, q22)
    # sin^2(t/2) = (r - |q12|) / (2 r)
    half = root(quotient(r - jnp.abs(q12), 2 * r))
    return Coordinates(root(q11), root(q22), quotient(q12, r), half)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _expectation(f: Entrywise, kinks: Kinks, accuracy: Accuracy, at: Coordinates) -> Array:
    """E[f(u) f(v)]."""
    close = jnp.abs(at.correlation) > _MODERATE
    # sum_k a_k b_k rho^k; 0 in place of a rho that the integral takes
    rho = jnp.where(close, 0, at.correlation)
    known = series(*_coefficients(f, kinks, accuracy, at.u, at.v), rho)
    rows = [jnp.broadcast_to(x, rho.shape).ravel() for x in (known, close, *at)]
    # Pairs that need the double integral come first, so that most chunks need none.
    place = _places(rows[1])
    # order[place[i]] = i
    order = jnp.zeros_like(place).at[place].set(jnp.arange(place.size), unique_indices=True)
    chunk = min(_CHUNK, order.size)
    # (chunks, chunk), filled up with the first entries
    index = jnp.resize(order, (-(-order.size // chunk), chunk))

    @jax.checkpoint
    def finish(x: list[Array]) -> Array:
        known, close, *coordinates = x
        integrate = jax.vmap(partial(_integral, f, kinks, accuracy))
        return jax.lax.cond(
            jnp.any(close),
            lambda: jnp.where(close, integrate(Coordinates(*coordinates)), known),
            lambda: known,
        )

    finished = jax.lax.map(finish, [x[index] for x in rows]).ravel()[: order.size]
    return finished[place].reshape(rho.shape)


def _places(close: Array) -> Array:
    """Where each entry goes when those that are true come first."""
    before = jnp.cumsum(close)
    return jnp.where(close, before, before[-1] + jnp.cumsum(~close)) - 1


def _coefficients(
    f: Entrywise, kinks: Kinks, accuracy: Accuracy, *stds: Numbers
) -> list[Float[Array, "terms ..."]]:
    """E[f(s z) h_k(z)] for standard deviations s and the normalised Hermite polynomials."""

    @jax.checkpoint
    def one(std: Array) -> Array:
        # z_n and w_n of E[.], (nodes,)
        z, weights = _normal_panels(_positions(kinks, std), accuracy.nodes, accuracy.reach)
        values = f(std * z) * weights

        def climb(rows: tuple[Array, Array], k: Array) -> tuple[tuple[Array, Array], Array]:
            before, here = rows
            # h_(k+1) = (z h_k - sqrt(k) h_(k-1)) / sqrt(k + 1)
            above = (z * here - jnp.sqrt(k) * before) / jnp.sqrt(k + 1)
            # a_k = sum_n w_n f(s z_n) h_k(z_n)
            return (here, above), jnp.sum(values * here)

        start = jnp.zeros_like(z), jnp.ones_like(z)
        return jax.lax.scan(climb, start, jnp.arange(accuracy.terms, dtype=z.dtype))[1]

    together = jnp.concatenate([std.ravel() for std in stds])
    # (stds, terms) -> (terms, stds)
    rows = jax.lax.map(one, together, batch_size=256).T
    parts = jnp.split(rows, np.cumsum([std.size for std in stds])[:-1], axis=1)
    return [part.reshape(-1, *s.shape) for part, s in zip(parts, stds, strict=True)]


def _integral(f: Entrywise, kinks: Kinks, accuracy: Accuracy, at: Coordinates) -> Array:
    """E[f(u) f(v)] for one pair, by the double integral."""
    side = jnp.where(at.correlation < 0, -1.0, 1.0).astype(at.u.dtype)
    sine, cosine = at.half, jnp.sqrt(1 - at.half**2)
    # u = sqrt(q11) u', v = sqrt(q22) v' or, for rho < 0, -sqrt(q22) v': kinks u' = a and v' = b
    of_u, of_v = _positions(kinks, at.u), side * _positions(kinks, at.v)
    # a - sin(t/2) y = cos(t/2) x = b + sin(t/2) y
    meet = (of_u[:, None] - of_v).ravel() / (2 * jnp.where(sine > 0, sine, 1))
    y, weights_y = _normal_panels(meet, accuracy.order, accuracy.reach)
    shift = sine * y[:, None]
    # (nodes of y, kinks of u and of v): x where u' = cos(t/2) x + sin(t/2) y and v' meet them
    breaks = jnp.concatenate([(of_u - shift) / cosine, (of_v + shift) / cosine], -1)
    x, weights_x = _normal_panels(breaks, accuracy.order, accuracy.reach)
    # u' = cos(t/2) x + sin(t/2) y, v' = cos(t/2) x - sin(t/2) y
    u, v = at.u * (cosine * x + shift), side * at.v * (cosine * x - shift)
    # sum_m w_m sum_n w_mn f(u_mn) f(v_mn)
    return jnp.sum(weights_y[:, None] * weights_x * f(u) * f(v))


def _normal_panels(
    breaks: Float[Array, "*rows breaks"], order: int, reach: float
) -> tuple[Float[Array, "*rows nodes"], Float[Array, "*rows nodes"]]:
    """Nodes z and weights of E[f(z)], for f smooth between the breaks, on [-reach, reach].

    Two further breaks keep every panel so short that `order` nodes resolve the density.
    """
    points, weights = (jnp.asarray(x, breaks.dtype) for x in _legendre(order))
    count = breaks.shape[-1]
    # A break far out splits nothing that weighs: its panel does more in the middle.
    spare = jnp.linspace(-2.0, 2.0, count + 2, dtype=breaks.dtype)[1:-1]
    used = jnp.where(jnp.abs(breaks) < reach - 1.5, breaks, spare)
    fixed = jnp.asarray([-reach, -2.0, 2.0, reach], breaks.dtype)
    fixed = jnp.broadcast_to(fixed, (*breaks.shape[:-1], 4))
    edges = jnp.sort(jnp.concatenate([fixed, used], -1), -1)
    half = (edges[..., 1:] - edges[..., :-1]) / 2
    # Gauss-Legendre on each panel: left end + half + half node
    z = (edges[..., :-1] + half)[..., None] + half[..., None] * points
    density = jnp.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    shape = (*breaks.shape[:-1], -1)
    # w_n half exp(-z_n^2 / 2) / sqrt(2 pi)
    return z.reshape(shape), (half[..., None] * weights * density).reshape(shape)


def _positions(kinks: tuple[float, ...], std: Numbers) -> Float[Array, "... kinks"]:
    """Where std z meets the kinks, held within a range that squares of floats leave finite."""
    safe = jnp.maximum(std, 1e-8)[..., None]
    return jnp.clip(jnp.asarray(kinks, safe.dtype) / safe, -1e4, 1e4)


@lru_cache(maxsize=8)
def _legendre(order: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(order)
