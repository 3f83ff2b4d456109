"""`riesz problems`, `riesz operators` and `riesz formats`."""

import inspect
from typing import Any

from riesz.cli._app import AsJson, command
from riesz.cli._output import Answer, table


@command("problems", "riesz problems")
def problems(as_json: AsJson = False) -> Answer:
    """List the problems to sample from."""
    from riesz.cli._source import make_problem
    from riesz.problems import PROBLEMS

    rows: list[dict[str, Any]] = []
    for name, kind in PROBLEMS.items():
        problem = make_problem(name)
        signature = inspect.signature(kind).parameters.values()
        arguments = {p.name: p.default for p in signature if p.default is not p.empty}
        rows.append(
            {
                "name": name,
                "what": _summary(kind),
                "dimension": problem.input_space.domain.dim,
                "order": problem.order,
                "arguments": {k: v for k, v in arguments.items() if _simple(v)},
            }
        )
    cells = [(r["name"], r["what"], _listed(r["arguments"])) for r in rows]
    return Answer(rows, table(("problem", "what", "arguments in Python"), cells))


@command("operators", "riesz operators")
def operators(as_json: AsJson = False) -> Answer:
    """List the operators to train."""
    from riesz.operators import OPERATORS

    rows: list[dict[str, Any]] = []
    for name, kind in OPERATORS.items():
        signature = inspect.signature(kind).parameters
        if "key" not in signature:  # wrappers and baselines, which hold no random weights
            continue
        arguments = {p.name: p.default for p in signature.values() if p.default is not p.empty}
        rows.append({"name": name, "what": _summary(kind), "arguments": arguments})
    cells = [(r["name"], r["what"], _listed(r["arguments"])) for r in rows]
    return Answer(rows, table(("operator", "what", "arguments"), cells))


@command("formats", "riesz formats")
def formats(as_json: AsJson = False) -> Answer:
    """List the formats of data files."""
    from riesz.data import FORMATS

    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "suffixes": list(kind.suffixes),
            "written": kind.writable(),
            "what": _summary(kind),
        }
        for name, kind in FORMATS.items()
    ]
    cells = [
        (r["name"], " ".join(r["suffixes"]), "read, written" if r["written"] else "read", r["what"])
        for r in rows
    ]
    return Answer(rows, table(("format", "names end in", "files are", "what"), cells))


def _summary(kind: type) -> str:
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ").rstrip(".")


def _simple(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _listed(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in arguments.items())
