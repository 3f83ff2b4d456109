"""Models as text: written as they are constructed in Python, and read back.

`FNO(modes=(12, 12), width=64)`, `Dense(512) >> Relu() >> Dense(1)`,
`0.5 * SquaredExponential(0.3) + White(0.01)`. Spaces and random keys are given beside the text.
"""

import ast
import dataclasses
import difflib
import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np

from riesz._core.parameters import FROZEN, Frozen
from riesz._core.structure import FUNCTIONS, fits, function_name, hints
from riesz._core.tracing import traced
from riesz.errors import ModelError

GIVEN = ("input_space", "output_space", "parts", "key")  # arguments that no text holds
_SHOWN = 8  # numbers of an array that are written out
_HOMES = {**FUNCTIONS, "jnp": FUNCTIONS["jax.numpy"]}
_OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.RShift: operator.rshift,
    ast.Add: operator.add,
    ast.Mult: operator.mul,
}
_BINDS = {">>": 0, "+": 1, "*": 2}  # a stronger operation has the larger number


def write(part: Any, digits: int | None = None) -> str:
    """A model, or an argument of one, as Python text.

    Arguments that have their default are left out, and arrays of more than eight numbers are
    written as `...`. A class that is written by an operation between two or more parts has a
    method `infix`, which gives its symbol and the parts.

    **Arguments:**

    - `digits`: of floating point numbers; all of them when absent, so that the text gives the
      same model.
    """
    if hasattr(part, "infix"):
        symbol, parts = part.infix()
        return f" {symbol} ".join(_operand(p, symbol, i, digits) for i, p in enumerate(parts))
    if isinstance(part, Frozen):
        return write(part.value, digits)
    if getattr(type(part), "parameter_kind", None) == FROZEN:  # points
        return repr(part)
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        return f"{type(part).__name__}({', '.join(_arguments(part, digits))})"
    if traced(part):
        return "..."
    if isinstance(part, jax.Array | np.ndarray | np.generic):
        array = np.asarray(part)
        return "..." if array.size > _SHOWN else write(array.tolist(), digits)
    if isinstance(part, float) and digits is not None:
        return repr(float(f"{part:.{digits}g}"))
    if isinstance(part, tuple | list):
        inner = ", ".join(write(p, digits) for p in part)
        if isinstance(part, list):
            return f"[{inner}]"
        return f"({inner},)" if len(part) == 1 else f"({inner})"
    if isinstance(part, jax.tree_util.Partial):
        part = part.func
    if callable(part):
        return function_name(part) or getattr(part, "__name__", repr(part))
    return repr(part)


def nested_name(model: Any) -> str:
    """The class of a model, with that of the operator inside: `Banded(Normalised(FNO))`."""
    inner = getattr(model, "inner", getattr(model, "operator", None))
    name = type(model).__name__
    return f"{name}({nested_name(inner)})" if isinstance(inner, eqx.Module) else name


def _operand(part: Any, symbol: str, place: int, digits: int | None) -> str:
    text = write(part, digits)
    if not hasattr(part, "infix"):
        return text
    own = _BINDS[part.infix()[0]]
    weaker = own < _BINDS[symbol] or (own == _BINDS[symbol] and place > 0)
    return f"({text})" if weaker else text


def _arguments(part: Any, digits: int | None) -> list[str]:
    """The arguments of the constructor, which are attributes of the same names."""
    out: list[str] = []
    hidden: list[str] = []
    for p in list(inspect.signature(type(part).__init__).parameters.values())[1:]:
        if p.name in GIVEN or not hasattr(part, p.name):
            continue
        value = getattr(part, p.name)
        if p.kind is p.VAR_POSITIONAL:
            out.extend(write(v, digits) for v in value)
        elif p.default is p.empty and p.kind is not p.KEYWORD_ONLY:
            out.append(write(value, digits))
        elif p.default is p.empty or write(value) != write(p.default):
            out.append(f"{p.name}={write(value, digits)}")
        points = getattr(type(value), "parameter_kind", None) == FROZEN
        hidden += out[-1:] if points and not isinstance(value, Frozen) else []
    if "..." not in out:
        return out
    # data of a fitted model: one mark for all of it, and for the points on which it lies
    shown = [text for text in out if text != "..." and text not in hidden]
    return [*(text for text in shown if "=" not in text), "...", *(t for t in shown if "=" in t)]


