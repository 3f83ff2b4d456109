"""What a call says of the functions in a file."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from riesz.data._axes import Side
from riesz.data._source import AbstractSource
from riesz.domains import AbstractDiscretization, AbstractDomain, DisjointUnion, Space
from riesz.errors import DataError

Channels = Literal["first", "last", "none"]
Nodes = str | Sequence[str] | AbstractDiscretization | None


@runtime_checkable
class HasSpaces(Protocol):
    """What is needed of a problem here."""

    @property
    def input_space(self) -> Space: ...  # noqa: D102

    @property
    def output_space(self) -> Space: ...  # noqa: D102


class Given(NamedTuple):
    """What a call says of the inputs, or of the outputs."""

    name: str | None = None
    side: Side = Side()
    discretization: AbstractDiscretization | None = None
    space: Space | None = None

    @property
    def domain(self) -> AbstractDomain | None:
        """The domain of the space, of the call or of the points that it gives."""
        if self.space is not None:
            return self.space.domain
        if self.side.domain is None and self.discretization is not None:
            return self.discretization.domain
        return self.side.domain


def given_of(
    source: AbstractSource,
    name: str | None,
    space: Space | None,
    *,
    domain: AbstractDomain | None = None,
    channels: str | None = None,
    periodic: bool | Sequence[bool] | None = None,
    nodes: Nodes = None,
) -> Given:
    """What a call says of one set of functions."""
    if channels not in (None, "first", "last", "none"):
        raise DataError(
            "channels says which axis counts channels",
            where=str(source.location),
            expected="first (n, channels, *grid), last (n, *grid, channels) or none",
            found=repr(channels),
            repair="leave it out where the file has coordinates",
        )
    if space is not None and domain is not None and domain != space.domain:
        raise DataError(
            "the domain and the problem disagree",
            where=str(source.location),
            expected=f"{space.domain}, of the problem or the model",
            found=f"domain {domain}",
            repair="leave domain out; the problem has one",
        )
    if domain is not None and periodic is not None:
        closed = (periodic,) * domain.dim if isinstance(periodic, bool) else tuple(periodic)
        if closed != domain.periodic:
            raise DataError(
                "domain and periodic disagree",
                where=str(source.location),
                expected=f"periodic={domain.periodic}, as of {domain}",
                found=f"periodic={periodic}",
                repair="a Torus, or a product with one, is a closed domain: leave periodic out",
            )
    points = nodes if isinstance(nodes, AbstractDiscretization) else None
    side = Side(domain, channels, periodic, None if points is not None else nodes)  # pyright: ignore[reportArgumentType]
    return Given(name, side, points, space)


def domain_of(space: Space, name: str | None) -> AbstractDomain:
    """The domain of a space, or that of one of the named functions that it keeps apart."""
    union = space.domain
    if not isinstance(union, DisjointUnion):
        return union
    domains = {one: part.domain for one, part in union.spaces}
    if name not in domains:
        raise DataError(
            f"{name!r} is none of the functions that are kept apart",
            expected=", ".join(domains),
            found=repr(name),
            repair="name the arrays as those the model was trained on",
        )
    return domains[name]


def of_role(options: Mapping[str, Any], role: str, name: str | None) -> dict[str, Any]:
    """The options of one array: by its name, by its role, or the same for all."""
    found = {}
    for option, value in options.items():
        several = isinstance(value, Mapping)
        found[option] = value.get(str(name), value.get(role)) if several else value
    return found
