"""Opening a model of a run folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from riesz.errors import UsageError

if TYPE_CHECKING:
    from riesz._calibrate import Banded
    from riesz.operators import AbstractOperator


def open_model(run: Path) -> "tuple[AbstractOperator | Banded, dict[str, Any]]":
    """The operator of a run, and its card; an empty card where it was saved without."""
    from riesz._io import load, read_card

    require_model(run)
    return load(run), read_card(run)


def require_model(run: Path) -> None:
    """Say so when a run has no model yet."""
    if (run / "run.json").is_file() and not (run / "model.json").exists():
        raise UsageError(
            "this run has no model yet: it is unfinished",
            where=str(run),
            expected="a finished run",
            repair="repeat its riesz train command, which goes on where it stopped",
        )
