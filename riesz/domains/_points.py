"""Scattered samples, with masked padding so that ragged sets stack."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.spatial import KDTree

from riesz.domains._discretization import AbstractDiscretization, traced
from riesz.domains._domain import AbstractDomain
from riesz.domains._scattered import scattered_interpolate
from riesz.errors import DomainError


class Points(AbstractDiscretization):
    """Scattered points of a domain.

    **Arguments:**

    - `domain`: where the points lie.
    - `coordinates`: shape (n, d).
    - `weights`: quadrature weights, shape (n,). When absent they are estimated as the volumes
      of the points' Voronoi cells within the domain, by counting the nearest points of the
      cells of a fine lattice (at least 64 lattice cells a point, and never fewer than 4096):
      they are positive, sum to the volume of the domain, and integrate smooth functions with
      an error of order h, h being the largest gap between points.
    - `mask`: shape (n,), False for padding. Padded points have weight zero and never
      influence a result, so that ragged sets can be padded to one size and stacked.

    **Raises:** `DomainError` for shapes that disagree, points outside the domain or not finite.
    """

    domain: AbstractDomain = eqx.field(static=True)
    coordinates: Float[Array, "n d"]
    weights: Float[Array, " n"]
    mask: Bool[Array, " n"]

    def __init__(self, domain: AbstractDomain, coordinates, weights=None, mask=None):
        self.domain = domain
        self.coordinates = jnp.asarray(coordinates)
        count = self.coordinates.shape[0]
        self.mask = jnp.ones(count, bool) if mask is None else jnp.asarray(mask)
        if self.coordinates.ndim != 2 or self.coordinates.shape[1] != domain.dim:
            raise DomainError(
                f"points of {domain} need coordinates of shape (n, {domain.dim})",
                found=f"shape {self.coordinates.shape}",
                repair="put one point a row; a batch of point sets is made by jax.vmap",
            )
        if weights is None:
            weights = _voronoi_weights(domain, self.coordinates, self.mask)
        self.weights = jnp.where(self.mask, jnp.asarray(weights, self.coordinates.dtype), 0)

    def __check_init__(self):
        count = self.coordinates.shape[0]
        if not self.weights.shape == self.mask.shape == (count,):
            raise DomainError(
                "points need one weight and one mask entry each",
                expected=f"shape ({count},)",
                found=f"weights {self.weights.shape}, mask {self.mask.shape}",
            )
        if traced(self.coordinates, self.mask):
            return
        kept = np.asarray(self.coordinates)[np.asarray(self.mask)]
        slack = 1e-5 * np.asarray(self.domain.lengths)
        inside = (kept >= np.asarray(self.domain.lower) - slack) & (
            kept <= np.asarray(self.domain.upper) + slack
        )
        if not inside.all():
            row = int(np.flatnonzero(~inside.all(1))[0])
            raise DomainError(
                f"{int((~inside.all(1)).sum())} points do not lie in {self.domain}",
                found=f"first one: {kept[row].tolist()}",
                repair="give a larger domain, or mask these points out",
            )

    @property
    def shape(self) -> tuple[int, ...]:
        return self.coordinates.shape[:1]

    @property
    def method(self) -> str:
        return "cubic radial basis functions with linear polynomials"

    def interpolate(
        self, values: Float[Array, "n c"], points: Float[Array, "p d"]
    ) -> Float[Array, "p c"]:
        return scattered_interpolate(self.domain, self.coordinates, self.mask, values)(points)

    def differentiate(
        self, values: Float[Array, "n c"], axis: int, order: int
    ) -> Float[Array, "n c"]:
        smooth = scattered_interpolate(self.domain, self.coordinates, self.mask, values)

        def along(f):
            def derivative(x):
                direction = jnp.zeros_like(x).at[axis].set(1)
                return jax.jvp(f, (x,), (direction,))[1]

            return derivative

        single = lambda x: smooth(x[None])[0]  # noqa: E731
        for _ in range(order):
            single = along(single)
        return jnp.where(self.mask[:, None], jax.vmap(single)(self.coordinates), 0)


def _voronoi_weights(domain: AbstractDomain, coordinates: Array, mask: Array) -> np.ndarray:
    if traced(coordinates, mask):
        raise DomainError(
            "quadrature weights of points cannot be estimated inside a compiled function",
            repair="make the Points outside jit, or pass weights=",
        )
    keep = np.asarray(mask)
    inside = np.asarray(coordinates, float)[keep]
    weights = np.zeros(len(keep))
    if not len(inside) or not np.isfinite(inside).all():
        raise DomainError(
            "quadrature weights need at least one point, and finite coordinates",
            found=f"{len(inside)} unmasked points",
            repair="remove or mask points that are not finite",
        )
    side = int(np.ceil(max(4096, 64 * len(inside)) ** (1 / domain.dim)))
    axes = [
        a + (b - a) * (np.arange(side) + 0.5) / side for a, b in zip(domain.lower, domain.upper, strict=True)
    ]
    lattice = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, domain.dim)
    lower, lengths = np.asarray(domain.lower), np.asarray(domain.lengths)
    periods = np.where(domain.periodic, lengths, 0.0)
    shifted = np.where(domain.periodic, np.mod(inside - lower, lengths), inside - lower)
    _, nearest = KDTree(shifted, boxsize=periods).query(lattice - lower)
    weights[keep] = np.bincount(nearest, minlength=len(inside)) * domain.volume / len(lattice)
    return weights
