"""The native layout: how spaces and discretizations are written down, in JSON.

docs/how-to/data.md describes the layout for readers; this file is its definition.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from riesz.data._settle import Stored
from riesz.domains import AbstractDiscretization, DisjointUnion, Space
from riesz.domains.internal import (
    discretization_from_json,
    discretization_to_json,
    kind_of,
    padded_alike,
    space_from_json,
    space_to_json,
)
from riesz.errors import DataError, DomainError
from riesz.functions import Assembly, Function

VERSION = 3
DESCRIPTION = "riesz"  # the name under which a file keeps the description
ARRAYS = "riesz.arrays"  # plain arrays that Riesz wrote, such as predictions
_BLANK = " " * 64  # in place of a SHA-256 that is not known yet
PAIRS = "riesz.pairs"
FUNCTIONS = "riesz.functions"


class Samples(eqx.Module):
    """One set of functions of a file: its name there, its space, and where it is sampled.

    `discretization` is that of all samples; where each sample has its own points or holes, `each`
    holds them with a leading axis, and `discretization` is the first of them. In a file with
    `holes`, NaN stands for missing values. `stored` says how samples are taken out of the array.
    The `assembly` says which channels are which of several named functions; `members` are those
    that stand in arrays of their own.
    """

    name: str = eqx.field(static=True)
    space: Space = eqx.field(static=True)
    discretization: AbstractDiscretization
    each: AbstractDiscretization | None = None
    holes: bool = eqx.field(static=True, default=False)
    stored: Stored = eqx.field(static=True, default=Stored())
    members: tuple["Samples", ...] = ()
    assembly: Assembly | None = None

    def __repr__(self) -> str:
        labels, start = [], 0
        for part in self.space.components:
            labels.append(", ".join(self.space.labels[start : start + part.channels]))
            start += part.channels
        parts = zip(labels, self.places(), strict=True)
        return "; ".join(f"{label} on {place}" for label, place in parts)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the values of one sample, `(*grid, channels)`."""
        return (*self.discretization.shape, self.space.channels)

    def places(self) -> tuple[str, ...]:
        """Where the samples lie, in words; an entry for each function that is kept apart."""
        own = self.discretization if self.each is None else self.each
        parts = zip(self.discretization.parts, own.parts, strict=True)
        return tuple(_place(where, each, where is not each) for where, each in parts)

    def describe(self) -> dict[str, Any]:
        """The space and the points as JSON values; coordinates and masks are data sets."""
        record = {
            "name": self.name,
            **space_to_json(self.space),
            **discretization_to_json(self.discretization),
            "each": self.each is not None,
        }
        if self.assembly is not None:
            spaces = self.assembly.spaces
            record["functions"] = [{"name": n, **space_to_json(space)} for n, space in spaces]
        return record

    def arrays(self) -> dict[str, np.ndarray]:
        """Coordinates, masks and the like, by their names in the file."""
        own = self.discretization if self.each is None else self.each
        return {f"{self.name}_{part}": array for part, array in own.arrays().items()}

    def function(
        self, values: Float[np.ndarray, "n ..."], rows: Shaped[np.ndarray, " n"] | None = None
    ) -> Function:
        """A batch of functions from values `(n, *shape, channels)`, which stay on the host.

        `rows` are the numbers of the samples.
        """
        where = self.discretization
        one = jax.eval_shape(
            lambda: Function(jnp.zeros(values.shape[1:], values.dtype), where, self.space)
        )
        if self.each is None:
            spread = jax.tree.map(lambda x: np.broadcast_to(x, (len(values), *x.shape)), where)
        else:
            spread = jax.tree.map(lambda x: np.asarray(x)[rows], self.each)
        return eqx.tree_at(lambda f: (f.values, f.discretization), one, (values, spread))


