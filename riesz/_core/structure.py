"""Models as JSON and named arrays: every field of every part, and nothing that is run.

A model is a pytree of `equinox.Module`s. Its structure is written as

- `{"class": "operators.FNO", "fields": {...}}` for a module of riesz; one of another package has
  its `"module"` too. A version other than 1 is written as `"version"`;
- `{"array": [shape], "dtype": "float32"}` for an array, whose numbers are in a tensor named by
  the path of its field, such as `inner.blocks.0.spectrum`. `"host": true` marks NumPy arrays,
  `"key"` names the generator of random keys;
- `{"tuple": [...]}`, lists, `{"dict": {...}}`, `{"function": "jax.nn.relu"}`, `{"float": "inf"}`,
  `{"partial": ...}` of JAX without arguments, and JSON values for what is a JSON value.

Reading makes the modules without their constructors and checks their invariants
(`__check_init__`). A class whose fields are no such values has a method `saved_arguments`, which
gives what its constructor is called with. Classes are looked up among those that riesz
defines, or that modules define which the caller trusts by name and has imported; a name in a file
imports nothing else.
"""

import pkgutil
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import import_module
from math import isfinite
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from riesz._core.registry import version_of
from riesz.errors import ModelError, RieszError

_RIESZ = Path(__file__).resolve().parent.parent
FUNCTIONS = {"jax.nn": jax.nn, "jax.numpy": jnp}
_AGAIN = "load it with the riesz that saved it, or save the model again with riesz.save"
_OTHER = "the description of this model does not fit this version of riesz"


def to_json(model: Any, where: str) -> tuple[Any, dict[str, Any]]:
    """The structure of a model as JSON values, and its arrays by name.

    **Raises:** `ModelError` for a part that has no place in a file, such as a closure.
    """
    arrays: dict[str, Any] = {}
    return _written(model, "", arrays, where), arrays


def _written(part: Any, path: str, arrays: dict[str, Any], where: str) -> Any:
    def inside(value: Any, name: str) -> Any:
        return _written(value, f"{path}.{name}" if path else name, arrays, where)

    if part is None or type(part) in (bool, int, str):  # no enumerations, which are more
        return part
    if type(part) is float:
        return part if isfinite(part) else {"float": repr(part)}
    if isinstance(part, jax.Array | np.ndarray | np.generic):
        return _array(part, path or "value", arrays, where)
    if isinstance(part, eqx.Module):
        own = part.saved_arguments() if hasattr(part, "saved_arguments") else _fields(part)  # pyright: ignore[reportAttributeAccessIssue]
        values = {name: inside(value, name) for name, value in own.items()}
        return {**_named(type(part), path, where), "fields": values}
    if type(part) in (list, tuple):
        entries = [inside(value, str(i)) for i, value in enumerate(part)]
        return entries if isinstance(part, list) else {"tuple": entries}
    if isinstance(part, Mapping) and all(isinstance(k, str) for k in part):
        return {"dict": {k: inside(v, k) for k, v in part.items()}}
    if isinstance(part, jax.tree_util.Partial) and not (part.args or part.keywords):
        return {"partial": inside(part.func, "func")}
    name = function_name(part)
    if name is not None:
        return {"function": name}
    raise ModelError(
        "this model holds something that cannot be written to a file",
        where=f"{where}: {path or type(part).__name__}",
        expected="modules, arrays, numbers, texts, tuples, functions of jax.nn and jax.numpy",
        found=type(part).__name__,
        repair="write the function as an equinox.Module at the top level of a file"
        if callable(part)
        else "keep such values out of the fields of the model",
    )


def _array(array: Any, name: str, arrays: dict[str, Any], where: str) -> dict[str, Any]:
    if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        data = _array(jax.random.key_data(array), name, arrays, where)
        return {**data, "key": str(jax.random.key_impl(array))}
    small = array.dtype.kind == "f" and array.dtype.itemsize < 4
    if array.dtype.kind not in "fiub" or small:
        raise ModelError(
            "weights of this type cannot be saved",
            where=f"{where}: the tensor {name}",
            expected="float32 or float64",
            found=str(array.dtype),
            repair="convert them first: jax.tree.map(lambda x: x.astype('float32'), model)",
        )
    if name in arrays:  # {"a.b": x} beside {"a": {"b": y}}
        raise ModelError(
            "two arrays of this model would have one name",
            where=f"{where}: the tensor {name}",
            expected="keys of dicts without dots",
            found=f"two arrays at {name}",
            repair="rename the key of the dict",
        )
    arrays[name] = array
    host = {} if isinstance(array, jax.Array) else {"host": True}
    return {"array": list(array.shape), "dtype": str(array.dtype), **host}


