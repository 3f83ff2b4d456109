"""The native layout: how spaces and discretizations are written down, in JSON.

docs/how-to/data.md describes the layout for readers; this file is its definition.
"""

import json
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from riesz.domains import AbstractDiscretization, Grid, Points, Space
from riesz.domains._json import grid_from_json, space_from_json, space_to_json
from riesz.errors import DataError, DomainError
from riesz.functions import Function

VERSION = 1
PAIRS = "riesz.pairs"
FUNCTIONS = "riesz.functions"


class Samples(eqx.Module):
    """One set of functions of a file: its name there, its space, and where it is sampled."""

    name: str = eqx.field(static=True)
    space: Space = eqx.field(static=True)
    discretization: AbstractDiscretization

    def __repr__(self) -> str:
        nodes = " ".join(dict.fromkeys(self.describe()["nodes"]))
        size = " x ".join(map(str, self.discretization.shape))
        return f"{', '.join(self.space.names)} on {size} {nodes} points of {self.space.domain}"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the values of one member, `(*grid, channels)`."""
        return (*self.discretization.shape, self.space.channels)

    def describe(self) -> dict[str, Any]:
        """The space and the nodes as JSON values; the coordinates of points are data sets."""
        where = self.discretization
        nodes = list(where.nodes) if isinstance(where, Grid) else ["scattered"]
        return {
            "name": self.name,
            **space_to_json(self.space),
            "shape": list(where.shape),
            "nodes": nodes,
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """The coordinates, for people and other tools; scattered points are read from them."""
        where = self.discretization
        if isinstance(where, Grid):
            axes = enumerate(zip(where.domain.lower, where.axes, strict=True))
            return {f"{self.name}_coordinates_{i}": a + axis.coordinates() for i, (a, axis) in axes}
        if isinstance(where, Points) and where.coordinates.ndim == 2:
            return {
                f"{self.name}_coordinates": np.asarray(where.coordinates, np.float64),
                f"{self.name}_weights": np.asarray(where.weights, np.float64),
                f"{self.name}_mask": np.asarray(where.mask, np.uint8),
            }
        raise DataError(
            "these functions are not all sampled on one grid or on the same points",
            where=f"the {self.name!r} functions to write",
            expected="a Grid, or one set of Points for all members",
            found=type(where).__name__,
            repair="resample them to a common discretization: jax.vmap(lambda f: f.resample(grid))",
        )

    def function(self, values: Float[np.ndarray, "n ..."]) -> Function:
        """A batch of functions from values `(n, *shape, channels)`, which stay on the host."""
        where = self.discretization
        one = jax.eval_shape(
            lambda: Function(jnp.zeros(values.shape[1:], values.dtype), where, self.space)
        )
        spread = jax.tree.map(lambda x: np.broadcast_to(x, (len(values), *x.shape)), where)
        return eqx.tree_at(lambda f: (f.values, f.discretization), one, (values, spread))


def read_samples(record: Any, arrays: dict[str, np.ndarray]) -> Samples:
    """The inverse of `Samples.describe` and `Samples.arrays`. May raise any exception."""
    space = space_from_json(record)
    name, shape = str(record["name"]), tuple(record["shape"])
    if record["nodes"] == ["scattered"]:
        where = Points(
            space.domain,
            jnp.asarray(arrays[f"{name}_coordinates"], float),
            jnp.asarray(arrays[f"{name}_weights"], float),
            jnp.asarray(arrays[f"{name}_mask"], bool),
        )
    else:
        where = grid_from_json(record)
    if where.shape != shape:
        raise DomainError("points and shape disagree", expected=shape, found=where.shape)
    return Samples(name, space, where)


def write_description(kind: str, length: int, sets: dict[str, Samples], **extra: Any) -> str:
    """The text of the attribute `riesz`."""
    record = {"format": kind, "version": VERSION, "length": length, **extra}
    record["sets"] = {role: samples.describe() for role, samples in sets.items()}
    return json.dumps(record, allow_nan=False)


def read_description(text: Any, where: str) -> dict[str, Any]:
    """The content of the attribute `riesz`, of a format and version that this Riesz reads."""
    try:
        record = json.loads(text)
        kind, version, length = record["format"], record["version"], record["length"]
        if not isinstance(record["sets"], dict) or not isinstance(length, int):
            raise ValueError(text)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise DataError(
            "the description of this data is damaged",
            where=where,
            expected="JSON with format, version, length and sets, in the attribute 'riesz'",
            found=repr(text)[:60],
            repair="write the data again, or read its arrays by name: input=..., output=...",
        ) from None
    if kind not in (PAIRS, FUNCTIONS) or version != VERSION:
        raise DataError(
            "this data was written by another version of Riesz",
            where=where,
            expected=f"{PAIRS} or {FUNCTIONS}, version {VERSION}",
            found=f"{kind}, version {version}",
            repair="upgrade Riesz: pip install --upgrade riesz",
        )
    return record
