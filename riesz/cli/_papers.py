"""`riesz papers` and `riesz reproduce`."""

import difflib
from typing import Annotated, Any

import typer

from riesz._core.progress import say
from riesz.cli._app import AsJson, command
from riesz.cli._output import Answer
from riesz.errors import UsageError

_FIELDS = ("name", "title", "claim", "published", "measured", "seconds", "date")


@command("papers", "riesz papers --json")
def papers(as_json: AsJson = False) -> Answer:
    """List the papers that are reproduced.

    With their claims, the published figures and the last ones measured here.
    """
    from riesz.papers import PAPERS

    rows = [record(name, paper) for name, paper in PAPERS.items()]
    return Answer(rows, "\n\n".join(map(_text, rows)) or "no papers yet")


@command("reproduce", "riesz reproduce NAME", "riesz reproduce --all")
def reproduce(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A paper of riesz papers.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All papers.")] = False,
    as_json: AsJson = False,
) -> Answer:
    """Run a paper's claim in miniature.

    The figure is recorded, and shown by riesz papers.
    """
    from riesz.papers import PAPERS
    from riesz.papers import reproduce as reproduce_paper

    if (name is None) != every:
        raise UsageError(
            "riesz reproduce takes the name of one paper, or --all",
            where="riesz reproduce",
            repair="riesz papers lists the names",
        )
    if name is not None and name not in PAPERS:
        near = difflib.get_close_matches(name, PAPERS, n=1)
        raise UsageError(
            f"{name!r} is not the name of a paper",
            where="riesz reproduce",
            expected=", ".join(PAPERS) or "nothing: there are no papers yet",
            repair=f"did you mean {near[0]!r}?" if near else "riesz papers lists them",
        )
    rows = []
    for one in PAPERS if name is None else [name]:
        say(f"reproducing {one}")
        reproduce_paper(one)
        rows.append(record(one, PAPERS[one]))
    return Answer(rows, "\n\n".join(map(_text, rows)) or "no papers yet")


def record(name: str, paper: Any) -> dict[str, Any]:
    """What is known of a paper."""
    return {**{field: getattr(paper, field, None) for field in _FIELDS}, "name": name}


def _text(row: dict[str, Any]) -> str:
    lines = [f"{row['name']}: {row['title']}"]
    names = ("claim", "published", "measured", "seconds", "date")
    return "\n".join([*lines, *(f"  {name + ':':<10} {_cell(row[name])}" for name in names)])


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {x:.4g}" for name, x in value.items())
    return "not run" if value is None else str(value)
