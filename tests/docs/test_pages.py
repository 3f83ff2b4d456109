"""The pages: their Python runs, their commands parse, their links lead somewhere, and what scripts
write into them is current.

Numbers of training steps, sizes of operators and the parts named in `SMALLER` are made small, so
that a page is executed in seconds; nothing else of a page is changed. Pages are code of users: they
run without the strict dtype promotion of the other tests.
"""

import importlib
import importlib.util
import inspect
import pathlib
import re
import shlex
import sys
import types

import h5py
import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
import typer

import riesz
from riesz.cli import app, run
from riesz.data import FORMATS
from riesz.operators import OPERATORS
from riesz.problems import PROBLEMS
from riesz.processes import PROCESSES

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    if path.parent != DOCS / "tables"
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

SIZES = {
    r"\b(steps|time_budget)=\d+": "steps=2",
    r"\bmodes=\d+": "modes=3",
    r"\bwidth=\d+": "width=4",
    r"\blayers=\d+": "layers=1",
}
SMALLER = {
    "README.md": {
        "problem.sample(256, grid=64": "problem.sample(60, grid=16",
        "modes=3, width=4": "modes=3, width=4, layers=1",
        # docs/verbs/evaluate.md evaluates on a problem
        "problem, resolutions=(32, 64, 128), key=keys[5]": "held_out",
        "problem.discretization(100)": "problem.discretization(20)",
    },
    "docs/tutorial.md": {"rods(400, x)": "rods(100, x)"},
}
SMALL_COMMAND = "--steps 2 --operator 'FNO(modes=2, width=4, layers=1)'"


def blocks(page, language):
    """The code of each block and the line on which it starts."""
    text = (ROOT / page).read_text()
    for match in BLOCK.finditer(text):
        if match[1] == language:
            yield text[: match.start(2)].count("\n"), match[2]


def script(page):
    """All Python blocks of a page, each on its own lines, with the small sizes."""
    lines = []
    for start, code in blocks(page, "python"):
        lines += [""] * (start - len(lines)) + code.splitlines()
    code = "\n".join(lines)
    for pattern, small in SIZES.items():
        code = re.sub(pattern, small, code)
    for large, small in SMALLER.get(page, {}).items():
        assert large in code, f"{page} does not contain {large!r} any more"
        code = code.replace(large, small)
    return code


def commands(page):
    """The arguments of every `riesz ...` line of the shell blocks."""
    for _, code in blocks(page, "sh"):
        for line in code.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["riesz"] and len(words) > 1:
                yield words[3:] if words[1] == "--trust" else words[1:]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A temporary folder, pictures that are not shown, and the registries as they were."""
    plt.switch_backend("Agg")
    monkeypatch.chdir(tmp_path)
    registries = OPERATORS, PROBLEMS, PROCESSES, FORMATS
    kept = [dict(registry._classes) for registry in registries]
    monkeypatch.setitem(sys.modules, "page", types.ModuleType("page"))
    yield
    for registry, classes in zip(registries, kept, strict=True):
        registry._classes = classes
    plt.close("all")


def write_arrays(path):
    """The file of another program that the page on data reads."""
    random = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for name in ("train/coefficient", "train/pressure"):
            file[name] = random.normal(size=(40, 16, 16)).astype(np.float32)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::riesz.errors.InputRangeWarning")
@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page, "python"))])
def test_the_python_of_a_page_runs(page, elsewhere):
    if page == "docs/how-to/data.md":
        write_arrays("darcy.h5")
    with jax.numpy_dtype_promotion("standard"):
        exec(compile(script(page), str(ROOT / page), "exec"), vars(sys.modules["page"]))
    if page != "docs/tutorial.md":
        return
    for words in commands(page):
        line = re.sub(r"--time-budget \d+", SMALL_COMMAND, shlex.join(words))
        line = line.replace("--samples 300 --grid 64", "--samples 60 --grid 16")
        assert run(shlex.split(line)) == 0, f"riesz {line}"


@pytest.mark.parametrize("page", [page for page in PAGES if any(commands(page))])
def test_the_commands_of_a_page_are_understood(page):
    command = typer.main.get_command(app)
    with command.make_context("riesz", [], resilient_parsing=True) as top:
        for words in commands(page):
            inner = command.get_command(top, words[0])
            assert inner is not None, f"riesz {words[0]}"
            with inner.make_context(words[0], words[1:], parent=top):
                pass


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_somewhere(page):
    text = BLOCK.sub("", (ROOT / page).read_text())
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    here = (ROOT / page).parent
    local = [target.partition("#")[0] for target in targets if "://" not in target]
    missing = [target for target in local if target and not (here / target).exists()]
    assert not missing


def script_of(name):
    path = ROOT / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_what_the_scripts_wrote():
    readme = script_of("readme")
    repair = "run python benchmarks/readme.py"
    assert (readme.TABLES / "papers.md").read_text() == readme.papers(), repair
    for page in readme.PAGES:
        assert page.read_text() == readme.rewritten(page), f"{page.name}: {repair}"


def test_the_reference_of_the_command_line_is_current():
    page = script_of("command_line")
    assert page.OUT.read_text() == page.page(), "run python benchmarks/command_line.py"


def test_every_page_of_the_site_is_in_its_navigation():
    listed = (ROOT / "mkdocs.yml").read_text()
    pages = [page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")]
    assert not [page for page in pages if f": {page}\n" not in listed]


def re_exports(module):
    """The names that a package re-exports, `from ... import X as X`."""
    text = pathlib.Path(module.__file__).read_text()
    return re.findall(r"import (\w+) as \1$", text, re.MULTILINE)


PACKAGES = sorted({home.partition(":")[0] for home in riesz._PUBLIC.values()} | {"riesz.data"})


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_a_docstring(package):
    module = importlib.import_module(package)
    assert inspect.getdoc(module)
    public = [getattr(module, name) for name in re_exports(module) if not name.startswith("_")]
    things = [thing for thing in public if inspect.isclass(thing) or inspect.isfunction(thing)]
    assert not [thing.__name__ for thing in things if not thing.__doc__]
