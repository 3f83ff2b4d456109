"""Powers of the positive part, and the sign.

With c the cosine and t the angle of (u, v), and unit variances,

    E[u_+^k v_+^k] = [A_k(c) (pi - t) + sin(t) B_k(c)] / (2 pi)

for polynomials A_k and B_k: the arc-cosine kernels (Cho and Saul 2009, "Kernel methods for deep
learning"). By the theorem of Price the derivative with respect to c is k^2 times the expectation
of degree k - 1. As dt/dc = -1 / sin(t), that is A_k' = k^2 A_(k-1) and

    A_k - c B_k + (1 - c^2) B_k' = k^2 (1 - c^2) B_(k-1).

A_k(c) is E[u^k v^k], because u_+^k v_+^k summed over the four signs is u^k v^k; B_k follows from
its highest coefficient down, in whole numbers. For negative c the two parts cancel, up to an
error of rounding relative to the variances.
"""

from math import pi
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.networks._activations._activation import AbstractActivation
from riesz.networks._activations._pair import Duals, Numbers, Pair, pair
from riesz.networks._activations._polynomials import homogeneous, moments, require_degree


class RectifiedMonomial(AbstractActivation):
    """max(u, 0)^degree; the step function for degree 0, which has no square integrable derivative.

    The derivative of the step is a delta function: E[phi'(u) phi'(v)] is the density of (u, v) at
    zero, 1 / (2 pi sqrt(q11 q22 - q12^2)), which is infinite for u = v.
    """

    degree: int = eqx.field(static=True)
    exact: ClassVar[bool] = True

    def __check_init__(self):
        require_degree("RectifiedMonomial", self.degree)

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        if self.degree == 0:
            return (x > 0).astype(x.dtype)
        return jax.nn.relu(x) ** self.degree

    def duals(self, q11: Numbers, q12: Numbers, q22: Numbers) -> Duals:
        k, geometry = self.degree, pair(q11, q12, q22)
        if k == 0:
            # P(u > 0, v > 0)
            step = (pi - geometry.angle) / (2 * pi)
            return _where_random(step, q11, q22), geometry.density
        square = geometry.scale * geometry.scale
        # phi' = k u_+^(k-1)
        slope = k**2 * _arc_cosine(k - 1, q12, square, geometry)
        return _arc_cosine(k, q12, square, geometry), slope

    @property
    def differentiable(self) -> bool:
        return self.degree > 0


class Sign(AbstractActivation):
    """The sign of u, 0 at 0, which has no square integrable derivative.

    With t the angle of (u, v), E[phi phi] = 1 - 2 t / pi. The derivative is twice a delta
    function, and E[phi'(u) phi'(v)] = (2/pi) / sqrt(q11 q22 - q12^2), infinite for u = v.
    """

    exact: ClassVar[bool] = True
    differentiable: ClassVar[bool] = False

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.sign(x)

    def duals(self, q11: Numbers, q12: Numbers, q22: Numbers) -> Duals:
        geometry = pair(q11, q12, q22)
        signs = 1 - 2 * geometry.angle / pi
        return _where_random(signs, q11, q22), 4 * geometry.density


def _where_random(expectation: Numbers, q11: Numbers, q22: Numbers) -> Numbers:
    """Zero where one of the two numbers is zero: there the functions with a jump vanish."""
    return jnp.where((q11 > 0) & (q22 > 0), expectation, 0)


def _arc_cosine(k: int, q12: Numbers, square: Numbers, geometry: Pair) -> Numbers:
    # r^k A_k(c) and r^(k-1) B_k(c), polynomials in q12 and r^2; area = r sin(t)
    full = homogeneous(moments(k), q12, square, k)
    edge = homogeneous(_edge(k), q12, square, k - 1)
    return (full * (pi - geometry.angle) + geometry.area * edge) / (2 * pi)


def _edge(k: int) -> list[int]:
    """The coefficients of c^(k - 1 - 2j) in B_k."""
    edge: list[int] = []
    for degree in range(1, k + 1):
        known, edge, above = edge, [], 0
        for j, moment in enumerate(moments(degree)[: (degree + 1) // 2]):
            # at c^(k-2j), of m in A_k, e in B_k, b in B_(k-1):
            # m_j - (k - 2j) e_j + (k - 2j + 1) e_(j-1) = k^2 (b_(j-1) - b_j)
            power = degree - 2 * j
            before = (known[j - 1] if j else 0) - (known[j] if j < len(known) else 0)
            right = degree**2 * before - moment
            above = ((power + 1) * above - right) // power
            edge.append(above)
    return edge
