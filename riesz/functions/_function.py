"""The Function: values on a discretization."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from riesz._core.tracing import traced
from riesz.domains import (
    AbstractDiscretization,
    AbstractDomain,
    AbstractProductDomain,
    DisjointUnion,
    Space,
)
from riesz.errors import DomainError
from riesz.functions._agreement import (
    is_batch,
    relative_points,
    require_axis,
    require_finite,
    require_operand,
    require_same,
    require_same_domain,
    require_single,
    same_points,
    shorten,
)
from riesz.functions._derivatives import gradient_space, laplacian_space, slope_space
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
        if jnp.iscomplexobj(values):
            raise DomainError(
                "values of a function are real",
                where="Function(values, discretization)",
                expected="real numbers",
                found=f"values of type {values.dtype}",
                repair="make the real and the imaginary part two channels",
            )
        if not jnp.issubdtype(values.dtype, jnp.floating):
            values = values.astype(float)
        shape = discretization.shape
        if discretization.stacked:
            raise DomainError(
                "a function is given on one discretization",
                where="Function(values, discretization)",
                expected="a Grid, MaskedGrid, Points or Mesh",
                found=f"a batch of them, {type(discretization).__name__}",
                repair="functions at points of every sample are riesz.functions.batch(values, on)",
            )
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
                repair="make the space with Space(discretization.domain, channels)",
            )
        values = discretization.present(values)
        require_finite(values, discretization)
        self.values = values
        self.discretization = discretization
        self.space = space or Space(discretization.domain, values.shape[-1])

    def __repr__(self) -> str:
        batch = f"{self.values.shape[0]} functions " if is_batch(self) else "Function "
        where = f"on {self.discretization.describe()} of {self.domain}"
        return f"{batch}{', '.join(self.space.labels)} {where}{_ranges(self)}"

    @classmethod
    def from_callable(
        cls,
        f: Callable[..., Any],
        discretization: AbstractDiscretization,
        space: Space | None = None,
    ) -> "Function":
        """Sample `f(x_1, ..., x_d)`, called with one array a coordinate.

        It returns an array of their shape, or a tuple or list of such arrays, one per channel.
        """
        coordinates = discretization.coordinates
        out = f(*jnp.moveaxis(coordinates, -1, 0))
        parts = out if isinstance(out, tuple | list) else [out]
        parts = [jnp.asarray(p) for p in parts]
        for p in parts:
            if p.shape not in ((), discretization.shape):
                raise DomainError(
                    "a sampled callable returns one array of the coordinates' shape per channel",
                    where="Function.from_callable(f, discretization)",
                    expected=f"shape {discretization.shape}",
                    found=f"shape {p.shape}",
                    repair="write f(x) for scalars and use jnp functions; several channels "
                    "are a tuple of arrays",
                )
        real = jnp.result_type(coordinates, *(p for p in parts if jnp.iscomplexobj(p)))
        full = [jnp.broadcast_to(p.astype(real), discretization.shape) for p in parts]
        return cls(jnp.stack(full, -1), discretization, space)

    @property
    def domain(self) -> AbstractDomain:
        """Where the function lives."""
        return self.discretization.domain

    @property
    def channels(self) -> int:
        """Number of components of a value."""
        return self.values.shape[-1]

    @property
    def components(self) -> "tuple[Function, ...]":
        """The functions on one domain each: this one, but on a `DisjointUnion`.

        Of a batch they are batches.
        """
        if not isinstance(self.domain, DisjointUnion):
            return (self,)
        if is_batch(self):
            return eqx.filter_vmap(lambda f: f.components)(self)
        parts = self.discretization.components(self.values)
        spaces = self.space.components
        return tuple(Function(v, on, s) for (on, v), s in zip(parts, spaces, strict=True))

    def at(self, points: Any) -> Float[Array, "p c"]:
        """Values at points, shape (p, d), by the interpolation the discretization's `method` names.

        Fourier on periodic axes, barycentric on Chebyshev axes (12 digits at 64 nodes for
        analytic functions in float64), piecewise polynomials of degree 5 on equispaced
        nodes (order 6, up to the boundary); on scattered points cubic splines on a line
        (order 4) and local polyharmonic splines in the plane and in space (order 3); linear
        in the cells of a mesh (order 2).
        Periodic axes wrap. A point outside the domain raises, except inside compiled code,
        where points are unknown and the result is an extrapolation of no accuracy.
        """
        require_single(self, "Function.at(points)", "jax.vmap(lambda f: f.at(points))(batch)")
        relative = relative_points(self.discretization, points, self.values.dtype)
        return self.discretization.interpolate(self.values, relative)

    def resample(self, discretization: Any) -> "Function":
        """The same function on other points of the same domain, interpolated as by `at`.

        **Raises:** `DomainError` for anything but a discretization of the function's domain.
        """
        here = self.discretization
        if not isinstance(discretization, AbstractDiscretization):
            size = isinstance(discretization, int | tuple | list | np.integer)
            sizes = discretization if size else 64
            raise DomainError(
                "a function is resampled onto a discretization",
                where="Function.resample(discretization)",
                expected="a Grid, MaskedGrid, Points or Mesh of the function's domain",
                found=f"{type(discretization).__name__} {shorten(discretization)}",
                repair="values at points are f.at(points)"
                if not isinstance(self.domain, AbstractProductDomain)
                else f"f.resample(Grid(f.domain, {sizes})); values at points are f.at(points)",
            )
        require_single(self, "Function.resample", "jax.vmap(lambda f: f.resample(grid))(batch)")
        require_same_domain("Function.resample", self.domain, discretization.domain)
        if same_points(here, discretization, unknown=False):
            return self
        values = here.resample(self.values, discretization)
        return Function(values, discretization, self.space)

    def integral(self) -> Float[Array, " c"]:
        """The integral of each channel over the domain."""
        require_single(self, "Function.integral()", "jax.vmap(Function.integral)(batch)")
        return integral(self.values, self.discretization)

    def inner(self, other: "Function") -> Float[Array, ""]:
        """The L2 inner product, summed over channels."""
        require_single(self, "Function.inner(other)", "jax.vmap(Function.inner)(batch, others)")
        require_same(self, other, "Function.inner(other)", broadcast=False)
        return inner(self.values, other.values, self.discretization)

    def norm(self, kind: Norm = "L2") -> Float[Array, ""]:
        """The norm `"L1"`, `"L2"`, `"Linf"`, `"H1"` or, on tori, `"H-1"`, over all channels.

        H1 is sqrt(|f|^2 + |grad f|^2); H-1 is its dual, by Fourier coefficients. Over several
        channels L1, L2, H1 and H-1 sum, and Linf is the largest. Linf is the maximum over the
        points of positive weight. A norm has no gradient at the zero function; there the
        derivative of L2, H1 and H-1 is taken as zero.
        """
        require_single(self, "Function.norm(kind)", "jax.vmap(Function.norm)(batch)")
        return norm(self.values, self.discretization, kind)

    def derivative(self, axis: int = 0, order: int = 1) -> "Function":
        """The first or second partial derivative of every channel along one coordinate.

        On surfaces it is that component of the tangential gradient.
        """
        require_axis(self.domain, axis, order, "Function.derivative(axis, order)")
        require_single(self, "Function.derivative", "jax.vmap(Function.derivative)(batch)")
        values = self.discretization.differentiate(self.values, axis, order)
        return Function(values, self.discretization, slope_space(self.space, axis, order))

    def gradient(self) -> "Function":
        """All first derivatives as channels: channel c, axis i is channel c * dim + i."""
        require_single(self, "Function.gradient()", "jax.vmap(Function.gradient)(batch)")
        values = self.discretization.gradient(self.values)
        # (*shape, c, d) -> (*shape, c d)
        values = values.reshape(*self.discretization.shape, -1)
        return Function(values, self.discretization, gradient_space(self.space))

    def laplacian(self) -> "Function":
        """The sum of the second derivatives of every channel."""
        require_single(self, "Function.laplacian()", "jax.vmap(Function.laplacian)(batch)")
        differentiate = self.discretization.differentiate
        parts = [differentiate(self.values, i, 2) for i in range(self.domain.dim)]
        total = sum(parts, jnp.zeros_like(self.values))
        return Function(total, self.discretization, laplacian_space(self.space))

    def map(self, f: Callable[[Array], Array]) -> "Function":
        """Apply a pointwise array function to the values, such as `f.map(jnp.tanh)`.

        Channels of the result have default names and no unit.
        """
        return Function(f(self.values), self.discretization)

    def plot(self, ax: "Axes | None" = None, **kwargs: Any) -> "Axes":
        """Draw the function: a line in 1-D, an image in 2-D, the middle slice in 3-D.

        Meshes are drawn by their triangles, in space by those that are seen from outside.
        Images show `channel` (0 when absent); other keywords go to Matplotlib.
        """
        from riesz.functions._plot import plot

        require_single(self, "Function.plot()", "for each of them riesz.functions.take(batch, i)")
        return plot(self, ax, **kwargs)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        apply = getattr(jnp, ufunc.__name__, None)
        if method != "__call__" or kwargs or apply is None or ufunc.nout != 1:
            return NotImplemented
        for other in inputs:
            if isinstance(other, Function):
                require_same(self, other, f"np.{ufunc.__name__}(Function)")
            else:
                require_operand(self, other, f"np.{ufunc.__name__}(Function)")
        return Function(apply(*map(_raw, inputs)), self.discretization)

    def _binary(
        self, other: Any, op: Callable[[Any, Any], Array], name: str, keep: bool = True
    ) -> "Function":
        call = f"Function {name} {'Function' if isinstance(other, Function) else 'array'}"
        require_single(self, call, f"jax.vmap(lambda f, g: f {name} g)(batch, others)")
        if isinstance(other, Function):
            require_same(self, other, call)
        elif not isinstance(other, int | float | np.ndarray | np.generic | Array):
            return NotImplemented
        else:
            require_operand(self, other, call)
        values = op(self.values, _raw(other))
        keep = keep and values.shape[-1] == self.channels
        return Function(values, self.discretization, self.space if keep else None)

    # names and units survive sums and multiples, not products, quotients and powers

    def __add__(self, other):
        return self._binary(other, lambda a, b: a + b, "+")

    def __sub__(self, other):
        return self._binary(other, lambda a, b: a - b, "-")

    def __rsub__(self, other):
        return self._binary(other, lambda a, b: b - a, "-")

    def __mul__(self, other):
        return self._binary(other, lambda a, b: a * b, "*", not isinstance(other, Function))

    def __truediv__(self, other):
        return self._binary(other, lambda a, b: a / b, "/", not isinstance(other, Function))

    def __rtruediv__(self, other):
        return self._binary(other, lambda a, b: b / a, "/", False)

    def __pow__(self, other):
        return self._binary(other, lambda a, b: a**b, "**", False)

    def __rpow__(self, other):
        return self._binary(other, lambda a, b: b**a, "**", False)

    __radd__ = __add__
    __rmul__ = __mul__

    def __pos__(self):
        return self

    def __neg__(self):
        return Function(-self.values, self.discretization, self.space)

    def __abs__(self):
        return Function(jnp.abs(self.values), self.discretization, self.space)


def unchecked(
    values: Float[Array, "..."], discretization: AbstractDiscretization, space: Space
) -> Function:
    """A function whose values may not be finite: the result of a solver, with a status."""
    empty = Function(jnp.zeros_like(values), discretization, space)
    return eqx.tree_at(lambda f: f.values, empty, values)


def _ranges(f: Function) -> str:
    """Smallest and largest value of each channel at points that are present."""
    if traced(f.values, f.discretization.weights):
        return f", {f.values.dtype} traced"
    parts = []
    for g in f.components:
        keep = np.broadcast_to(np.asarray(g.discretization.weights) > 0, g.values.shape[:-1])
        if not keep.any():
            return ""
        present = np.asarray(g.values)[keep]
        parts += [f"{v.min():.4g} to {v.max():.4g}" for v in present.T]
    named = [f"{n} {p}" for n, p in zip(f.space.names, parts, strict=True)]
    return f", values {', '.join(named if f.channels > 1 else parts)}"


def _raw(operand: Any) -> Any:
    """Values of a function; NumPy scalars as Python numbers, which keep the values' dtype."""
    if isinstance(operand, Function):
        return operand.values
    return operand.item() if isinstance(operand, np.generic) else operand