def parse(
    text: str, names: Mapping[str, Any], kind: str, base: type, defaults: Any = None, **given: Any
) -> Any:
    """The object of a text: names called with literals and further calls, joined by >>, + and *.

    Nothing is executed but the calls of `names` and these operations.

    **Arguments:**

    - `names`: what may be called.
    - `kind`: of the object, for errors: "network", "operator", "kernel". `base`: its class.
    - `defaults`: gives, for a class and the arguments in the text, further arguments.
    - `given`: values of the arguments in `GIVEN` for constructors that take them; of `key`, each
      gets one of its own.

    **Raises:** `ModelError` that points at the place that cannot be read.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = (getattr(error, "offset", None) or 1) - 1
        raise _unreadable(text, column, getattr(error, "msg", str(error)), kind) from None
    made = _Reader(text, names, kind, given, defaults).read(tree.body)
    if not isinstance(made, base):
        raise _unreadable(text, 0, f"this is no {kind}", kind)
    return made


@dataclasses.dataclass
class _Reader:
    text: str
    names: Mapping[str, Any]
    kind: str
    given: dict[str, Any]
    defaults: Callable[[Any, dict[str, Any]], dict[str, Any]] | None
    calls: int = 0

    def read(self, node: ast.expr) -> Any:
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
            left, right = self.read(node.left), self.read(node.right)
            try:
                return _OPERATIONS[type(node.op)](left, right)
            except TypeError:
                what = f"{ast.unparse(node.left)} and {ast.unparse(node.right)} do not combine"
                raise self.unreadable(node, what) from None
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.Attribute):
            home = _HOMES.get(ast.unparse(node.value))
            function = getattr(home, node.attr, None)
            if function is not None and function_name(function) is not None:
                return function
            what = f"{ast.unparse(node)} is no function of jax.nn or jax.numpy"
            raise self.unreadable(node, what)
        if isinstance(node, ast.Name):
            raise self.unreadable(node, f"{node.id} needs parentheses: {node.id}(...)")
        if isinstance(node, ast.Tuple | ast.List):
            entries = [self.read(e) for e in node.elts]
            return entries if isinstance(node, ast.List) else tuple(entries)
        try:
            value = ast.literal_eval(node)
        except ValueError:
            raise self.unreadable(node, f"expected a number or a {self.kind}") from None
        if value is Ellipsis:
            raise self.unreadable(node, "an array that the text leaves out")
        return value

    def call(self, node: ast.Call) -> Any:
        name = ast.unparse(node.func)
        made = self.names[name] if name in self.names else None  # noqa: SIM401
        if made is None:
            near = difflib.get_close_matches(name, [n for n in self.names if n[0].isupper()], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise self.unreadable(node, f"there is no {name} in riesz.{self.kind}s{hint}")
        arguments = [self.read(argument) for argument in node.args]
        options: dict[str, Any] = {}
        for k in node.keywords:
            if k.arg is None or k.arg in options or k.arg in self.given:
                why = "is given twice" if k.arg in options else "has no place in a text"
                raise self.unreadable(node, f"{k.arg or '**'} {why}")
            options[k.arg] = self.read(k.value)
        further = self.defaults(made, options) if self.defaults else {}
        beside = self.beside(made)
        try:
            bound = inspect.signature(made).bind(*arguments, **beside, **{**further, **options})
        except TypeError as error:
            raise self.unreadable(node, str(error)) from None
        self.require_types(
            node, made, {k: v for k, v in bound.arguments.items() if k not in beside}
        )
        return made(*bound.args, **bound.kwargs)

    def require_types(self, node: ast.Call, made: Any, arguments: dict[str, Any]) -> None:
        """Raise for text where a number belongs, and the like."""
        declared = hints(made.__init__ if isinstance(made, type) else made)
        for name, value in arguments.items():
            kind = declared.get(name, Any)
            if not fits(value, kind) and not _varied(made, name):
                what = f"{name}={value!r}, where {getattr(kind, '__name__', kind)} is expected"
                raise self.unreadable(node, what)

    def beside(self, made: Any) -> dict[str, Any]:
        """The given values that a constructor takes."""
        taken = [n for n in inspect.signature(made).parameters if n in self.given]
        values = {n: self.given[n] for n in taken}
        if "key" in values:
            self.calls += 1
            own = self.calls == 1
            values["key"] = values["key"] if own else jax.random.fold_in(values["key"], self.calls)
        return values

    def unreadable(self, node: ast.expr, reason: str) -> ModelError:
        return _unreadable(self.text, node.col_offset, reason, self.kind)


def _varied(made: Any, name: str) -> bool:
    """Whether an argument takes all positions that are left."""
    return inspect.signature(made).parameters[name].kind is inspect.Parameter.VAR_POSITIONAL


_EXAMPLES = {
    "network": "Dense(512, w_std=1.4) >> Relu() >> Dense(1)",
    "operator": "FNO(modes=12, width=32)",
    "kernel": "SquaredExponential(0.3) + 0.1 * Matern(2.5, 1.0)",
    "problem": "Burgers(viscosity=0.02, time=0.1)",
}


def _unreadable(text: str, column: int, reason: str, kind: str) -> ModelError:
    return ModelError(
        f"the text of the {kind} cannot be read: {reason}",
        where=f"{text.strip()}\n{' ' * column}^",
        expected=f'text such as "{_EXAMPLES[kind]}"',
        repair=f"names and arguments are listed in the documentation of riesz.{kind}s",
    )


def written(tree: Any) -> str:
    """A process as Equinox prints it, with its numbers to six digits and its kernels as text."""
    return eqx.tree_pformat(jax.tree.map(_rounded, tree))


def _rounded(leaf: Any) -> Any:
    if traced(leaf) or not eqx.is_inexact_array_like(leaf):
        return leaf
    numbers = np.asarray(leaf)
    if numbers.size > _SHOWN or not np.isrealobj(numbers):
        return leaf
    return np.vectorize(lambda v: float(f"{v:.6g}"), otypes=[float])(numbers).tolist()
