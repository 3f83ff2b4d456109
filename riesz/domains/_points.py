"""Scattered samples, with masked padding so that ragged sets stack."""

from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz._core.tracing import padded, traced
from riesz.domains._discretization import AbstractDiscretization, register
from riesz.domains._domain import AbstractDomain, AbstractProductDomain
from riesz.domains._scattered import differentiate, gradient, interpolate
from riesz.domains._scattered_weights import estimated_weights
from riesz.errors import DomainError


class AbstractPoints(AbstractDiscretization):
    """Scattered points, as data or as constants of a program."""

    @abstractmethod
    def interpolate(
        self, values: Float[Array, "n c"], points: Float[Array | np.ndarray, "p d"]
    ) -> Float[Array, "p c"]:
        """Values at points relative to the lower end; NumPy points are used in float64."""


@register
class Points(AbstractPoints):
    """Scattered points of a domain.

    **Arguments:**

    - `domain`: where the points lie.
    - `coordinates`: shape (n, d).
    - `weights`: quadrature weights, shape (n,), not negative. When absent they are estimated:
      the integral of the interpolant, changed as little as keeps every weight positive. The
      estimate has order 4 on a line and 3 in the plane and in space, and sums to the volume
      of the domain. Points that leave large parts of the domain empty get the volumes of
      their Voronoi cells, of order 1. In more than 3 dimensions all weights are the volume
      divided by the number of points: exact in the mean for uniformly random points.
    - `mask`: shape (n,), False for padding. Padded points have weight zero and never
      influence a result, whatever values they carry, so that ragged sets can be padded to
      one size and stacked. Their coordinates are replaced by the lower corner. Points of weight
      zero are treated as padding.

    Coordinates are kept relative to the lower end of the domain in two parts: `relative`, and
    `remainder`, what rounding it to its type lost. The difference is taken in float64 where the
    coordinates are known, so that times in seconds since 1970 keep their digits in float32.

    **Raises:** `DomainError` for shapes that disagree, negative weights, points outside the
    domain or not finite; and, when functions are interpolated or differentiated, for two points
    in one place and in more than 3 dimensions, where neighbours say little of a function.
    """

    stored: ClassVar[tuple[str, ...]] = ("coordinates", "weights", "mask")
    domain: AbstractProductDomain = eqx.field(static=True)
    relative: Float[Array, "n d"]
    remainder: Float[Array, "n d"]
    weights: Float[Array, " n"]
    mask: Bool[Array, " n"]

    def __init__(self, domain: AbstractDomain, coordinates: Any, weights=None, mask=None):
        if not isinstance(domain, AbstractProductDomain) or domain.dim == 0:
            raise DomainError(
                "scattered points lie in a product of intervals and circles",
                where="Points(domain, coordinates)",
                expected="an Interval, Box, Torus or a product of them",
                found=repr(domain),
                repair="Grid(Point()) discretizes a point; regions and surfaces have a Mesh",
            )
        self.domain = domain
        relative, remainder = _two_parts(domain, coordinates)
        if relative.ndim != 2 or relative.shape[1] != domain.dim:
            raise DomainError(
                f"points of {domain} need coordinates of shape (n, {domain.dim})",
                where="Points(domain, coordinates)",
                expected=f"shape (n, {domain.dim})",
                found=f"shape {relative.shape}",
                repair="put one point per row; a batch of point sets is made by jax.vmap",
            )
        count = relative.shape[0]
        mask = jnp.ones(count, bool) if mask is None else jnp.asarray(mask).astype(bool)
        given = None if weights is None else jnp.asarray(weights).astype(relative.dtype)
        if mask.shape != (count,) or (given is not None and given.shape != (count,)):
            raise DomainError(
                "points need one weight and one mask entry each",
                where="Points(domain, coordinates, weights, mask)",
                expected=f"shape ({count},)",
                found=f"weights {None if given is None else given.shape}, mask {mask.shape}",
                repair="give as many weights and mask entries as rows of coordinates",
            )
        if given is None:
            _require_known(relative, mask)
            exact = np.asarray(relative, np.float64) + np.asarray(remainder, np.float64)
            given = np.zeros(count)
            given[np.asarray(mask)] = estimated_weights(domain, exact[np.asarray(mask)])
            given = jnp.asarray(given, relative.dtype)
        self.weights = jnp.where(mask, given, 0)
        self.mask = mask & (self.weights > 0)
        self.relative = jnp.where(mask[:, None], relative, 0)
        self.remainder = jnp.where(mask[:, None], remainder, 0)

    def __check_init__(self):
        if traced(self.relative, self.mask, self.weights):
            return
        weights, points = np.asarray(self.weights), self.exact()
        if not (weights >= 0).all() or not np.isfinite(weights).all():
            raise DomainError(
                "quadrature weights are negative or not finite",
                where="Points(domain, coordinates, weights)",
                expected="finite weights >= 0",
                found=f"smallest weight {weights.min():g}",
                repair="leave the weights out and they are estimated from the points",
            )
        lengths = np.asarray(self.domain.lengths)
        inside = (points >= -1e-5 * lengths) & (points <= (1 + 1e-5) * lengths)
        if not inside.all():
            row = int(np.flatnonzero(~inside.all(1))[0])
            place = (points[row] + np.asarray(self.domain.lower)).tolist()
            raise DomainError(
                f"{int((~inside.all(1)).sum())} points do not lie in {self.domain}",
                where="Points(domain, coordinates)",
                expected=f"finite points of {self.domain}",
                found=f"point {row} at {[float(f'{x:.12g}') for x in place]}",
                repair="give a larger domain, or mask these points out",
            )

    def masked(self, mask: Bool[Any, " n"]) -> "Points":
        """The same points with some masked; the weights are estimated anew."""
        return Points(self.domain, self._places(), mask=np.asarray(self.mask) & mask)

    def _places(self) -> Float[np.ndarray, "*shape d"]:
        """The coordinates in float64; not inside compiled code."""
        return self.exact() + np.asarray(self.domain.lower)

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "coordinates": self._places(),
            "weights": np.asarray(self.weights, np.float64),
            "mask": np.asarray(self.mask, np.uint8),
        }

    @classmethod
    def restored(
        cls, domain: AbstractDomain, record: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> "Points":
        coordinates, weights, mask = (arrays[name] for name in cls.stored)
        return cls(domain, coordinates, weights, mask.astype(bool))

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.shape

    def pad(self, *sizes: int) -> "Points":
        """The same points followed by masked padding, rows in all: `pad(64)`."""
        (size,) = sizes
        extra = size - self.shape[0]
        if extra < 0:
            raise DomainError(
                "points are padded to at least their number",
                where="Points.pad(size)",
                expected=f"size >= {self.shape[0]}",
                found=str(size),
                repair="pad to the size of the largest set",
            )
        leaves = self.relative, self.remainder, self.weights, self.mask
        larger = [padded(x, ((0, extra),) + ((0, 0),) * (x.ndim - 1)) for x in leaves]
        return eqx.tree_at(lambda p: (p.relative, p.remainder, p.weights, p.mask), self, larger)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.relative.shape[:1]

    @property
    def coordinates(self) -> Float[Array, "*shape d"]:
        if traced(self.relative, self.remainder):
            lower = jnp.asarray(self.domain.lower, self.relative.dtype)
            return lower + self.relative + self.remainder
        return jnp.asarray(self._places(), self.relative.dtype)

    def exact(self) -> Float[np.ndarray, "*shape d"]:
        """The coordinates relative to the lower end in float64; not inside compiled code."""
        return np.asarray(self.relative, np.float64) + np.asarray(self.remainder, np.float64)

    @property
    def method(self) -> str:
        if self.domain.dim > 3:
            return "none in more than 3 dimensions"
        if self.domain.dim == 1:
            return "cubic spline (order 4)"
        return "local polyharmonic splines with polynomials of degree 2 (order 3)"

    def interpolate(
        self, values: Float[Array, "n c"], points: Float[Array | np.ndarray, "p d"]
    ) -> Float[Array, "p c"]:
        """Values at points relative to the lower end; NumPy points are used in float64."""
        self._require_determined()
        return interpolate(self, values, points)

    def resample(
        self, values: Float[Array, "n c"], onto: AbstractDiscretization
    ) -> Float[Array, "..."]:
        if not isinstance(onto, Points) or traced(onto.relative, onto.remainder):
            return super().resample(values, onto)
        return self.interpolate(values, onto.exact())

    def differentiate(
        self, values: Float[Array, "n c"], axis: int, order: int
    ) -> Float[Array, "n c"]:
        self._require_determined()
        return differentiate(self, values, axis, order)

    def gradient(self, values: Float[Array, "n c"]) -> Float[Array, "n c d"]:
        self._require_determined()
        return gradient(self, values)

    def _require_determined(self) -> None:
        """Check that the points determine a function between them."""
        if self.domain.dim > 3:
            raise DomainError(
                "functions on scattered points are not interpolated in more than 3 dimensions",
                where="Function on Points",
                expected="points in at most 3 dimensions",
                found=f"{self.domain.dim} dimensions",
                repair="fit a Field, a process or an operator to the values",
            )
        if traced(self.relative, self.remainder, self.mask):
            return
        kept = self.exact()[np.asarray(self.mask)]
        lengths, periodic = np.asarray(self.domain.lengths), np.asarray(self.domain.periodic)
        kept = np.where(periodic, np.mod(kept, lengths), kept)
        distinct = len(np.unique(kept, axis=0))
        if distinct < len(kept) or not len(kept):
            raise DomainError(
                "two points lie in one place, so that the function between them is not determined"
                if len(kept)
                else "every point is masked, so that the function is not determined",
                where="Function on Points",
                expected="distinct points",
                found=f"{len(kept)} points, {distinct} distinct",
                repair="average repeated measurements, or mask all but one of them out",
            )


def _two_parts(domain: AbstractDomain, coordinates: Any) -> tuple[Array, Array]:
    """Coordinates less the lower end, and what rounding that to its type loses."""
    if traced(coordinates):
        x = coordinates
        x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)
        if x.ndim == 2 and x.shape[1] == domain.dim:
            x = x - jnp.asarray(domain.lower, x.dtype)
        return x, jnp.zeros_like(x)
    rounded = jnp.asarray(coordinates)
    dtype = rounded.dtype if jnp.issubdtype(rounded.dtype, jnp.floating) else jnp.asarray(0.0).dtype
    exact = np.asarray(coordinates, np.float64)
    if exact.ndim == 2 and exact.shape[1] == domain.dim:
        exact = exact - np.asarray(domain.lower)
    # x - lower = relative + remainder: twice the digits of the type
    relative = exact.astype(dtype)
    return jnp.asarray(relative), jnp.asarray((exact - relative).astype(dtype))


def _require_known(relative: Array, mask: Array) -> None:
    """Check that weights can be estimated."""
    if traced(relative, mask):
        raise DomainError(
            "quadrature weights of points cannot be estimated inside a compiled function",
            where="Points(domain, coordinates)",
            expected="concrete coordinates, or weights",
            found="traced coordinates and no weights",
            repair="make the Points outside jit, or pass weights=",
        )
    kept = np.asarray(relative)[np.asarray(mask)]
    if not len(kept) or not np.isfinite(kept).all():
        raise DomainError(
            "quadrature weights need at least one point, and finite coordinates",
            where="Points(domain, coordinates)",
            expected="one or more finite points",
            found=f"{len(kept)} unmasked points, "
            f"{int((~np.isfinite(kept)).any(1).sum())} of them not finite",
            repair="remove or mask points that are not finite",
        )
