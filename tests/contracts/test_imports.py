"""What importing riesz may cost and change, and which module may import which."""

import ast
import importlib.util
import json
import pathlib
import subprocess
import sys
import time

import pytest

import riesz
from riesz.domains import AbstractDiscretization

PACKAGE = pathlib.Path(riesz.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# A module imports from layers on its left only. Packages of one layer may import each other, one
# way round. A new package joins the test by a place in this list.
LAYERS = [
    ["_core"],
    ["domains"],
    ["functions"],
    ["data"],
    ["kernels", "networks", "operators"],
    ["processes"],
    ["problems"],
    ["evaluation", "io", "learning", "objectives"],
    ["theory"],
    ["testing", "papers"],
    ["cli", "studio", "__main__"],
]
RANK = {package: rank for rank, layer in enumerate(LAYERS) for package in layer}

CLASS_CHECKS = {"isinstance", "issubclass"}

PICKLES = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}

# Packages of the extras: a riesz module that needs one may be absent from this environment.
EXTRAS = {"h5netcdf", "xarray"}


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree, package):
    """Every (line, dotted name) that the module imports, with relative imports resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = parents[: len(parents) - node.level + 1] if node.level else []
            base = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "riesz"
        ):  # `import riesz`, then `riesz.fit`
            yield node.lineno, f"riesz.{node.attr}"


def riesz_packages_used(source, package):
    """Every (line, package of riesz) that the source imports, public names at their real home."""
    for line, name in imported(ast.parse(source), package):
        top, _, rest = name.partition(".")
        if top != "riesz" or not rest:
            continue
        used = rest.partition(".")[0]
        if used in riesz._PUBLIC:
            used = riesz._PUBLIC[used].partition(":")[0].split(".")[1]
        if used not in ("errors", "__version__"):
            yield line, used


def wrong_imports(source, module, package):
    """What the source imports from its right, as messages."""
    own = module.split(".")[1]
    for line, used in riesz_packages_used(source, package):
        if used not in RANK:
            yield f"{module}:{line} imports riesz.{used}, which has no place in LAYERS"
        elif own not in RANK:
            yield f"{module}:{line} imports riesz.{used}, but riesz.{own} has no place in LAYERS"
        elif RANK[used] > RANK[own]:
            yield f"{module}:{line} imports riesz.{used} from its right"


def package_of(path):
    module = module_of(path)
    return module if path.name == "__init__.py" else module.rpartition(".")[0]


def test_modules_import_from_their_left_only():
    inner = [path for path in FILES if module_of(path) != "riesz"]
    wrong = [
        message
        for path in inner
        for message in wrong_imports(path.read_text(), module_of(path), package_of(path))
    ]
    assert not wrong, "\n".join(wrong)


def test_packages_of_one_layer_do_not_import_each_other_both_ways():
    edges = {
        (module_of(path).split(".")[1], used)
        for path in FILES
        if module_of(path) != "riesz"
        for _, used in riesz_packages_used(path.read_text(), package_of(path))
    }
    both = [(own, used) for own, used in sorted(edges) if own < used and (used, own) in edges]
    assert not both


@pytest.mark.parametrize(
    "source",
    [
        "from riesz.operators import FNO",
        "from riesz import operators",
        "from riesz import fit",
        "import riesz.operators",
        "import riesz\nriesz.fit",
        "from ..operators import FNO",
        "from .. import operators",
        "if TYPE_CHECKING:\n    from ..operators import FNO",
        "def late():\n    from riesz.operators import FNO",
        "from ..unheard import of",
    ],
)
def test_the_direction_check_sees_each_form_of_import(source):
    assert list(wrong_imports(source, "riesz.functions._function", "riesz.functions"))


@pytest.mark.parametrize(
    "source",
    ["from ..domains import Box", "from ._plot import plot", "from ..errors import DataError"],
)
def test_the_direction_check_allows_the_left_and_the_own_package(source):
    assert not list(wrong_imports(source, "riesz.functions._function", "riesz.functions"))


def private_imports(source, module):
    """What the source imports of other packages that is theirs alone, as messages."""
    own = module.split(".")[1]
    for line, name in imported(ast.parse(source), module.rpartition(".")[0]):
        top, *rest = name.split(".")
        other = top == "riesz" and rest[:1] not in ([own], ["_core"])
        if other and any(part.startswith("_") and not part.startswith("__") for part in rest):
            yield f"{module}:{line} imports {name}"


def test_no_private_import_across_packages():
    inner = [path for path in FILES if module_of(path) != "riesz"]
    found = [m for path in inner for m in private_imports(path.read_text(), module_of(path))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "from riesz.domains._json import grid_to_json",
        "from riesz.domains import _json",
        "def late():\n    import riesz.domains._json",
    ],
)
def test_the_privacy_check_sees_each_form(source):
    assert list(private_imports(source, "riesz.functions._function"))
    assert not list(private_imports("from riesz._core.files import x", "riesz.functions._function"))


def kinds_of_discretization():
    """The names of all discretizations of riesz; their contract is none of them."""
    kinds = [AbstractDiscretization]
    for kind in kinds:  # grows while it is read
        kinds.extend(kind.__subclasses__())
    return {kind.__name__ for kind in kinds[1:] if kind.__module__.startswith("riesz.domains.")}


def asked_kinds(source, names):
    """Every (line, name) at which the source asks whether a value is of one of these classes."""
    tree = ast.parse(source)
    aliases = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        asked = []
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in CLASS_CHECKS:
            asked = node.args[1:]
        elif isinstance(node, ast.Compare) and "type" in {
            getattr(part.func, "id", "") for part in ast.walk(node) if isinstance(part, ast.Call)
        }:
            asked = [node]
        elif isinstance(node, ast.MatchClass):
            asked = [node.cls]
        for part in (part for one in asked for part in ast.walk(one)):
            name = getattr(part, "id", getattr(part, "attr", ""))
            if aliases.get(name, name) in names:
                yield part.lineno, name


def test_only_domains_ask_which_kind_a_discretization_is():
    names = kinds_of_discretization()
    assert {"Grid", "MaskedGrid", "Points", "Mesh", "AbstractTensorGrid"} <= names
    outside = [path for path in FILES if not module_of(path).startswith("riesz.domains")]
    found = [
        f"{module_of(path)}:{line} asks for {name}; use or add a method of AbstractDiscretization"
        for path in outside
        for line, name in asked_kinds(path.read_text(), names)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "isinstance(x, Grid)",
        "isinstance(x, domains.Grid)",
        "isinstance(x, (int, Grid))",
        "isinstance(x, int | Grid | None)",
        "from riesz.domains import Grid as Lattice\nisinstance(x, Lattice)",
        "issubclass(kind, Grid)",
        "type(x) is Grid",
        "type(x) in (Grid, int)",
        "Grid == type(x)",
        "match x:\n    case Grid():\n        pass",
    ],
)
def test_the_check_of_kinds_sees_each_form(source):
    assert list(asked_kinds(source, {"Grid"}))
    assert not list(asked_kinds("isinstance(x, Tile), Grid(domain, 4)", {"Grid"}))


def unsafe(source):
    """Every (line, what) in the source that could run code from a file."""
    tree = ast.parse(source)
    for line, name in imported(tree, "riesz"):
        if name.partition(".")[0] in PICKLES:
            yield line, name
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
            yield node.lineno, node.func.id
        for keyword in node.keywords:
            safe = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            if keyword.arg == "allow_pickle" and not safe:
                yield node.lineno, keyword.arg


def test_no_pickle_and_no_evaluated_text():
    found = [(module_of(path), *what) for path in FILES for what in unsafe(path.read_text())]
    assert not found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib.numpy_pickle",
        "eval('1')",
        "exec('x = 1')",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
    ],
)
def test_the_safety_check_sees_each_form(source):
    assert list(unsafe(source))


def run(code, *arguments):
    """The standard output of the code in a fresh interpreter, away from the tests' settings."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def best_of_three(code, *arguments):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run(code, *arguments)
        times.append(time.perf_counter() - start)
    return min(times)


