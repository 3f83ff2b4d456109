"""Points of each of several domains."""

from collections.abc import Sequence
from math import prod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from riesz.domains._discretization import AbstractDiscretization, register
from riesz.domains._domain import AbstractDomain
from riesz.domains._json import discretization_from_json, discretization_to_json, kind_of
from riesz.domains._union import DisjointUnion, apart
from riesz.errors import DomainError


@register
class DisjointPoints(AbstractDiscretization):
    """A discretization of each domain of a disjoint union, one after the other.

    Values of a function are `(points of all, channels of all)`, zero but in the block of the
    points and channels of each space. Integrals, inner products and energies are those of the
    parts, which may be grids, meshes or scattered points, also different ones in each sample.

    **Arguments:**

    - `domain`: the union.
    - `parts`: a discretization of each of its domains, in its order.

    **Raises:** `DomainError` for other discretizations.

    ```python
    union = DisjointUnion({"f": Space(Box((0, 0), (1, 1))), "g": Space(Torus(0, 4))})
    on = DisjointPoints(union, [Grid(union.domains[0], 16), Grid(union.domains[1], 64)])
    ```
    """

    domain: DisjointUnion = eqx.field(static=True)
    each: tuple[AbstractDiscretization, ...]

    def __init__(self, domain: DisjointUnion, parts: Sequence[AbstractDiscretization]):
        self.domain, self.each = domain, tuple(parts)

    def __check_init__(self):
        if tuple(part.domain for part in self.parts) != self.domain.domains:
            raise DomainError(
                "a disjoint union is discretized by a discretization of each of its domains",
                where="DisjointPoints(domain, parts)",
                expected=str(self.domain),
                found=" + ".join(str(part.domain) for part in self.parts) or "none",
                repair="give one discretization per space, in the order of domain.spaces",
            )

    @property
    def parts(self) -> tuple[AbstractDiscretization, ...]:
        """The discretization of each domain."""
        return self.each

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of points of each part."""
        return tuple(
            prod(p.shape) if p.grid is not None else p.relative.shape[-2] for p in self.parts
        )

    @property
    def shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return (sum(self.counts),)

    @property
    def stacked(self) -> bool:
        return any(part.stacked for part in self.parts)

    @property
    def coordinates(self) -> Float[Array, "*shape d"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._places("coordinates")

    @property
    def relative(self) -> Float[Array, "*shape d"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._places("relative")

    @property
    def weights(self) -> Float[Array, "*shape"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._joined([part.weights for part in self.parts])

    @property
    def mask(self) -> Bool[Array, "*shape"] | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        if all(part.mask is None for part in self.parts):
            return None
        full = [
            jnp.ones(part.shape, bool) if part.mask is None else part.mask for part in self.parts
        ]
        return self._joined(full)

    def _places(self, name: str) -> Float[Array, "*shape d"]:
        """Coordinates of all parts, with zeros for those that a part has not."""
        dim = self.domain.dim
        columns = [jnp.asarray(getattr(part, name)) for part in self.parts]
        # (*lead, *shape, d_i) -> (*lead, *shape, d)
        columns = [jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, dim - x.shape[-1])]) for x in columns]
        return jnp.stack([self._joined([x[..., i] for x in columns]) for i in range(dim)], -1)

    def _joined(self, arrays: Sequence[Any]) -> Array:
        """Arrays `(*lead, *shape)` of each part as one `(*lead, points)`."""
        # (*lead, *shape) -> (*lead, count)
        flat = [
            jnp.reshape(x, (*x.shape[: x.ndim - part.dimensions], count))
            for x, part, count in zip(arrays, self.parts, self.counts, strict=True)
        ]
        lead = jnp.broadcast_shapes(*(x.shape[:-1] for x in flat))
        return jnp.concatenate([jnp.broadcast_to(x, (*lead, x.shape[-1])) for x in flat], -1)

    def components(
        self, values: Float[Any, "*shape c"]
    ) -> tuple[tuple[AbstractDiscretization, Any], ...]:
        self._require_channels(values)
        found, row, column = [], 0, 0
        for part, count, c in zip(self.parts, self.counts, self.domain.channels, strict=True):
            # the block of this space on the diagonal: (*lead, count, c)
            block = values[..., row : row + count, column : column + c]
            shape = part.shape if part.grid is not None else (count,)
            found.append((part, block.reshape(*values.shape[:-2], *shape, c)))
            row, column = row + count, column + c
        return tuple(found)

    def composed(self, parts: Sequence[AbstractDiscretization]) -> "DisjointPoints":
        return DisjointPoints(self.domain, parts)

    def joined(self, values: Sequence[Float[Any, "..."]]) -> Float[Any, "*shape c"]:
        xp = np if all(isinstance(v, np.ndarray) for v in values) else jnp
        rows, column, total = [], 0, sum(self.domain.channels)
        for v, part, count in zip(values, self.parts, self.counts, strict=True):
            c = v.shape[-1]
            # (*lead, *shape, c) -> (*lead, count, c), then zeros in the channels of other spaces
            v = v.reshape(*v.shape[: v.ndim - 1 - part.dimensions], count, c)
            around = (column, total - column - c)
            rows.append(xp.pad(v, [(0, 0)] * (v.ndim - 1) + [around]))
            column += c
        return xp.concatenate(rows, -2)

    def _require_channels(self, values: Any) -> None:
        if values.shape[-1] != sum(self.domain.channels):
            raise DomainError(
                "a function on a disjoint union has the channels of its spaces",
                where="Function on a DisjointUnion",
                expected=f"{sum(self.domain.channels)} channels: {self.domain}",
                found=f"{values.shape[-1]} channels",
                repair="work on f.components, which are functions on one domain each",
            )

    def present(self, values: Float[Array, "*shape c"]) -> Float[Array, "*shape c"]:
        return self.joined([part.present(v) for part, v in self.components(values)])

    def filled(self, values: Float[Array, "*shape c"]) -> Float[Array, "*shape c"]:
        return self.joined([part.filled(v) for part, v in self.components(values)])

    def integral(self, values: Float[Array, "*shape c"]) -> Float[Array, " c"]:
        return jnp.concatenate([part.integral(v) for part, v in self.components(values)])

    def inner(
        self, first: Float[Array, "*shape c"], second: Float[Array, "*shape c"]
    ) -> Float[Array, " c"]:
        both = zip(self.components(first), self.components(second), strict=True)
        return jnp.concatenate([part.inner(u, v) for (part, u), (_, v) in both])

    def energy(
        self, first: Float[Array, "*shape c"], second: Float[Array, "*shape c"]
    ) -> Float[Array, " c"]:
        both = zip(self.components(first), self.components(second), strict=True)
        return jnp.concatenate([part.energy(u, v) for (part, u), (_, v) in both])

    def interpolate(
        self, values: Float[Array, "*shape c"], points: Float[Array | np.ndarray, "p d"]
    ) -> Float[Array, "p c"]:
        raise apart(self.domain, "DisjointPoints.interpolate(values, points)")

    def differentiate(
        self, values: Float[Array, "*shape c"], axis: int, order: int
    ) -> Float[Array, "*shape c"]:
        raise apart(self.domain, "DisjointPoints.differentiate(values, axis, order)")

    def resample(
        self, values: Float[Array, "*shape c"], onto: AbstractDiscretization
    ) -> Float[Array, "..."]:
        if not isinstance(onto, DisjointPoints):
            raise apart(self.domain, "DisjointPoints.resample(values, onto)")
        parts = zip(self.components(values), onto.parts, strict=True)
        return onto.joined([v if _same(p, q) else p.resample(v, q) for (p, v), q in parts])

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(size for part in self.parts for size in part.sizes)

    def pad(self, *sizes: int) -> "DisjointPoints":
        parts, start = [], 0
        for part in self.parts:
            parts.append(part.pad(*sizes[start : start + len(part.sizes)]))
            start += len(part.sizes)
        return self.composed(parts)

    def extended(
        self, values: Float[Array, "*shape c"], onto: AbstractDiscretization
    ) -> Float[Array, "..."]:
        assert isinstance(onto, DisjointPoints)
        parts = zip(self.components(values), onto.parts, strict=True)
        return onto.joined([part.extended(v, other) for (part, v), other in parts])

    def describe(self) -> str:
        return " + ".join(part.describe() for part in self.parts)

    @property
    def method(self) -> str:
        return " + ".join(part.method for part in self.parts)

    def record(self) -> dict[str, Any]:
        return {"parts": [discretization_to_json(part) for part in self.parts]}

    def arrays(self) -> dict[str, np.ndarray]:
        parts = enumerate(part.arrays() for part in self.parts)
        return {f"{i}_{name}": x for i, arrays in parts for name, x in arrays.items()}

    @classmethod
    def stored_in(cls, record: dict[str, Any]) -> tuple[str, ...]:
        parts = enumerate(record["parts"])
        return tuple(f"{i}_{name}" for i, one in parts for name in kind_of(one).stored_in(one))

    @classmethod
    def restored(
        cls, domain: AbstractDomain, record: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> "DisjointPoints":
        parts = [
            discretization_from_json(
                one, {name: arrays[f"{i}_{name}"] for name in kind_of(one).stored_in(one)}
            )
            for i, one in enumerate(record["parts"])
        ]
        return cls(domain, parts)  # pyright: ignore[reportArgumentType]


def _same(first: AbstractDiscretization, second: AbstractDiscretization) -> bool:
    """Whether two discretizations without arrays, such as grids, are the same."""
    alike = jax.tree.structure(first) == jax.tree.structure(second)
    return alike and not jax.tree.leaves(first)
