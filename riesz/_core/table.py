"""Tables of results: for rich, and as plain text."""

from collections.abc import Sequence
from io import StringIO
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_WIDTH = 140  # characters of a line, at least


def make_table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Rows of text below headers; columns with a header are aligned at the right."""
    table = Table(title=title, box=SIMPLE_HEAD)
    for name in headers:
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def plain(printed: Any, *tables: Table) -> str:
    """What rich prints, without colours, on lines as wide as the widest of the tables."""
    text, wide = StringIO(), Console(width=10_000)
    width = max(_WIDTH, *(wide.measure(table).maximum for table in tables))
    Console(file=text, width=width, color_system=None).print(printed)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