HEAVY = "heavy = {'jax', 'matplotlib', 'scipy', 'h5py'} & set(sys.modules); assert not heavy, heavy"


def test_import_riesz_is_fast_and_light():
    assert best_of_three(f"import sys, riesz; {HEAVY}") < 1.5


def test_help_is_fast_and_light():
    code = f"""
import sys
from riesz.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
{HEAVY}
"""
    assert best_of_three(code, "--help") < 0.6


def public_block():
    """The names that `riesz/__init__.py` re-exports for type checkers, each with its module."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name, f"{alias.name} is not re-exported as itself"
            home = f"riesz.{node.module}:{alias.name}" if node.module else f"riesz.{alias.name}"
            yield alias.name, home


def test_type_checkers_see_the_public_names():
    assert dict(public_block()) == riesz._PUBLIC
    assert set(dir(riesz)) == {*riesz._PUBLIC, "__version__"}


@pytest.mark.parametrize("name", sorted(riesz._PUBLIC))
def test_each_public_name_resolves(name):
    module = riesz._PUBLIC[name].partition(":")[0]
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        pytest.skip(f"{module} is not there yet")
    assert getattr(riesz, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'riesz' has no attribute 'fits'$"):
        _ = riesz.fits


# Dependencies come first, since some of them do add warning filters; then nothing may change.
CHANGES = """
import importlib, json, random, sys, warnings
modules, others, extras = json.loads(sys.argv[1])
for name in others:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
import jax, numpy
def state():
    return dict(
        flags=dict(jax.config.values),
        filters=list(warnings.filters),
        seeds=(random.getstate(), repr(numpy.random.get_state())),
    )
before = state()
for name in modules:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in extras:
            raise
    after = state()
    changed = [part for part in before if before[part] != after[part]]
    assert not changed, f"importing {name} changes {changed}"
print("unchanged")
"""


def test_importing_every_module_changes_no_global_state():
    modules = [name for name in map(module_of, FILES) if not name.endswith("__main__")]
    others = {
        name if isinstance(node, ast.Import) else node.module
        for path in FILES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level)
        for name in (alias.name for alias in node.names)
    }
    others = sorted(name for name in others if name.partition(".")[0] != "riesz")
    assert run(CHANGES, json.dumps([modules, others, sorted(EXTRAS)])) == "unchanged\n"
