"""Opening a model of a run folder."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riesz.cli._defaults import MOST_BASELINE_VALUES
from riesz.errors import UsageError

if TYPE_CHECKING:
    from riesz.evaluation import Banded
    from riesz.operators import AbstractOperator

BASELINES = "baselines"


TRUSTED: list[str] = []  # modules outside riesz, of this call of the program


def load_model(folder: Path) -> Any:
    """The model of a folder, whose classes are of riesz or of a module given with --trust."""
    from riesz.io import load

    return load(folder, trust=TRUSTED)


def open_model(run: Path) -> "tuple[AbstractOperator | Banded, dict[str, Any]]":
    """The operator of a run, and its card; an empty card where it was saved without."""
    from riesz.io import read_card

    require_model(run)
    return load_model(run), read_card(run)


def answers_at_points(run: Path) -> bool:
    """Whether the model of a folder is a process or a field, which are evaluated at points."""
    from riesz.functions import Field
    from riesz.io.internal import model_class
    from riesz.processes import PROCESSES

    require_model(run)
    return model_class(run, trust=TRUSTED) in (Field, *PROCESSES.values())


def has_double_numbers(run: Path) -> bool:
    """Whether a model was saved with numbers of 64 bits, which it then computes with."""
    from riesz.io import read_model

    return "float64" in json.dumps(read_model(run)["structure"])


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
    from riesz import read_card

    folders = sorted(p.parent for p in (run / BASELINES).glob("*/model.json"))
    return {read_card(folder)["name"]: load_model(folder) for folder in folders}
