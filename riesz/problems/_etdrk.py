"""Exponential time differencing: stiff diagonal systems c' = L c + N(c).

The fourth-order Runge-Kutta method ETDRK4 of Cox and Matthews, "Exponential time differencing
for stiff systems" (2002), equations 26 to 29, with the coefficients evaluated as in Kassam and
Trefethen, "Fourth-order time-stepping for stiff PDEs" (2005): as means over a circle in the
complex plane, which loses no digits where h L is small.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

_CIRCLE = 32  # points on the upper half of the contour: errors of the means below 1e-15

State = Complex[Array, "..."]


def etdrk4(
    linear: np.ndarray, nonlinear: Callable[[State], State], step: float
) -> Callable[[State], State]:
    """One step of size `step`. L is diagonal and real, N is any function of the state.

    The coefficients are computed once, in float64 NumPy, from `linear`, the diagonal of L;
    they enter compiled programs as constants of the state's precision.
    """
    z = step * linear
    phi = np.zeros((4, *z.shape))
    # phi(z) = 1 / n sum_j Re phi(z + exp(i theta_j)), theta_j = pi (j + 1/2) / n, n = 32
    # conjugate points give conjugate values, so the real part of half the circle serves
    for root in np.exp(1j * np.pi * (np.arange(_CIRCLE) + 0.5) / _CIRCLE):
        r = z + root
        e = np.exp(r)
        # of the stages a, b and d
        phi[0] += ((np.exp(r / 2) - 1) / r).real
        # of N(c), N(a) + N(b) and N(d) at the end
        phi[1] += ((-4 - r + e * (4 - 3 * r + r**2)) / r**3).real
        phi[2] += (2 * (2 + r + e * (r - 2)) / r**3).real
        phi[3] += ((-4 - 3 * r - r**2 + e * (4 - r)) / r**3).real
    # exp(h L / 2), exp(h L), h phi
    parts = [np.exp(z / 2), np.exp(z), *(step / _CIRCLE * phi)]

    def advance(c: State) -> State:
        half, full, stage, first, middle, last = (jnp.asarray(x, c.dtype) for x in parts)
        n = nonlinear(c)
        decayed = half * c
        # a = exp(h L / 2) c + h phi_0 N(c)
        a = decayed + stage * n
        na = nonlinear(a)
        # b = exp(h L / 2) c + h phi_0 N(a)
        b = decayed + stage * na
        nb = nonlinear(b)
        # d = exp(h L / 2) a + h phi_0 (2 N(b) - N(c))
        d = half * a + stage * (2 * nb - n)
        # exp(h L) c + h [phi_1 N(c) + phi_2 (N(a) + N(b)) + phi_3 N(d)]
        return full * c + first * n + middle * (na + nb) + last * nonlinear(d)

    return advance


def integrate(
    linear: np.ndarray,
    nonlinear: Callable[[State], State],
    state: State,
    observe: Callable[[State], Any],
    *,
    time: float,
    steps: int,
    saves: int,
) -> tuple[State, Any]:
    """The state at `time` after `steps` equal steps, and observations on the way.

    `observe(state)` is called at the `saves` times time / saves, 2 time / saves, ..., time;
    its results are stacked along a leading axis. `saves` divides `steps`. Runs under jit,
    vmap and grad.
    """
    # the backward pass keeps one state per step and computes the stages again
    advance = jax.checkpoint(etdrk4(linear, nonlinear, time / steps))

    def segment(c, _):
        c = jax.lax.fori_loop(0, steps // saves, lambda _, x: advance(x), c)
        return c, observe(c)

    return jax.lax.scan(segment, state, None, length=saves)
