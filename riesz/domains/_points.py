"""Scattered samples, with masked padding so that ragged sets stack."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz.domains._discretization import AbstractDiscretization, traced
from riesz.domains._domain import AbstractDomain
from riesz.domains._scattered import refuse_duplicates, scattered_interpolate, voronoi_weights
from riesz.errors import DomainError


class Points(AbstractDiscretization):
    """Scattered points of a domain.

    **Arguments:**

    - `domain`: where the points lie.
    - `coordinates`: shape (n, d).
    - `weights`: quadrature weights, shape (n,), not negative. When absent they are estimated
      as the volumes of the points' Voronoi cells within the domain: exactly on a line, and
      in the plane and in space by counting the nearest points of the cells of a fine lattice
      (at least 64 lattice cells a point, and never fewer than 4096). They are positive, sum
      to the volume of the domain, and integrate smooth functions with an error of order h,
      h being the largest gap between points.
    - `mask`: shape (n,), False for padding. Padded points have weight zero and never
      influence a result, whatever values they carry, so that ragged sets can be padded to
      one size and stacked. Their coordinates are replaced by the lower corner.

    **Raises:** `DomainError` for shapes that disagree, negative weights, points outside the
    domain or not finite; and, when functions are interpolated, for two points in one place.
    """

    domain: AbstractDomain = eqx.field(static=True)
    coordinates: Float[Array, "n d"]
    weights: Float[Array, " n"]
    mask: Bool[Array, " n"]

    def __init__(self, domain: AbstractDomain, coordinates, weights=None, mask=None):
        self.domain = domain
        coordinates = jnp.asarray(coordinates)
        if not jnp.issubdtype(coordinates.dtype, jnp.floating):
            coordinates = coordinates.astype(float)
        if coordinates.ndim != 2 or coordinates.shape[1] != domain.dim:
            raise DomainError(
                f"points of {domain} need coordinates of shape (n, {domain.dim})",
                where="Points(domain, coordinates)",
                expected=f"shape (n, {domain.dim})",
                found=f"shape {coordinates.shape}",
                repair="put one point a row; a batch of point sets is made by jax.vmap",
            )
        count = coordinates.shape[0]
        mask = jnp.ones(count, bool) if mask is None else jnp.asarray(mask).astype(bool)
        given = None if weights is None else jnp.asarray(weights).astype(coordinates.dtype)
        if mask.shape != (count,) or (given is not None and given.shape != (count,)):
            raise DomainError(
                "points need one weight and one mask entry each",
                where="Points(domain, coordinates, weights, mask)",
                expected=f"shape ({count},)",
                found=f"weights {None if given is None else given.shape}, mask {mask.shape}",
                repair="give as many weights and mask entries as rows of coordinates",
            )
        if given is None:
            given = jnp.asarray(voronoi_weights(domain, coordinates, mask), coordinates.dtype)
        corner = jnp.asarray(domain.lower, coordinates.dtype)
        self.mask = mask
        self.weights = jnp.where(mask, given, 0)
        self.coordinates = jnp.where(mask[:, None], coordinates, corner)

    def __check_init__(self):
        if traced(self.coordinates, self.mask, self.weights):
            return
        weights, points = np.asarray(self.weights), np.asarray(self.coordinates)
        if not (weights >= 0).all() or not np.isfinite(weights).all():
            raise DomainError(
                "quadrature weights are negative or not finite",
                where="Points(domain, coordinates, weights)",
                expected="finite weights >= 0",
                found=f"smallest weight {weights.min():g}",
                repair="leave the weights out and they are estimated from the points",
            )
        slack = 1e-5 * np.asarray(self.domain.lengths)
        inside = (points >= np.asarray(self.domain.lower) - slack) & (
            points <= np.asarray(self.domain.upper) + slack
        )
        if not inside.all():
            row = int(np.flatnonzero(~inside.all(1))[0])
            raise DomainError(
                f"{int((~inside.all(1)).sum())} points do not lie in {self.domain}",
                where="Points(domain, coordinates)",
                expected=f"finite points of {self.domain}",
                found=f"point {row} at {points[row].tolist()}",
                repair="give a larger domain, or mask these points out",
            )

    def pad(self, size: int) -> "Points":
        """The same points followed by masked padding, `size` rows in all."""
        extra = size - self.shape[0]
        if extra < 0:
            raise DomainError(
                "points are padded to at least their number",
                where="Points.pad(size)",
                expected=f"size >= {self.shape[0]}",
                found=str(size),
                repair="pad to the size of the largest set",
            )
        return Points(
            self.domain,
            jnp.pad(self.coordinates, ((0, extra), (0, 0))),
            jnp.pad(self.weights, (0, extra)),
            jnp.pad(self.mask, (0, extra)),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        return self.coordinates.shape[:1]

    @property
    def relative(self) -> Float[Array, "n d"]:
        return self.coordinates - jnp.asarray(self.domain.lower, self.coordinates.dtype)

    @property
    def method(self) -> str:
        return "cubic radial basis functions with linear polynomials"

    def interpolate(
        self, values: Float[Array, "n c"], points: Float[Array, "p d"]
    ) -> Float[Array, "p c"]:
        refuse_duplicates(self.coordinates, self.mask)
        return _interpolate(self, values, points + jnp.asarray(self.domain.lower, points.dtype))

    def differentiate(
        self, values: Float[Array, "n c"], axis: int, order: int
    ) -> Float[Array, "n c"]:
        refuse_duplicates(self.coordinates, self.mask)
        return _differentiate(self, values, axis, order)


@jax.jit
def _interpolate(on: Points, values: Array, points: Array) -> Array:
    return scattered_interpolate(on.domain, on.coordinates, on.mask, values)(points)


@partial(jax.jit, static_argnums=(2, 3))
def _differentiate(on: Points, values: Array, axis: int, order: int) -> Array:
    smooth = scattered_interpolate(on.domain, on.coordinates, on.mask, values)

    def along(f):
        def derivative(x):
            direction = jnp.zeros_like(x).at[axis].set(1)
            return jax.jvp(f, (x,), (direction,))[1]

        return derivative

    single = lambda x: smooth(x[None])[0]  # noqa: E731
    for _ in range(order):
        single = along(single)
    return jnp.where(on.mask[:, None], jax.vmap(single)(on.coordinates), 0)
