"""One name, one thing: classes of riesz do not share names."""

import ast
import inspect
import pathlib
from collections import defaultdict

import riesz
from riesz.data import FORMATS
from riesz.domains import DISCRETIZATIONS
from riesz.operators import OPERATORS
from riesz.problems import PROBLEMS
from riesz.processes import PROCESSES

PACKAGE = pathlib.Path(riesz.__file__).parent

# Public classes that share a name, each the standard term for its kind of object.
SHARED = {
    "DeepONet": {"networks", "operators"},
    "Product": {"domains", "kernels", "networks"},
    "Residual": {"learning", "networks"},
    "Sum": {"kernels", "networks"},
}


def public_classes():
    """The classes of riesz that a user can import, by name."""
    found = defaultdict(set)
    for name in riesz._PUBLIC:
        value = getattr(riesz, name)
        members = vars(value) if inspect.ismodule(value) else {name: value}
        for key, member in members.items():
            own = inspect.isclass(member) and member.__module__.startswith("riesz.")
            if own and not key.startswith("_"):
                found[key].add(member)
    return found


PUBLIC = public_classes()


def defined():
    """Every (name, module) of a class that a module of riesz defines."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                yield node.name, module


def test_public_classes_have_names_of_their_own():
    shared = {
        name: {kind.__module__.split(".")[1] for kind in kinds}
        for name, kinds in PUBLIC.items()
        if len(kinds) > 1
    }
    assert shared == SHARED


def test_no_other_class_has_the_name_of_a_public_one():
    homes = {name: {kind.__module__ for kind in kinds} for name, kinds in PUBLIC.items()}
    homonyms = [(n, module) for n, module in defined() if n in homes and module not in homes[n]]
    assert not homonyms


def test_no_alias_has_the_name_of_a_public_class():
    # Types of options of the command line are named after the option.
    paths = [path for path in PACKAGE.rglob("*.py") if "cli" not in path.parts]
    aliases = [
        (target.id, path.name)
        for path in paths
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in PUBLIC
    ]
    assert not aliases


REGISTERED = {*OPERATORS, *PROBLEMS, *PROCESSES, *DISCRETIZATIONS}
SUFFIXES = {suffix for kind in FORMATS.values() for suffix in kind.suffixes}


def lists_of(names, source):
    """The lines of lists, tuples, sets and dicts that hold two of the names or more as text."""
    for node in ast.walk(ast.parse(source)):
        parts = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
        texts = [part.value for part in parts if isinstance(part, ast.Constant)]
        if len([text for text in texts if text in names]) > 1:
            yield node.lineno


def test_no_list_of_registered_names_beside_the_registries():
    # The batteries list instances, and a paper names the problems that it measures.
    paths = [p for p in PACKAGE.rglob("*.py") if not {"testing", "papers"} & set(p.parts)]
    formats = [path for path in paths if "_formats" not in path.parts]
    lists = [(p, line) for p in paths for line in lists_of(REGISTERED, p.read_text())]
    lists += [(p, line) for p in formats for line in lists_of(SUFFIXES, p.read_text())]
    assert not [f"{path.relative_to(PACKAGE)}:{line}" for path, line in lists]


def test_the_check_of_lists_sees_each_form():
    for form in ('["FNO", "DeepONet"]', '("FNO", "DeepONet")', '{"FNO", "DeepONet"}',
                 '{"FNO": 1, "DeepONet": 2}', 'x in ("FNO", "other", "DeepONet")'):  # fmt: skip
        assert list(lists_of(REGISTERED, form)) == [1]
    assert not list(lists_of(REGISTERED, '["FNO", "other"]'))
