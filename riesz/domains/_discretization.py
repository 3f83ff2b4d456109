"""The contract of a discretization: points, integrals, evaluation and derivatives."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from riesz._core.parameters import FROZEN
from riesz._core.registry import Registry
from riesz._core.tracing import padded, stacked, traced
from riesz.domains._domain import AbstractDomain
from riesz.domains._features import coordinate_features
from riesz.errors import DomainError

if TYPE_CHECKING:
    from riesz.domains._grid import AbstractTensorGrid, Grid

DISCRETIZATIONS = Registry("discretization")
register = DISCRETIZATIONS.register


class AbstractDiscretization(eqx.Module):
    """A finite set of points of a domain, and the functions that values there stand for.

    `coordinates` are the points, shape `(*shape, d)`; `relative` are the same points measured
    from `domain.origin`, which keeps the digits of coordinates far from zero (times of day in
    seconds since 1970); computations use these. `weights`, shape `shape`, are such that
    sum(weights * f) approximates the integral of f. A point of weight zero is padding or a hole:
    no result depends on what is there. Values of a function have shape `(*shape, channels)`.

    Integrals, inner products and energies come from the discretization, not from `weights`:
    those of finite elements are exact, by their mass and stiffness matrices.

    Data files hold the discretizations whose class is registered: they are written by the name
    of the class, by `record` and `arrays`, and read by `restored`.

    ```python
    @riesz.domains.register
    class Sphere(AbstractDiscretization): ...
    ```
    """

    parameter_kind: ClassVar[str] = FROZEN  # geometry is data
    stored: ClassVar[tuple[str, ...]] = ()  # the `arrays` that `restored` needs

    domain: eqx.AbstractVar[AbstractDomain]
    shape: eqx.AbstractVar[tuple[int, ...]]
    coordinates: eqx.AbstractVar[Float[Array, "*shape d"]]
    relative: eqx.AbstractVar[Float[Array, "*shape d"]]
    weights: eqx.AbstractVar[Float[Array, "*shape"]]
    mask: eqx.AbstractVar[Bool[Array, "*shape"] | None]  # False at holes and padding

    @property
    def grid(self) -> "AbstractTensorGrid | None":
        """The tensor grid whose nodes these points are, also where some are masked."""
        return None

    @property
    def tensor(self) -> "Grid | None":
        """`grid` where it is a `Grid`; None where it is the image of one under a motion."""
        grid = self.grid
        return None if grid is None else grid.tensor

    @property
    def whole(self) -> "Grid | None":
        """`tensor` where every node of it has a value."""
        return self.tensor if self.mask is None else None

    def masked(self, mask: Bool[Any, "*shape"]) -> "AbstractDiscretization":
        """The same points, with a value at most where `mask` is True.

        **Raises:** `DomainError` for points that cannot be masked.
        """
        raise DomainError(
            "points of this kind are not masked",
            where=f"{type(self).__name__}.masked(mask)",
            expected="a Grid, MaskedGrid or Points",
            found=repr(self),
            repair="leave the points without a value out",
        )

    def filled(self, values: Float[Array, "*shape c"]) -> Float[Array, "*shape c"]:
        """The values, continued from present nodes into the holes of a grid."""
        return values

    @abstractmethod
    def interpolate(
        self, values: Float[Array, "*shape c"], points: Float[Array | np.ndarray, "p d"]
    ) -> Float[Array, "p c"]:
        """Values at other points of the domain, which are measured from `domain.origin`.

        Points that are known may be NumPy in float64.
        """

    def contains(self, points: Float[np.ndarray, "p d"]) -> Bool[Any, " p"]:
        """At which points, measured from `domain.origin`, functions have values."""
        return self.domain.contains(points + np.asarray(self.domain.origin))

    @abstractmethod
    def differentiate(
        self, values: Float[Array, "*shape c"], axis: int, order: int
    ) -> Float[Array, "*shape c"]:
        """The `order`-th partial derivative (1 or 2) along one coordinate of the domain."""

    def gradient(self, values: Float[Array, "*shape c"]) -> Float[Array, "*shape c d"]:
        """The first derivatives along all coordinates."""
        parts = [self.differentiate(values, axis, 1) for axis in range(self.domain.dim)]
        return jnp.stack(parts, -1) if parts else jnp.zeros((*values.shape, 0), values.dtype)

    def integral(self, values: Float[Array, "*shape c"]) -> Float[Array, " c"]:
        """The integral of each channel."""
        return _integral(self, values)

    def inner(
        self, first: Float[Array, "*shape c"], second: Float[Array, "*shape c"]
    ) -> Float[Array, " c"]:
        """The integral of u v for each channel."""
        return _inner(self, first, second)

    def energy(
        self, first: Float[Array, "*shape c"], second: Float[Array, "*shape c"]
    ) -> Float[Array, " c"]:
        """The integral of grad u . grad v for each channel."""
        # (*shape, c, d): sum_i <d_i u_c, d_i v_c>
        slopes = self.gradient(first)
        others = slopes if second is first else self.gradient(second)
        flat = (*slopes.shape[:-2], -1)
        products = self.inner(slopes.reshape(flat), others.reshape(flat))
        return products.reshape(slopes.shape[-2:]).sum(-1)

    def resample(
        self, values: Float[Array, "*shape c"], onto: "AbstractDiscretization"
    ) -> Float[Array, "..."]:
        """Values at the points of another discretization of the domain."""
        # (*shape, d) -> (p, d); (p, c) -> (*shape, c)
        flat = onto.relative.reshape(-1, self.domain.dim).astype(values.dtype)
        return self.interpolate(values, flat).reshape(*onto.shape, -1)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the arrays that `pad` may enlarge; none for grids."""
        return ()

    def pad(self, *sizes: int) -> "AbstractDiscretization":
        """The same discretization with padding of weight zero, in arrays of these sizes."""
        return self

    def extended(
        self, values: Float[Array, "*shape c"], onto: "AbstractDiscretization"
    ) -> Float[Array, "..."]:
        """Values followed by zeros at the padding of `onto`, which is this one padded."""
        more = [(0, n - m) for m, n in zip(self.shape, onto.shape, strict=True)]
        return padded(values, (*more, (0, 0)))

    @property
    def parts(self) -> "tuple[AbstractDiscretization, ...]":
        """Discretizations of one domain each: this one, but on a `DisjointUnion`."""
        return (self,)

    def components(
        self, values: Float[Any, "*lead c"]
    ) -> "tuple[tuple[AbstractDiscretization, Any], ...]":
        """The `parts`, and the values there, `(*lead, *shape, c)`.

        What is done with each channel on its own is done with each component; `joined` is the
        inverse.
        """
        return ((self, values),)

    def composed(self, parts: "Sequence[AbstractDiscretization]") -> "AbstractDiscretization":
        """The discretization whose `parts` these are."""
        (part,) = parts
        return part

    def joined(self, values: Sequence[Float[Any, "..."]]) -> Float[Any, "..."]:
        """The values whose components are these."""
        (one,) = values
        return one

    def features(self) -> Float[Array, "*shape f"]:
        """What a network may see of the points, see `riesz.domains.coordinate_features`."""
        return coordinate_features(self.domain, self.relative)

    @property
    def triangles(self) -> Int[np.ndarray, "t 3"] | None:
        """Triangles between the points that pictures are made of, where there are any."""
        return None

    @property
    def dimensions(self) -> int:
        """The number of axes of `values` without channels: that of the grid, or 1."""
        return 1 if self.grid is None else len(self.shape)

    @property
    def stacked(self) -> bool:
        """Whether these are several discretizations, along a leading axis of every array."""
        return jnp.ndim(0 if self.mask is None else self.mask) > self.dimensions

    def describe(self) -> str:
        """The points in a few words, such as `16 x 16 vertex vertex points`."""
        grid = self.grid
        shape = self.shape if grid is not None or self.mask is None else jnp.shape(self.mask)[-1:]
        if not shape:
            return "1 point"
        words = [" x ".join(map(str, shape))]
        if grid is None:
            words.append("scattered")
        else:
            words += ["moved"] * (grid is not grid.unmoved[0]) + [*grid.unmoved[0].kinds]
        return f"{' '.join(words)} points{'' if grid is self else self._holes()}"

    def _holes(self) -> str:
        """How many points carry no value, where it is one mask and some do not."""
        if traced(self.weights) or self.weights.ndim != self.dimensions:
            return ""
        count = int((np.asarray(self.weights) == 0).sum())
        return f" ({count} masked)" if count else ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()} of {self.domain})"

    def present(self, values: Float[Array, "*shape c"]) -> Float[Array, "*shape c"]:
        """The values, with 0 at points of weight zero."""
        return jnp.where((self.weights > 0)[..., None], values, 0)

    @property
    @abstractmethod
    def method(self) -> str:
        """How functions are interpolated here, with the order of accuracy, in words."""

    # Files

    def record(self) -> dict[str, Any]:
        """JSON values that a file holds beside `arrays`, the domain and the shape."""
        return {}

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that a file holds, by name; a leading axis of the leaves stays in front."""
        raise _unwritten(type(self), "arrays()")

    @classmethod
    def stored_in(cls, record: dict[str, Any]) -> tuple[str, ...]:
        """The names of the `arrays` that `restored` needs for this record."""
        return cls.stored

    @classmethod
    def restored(
        cls, domain: AbstractDomain, record: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> "AbstractDiscretization":
        """The discretization of a file, from its domain, `record` and the arrays named `stored`.

        `record` holds the `shape`, too. May raise any exception for a record that is damaged.
        """
        raise _unwritten(cls, "restored(domain, record, arrays)")


def _unwritten(kind: type, method: str) -> DomainError:
    return DomainError(
        "this kind of points is not written to files, nor read",
        where=f"{kind.__name__}.{method}",
        expected="a discretization with the methods record, arrays and restored",
        found=f"{kind.__name__} without {method}",
        repair="write them in the class, or resample functions onto a Grid or Points",
    )


# compiled: outside jit every operation would be a program of its own
@jax.jit
def _integral(on: AbstractDiscretization, values: Array) -> Array:
    weights = on.weights.astype(values.dtype)
    # sum_i w_i f_c(x_i), (*shape) x (*shape, c) -> (c,)
    return jnp.tensordot(weights, on.present(values), axes=weights.ndim)


@jax.jit
def _inner(on: AbstractDiscretization, first: Array, second: Array) -> Array:
    # both made 0 at absent points, where a product may be infinite
    return _integral(on, on.present(first) * on.present(second))


def padded_alike(
    discretizations: Sequence[AbstractDiscretization],
) -> list[AbstractDiscretization]:
    """The same discretizations, each padded to the largest sizes, where all are of one kind."""
    sizes = [on.sizes for on in discretizations]
    if len({(type(on), len(size)) for on, size in zip(discretizations, sizes, strict=True)}) > 1:
        return list(discretizations)
    largest = [max(column) for column in zip(*sizes, strict=True)]
    return [on.pad(*largest) for on in discretizations]


def stack_discretizations(
    discretizations: Sequence[AbstractDiscretization],
) -> AbstractDiscretization:
    """Discretizations of one kind as a batch: padded alike, with a leading axis on every array.

    ```python
    meshes = stack_discretizations([Mesh.disk(), Mesh.l_shape(8)])
    functions = riesz.functions.batch(values, meshes)      # values (2, padded nodes, channels)
    ```

    **Raises:** `DomainError` for discretizations that cannot be padded to one shape.
    """
    alike = padded_alike(discretizations)
    shapes = [jax.tree.map(jnp.shape, (on, on.shape)) for on in alike]
    structures = [jax.tree.structure(on) for on in alike]
    if (
        not alike
        or any(a != structures[0] for a in structures)
        or any(jax.tree.leaves(a) != jax.tree.leaves(shapes[0]) for a in shapes)
    ):
        raise DomainError(
            "discretizations of a batch are of one kind and one domain",
            where="stack_discretizations(discretizations)",
            expected="one or more Points, Meshes or grids of one shape and domain",
            found="; ".join(map(repr, discretizations)) or "none",
            repair="resample functions onto one grid, or give scattered points and meshes",
        )
    return jax.tree.map(stacked, *alike)
