"""Scattered points: interpolation by cubic radial basis functions, and quadrature weights.

phi(r) = r^3 with polynomials of degree one; a periodic axis is a circle in the plane, so that r
is measured by chords and the polynomials are 1, cos and sin (Wendland 2005, chapters 8, 11).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.spatial import KDTree

from riesz.domains._discretization import traced
from riesz.domains._domain import AbstractDomain
from riesz.errors import DomainError

_CHUNK_FLOATS = 2**22  # working set of a chunk of evaluations, about 16 MiB


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
        scaled = (x - lower) / lengths
        turn = 2 * jnp.pi * scaled[:, periodic]
        parts = [jnp.ones_like(x[:, :1]), scaled[:, ~periodic], jnp.cos(turn), jnp.sin(turn)]
        return jnp.concatenate(parts, 1)

    keep = mask.astype(nodes.dtype)[:, None]
    poly = polynomials(nodes) * keep
    count, extra = nodes.shape[0], poly.shape[1]
    gram = kernel(nodes, nodes) * keep * keep.T + jnp.diag(1 - keep[:, 0])
    # points on a line do not determine every polynomial: `tiny` chooses the flattest ones
    tiny = jnp.full(extra, 8 * jnp.finfo(nodes.dtype).eps, nodes.dtype).at[0].multiply(1e-4)
    system = jnp.block([[gram, poly], [poly.T, -jnp.diag(tiny)]])
    data = jnp.where(mask[:, None], values, 0).astype(nodes.dtype)
    rhs = jnp.concatenate([data, jnp.zeros((extra, values.shape[1]), nodes.dtype)])
    coefficients = jnp.linalg.solve(system, rhs)
    radial, linear = coefficients[:count] * keep, coefficients[count:]

    def several(points):
        out = kernel(points, nodes) @ radial + polynomials(points) @ linear
        return out.astype(values.dtype)

    def evaluate(points: Float[Array, "p d"]) -> Float[Array, "p c"]:
        points = points.astype(nodes.dtype)
        chunk = max(1, _CHUNK_FLOATS // nodes.size)
        if points.shape[0] <= chunk:
            return several(points)
        return jax.lax.map(lambda x: several(x[None])[0], points, batch_size=chunk)

    return evaluate


def refuse_duplicates(nodes: Array, mask: Array) -> None:
    """Refuse two points in one place, unless the points are traced."""
    if traced(nodes, mask):
        return
    kept = np.asarray(nodes)[np.asarray(mask)]
    if len(np.unique(kept, axis=0)) < len(kept):
        raise DomainError(
            "two points lie in one place, so that the function between them is not determined",
            where="Function on Points",
            expected="distinct points",
            found=f"{len(kept)} points, {len(np.unique(kept, axis=0))} distinct",
            repair="average repeated measurements, or mask all but one of them out",
        )


def voronoi_weights(domain: AbstractDomain, coordinates: Array, mask: Array) -> np.ndarray:
    """Volumes of the Voronoi cells of the unmasked points, positive, zero where masked."""
    if traced(coordinates, mask):
        raise DomainError(
            "quadrature weights of points cannot be estimated inside a compiled function",
            where="Points(domain, coordinates)",
            expected="concrete coordinates, or weights",
            found="traced coordinates and no weights",
            repair="make the Points outside jit, or pass weights=",
        )
    keep = np.asarray(mask)
    inside = np.asarray(coordinates, float)[keep]
    if not len(inside) or not np.isfinite(inside).all():
        raise DomainError(
            "quadrature weights need at least one point, and finite coordinates",
            where="Points(domain, coordinates)",
            expected="one or more finite points",
            found=f"{len(inside)} unmasked points, "
            f"{int((~np.isfinite(inside)).any(1).sum())} of them not finite",
            repair="remove or mask points that are not finite",
        )
    if domain.dim == 1:
        shares = _cells_on_a_line(domain, inside[:, 0])
    else:
        shares = _cells_on_a_lattice(domain, inside)
    weights = np.zeros(len(keep))
    # a point that shares its place with others still counts
    shares = np.maximum(shares, 1 / (128 * len(inside)))
    weights[keep] = shares / shares.sum() * domain.volume
    return weights


def _cells_on_a_line(domain: AbstractDomain, points: np.ndarray) -> np.ndarray:
    """Lengths of the Voronoi cells as fractions of the whole."""
    scaled = (points - domain.lower[0]) / domain.lengths[0]
    scaled = np.mod(scaled, 1.0) if domain.periodic[0] else np.clip(scaled, 0, 1)
    order = np.argsort(scaled)
    x = scaled[order]
    middle = (x[1:] + x[:-1]) / 2
    wrap = (x[0] + x[-1] - 1) / 2 if domain.periodic[0] else 0.0
    last = wrap + 1 if domain.periodic[0] else 1.0
    shares = np.zeros(len(points))
    shares[order] = np.diff(np.concatenate([[wrap], middle, [last]]))
    return shares


def _cells_on_a_lattice(domain: AbstractDomain, points: np.ndarray) -> np.ndarray:
    """Fractions of the cells of a fine lattice that are nearest to each point."""
    side = int(np.ceil(max(4096, 64 * len(points)) ** (1 / domain.dim)))
    axes = [length * (np.arange(side) + 0.5) / side for length in domain.lengths]
    lattice = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, domain.dim)
    lengths, periodic = np.asarray(domain.lengths), np.asarray(domain.periodic)
    shifted = points - np.asarray(domain.lower)
    shifted = np.where(periodic, np.mod(shifted, lengths), shifted)
    shifted = np.where(periodic & (shifted >= lengths), 0.0, shifted)  # mod rounds up to the end
    _, nearest = KDTree(shifted, boxsize=np.where(periodic, lengths, 0.0)).query(lattice)
    return np.bincount(nearest, minlength=len(points)) / len(lattice)