def _place(where: AbstractDiscretization, own: AbstractDiscretization, each: bool) -> str:
    """Where functions on one domain lie, on points of their `own`, which may differ in `each`."""
    domain, grid = where.domain, where.tensor
    text = f"{own.describe()} of {domain}"
    if grid is not None:
        axes = zip(grid.domain.lower, grid.domain.upper, grid.shape, grid.kinds, strict=True)
        names = (domain.axis_label(i) if any(domain.names) else "" for i in range(domain.dim))
        ends = zip(names, axes, strict=True)
        text = " x ".join(f"{k} {a:g}..{b:g} ({n} {kind})" for k, (a, b, n, kind) in ends)
        text = text.strip() or "point"
    elif each:
        text = f"up to {text}, others in each sample"
    if grid is not None and own.mask is not None:
        kind = "in some samples" if each else "in all samples"
        text += f", {1 - np.asarray(own.mask).mean():.1%} of the places missing {kind}"
    return text


def read_samples(record: Any, arrays: dict[str, np.ndarray]) -> Samples:
    """The inverse of `Samples.describe` and `Samples.arrays`. May raise any exception."""
    name, space = str(record["name"]), space_from_json(record)
    spaces = {str(one["name"]): space_from_json(one) for one in record.get("functions", ())}
    united = isinstance(space.domain, DisjointUnion)
    whole = None if united else space.domain
    assembly = Assembly(spaces, whole, apart=united) if spaces else None
    if assembly is not None and not space.accepts(assembly.space):
        raise DomainError("named functions and channels disagree", expected=space, found=spaces)
    if not record["each"]:
        on = discretization_from_json(record, arrays)
        return Samples(name, space, on, assembly=assembly)
    rows = [dict(zip(arrays, row, strict=True)) for row in zip(*arrays.values(), strict=True)]
    parts = padded_alike([discretization_from_json(record, row) for row in rows])
    return Samples(name, space, parts[0], stacked(parts), assembly=assembly)


def stacked(parts: Sequence[AbstractDiscretization]) -> AbstractDiscretization:
    """Discretizations of one kind and size with a leading axis on every array, on the host."""
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(x) for x in leaves]), *parts)


def write_description(
    kind: str, length: int, sets: dict[str, Samples], fingerprint: str = "", **extra: Any
) -> str:
    """The description of sets of samples.

    Without the `fingerprint` of their values it is that of data that is not complete; it has the
    same number of bytes.
    """
    record = {"format": kind, "version": VERSION, "length": length, **extra}
    record["sets"] = {role: samples.describe() for role, samples in sets.items()}
    record |= {"fingerprint": fingerprint or _BLANK, "sha256": _BLANK}
    if fingerprint:
        places = [samples.arrays() for samples in sets.values()]
        record["sha256"] = sha256(record, {k: x for one in places for k, x in one.items()})
    return json.dumps(record, allow_nan=False)


def sha256(record: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """That of a description, which holds the fingerprint of the values, and of the places."""
    text = json.dumps({k: x for k, x in record.items() if k != "sha256"}, allow_nan=False)
    digest = hashlib.sha256(text.encode())
    for one in record["sets"].values():
        for part in kind_of(one).stored_in(one):
            x = arrays[f"{one['name']}_{part}"]
            digest.update(f"{part} {x.shape}".encode())
            digest.update(np.ascontiguousarray(x, "<f8").data)
    return digest.hexdigest()


def read_description(text: Any, where: str) -> dict[str, Any] | None:
    """A description of a format and version that this Riesz reads; None for plain arrays."""
    try:
        record = json.loads(text)
        kind, version = record["format"], record.get("version")
        length, fingerprint = record.get("length"), str(record.get("fingerprint"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DataError(
            "the description of this data is damaged",
            where=where,
            expected=f"JSON with format, version, length, sets and fingerprint as {DESCRIPTION!r}",
            found=repr(text)[:60],
            repair="write the data again, or read its arrays by name: input=..., output=...",
        ) from None
    if kind == ARRAYS:
        return None
    if kind not in (PAIRS, FUNCTIONS) or version != VERSION:
        raise DataError(
            "this data was written by another version of Riesz",
            where=where,
            expected=f"{PAIRS} or {FUNCTIONS}, version {VERSION}",
            found=f"{kind}, version {version}",
            repair="upgrade Riesz: pip install --upgrade riesz",
        )
    if not fingerprint.strip():
        raise DataError(
            "the generation of this data was interrupted",
            where=where,
            expected=f"{length} samples",
            found="a file that was not finished",
            repair="repeat the command that started it: it continues where it stopped",
        )
    return record