def _named(kind: type, path: str, where: str) -> dict[str, Any]:
    """The name by which `_found` finds a class again."""
    module, own = kind.__module__, kind.__module__.split(".")[0] == "riesz"
    if getattr(sys.modules.get(module), kind.__name__, None) is not kind:
        raise ModelError(
            "a class that is not at the top level of a module cannot be found again",
            where=f"{where}: {path or kind.__name__}",
            expected="a class defined at the top level of a file",
            found=f"{module}.{kind.__qualname__}",
            repair="move the class to the top level of a module that can be imported",
        )
    version = version_of(kind)
    named: dict[str, Any] = {"class": kind.__name__}
    if own:
        named["class"] = f"{module.split('.')[1]}.{kind.__name__}"
    else:
        named["module"] = module
    return named | ({} if version == 1 else {"version": version})


def function_name(function: Any) -> str | None:
    """Such as `jax.nn.relu`; None for what is no function of `jax.nn` or `jax.numpy`."""
    name = getattr(function, "__name__", "")
    for module, home in FUNCTIONS.items():
        if callable(function) and getattr(home, name, None) is function:
            return f"{module}.{name}"
    return None


def from_json(
    structure: Any, arrays: Mapping[str, Any], where: str, trust: str | Sequence[str] = ()
) -> Any:
    """The model of a structure with these arrays.

    **Raises:** `ModelError` for a structure that `to_json` did not write, arrays that are not
    its own, and classes of modules that are not trusted.
    """
    reading = _Reading(arrays, where, (trust,) if isinstance(trust, str) else tuple(trust))
    try:
        model = reading.value(structure, "")
    except RecursionError:
        raise _unfit(where, "parts nested too deeply") from None
    extra = sorted(arrays.keys() - reading.used)
    if extra:
        raise _others(where, f"{len(reading.used)} tensors", f"also {', '.join(extra[:5])}")
    return model


def class_of(structure: Any, where: str, trust: Sequence[str]) -> type | None:
    """The class of the model of a structure, which is not made; None for no module.

    **Raises:** `ModelError` for a class of a module that is not trusted.
    """
    if not isinstance(structure, dict) or "class" not in structure:
        return None
    return _Reading({}, where, tuple(trust)).found(structure, "")


@dataclass
class _Reading:
    arrays: Mapping[str, Any]
    where: str
    trust: tuple[str, ...]
    used: set[str] = field(default_factory=set)

    def value(self, record: Any, path: str) -> Any:
        if record is None or isinstance(record, bool | int | float | str):
            return record
        if isinstance(record, list):
            return [self.value(v, _join(path, i)) for i, v in enumerate(record)]
        makers: dict[str, Callable[[Any, str], Any]] = {
            "class": self.module,
            "array": self.array,
            "tuple": lambda r, p: tuple(
                self.value(v, _join(p, i)) for i, v in enumerate(_list(r["tuple"], self, p))
            ),
            "dict": lambda r, p: {k: self.value(v, _join(p, k)) for k, v in r["dict"].items()},
            "function": lambda r, p: self.function(r["function"], p),
            "partial": lambda r, p: jax.tree_util.Partial(self.value(r["partial"], p)),
            "float": lambda r, p: self.special(r["float"], p),
        }
        made = [make for key, make in makers.items() if isinstance(record, dict) and key in record]
        if len(made) != 1:
            raise self.unfit(path, repr(record)[:80])
        try:
            return made[0](record, path)
        except RieszError:
            raise
        except (TypeError, ValueError, KeyError, AttributeError, AssertionError) as error:
            raise self.unfit(path, f"{type(error).__name__}: {str(error)[:200]}") from error

    def module(self, record: dict[str, Any], path: str) -> Any:
        kind = self.found(record, path)
        version, given = record.get("version", 1), record.get("fields")
        if version != version_of(kind):
            found = f"version {str(version)[:20]}, where this riesz has {version_of(kind)}"
            raise self.unfit(path, f"{kind.__name__} of {found}")
        if not isinstance(given, dict):
            raise self.unfit(path, f"{kind.__name__} without fields")
        values = {name: self.value(value, _join(path, name)) for name, value in given.items()}
        if hasattr(kind, "saved_arguments"):
            return kind(**values)
        if given.keys() != {f.name for f in fields(kind)}:
            raise self.unfit(path, f"{kind.__name__} with fields {sorted(given)}"[:200])
        declared = hints(kind)
        for name, value in values.items():
            if not fits(value, declared.get(name, Any)):
                raise self.unfit(_join(path, name), f"{name} = {value!r}"[:200])
        made = object.__new__(kind)
        for name, value in values.items():
            object.__setattr__(made, name, value)
        for base in kind.__mro__:
            if "__check_init__" in vars(base):
                vars(base)["__check_init__"](made)
        return made

    def found(self, record: dict[str, Any], path: str) -> type:
        """The class of a name: one of riesz, or of a trusted module that was imported."""
        name, module = record["class"], record.get("module")
        if not isinstance(name, str) or not isinstance(module, str | None):
            raise self.unfit(path, repr(name)[:80])
        if module is None:
            package, _, name = name.partition(".")
            homes = _modules(package)
        elif not any(module == t or module.startswith(f"{t}.") for t in self.trust):
            raise ModelError(
                "this model holds a class that is not of riesz",
                where=f"{self.where}: {path or name}",
                expected="classes of riesz, or of modules that you trust",
                found=f"{module[:80]}.{name[:80]}",
                repair=f"if you trust that code: import {module[:80]}, then "
                f"riesz.load(folder, trust={module.split('.')[0][:80]!r}); in the command line "
                f"riesz --trust {module[:80]} COMMAND",
            )
        elif module not in sys.modules:
            raise ModelError(
                "the module of a class in this model is not imported",
                where=f"{self.where}: {path or name}",
                found=f"{module[:80]}.{name[:80]}",
                repair=f"import {module[:80]} before riesz.load",
            )
        else:
            homes = [sys.modules[module]]
        for home in homes:
            kind = vars(home).get(name)
            if not isinstance(kind, type) or not issubclass(kind, eqx.Module):
                continue
            if kind.__module__ == home.__name__:
                return kind
        raise self.unfit(path, f"an unknown class {record['class'][:80]!r}")

    def array(self, record: dict[str, Any], path: str) -> Any:
        name = path or "value"
        if name not in self.arrays:
            raise _others(self.where, f"also {name}", f"{len(self.arrays)} tensors")
        found, dtype = self.arrays[name], record.get("dtype")
        if list(found.shape) != record["array"] or str(found.dtype) != dtype:
            raise ModelError(
                "a tensor does not fit the description of the model",
                where=f"{self.where}: {name}",
                expected=f"{str(dtype)[:20]} of shape {str(record['array'])[:80]}",
                found=f"{found.dtype} of shape {list(found.shape)}",
                repair=_AGAIN,
            )
        self.used.add(name)
        if record.get("host") is True:
            return found if found.ndim else found[()]
        if jax.dtypes.canonicalize_dtype(found.dtype) != found.dtype:
            raise ModelError(
                "the model has 64-bit weights, and this program uses 32-bit numbers",
                where=f"{self.where}: {name}",
                expected="64-bit numbers enabled",
                found=str(found.dtype),
                repair='jax.config.update("jax_enable_x64", True) before loading',
            )
        made = jnp.asarray(found)
        return made if "key" not in record else jax.random.wrap_key_data(made, impl=record["key"])

    def function(self, name: Any, path: str) -> Any:
        home, _, short = str(name).rpartition(".")
        found = getattr(FUNCTIONS.get(home), short, None)
        if function_name(found) != name:
            raise self.unfit(path, f"the function {str(name)[:80]!r}")
        return found

    def special(self, name: Any, path: str) -> float:
        if name not in ("inf", "-inf", "nan"):
            raise self.unfit(path, f"the number {str(name)[:80]!r}")
        return float(name)

    def unfit(self, path: str, found: str) -> ModelError:
        return _unfit(f"{self.where}: {path}" if path else self.where, found)


