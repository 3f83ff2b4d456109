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
    from ._calibrate import AdaptiveBand as AdaptiveBand
    from ._calibrate import Band as Band
    from ._calibrate import Banded as Banded
    from ._calibrate import adapt as adapt
    from ._calibrate import calibrate as calibrate
    from ._data import open_pairs as open_pairs
    from ._data import write_pairs as write_pairs
    from ._evaluate import Report as Report
    from ._evaluate import evaluate as evaluate
    from ._fit import Fitted as Fitted
    from ._fit import Recipe as Recipe
    from ._fit import RelativeLoss as RelativeLoss
    from ._fit import Stream as Stream
    from ._fit import fit as fit
    from ._fit import recipe as recipe
    from ._fit import split as split
    from ._io import check_range as check_range
    from ._io import input_range as input_range
    from ._io import load as load
    from ._io import read_card as read_card
    from ._io import save as save
    from .operators import baselines as baselines

__version__ = "0.1.0"

# Public name -> "module" or "module:attribute". The block above repeats it for type checkers.
_PUBLIC = {
    "adapt": "riesz._calibrate:adapt",
    "AdaptiveBand": "riesz._calibrate:AdaptiveBand",
    "Band": "riesz._calibrate:Band",
    "Banded": "riesz._calibrate:Banded",
    "baselines": "riesz.operators:baselines",
    "calibrate": "riesz._calibrate:calibrate",
    "check_range": "riesz._io:check_range",
    "cli": "riesz.cli",
    "domains": "riesz.domains",
    "errors": "riesz.errors",
    "evaluate": "riesz._evaluate:evaluate",
    "fit": "riesz._fit:fit",
    "Fitted": "riesz._fit:Fitted",
    "functions": "riesz.functions",
    "input_range": "riesz._io:input_range",
    "kernels": "riesz.kernels",
    "load": "riesz._io:load",
    "networks": "riesz.networks",
    "objectives": "riesz.objectives",
    "open_pairs": "riesz._data:open_pairs",
    "operators": "riesz.operators",
    "papers": "riesz.papers",
    "problems": "riesz.problems",
    "processes": "riesz.processes",
    "read_card": "riesz._io:read_card",
    "Report": "riesz._evaluate:Report",
    "recipe": "riesz._fit:recipe",
    "Recipe": "riesz._fit:Recipe",
    "RelativeLoss": "riesz._fit:RelativeLoss",
    "save": "riesz._io:save",
    "split": "riesz._fit:split",
    "Stream": "riesz._fit:Stream",
    "testing": "riesz.testing",
    "theory": "riesz.theory",
    "write_pairs": "riesz._data:write_pairs",
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
