"""Descriptions of networks as text: written as they are in Python, and read back."""

import ast
import dataclasses
import difflib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from riesz._core.tracing import traced
from riesz.errors import ModelError
from riesz.networks._graph import HashedArray
from riesz.networks._network import AbstractNetwork, Chain

_MODULES = {"jax.nn": jax.nn, "jax.numpy": jnp, "jnp": jnp}


def write(part: Any) -> str:
    """A description, or an argument of one, as Python text."""
    if isinstance(part, Chain):
        return " >> ".join(write(link) for link in part.links)
    if isinstance(part, HashedArray):
        return write(tuple(map(tuple, part.array.tolist())))
    if dataclasses.is_dataclass(part):
        return f"{type(part).__name__}({', '.join(_arguments(part))})"
    if traced(part):
        return "..."
    if isinstance(part, jax.Array | np.ndarray):
        return repr(np.asarray(part).tolist())
    if isinstance(part, tuple):
        inner = ", ".join(map(write, part))
        return f"({inner},)" if len(part) == 1 else f"({inner})"
    if callable(part):
        return _function_name(part)
    return repr(part)


def _arguments(part: Any) -> list[str]:
    out = []
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if field.name == "branches":
            out.extend(map(write, value))
        elif field.default is dataclasses.MISSING:
            out.append(write(value))
        elif write(value) != write(field.default):
            out.append(f"{field.name}={write(value)}")
    return out


def _function_name(function: Any) -> str:
    name = getattr(function, "__name__", repr(function))
    for module, home in _MODULES.items():
        if getattr(home, name, None) is function:
            return f"{module}.{name}"
    return name


def parse(text: str) -> AbstractNetwork:
    """Read a description of a network, such as `"Dense(512, w_std=1.4) >> Relu() >> Dense(1)"`.

    The text is what a description prints: names of `riesz.networks` called with numbers, tuples,
    strings, functions of `jax.nn` or `jax.numpy` and further descriptions, joined by `>>`.
    Nothing is executed but these calls.

    **Raises:** `ModelError` that points at the place that cannot be read.

    ```python
    assert str(parse("Dense(8) >> Erf() >> Dense(1)")) == "Dense(8) >> Erf() >> Dense(1)"
    ```
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        column = (error.offset or 1) - 1
        raise _unreadable(text, column, error.msg) from None
    network = _read(tree.body, text)
    if not isinstance(network, AbstractNetwork):
        raise _unreadable(text, 0, "this is not a network")
    return network


def _read(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift):
        left, right = _read(node.left, text), _read(node.right, text)
        if isinstance(left, AbstractNetwork) and isinstance(right, AbstractNetwork):
            return left >> right
        raise _unreadable(text, node.col_offset, ">> joins two networks")
    if isinstance(node, ast.Call):
        return _call(node, text)
    if isinstance(node, ast.Attribute):
        home = _MODULES.get(ast.unparse(node.value))
        function = getattr(home, node.attr, None) if home else None
        if callable(function):
            return function
        raise _unreadable(
            text, node.col_offset, f"{ast.unparse(node)} is no function of jax.nn or jax.numpy"
        )
    if isinstance(node, ast.Name):
        raise _unreadable(text, node.col_offset, f"{node.id} needs parentheses: {node.id}(...)")
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise _unreadable(text, node.col_offset, "expected a number or a network") from None


def _call(node: ast.Call, text: str) -> Any:
    from riesz import networks

    name = ast.unparse(node.func)
    kind = getattr(networks, name, None) if name.isidentifier() else None
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        near = difflib.get_close_matches(name, [n for n in dir(networks) if n[0].isupper()], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise _unreadable(text, node.col_offset, f"there is no {name} in riesz.networks{hint}")
    arguments = [_read(argument, text) for argument in node.args]
    options = {k.arg: _read(k.value, text) for k in node.keywords if k.arg}
    try:
        return kind(*arguments, **options)
    except TypeError as error:
        raise _unreadable(text, node.col_offset, str(error).replace("__init__()", name)) from None


def _unreadable(text: str, column: int, reason: str) -> ModelError:
    return ModelError(
        f"the text of the network cannot be read: {reason}",
        where=f"{text.strip()}\n{' ' * column}^",
        expected='text such as "Dense(512, w_std=1.4) >> Relu() >> Dense(1)"',
        repair="names and arguments are listed in the documentation of riesz.networks",
    )
