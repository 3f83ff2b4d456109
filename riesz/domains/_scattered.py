"""Interpolation of scattered data by cubic radial basis functions.

phi(r) = r^3 with polynomials of degree one along the axes that have ends, constants along the
periodic ones, where r is measured by the chord of the circle (Wendland 2005, chapters 8, 11).
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz.domains._domain import AbstractDomain


def scattered_interpolate(
    domain: AbstractDomain,
    nodes: Float[Array, "n d"],
    mask: Bool[Array, " n"],
    values: Float[Array, "n c"],
) -> Callable[[Float[Array, "p d"]], Float[Array, "p c"]]:
    """The interpolant through `values` at the unmasked `nodes`; O(n^3) work, once."""
    lengths = jnp.asarray(domain.lengths, nodes.dtype)
    lower = jnp.asarray(domain.lower, nodes.dtype)
    periodic = np.asarray(domain.periodic)

    def kernel(x, y):
        gap = (x[:, None] - y[None]) / lengths
        gap = jnp.where(periodic, jnp.sin(jnp.pi * gap) / jnp.pi, gap)
        squared = jnp.sum(gap**2, -1)
        safe = jnp.where(squared > 0, squared, 1)
        return jnp.where(squared > 0, safe * jnp.sqrt(safe), 0)

    def polynomials(x):
        linear = ((x - lower) / lengths)[:, ~periodic]
        return jnp.concatenate([jnp.ones_like(x[:, :1]), linear], 1)

    keep = mask.astype(nodes.dtype)[:, None]
    poly = polynomials(nodes) * keep
    count, extra = nodes.shape[0], poly.shape[1]
    gram = kernel(nodes, nodes) * keep * keep.T + jnp.diag(1 - keep[:, 0])
    system = jnp.block([[gram, poly], [poly.T, jnp.zeros((extra, extra), nodes.dtype)]])
    rhs = jnp.concatenate([values * keep.astype(values.dtype), jnp.zeros((extra, values.shape[1]))])
    coefficients = jnp.linalg.solve(system, rhs.astype(nodes.dtype))
    radial, linear = coefficients[:count] * keep, coefficients[count:]

    def evaluate(points: Float[Array, "p d"]) -> Float[Array, "p c"]:
        points = points.astype(nodes.dtype)
        out = kernel(points, nodes) @ radial + polynomials(points) @ linear
        return out.astype(values.dtype)

    return evaluate