def _fields(module: Any) -> dict[str, Any]:
    return {f.name: getattr(module, f.name) for f in fields(module)}


def hints(thing: Any) -> dict[str, Any]:
    """The declared types of a class's fields, or of a function's arguments."""
    try:
        return typing.get_type_hints(thing)
    except NameError:  # names that only type checkers import
        return {}


def fits(value: Any, hint: Any) -> bool:
    """Whether a value that is no array is of the declared type, as far as that is plain."""
    origin, parts = get_origin(hint), get_args(hint)
    if isinstance(value, jax.Array | np.ndarray | np.generic) or hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(fits(value, part) for part in parts)
    if origin is tuple:
        same = parts[-1] is Ellipsis
        each = [parts[0]] * len(value) if same and isinstance(value, tuple) else parts
        right = isinstance(value, tuple) and len(each) == len(value)
        return right and all(fits(v, h) for v, h in zip(value, each, strict=True))
    if origin is Sequence:
        return isinstance(value, list | tuple) and all(fits(v, parts[0]) for v in value)
    if origin is Literal:
        return value in parts
    if isinstance(value, list | tuple) and hasattr(hint, "array_type"):
        return True  # numbers for an array
    if hint in (int, float):
        return isinstance(value, int | hint) and not isinstance(value, bool)
    return not isinstance(hint, type) or isinstance(value, hint)


def _list(value: Any, reading: _Reading, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise reading.unfit(path, repr(value)[:80])
    return value


def _join(path: str, name: Any) -> str:
    return f"{path}.{name}" if path else str(name)


def _modules(package: str) -> list[ModuleType]:
    """The modules of a package of riesz; none where it has no package of this name."""
    if package not in {m.name for m in pkgutil.iter_modules([str(_RIESZ)])}:
        return []
    home = import_module(f"riesz.{package}")
    prefix = f"{home.__name__}."
    return [home, *(m for n, m in list(sys.modules.items()) if n.startswith(prefix))]


def _unfit(where: str, found: str) -> ModelError:
    return ModelError(
        _OTHER,
        where=where,
        expected="the structure that riesz.save wrote",
        found=found,
        repair=_AGAIN,
    )


def _others(where: str, expected: str, found: str) -> ModelError:
    return ModelError(
        "the weights are not those of the described model",
        where=where,
        expected=expected,
        found=found,
        repair=_AGAIN,
    )
