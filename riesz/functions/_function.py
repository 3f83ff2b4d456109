"""The Function: values on a discretization."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from riesz.domains import AbstractDiscretization, AbstractDomain, Grid, Space
from riesz.domains._discretization import traced
from riesz.errors import DomainError
from riesz.functions._norms import Norm, inner, integral, norm

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Function(eqx.Module):
    """A function, given by its values on a discretization. A JAX pytree.

    **Arguments:**

    - `values`: shape `(*discretization.shape, channels)`, real floating point.
    - `discretization`: where the values are taken.
    - `space`: names and units of the channels; made from the domain when absent.

    Arithmetic and NumPy ufuncs act pointwise and need the same discretization on both sides;
    `resample` brings functions together. There is no batch axis: a batch is this pytree with
    a leading axis on every leaf, made by `riesz.functions.batch` or `jax.vmap`.

    **Raises:** `DomainError` when shapes or domains disagree.

    ```python
    grid = Grid(Torus(0.0, 2 * np.pi), 64)
    f = Function.from_callable(jnp.sin, grid)
    f.norm("L2"), f.derivative(0).at(jnp.zeros((1, 1)))
    ```
    """

    values: Float[Array, "..."]
    discretization: AbstractDiscretization
    space: Space = eqx.field(static=True)

    def __init__(
        self,
        values: Shaped[Any, "..."],
        discretization: AbstractDiscretization,
        space: Space | None = None,
    ):
        values = jnp.asarray(values)
        if not jnp.issubdtype(values.dtype, jnp.floating):
            values = values.astype(float)
        shape = discretization.shape
        if values.shape[:-1] != shape or (space and values.shape[-1] != space.channels):
            channels = space.channels if space else "channels"
            hint = (
                "values[..., None] makes one channel"
                if values.shape == shape
                else (
                    "a batch of functions is made by riesz.functions.batch"
                    if values.shape[1:-1] == shape
                    else "sample the function on the discretization it is given with"
                )
            )
            raise DomainError(
                "values do not fit their discretization",
                where="Function(values, discretization)",
                expected=f"shape ({', '.join(map(str, shape))}, {channels})",
                found=f"shape {values.shape}",
                repair=hint,
            )
        if space is not None and space.domain != discretization.domain:
            raise DomainError(
                "the space and the discretization have different domains",
                where="Function(values, discretization, space)",
                expected=str(space.domain),
                found=str(discretization.domain),
            )
        self.values = values
        self.discretization = discretization
        self.space = space or Space(discretization.domain, values.shape[-1])

    @classmethod
    def from_callable(
        cls,
        f: Callable[..., Any],
        discretization: AbstractDiscretization,
        space: Space | None = None,
    ) -> "Function":
        """Sample `f(x_1, ..., x_d)`, called with one array a coordinate.

        It returns an array of their shape, or a tuple or list of such arrays, one a channel.
        """
        coordinates = discretization.coordinates
        out = f(*jnp.moveaxis(coordinates, -1, 0))
        parts = out if isinstance(out, tuple | list) else [out]
        full = [jnp.broadcast_to(jnp.asarray(p), discretization.shape) for p in parts]
        return cls(jnp.stack(full, -1), discretization, space)

    @property
    def domain(self) -> AbstractDomain:
        """Where the function lives."""
        return self.discretization.domain

    @property
    def channels(self) -> int:
        """Number of components of a value."""
        return self.values.shape[-1]

    def at(self, points: Shaped[Any, "p d"]) -> Float[Array, "p c"]:
        """Values at points of the domain, by the interpolation that `method` names.

        Fourier on periodic axes, barycentric on Chebyshev axes (12 digits at 64 nodes for
        analytic functions in float64), piecewise polynomials of degree 5 on equispaced
        nodes (order 6, up to the boundary), radial basis functions on scattered points.
        """
        points = jnp.asarray(points, self.values.dtype)
        if points.ndim != 2 or points.shape[1] != self.domain.dim:
            raise DomainError(
                "a function is evaluated at points given one a row",
                where="Function.at(points)",
                expected=f"shape (p, {self.domain.dim})",
                found=f"shape {points.shape}",
                repair="points[:, None] makes rows of numbers on a line",
            )
        return self.discretization.interpolate(self.values, points)

    def resample(self, discretization: AbstractDiscretization) -> "Function":
        """The same function on other points of the same domain, interpolated as by `at`."""
        here = self.discretization
        _require_same_domain("Function.resample", self.domain, discretization.domain)
        if isinstance(here, Grid) and here == discretization:
            return self
        if isinstance(here, Grid) and isinstance(discretization, Grid):
            values = self.values
            grid = here
            for axis, x in enumerate(discretization.axis_coordinates):
                values = grid.interpolate_axis(values, axis, x.astype(values.dtype))
                shape = (*discretization.shape[: axis + 1], *here.shape[axis + 1 :])
                grid = Grid(here.domain, shape, here.nodes)
        else:
            flat = discretization.coordinates.reshape(-1, self.domain.dim)
            values = self.at(flat).reshape(*discretization.shape, self.channels)
        return Function(values, discretization, self.space)

    def integral(self) -> Float[Array, " c"]:
        """The integral of each channel over the domain."""
        return integral(self.values, self.discretization)

    def inner(self, other: "Function") -> Float[Array, ""]:
        """The L2 inner product, summed over channels."""
        _require_same(self, other, "inner")
        return inner(self.values, other.values, self.discretization)

    def norm(self, kind: Norm = "L2") -> Float[Array, ""]:
        """The norm `"L1"`, `"L2"`, `"Linf"`, `"H1"` or, on tori, `"H-1"`, over all channels.

        H1 is sqrt(|f|^2 + |grad f|^2); H-1 is its dual, by Fourier coefficients.
        """
        return norm(self.values, self.discretization, kind)

    def derivative(self, axis: int = 0, order: int = 1) -> "Function":
        """The first or second partial derivative of every channel along one axis."""
        if not 0 <= axis < self.domain.dim or order not in (1, 2):
            raise DomainError(
                "a derivative is taken along an axis of the domain, once or twice",
                where="Function.derivative(axis, order)",
                expected=f"0 <= axis < {self.domain.dim}, order 1 or 2",
                found=f"axis={axis}, order={order}",
                repair="higher derivatives are derivatives of derivatives",
            )
        values = self.discretization.differentiate(self.values, axis, order)
        return Function(values, self.discretization)

    def gradient(self) -> "Function":
        """All first derivatives as channels: channel c, axis i is channel c * dim + i."""
        parts = [self.derivative(i).values for i in range(self.domain.dim)]
        values = jnp.stack(parts, -1).reshape(*self.discretization.shape, -1)
        return Function(values, self.discretization)

    def laplacian(self) -> "Function":
        """The sum of the second derivatives of every channel."""
        parts = [self.derivative(i, 2).values for i in range(self.domain.dim)]
        return Function(sum(parts[1:], parts[0]), self.discretization, self.space)

    def map(self, f: Callable[[Array], Array]) -> "Function":
        """Apply a pointwise array function to the values, such as `f.map(jnp.tanh)`."""
        return Function(f(self.values), self.discretization)

    def plot(self, ax: "Axes | None" = None, **kwargs: Any) -> "Axes":
        """Draw the function: a line in 1-D, an image in 2-D, the middle slice in 3-D."""
        from riesz.functions._plot import plot

        return plot(self, ax, **kwargs)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        apply = getattr(jnp, ufunc.__name__, None)
        if method != "__call__" or kwargs or apply is None:
            return NotImplemented
        for other in inputs:
            if isinstance(other, Function):
                _require_same(self, other, ufunc.__name__)
        raw = [x.values if isinstance(x, Function) else x for x in inputs]
        return Function(apply(*raw), self.discretization)

    def _binary(self, other: Any, op: Callable[[Any, Any], Array], name: str) -> "Function":
        if isinstance(other, Function):
            _require_same(self, other, name)
            other = other.values
        elif not isinstance(other, int | float | np.ndarray | np.generic | Array):
            return NotImplemented
        return Function(op(self.values, other), self.discretization, self.space)

    def __add__(self, other):
        return self._binary(other, lambda a, b: a + b, "+")

    def __sub__(self, other):
        return self._binary(other, lambda a, b: a - b, "-")

    def __rsub__(self, other):
        return self._binary(other, lambda a, b: b - a, "-")

    def __mul__(self, other):
        return self._binary(other, lambda a, b: a * b, "*")

    def __truediv__(self, other):
        return self._binary(other, lambda a, b: a / b, "/")

    def __rtruediv__(self, other):
        return self._binary(other, lambda a, b: b / a, "/")

    def __pow__(self, other):
        return self._binary(other, lambda a, b: a**b, "**")

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self):
        return Function(-self.values, self.discretization, self.space)

    def __abs__(self):
        return Function(jnp.abs(self.values), self.discretization, self.space)


def batch(
    values: Shaped[Any, "n ..."], discretization: AbstractDiscretization, space: Space | None = None
) -> Function:
    """A batch of functions on one discretization, from values `(n, *shape, channels)`."""
    return jax.vmap(lambda v: Function(v, discretization, space))(jnp.asarray(values))


def take(functions: Function, index: Any) -> Function:
    """Member `index` (or members, for a slice or an array of numbers) of a batch."""
    return jax.tree.map(lambda leaf: leaf[index], functions)


def _require_same_domain(call: str, first: AbstractDomain, second: AbstractDomain) -> None:
    if first != second:
        raise DomainError(
            "two functions live on different domains",
            where=call,
            expected=str(first),
            found=str(second),
            repair="build both on one domain; functions of different domains do not combine",
        )


def _require_same(first: Function, second: Function, name: str) -> None:
    call = f"Function {name} Function"
    _require_same_domain(call, first.domain, second.domain)
    a, b = first.discretization, second.discretization
    same = a is b or jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=False):
        equal = x is y or x.shape == y.shape and (traced(x, y) or bool(jnp.all(x == y)))
        same = same and equal
    if not same or first.channels not in (1, second.channels) and second.channels != 1:
        raise DomainError(
            "two functions are sampled differently",
            where=call,
            expected=f"{_describe(a)}, {first.channels} channels",
            found=f"{_describe(b)}, {second.channels} channels",
            repair="bring one to the other's points: g.resample(f.discretization)",
        )


def _describe(discretization: AbstractDiscretization) -> str:
    nodes = " ".join(getattr(discretization, "nodes", ("scattered",)))
    return f"{' x '.join(map(str, discretization.shape))} {nodes} points"
