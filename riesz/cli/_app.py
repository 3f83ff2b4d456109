"""The application, to which each command adds itself."""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from riesz.cli._guard import guarded
from riesz.cli._output import Answer

ORDER = [
    "train",
    "evaluate",
    "predict",
    "info",
    "fit-process",
    "fit-flow",
    "solve",
    "kernel",
    "sample",
    "problems",
    "operators",
    "formats",
    "papers",
    "reproduce",
]


class InOrder(TyperGroup):
    """The commands in the order in which one needs them."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: D102
        return [name for name in ORDER if name in self.commands]


app = typer.Typer(
    name="riesz",
    cls=InOrder,
    help="Learn maps between functions, with honest error bands.",
    epilog="\b\nExample:\n  riesz train darcy --out runs/darcy --time-budget 120\n"
    "  riesz evaluate runs/darcy --grid 32 --grid 64 --json",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback()
def main(
    trust: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE",
            help="Import a module of your own: what it registers can be named, models with its "
            "classes are loaded. May be given several times.",
        ),
    ] = None,
) -> None:
    """Import what the caller trusts."""
    from riesz.cli._models import TRUSTED

    TRUSTED[:] = trust or []
    sys.path[:0] = [os.getcwd()] if TRUSTED and os.getcwd() not in sys.path else []
    for name in TRUSTED:
        try:
            import_module(name)
        except ImportError as error:
            raise typer.BadParameter(f"--trust {name}: {error}") from None


# Options that several commands have.
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]
Data = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="FILE::GROUP", help="A file with pairs, as riesz formats lists them."
    ),
]
Input = Annotated[
    str | None, typer.Option("--input", metavar="NAME", help="Data set of the inputs.")
]
Output = Annotated[
    str | None, typer.Option("--output", metavar="NAME", help="Data set of the outputs.")
]
Lead = Annotated[
    int | None,
    typer.Option(
        "--lead",
        metavar="K",
        help="Pairs of a series: each sample of one data set and that K steps later in time.",
        min=1,
    ),
]
Domain = Annotated[
    str | None,
    typer.Option(
        "--domain",
        metavar="RANGES",
        help="Ends of each axis of space, such as 0:1,0:2. This option and the next three take "
        "one value for both sides, or 'input=VALUE;output=VALUE'.",
    ),
]
Channels = Annotated[
    str | None,
    typer.Option(
        "--channels",
        metavar="PLACE",
        help="first, (n, channels, *grid); last, (n, *grid, channels); or none.",
    ),
]
Periodic = Annotated[
    str | None,
    typer.Option(
        "--periodic",
        metavar="YES|NO",
        help="Whether the axes of space are closed; for all, or for each, such as yes,no.",
    ),
]
Nodes = Annotated[
    str | None,
    typer.Option(
        "--nodes",
        metavar="KIND",
        help="Where the samples lie: vertex (both ends), left (the far end is not stored), right, "
        "centre, chebyshev, uniform; for all axes of space, or for each, such as vertex,left.",
    ),
]
Apart = Annotated[
    bool | None,
    typer.Option(
        "--apart",
        help="Keep several functions of one domain apart, each at its own points, for operators "
        "such as MIONet; functions on several domains always are.",
    ),
]


def count(help: str, min: int | None = None, max: int | None = None) -> Any:
    """An option that is a whole number."""
    return typer.Option(metavar="N", help=help, min=min, max=max)


def command(name: str, *examples: str) -> Callable[[Callable[..., Answer]], Callable[..., Any]]:
    """Make a function that returns an `Answer` a command, with examples in its help."""
    lines = "\n".join(f"  {example}" for example in examples)

    def register(function: Callable[..., Answer]) -> Callable[..., Any]:
        epilog = f"\b\nExample{'s' if len(examples) > 1 else ''}:\n{lines}"
        return app.command(name, epilog=epilog)(guarded(function))

    return register
