"""One name, one thing: classes of riesz do not share names."""

import ast
import inspect
import pathlib
from collections import defaultdict

import riesz

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
