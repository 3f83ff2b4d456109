"""Registries: the classes of one kind by name, filled by a decorator."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, overload

from riesz.errors import ModelError

T = TypeVar("T")
_VERSIONS: dict[type, int] = {}


class Registry(Mapping[str, type]):
    """The classes of one kind by name, such as all operators.

    A class enters by the decorator `register`. It is then known to the command line, to texts
    such as `"FNO(modes=12)"`, and to the checks of its kind. Names are compared without case.

    ```python
    @riesz.operators.register
    class LowRank(AbstractOperator): ...
    ```
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._classes: dict[str, tuple[str, type]] = {}  # by the name in small letters

    @overload
    def register(self, cls: type[T], *, name: str | None = None, version: int = 1) -> type[T]: ...

    @overload
    def register(
        self, cls: None = None, *, name: str | None = None, version: int = 1
    ) -> Callable[[type[T]], type[T]]: ...

    def register(
        self, cls: type | None = None, *, name: str | None = None, version: int = 1
    ) -> Any:
        """Enter a class; a decorator, with or without arguments.

        **Arguments:**

        - `name`: that of the class when absent.
        - `version`: of the class's fields, written into model files. A file of another version is
          not loaded.

        **Raises:** `ModelError` when another class has the name.
        """
        if cls is None:
            return lambda later: self.register(later, name=name, version=version)
        name = name or cls.__name__
        _, there = self._classes.get(name.lower(), (name, None))
        if there is not None and (there.__module__, there.__qualname__) != (
            cls.__module__,
            cls.__qualname__,
        ):
            raise ModelError(
                f"another {self.kind} has this name",
                where=f"{cls.__module__}.{cls.__qualname__}",
                found=f"{name}: {there.__module__}.{there.__qualname__}",
                repair="register the class under another name: register(name=...)",
            )
        self._classes[name.lower()] = name, cls
        _VERSIONS[cls] = version
        return cls

    def __getitem__(self, name: str) -> type:
        """The class of a name.

        **Raises:** `ModelError` that lists the names, for an unknown one.
        """
        found = self._classes.get(str(name).lower())
        if found is None:
            near = difflib.get_close_matches(str(name).lower(), self._classes, n=1)
            raise ModelError(
                f"there is no {self.kind} of this name",
                expected=", ".join(self),
                found=repr(name),
                repair=f"did you mean {self._classes[near[0]][0]}?" if near else None,
            )
        return found[1]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._classes

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._classes.values())

    def __len__(self) -> int:
        return len(self._classes)

    def name_of(self, cls: type) -> str | None:
        """The name of a class, None for one that was not registered."""
        return next((name for name, there in self._classes.values() if there is cls), None)


def version_of(cls: type) -> int:
    """The version of a class's fields: 1 where none was registered."""
    return _VERSIONS.get(cls, 1)
