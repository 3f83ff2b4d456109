"""Activations made of the error function.

Phi(u / s) = E[u + s e > 0] for standard normal e, so that expectations of erf are those of signs
of u with independent noise added.
"""

from math import pi

import jax
from jaxtyping import Array, Float

from riesz.networks._activations._activation import AbstractExactActivation
from riesz.networks._activations._pair import Duals, Numbers, noisy_pair


class Erf(AbstractExactActivation):
    """erf(u) (Williams 1997, "Computing with infinite networks", equation 11).

    With P = (1 + 2 q11) (1 + 2 q22), E[phi phi] = (2/pi) arcsin(2 q12 / sqrt P) and
    E[phi' phi'] = (4/pi) / sqrt(P - 4 q12^2).
    """

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jax.lax.erf(x)

    def duals(self, q11: Numbers, q12: Numbers, q22: Numbers) -> Duals:
        # with a = 1/2 + q11, b = 1/2 + q22: P = 4 a b, 2 q12 / sqrt P = q12 / sqrt(a b)
        noisy = noisy_pair(q11, q12, q22, 0.5)
        # P - 4 q12^2 = 4 a b complement^2
        return 2 / pi * noisy.angle, 2 / pi * noisy.inverse / noisy.complement


class Gelu(AbstractExactActivation):
    """u Phi(u), with the normal distribution function Phi (Tsuchida et al. 2020, arXiv:2002.08517).

    With P = (1 + q11) (1 + q22), D = sqrt(P - q12^2) and A = arctan(q12 / D),

        E[phi phi] = q12/4 + [(q12^2 + q11 q22 D^2) / (P D) + q12 A] / (2 pi),
        E[phi' phi'] = 1/4 + [A + (q12 / D) (1 / D^2 + (1 - q11 q22) / P + 1)] / (2 pi).

    This is the form with the error function, not its approximation by tanh.
    """

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jax.nn.gelu(x, approximate=False)

    def duals(self, q11: Numbers, q12: Numbers, q22: Numbers) -> Duals:
        # inverse = 1 / sqrt P, complement = D / sqrt P, share^2 = q11 q22 / P, angle = A
        noisy = noisy_pair(q11, q12, q22, 1.0)
        correlation, square = noisy.correlation, noisy.share**2
        inverse = 1 / noisy.complement
        # q12^2 / (P D) + q11 q22 D / P
        own = correlation**2 * (noisy.inverse * inverse)
        own += square * (noisy.scale * noisy.complement)
        # (1 / D^2 + 1 / P - q11 q22 / P + 1) q12 / D
        tilt = (noisy.inverse * inverse) ** 2 + noisy.inverse**2 - square + 1
        tilt *= correlation * inverse
        return q12 / 4 + (own + q12 * noisy.angle) / (2 * pi), 1 / 4 + (noisy.angle + tilt) / (
            2 * pi
        )
