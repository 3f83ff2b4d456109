"""Learning in function spaces: operators between functions, and distributions over them.

Everything below is loaded on first use, so that `import riesz` is fast and changes no JAX flag,
no warning filter and no seed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import cli as cli
    from . import domains as domains
    from . import errors as errors
    from . import functions as functions
    from . import kernels as kernels
    from . import networks as networks
    from . import objectives as objectives
    from . import operators as operators
    from . import papers as papers
    from . import problems as problems
    from . import processes as processes
    from . import testing as testing
    from . import theory as theory
    from .data import open_pairs as open_pairs
    from .data import write_pairs as write_pairs
    from .evaluation import AdaptiveBand as AdaptiveBand
    from .evaluation import Band as Band
    from .evaluation import Banded as Banded
    from .evaluation import Report as Report
    from .evaluation import adapt as adapt
    from .evaluation import calibrate as calibrate
    from .evaluation import check_range as check_range
    from .evaluation import evaluate as evaluate
    from .evaluation import input_range as input_range
    from .io import load as load
    from .io import read_card as read_card
    from .io import save as save
    from .learning import Fitted as Fitted
    from .learning import Recipe as Recipe
    from .learning import RelativeLoss as RelativeLoss
    from .learning import Stream as Stream
    from .learning import fit as fit
    from .learning import recipe as recipe
    from .learning import split as split
    from .operators import baselines as baselines

__version__ = "0.1.0"

# Public name -> "module" or "module:attribute". The block above repeats it for type checkers.
_PUBLIC = {
    "adapt": "riesz.evaluation:adapt",
    "AdaptiveBand": "riesz.evaluation:AdaptiveBand",
    "Band": "riesz.evaluation:Band",
    "Banded": "riesz.evaluation:Banded",
    "baselines": "riesz.operators:baselines",
    "calibrate": "riesz.evaluation:calibrate",
    "check_range": "riesz.evaluation:check_range",
    "cli": "riesz.cli",
    "domains": "riesz.domains",
    "errors": "riesz.errors",
    "evaluate": "riesz.evaluation:evaluate",
    "fit": "riesz.learning:fit",
    "Fitted": "riesz.learning:Fitted",
    "functions": "riesz.functions",
    "input_range": "riesz.evaluation:input_range",
    "kernels": "riesz.kernels",
    "load": "riesz.io:load",
    "networks": "riesz.networks",
    "objectives": "riesz.objectives",
    "open_pairs": "riesz.data:open_pairs",
    "operators": "riesz.operators",
    "papers": "riesz.papers",
    "problems": "riesz.problems",
    "processes": "riesz.processes",
    "read_card": "riesz.io:read_card",
    "Report": "riesz.evaluation:Report",
    "recipe": "riesz.learning:recipe",
    "Recipe": "riesz.learning:Recipe",
    "RelativeLoss": "riesz.learning:RelativeLoss",
    "save": "riesz.io:save",
    "split": "riesz.learning:split",
    "Stream": "riesz.learning:Stream",
    "testing": "riesz.testing",
    "theory": "riesz.theory",
    "write_pairs": "riesz.data:write_pairs",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'riesz' has no attribute {name!r}")
    module, _, attribute = _PUBLIC[name].partition(":")
    value = import_module(module)
    if attribute:
        value = getattr(value, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_PUBLIC, "__version__"])
