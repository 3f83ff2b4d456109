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
    from . import operators as operators
    from . import papers as papers
    from . import problems as problems
    from . import testing as testing
    from ._calibrate import calibrate as calibrate
    from ._evaluate import evaluate as evaluate
    from ._fit import fit as fit
    from ._io import load as load
    from ._io import save as save

__version__ = "0.1.0"

# Public name -> "module" or "module:attribute". The block above repeats it for type checkers.
_PUBLIC = {
    "calibrate": "riesz._calibrate:calibrate",
    "cli": "riesz.cli",
    "domains": "riesz.domains",
    "errors": "riesz.errors",
    "evaluate": "riesz._evaluate:evaluate",
    "fit": "riesz._fit:fit",
    "functions": "riesz.functions",
    "load": "riesz._io:load",
    "operators": "riesz.operators",
    "papers": "riesz.papers",
    "problems": "riesz.problems",
    "save": "riesz._io:save",
    "testing": "riesz.testing",
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
