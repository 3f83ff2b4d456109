"""Write docs/command-line.md from the help of `riesz` and of its commands.

python benchmarks/command_line.py
"""

import pathlib

import typer

from riesz.cli import app

OUT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "command-line.md"
WIDTH = 100

START = """# Command line

Written by `python benchmarks/command_line.py` from the program's own help.

A command prints its answer on standard output and everything else (progress, notes, warnings) on
standard error. `--json` prints one JSON value instead of text, also for an error.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | a solver, a fit or the operating system failed |
| 2 | the call or the data is wrong; the text says what to change |
| 130 | interrupted; the text says the command that goes on |
"""


def page() -> str:
    """The page."""
    command = typer.main.get_command(app)
    parts = [START]
    with command.make_context("riesz", [], resilient_parsing=True, terminal_width=WIDTH) as top:
        parts.append(_block("riesz", command.get_help(top)))
        for name in command.list_commands(top):
            inner = command.get_command(top, name)
            with inner.make_context(
                name, [], parent=top, resilient_parsing=True, terminal_width=WIDTH
            ) as context:
                parts.append(_block(f"riesz {name}", inner.get_help(context)))
    return "\n".join(parts)


def _block(title: str, text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.rstrip().splitlines())
    return f"## {title}\n\n```text\n{lines}\n```\n"


if __name__ == "__main__":
    OUT.write_text(page())
    print(f"written: {OUT.name}")
