"""Data in the native layout: what it says, and whether the call says the same."""

from collections.abc import Sequence
from typing import Any

from riesz.data._given import Given
from riesz.data._layout import Samples, read_samples, sha256
from riesz.data._source import AbstractSource, located, reading
from riesz.domains import AbstractDiscretization, Grid
from riesz.domains.internal import kind_of
from riesz.errors import DataError, DomainError

_AGAIN = "write the data again; the file was changed by another program"


def native_samples(source: AbstractSource, kind: str) -> dict[str, Samples]:
    """The sets of functions that a file of the given kind describes, by their roles."""
    record: dict[str, Any] = source.description or {}
    if record.get("format") != kind:
        raise DataError(
            "the file holds another kind of data",
            where=str(source.location),
            expected=kind,
            found=record.get("format"),
            repair="riesz.functions files hold inputs or predictions only, without partners",
        )
    sets = {}
    with reading(source.location):
        stored = {role: kind_of(one).stored_in(one) for role, one in record["sets"].items()}
        names = {r: [f"{record['sets'][r]['name']}_{p}" for p in stored[r]] for r in stored}
        places = {name: source.whole(name) for each in names.values() for name in each}
        for role, one in record["sets"].items():
            arrays = dict(zip(stored[role], (places[n] for n in names[role]), strict=True))
            message = f"the description of the {role} functions is damaged: "
            with located(source.location.to(str(one["name"])), message, _AGAIN):
                sets[role] = read_samples(one, arrays)
        digest = sha256(record, places)
        _require_same(source, record["sha256"], digest, "description and the places")
    for samples in sets.values():
        shape = source.info(samples.name).shape
        if shape != (record["length"], *samples.shape):
            raise DataError(
                "a data set does not have the shape that its description says",
                where=source.location.to(samples.name),
                expected=(record["length"], *samples.shape),
                found=shape,
                repair=_AGAIN,
            )
    return sets


def require_fingerprint(source: AbstractSource, digest: str) -> None:
    """Check that values are those that were written, where the file says which."""
    if source.description is not None:
        _require_same(source, source.description["fingerprint"], digest, "values")


def _require_same(source: AbstractSource, expected: str, digest: str, what: str) -> None:
    if digest != expected:
        raise DataError(
            f"the {what} are not those that were written: the data file is damaged",
            where=str(source.location),
            expected=f"SHA-256 {expected}",
            found=digest,
            repair="copy or download the file again, or repeat the command that made it",
        )


def require_agreement(
    source: AbstractSource,
    role: str,
    samples: Samples,
    call: Given,
) -> None:
    """Check that a call does not contradict what the file says of itself."""
    here, space = samples.discretization, call.space
    nodes = call.discretization if call.discretization is not None else call.side.nodes
    given: list[tuple[str, Any, Any]] = [
        ("name", call.name, samples.name),
        ("domain", call.side.domain, samples.space.domain),
    ]
    if space is not None:
        given.append(("domain", space.domain, samples.space.domain))
        given.append(("number of channels", space.channels, samples.space.channels))
    if isinstance(nodes, AbstractDiscretization):
        given.append(("number of points", nodes.shape, here.shape))
    grid = here.tensor
    if grid is not None:
        if not isinstance(nodes, AbstractDiscretization | None):
            given.append(("nodes", _complete(nodes, grid), grid.nodes))
        elif nodes is not None and nodes.tensor is not None:
            given.append(("nodes", nodes.tensor.nodes, grid.nodes))
    for what, asked, found in given:
        if asked is not None and asked != found:
            asked, found = (" ".join(map(str, x)) if what == "nodes" else x for x in (asked, found))
            raise DataError(
                f"the call and the file disagree on the {what} of the {role}",
                where=str(source.location),
                expected=f"{found}, as the file says",
                found=f"{asked}, as the call says",
                repair="leave it out of the call, since the file describes itself",
            )


def _complete(nodes: str | Sequence[str], here: Grid) -> tuple[Any, ...]:
    try:
        return Grid(here.domain, here.shape, nodes).nodes
    except DomainError:
        return (nodes,) if isinstance(nodes, str) else tuple(nodes)
