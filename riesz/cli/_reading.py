"""The options that say how a data file is read, for every command that reads one."""

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from riesz.errors import UsageError

if TYPE_CHECKING:
    from riesz.data import AbstractSource, PairsFile
    from riesz.domains import AbstractDomain

_SIDES = ("input", "output")


@dataclass(frozen=True)
class Reading:
    """What the options of a command say of a file, as they were typed.

    The options `domain`, `channels`, `periodic` and `nodes` hold one value for both sides, or
    `input=VALUE;output=VALUE`; a value for each axis of space is separated by commas.
    """

    input: str | None = None
    output: str | None = None
    lead: int | None = None
    domain: str | None = None
    channels: str | None = None
    periodic: str | None = None
    nodes: str | None = None
    apart: bool | None = None

    def given(self) -> dict[str, Any]:
        """The options that were given, by name."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def side(self, role: str) -> dict[str, Any]:
        """The domain, channels, periodicity and nodes of one side, or of an array by its name."""
        periodic = _per_axis("periodic", self._of("periodic", role), _yes_or_no)
        nodes = _per_axis("nodes", self._of("nodes", role), str)
        domain, channels = self._of("domain", role), self._of("channels", role)
        if channels not in (None, "first", "last", "none"):
            raise _wrong("channels", channels, "first, last or none")
        where = None if domain is None else _domain(domain, periodic)
        return {
            "domain": where,
            "channels": channels,
            "periodic": None if where is not None else periodic,
            "nodes": nodes,
        }

    def arguments(self) -> dict[str, Any]:
        """The arguments of `open_pairs`."""
        own = {"input": self.input, "output": self.output, "lead": self.lead}
        return {**own, "apart": bool(self.apart), **self.options()}

    def options(self) -> dict[str, Any]:
        """The domain, channels, periodicity and nodes, by side and by the names of arrays."""
        roles = (*_SIDES, *self._names())
        sides = {role: self.side(role) for role in roles}
        both: dict[str, Any] = {name: {} for name in sides["input"]}
        for role, side in sides.items():
            for name, value in side.items():
                if value is not None:
                    both[name][role] = value
        return both

    def _names(self) -> tuple[str, ...]:
        """Names of arrays, where several make one side."""
        given = (text for text in (self.input, self.output) if text)
        return tuple(name.strip() for text in given for name in text.split(","))

    def _of(self, option: str, role: str) -> str | None:
        text = getattr(self, option)
        if text is None or "=" not in text:
            return text.strip() if text else None
        known = (*_SIDES, *self._names())
        parts = dict(_assignment(option, p, known) for p in text.split(";") if p.strip())
        return parts.get(role)


def known_reading(
    reading: Reading, card: dict[str, Any], source: "AbstractSource", role: str = "input"
) -> tuple[Reading, list[str]]:
    """The options with what is known of the training data in place of those not given.

    Only for arrays of other programs without coordinates. The lines say what was taken.
    """
    from riesz.data.internal import axes_of, fields_of, names_in

    data, lines = card.get("data", {}), []
    if source.description is not None or not data:
        return reading, lines
    values = reading.given()
    names = fields_of(source)
    for option in _SIDES:
        known = names_in(source, data.get(option))
        one = len(names) > 1 and set(known) <= set(source.arrays)
        if option not in values and (one or len(known) > 1):  # of several each is needed
            values[option] = data[option]
    if "=" in str(data.get("nodes")):  # said for each array
        values.setdefault("nodes", data["nodes"])
    name = values.get(role) or (next(iter(names)) if len(names) == 1 else None)
    name = next((n for n in names_in(source, name) if n in names), name)
    told = "nodes" in values or name not in source.arrays
    axes = () if told else axes_of(source, str(name), role)
    if any(a.values is not None and a.role in ("space", "points") for a in axes):
        return Reading(**values), lines
    for option in ("nodes", "channels"):
        if "=" in str(data.get(option)):  # said for each side or array
            values.setdefault(option, data[option])
            continue
        sides = {
            r: data.get(f"{prefix}{option}")
            for r, prefix in zip(_SIDES, ("", "output_"), strict=True)
        }
        said = {r: ",".join(v) if isinstance(v, list) else v for r, v in sides.items() if _plain(v)}
        if option not in values and said:
            values[option] = ";".join(f"{r}={v}" for r, v in said.items())
            lines.append(f"--{option} {values[option]!r}, as in the training data")
    return Reading(**values), lines


def known_pairs(spec: str, reading: Reading, card: dict[str, Any], model: Any) -> "PairsFile":
    """The pairs of a file, read as the training data of the model where the options are silent."""
    from riesz._core.progress import say
    from riesz.data import Location, open_pairs
    from riesz.data.internal import open_source

    data = card.get("data", {})
    reading, lines = known_reading(reading, card, open_source(Location(spec)))
    if reading.lead is None and data.get("input") == data.get("output"):
        reading = replace(reading, lead=data.get("lead"))
    for line in lines:
        say(f"note: taken {line}")
    return open_pairs(spec, **reading.arguments(), problem=model)


def _plain(value: Any) -> bool:
    """Whether a value of the card can be written as an option."""
    return bool(value) and (isinstance(value, str) or all(isinstance(k, str) for k in value))


def _assignment(option: str, part: str, known: tuple[str, ...]) -> tuple[str, str]:
    role, _, value = (x.strip() for x in part.partition("="))
    if role not in known or not value:
        raise _wrong(option, part, "VALUE, or input=VALUE;output=VALUE, or NAME=VALUE of an array")
    return role, value


def _per_axis(option: str, text: str | None, read: Any) -> Any:
    if text is None:
        return None
    parts = [read(part.strip()) for part in text.split(",")]
    return tuple(parts) if len(parts) > 1 else parts[0]


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise _wrong("periodic", text, "yes or no, for all axes or for each, such as yes,no")
    return text.lower() == "yes"


def _domain(text: str, periodic: Any) -> "AbstractDomain":
    from riesz.domains.internal import domain_from_json
    from riesz.errors import DomainError

    try:
        ends = [tuple(map(float, part.split(":"))) for part in text.split(",")]
        lower, upper = ([float(e[i]) for e in ends] for i in (0, 1))
        closed = list(periodic) if isinstance(periodic, tuple) else [bool(periodic)] * len(ends)
        if any(len(e) != 2 for e in ends):
            raise ValueError(text)
        return domain_from_json({"lower": lower, "upper": upper, "periodic": closed})
    except (ValueError, IndexError, DomainError):
        raise _wrong("domain", text, "LOWER:UPPER for each axis, such as 0:1,0:2") from None


def _wrong(option: str, found: str, expected: str) -> UsageError:
    return UsageError(
        f"--{option} cannot be read",
        where=f"--{option}",
        expected=expected,
        found=found,
        repair="quote it in the shell where it holds a semicolon: "
        "--nodes 'input=vertex,left;output=centre'",
    )
