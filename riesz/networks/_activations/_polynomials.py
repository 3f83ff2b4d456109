"""Monomials and Hermite polynomials.

exp(s u - s^2 t / 2) generates s^k / k! times u^k for t = 0 and He_k(u) for t = 1. Therefore
E[phi(u) phi(v)] is the coefficient of s^k s'^k / k!^2 in

    E[exp(s u - s^2 t / 2) exp(s' v - s'^2 t / 2)]
        = exp(s s' q12 + s^2 (q11 - t) / 2 + s'^2 (q22 - t) / 2),

which is the sum over j of k!^2 / ((k - 2j)! j!^2 4^j) q12^(k - 2j) ((q11 - t) (q22 - t))^j. All
terms are positive where covariances are, so that nothing cancels.
"""

from collections.abc import Sequence
from math import factorial, sqrt

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.errors import ModelError
from riesz.networks._activations._activation import AbstractExactActivation
from riesz.networks._activations._pair import Duals, Numbers


class Monomial(AbstractExactActivation):
    """u^degree."""

    degree: int = eqx.field(static=True)

    def __check_init__(self):
        require_degree("Monomial", self.degree)

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return x**self.degree

    def duals(self, q11: Numbers, q12: Numbers, q22: Numbers) -> Duals:
        k, square = self.degree, q11 * q22
        # phi' = k u^(k-1)
        slope = k**2 * homogeneous(moments(k - 1), q12, square, k - 1)
        return homogeneous(moments(k), q12, square, k), slope


class Hermite(AbstractExactActivation):
    """The Hermite polynomial He_k(u) / sqrt(k!) of probabilists, k = `degree`.

    It has mean square one for standard normal u, where E[phi(u) phi(v)] = q12^k.
    """

    degree: int = eqx.field(static=True)

    def __check_init__(self):
        require_degree("Hermite", self.degree)

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        before, value = jnp.zeros_like(x), jnp.ones_like(x)
        # h_(k+1) = (u h_k - sqrt(k) h_(k-1)) / sqrt(k + 1)
        for k in range(self.degree):
            before, value = value, (x * value - sqrt(k) * before) / sqrt(k + 1)
        return value

    def duals(self, q11: Numbers, q12: Numbers, q22: Numbers) -> Duals:
        k, square = self.degree, (q11 - 1) * (q22 - 1)

        # E[He_k(u) He_k(v)] / k!
        def dual(degree: int) -> Numbers:
            norm = factorial(max(degree, 0))
            coefficients = [c / norm for c in moments(degree)]
            return homogeneous(coefficients, q12, square, degree)

        # phi' = sqrt(k) He_(k-1) / sqrt((k - 1)!)
        return dual(k), k * dual(k - 1)


def moments(k: int) -> list[int]:
    """E[u^k v^k] for unit variances: the coefficients of c^(k - 2j), j = 0, 1, ..., k // 2."""
    return [
        factorial(k) ** 2 // (factorial(k - 2 * j) * factorial(j) ** 2 * 4**j)
        for j in range(k // 2 + 1)
    ]


def homogeneous(
    coefficients: Sequence[int | float], c: Numbers, square: Numbers, degree: int
) -> Float[Array, "..."]:
    """The sum over j of coefficients[j] c^(degree - 2j) square^j; zero for negative degrees."""
    if degree < 0:
        return jnp.zeros_like(c * square)
    power, total = jnp.ones_like(square), jnp.zeros_like(c * square)
    for coefficient in coefficients:
        # total_j = total_(j-1) c^2 + coefficient_j square^j; odd degrees have one more c
        total = total * (c * c) + float(coefficient) * power
        power = power * square
    return total * c if degree % 2 else total


def require_degree(name: str, degree: int) -> None:
    """Raise for what is not a whole number >= 0."""
    if not isinstance(degree, int) or isinstance(degree, bool) or degree < 0:
        raise ModelError(
            "the degree of a polynomial is a whole number that is not negative",
            where=f"{name}(degree)",
            expected="degree >= 0",
            found=repr(degree),
        )
