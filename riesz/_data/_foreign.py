"""Arrays that Riesz did not write: which are the inputs, and on which grid they lie."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from riesz._data._layout import Samples
from riesz._data._source import AbstractSource, ArrayInfo
from riesz._data._spec import listed
from riesz.domains import AbstractDiscretization, AbstractDomain, Box, Grid, Space
from riesz.errors import DataError, DomainError

Nodes = str | Sequence[str] | AbstractDiscretization | None

# Names of inputs and outputs that are understood without being told, in this order.
KNOWN_NAMES = (
    ("input", "output"),
    ("inputs", "outputs"),
    ("a", "u"),
    ("x", "y"),
    ("coefficient", "pressure"),
    ("coeff", "sol"),
    ("source", "solution"),
    ("x_train", "y_train"),
    ("x_test", "y_test"),
)


@runtime_checkable
class HasSpaces(Protocol):
    """What is needed of a problem here."""

    @property
    def input_space(self) -> Space: ...  # noqa: D102

    @property
    def output_space(self) -> Space: ...  # noqa: D102


def choose_names(
    source: AbstractSource, given: tuple[str | None, str | None]
) -> tuple[str, str, tuple[str, ...]]:
    """The names of the input and output sets, with a note on each guess."""
    first, second = given
    if first is not None and second is not None:
        return first, second, ()
    names = {name.lower(): name for name in source.arrays}
    for a, u in KNOWN_NAMES:
        a, u = names.get(a), names.get(u)
        if a and u and first in (None, a) and second in (None, u):
            return a, u, (f"input={a!r} and output={u!r} by their names",)
    arrays = source.arrays
    others = [name for name in arrays if name not in given]
    if first is not None and len(others) == 1:
        return first, others[0], (f"output={others[0]!r}, the other of two arrays",)
    if second is not None and len(others) == 1:
        return others[0], second, (f"input={others[0]!r}, the other of two arrays",)
    if len(arrays) == 2 and len({info.shape[:1] for info in arrays.values()}) == 1:
        a, u = arrays
        guess = f"input={a!r} and output={u!r}, the only two arrays, in the order of the file"
        return a, u, (guess,)
    if not arrays:
        raise DataError(
            "the group holds no data sets"
            if source.location.group
            else "the file holds no data sets outside groups",
            where=str(source.location),
            expected="data sets of inputs and outputs",
            found=f"the groups {listed(source.groups)}" if source.groups else "nothing",
            repair=source.group_hint(),
        )
    raise DataError(
        "it is not clear which data sets are the inputs and the outputs",
        where=str(source.location),
        expected="input=... and output=..., or names such as input/output, a/u, x/y",
        found=describe_arrays(source),
        repair=_name_them(list(arrays)),
    )


def _name_them(names: list[str]) -> str:
    if len(names) == 1:
        return "pairs need two data sets in one group or file; save inputs and outputs together"
    first, second = names[:2]
    return f"say which is which: input={first!r}, output={second!r} (or the other way round)"


def describe_arrays(source: AbstractSource) -> str:
    """One array a line: its name, shape and type."""
    items = list(source.arrays.items())
    lines = [f"{name}: shape {info.shape}, {info.dtype}" for name, info in items[:12]]
    return "\n".join([*lines, f"and {len(items) - 12} more"] if len(items) > 12 else lines)


def foreign_samples(
    source: AbstractSource,
    name: str,
    nodes: Nodes,
    domain: AbstractDomain | None,
    space: Space | None,
) -> Samples:
    """Where an array `(n, *grid)` or `(n, *grid, channels)` is sampled."""
    info, where = source.info(name), source.location.to(name)
    domain = space.domain if space else domain
    if isinstance(nodes, AbstractDiscretization):
        domain = nodes.domain if domain is None else domain
        shape, channels = _fit(info, len(nodes.shape), where)
        if shape != nodes.shape or domain != nodes.domain:
            raise DataError(
                f"data set {name!r} does not fit the discretization it is given with",
                where=where,
                expected=f"{nodes.shape} points of {domain}",
                found=f"shape {info.shape}, and points of {nodes.domain}",
                repair="the first axis counts members, the last one channels",
            )
        discretization: AbstractDiscretization = nodes
    else:
        dim = domain.dim if domain else _guess_dim(info, where)
        shape, channels = _fit(info, dim, where)
        domain = domain or Box((0.0,) * dim, (1.0,) * dim)
        if nodes is None and not all(domain.periodic):
            raise DataError(
                f"where the samples of {name!r} lie is not known",
                where=where,
                expected="nodes=... : vertex (both ends are samples), left (the far end is not "
                "stored), right, centre (cell centres) or chebyshev",
                found=f"shape {info.shape} on {domain}, and no nodes",
                repair="ask where sample 0 and the last sample of an axis lie; "
                "numpy.linspace(0, 1, n) is nodes='vertex', numpy.arange(n) / n is nodes='left' "
                "(in the command line --nodes vertex, --nodes left)",
            )
        try:
            discretization = Grid(domain, shape, nodes)
        except DomainError as error:
            raise DataError(
                error.message,
                where=where,
                expected=error.expected,
                found=error.found,
                repair=error.repair,
            ) from None
    if space is not None and channels != space.channels:
        raise DataError(
            f"data set {name!r} has another number of channels than the problem",
            where=where,
            expected=f"{space.channels} channels ({listed(space.names)})",
            found=f"shape {info.shape}, {channels} channels",
            repair="choose the data set that belongs to the problem, or leave problem= out",
        )
    names = (name,) if channels == 1 else tuple(f"{name}{i}" for i in range(channels))
    return Samples(name, space or Space(domain, channels, names), discretization)


def _fit(info: ArrayInfo, dim: int, where: str) -> tuple[tuple[int, ...], int]:
    if len(info.shape) == dim + 1:
        return info.shape[1:], 1
    if len(info.shape) == dim + 2 and info.shape[-1] > 0:
        return info.shape[1:-1], info.shape[-1]
    axes = ", ".join(f"n{i + 1}" for i in range(dim))
    raise DataError(
        "the shape of a data set does not fit its domain",
        where=where,
        expected=f"(members, {axes}) or (members, {axes}, channels) on a domain of {dim} axes",
        found=f"shape {info.shape}",
        repair="give the domain that the data lives on, or reorder the axes with numpy.moveaxis",
    )


def _guess_dim(info: ArrayInfo, where: str) -> int:
    *rest, last = info.shape if info.shape else (0,)
    dim = len(rest) - 1 if last == 1 else len(rest)
    if not 1 <= dim <= 4 or (dim == 4 and last == 1):
        _fit(info, min(max(dim, 1), 3), where)
    if last != 1 and dim in (2, 3) and last <= 4 and min(rest[1:]) > 2 * last:
        lower, upper = (0.0,) * (dim - 1), (1.0,) * (dim - 1)
        raise DataError(
            f"the last axis of {info.shape} could be channels or an axis of the grid",
            where=where,
            expected="the domain, which says how many axes are space",
            found=f"shape {info.shape} and no domain",
            repair=f"for {last} channels give domain=Box({lower}, {upper}), otherwise a domain of "
            f"{dim} axes",
        )
    return min(max(dim, 1), 3)


def require_members(source: AbstractSource, names: Sequence[str]) -> int:
    """The common number of members, at least one."""
    shapes = {name: source.info(name).shape for name in names}
    counts = {shape[0] if shape else 0 for shape in shapes.values()}
    found = ", ".join(f"{name!r} has shape {shape}" for name, shape in shapes.items())
    if len(counts) > 1:
        raise DataError(
            "inputs and outputs have different numbers of members",
            where=str(source.location),
            expected="the first axes to have the same length",
            found=found,
            repair="check that both sets were written completely, and that the first axis counts "
            "members",
        )
    if 0 in counts:
        raise DataError(
            "the data has no members",
            where=str(source.location),
            expected="at least one pair",
            found=found,
            repair="check the program that wrote it",
        )
    return counts.pop()
