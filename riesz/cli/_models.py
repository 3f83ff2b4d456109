"""Opening a model of a run folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from riesz.cli._defaults import MOST_BASELINE_VALUES
from riesz.errors import UsageError

if TYPE_CHECKING:
    from riesz.evaluation import Banded
    from riesz.operators import AbstractOperator

BASELINES = "baselines"


def open_model(run: Path) -> "tuple[AbstractOperator | Banded, dict[str, Any]]":
    """The operator of a run, and its card; an empty card where it was saved without."""
    from riesz.io import load, read_card

    require_model(run)
    return load(run), read_card(run)


def is_process(run: Path) -> bool:
    """Whether the model of a folder is a process of riesz."""
    from riesz.io import read_model

    require_model(run)
    structure = read_model(run)["structure"]
    return isinstance(structure, dict) and str(structure.get("class")).startswith("processes.")


def require_model(run: Path) -> None:
    """Say so when a run has no model yet."""
    if (run / "run.json").is_file() and not (run / "model.json").exists():
        raise UsageError(
            "this run has no model yet: it is unfinished",
            where=str(run),
            expected="a finished run",
            repair="repeat its riesz train command, which goes on where it stopped",
        )


def save_baselines(run: Path, baselines: "dict[str, AbstractOperator]") -> None:
    """Keep the baselines as models in folders of the run, except those of very many values."""
    import jax

    from riesz import save

    for name, operator in baselines.items():
        if sum(x.size for x in jax.tree.leaves(operator)) <= MOST_BASELINE_VALUES:
            save(run / BASELINES / name.replace(" ", "-"), operator, card={"name": name})


def load_baselines(run: Path) -> "dict[str, AbstractOperator]":
    """The baselines of a run by name, which were fitted to the same training pairs."""
    from riesz import load, read_card

    folders = sorted(p.parent for p in (run / BASELINES).glob("*/model.json"))
    return {read_card(folder)["name"]: load(folder) for folder in folders}  # pyright: ignore[reportReturnType]
