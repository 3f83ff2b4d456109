"""Operators between several named functions."""

from collections.abc import Mapping
from typing import Any, ClassVar

from riesz.domains import AbstractDiscretization
from riesz.errors import ModelError
from riesz.functions import Assembly, Function
from riesz.operators._operator import AbstractOperator
from riesz.operators._registry import register
from riesz.operators._wrappers import AbstractWrapper


@register
class Assembled(AbstractWrapper):
    """An operator of channels as one of named functions: G({"a": a, "nu": nu}) = {"u": u}.

    Inputs become channels of one function, and channels are read as outputs, by the assemblies of
    the data; an output on `Point` is the mean of its channel. Called with a function of all input
    channels it returns one of all output channels, so that every verb takes it.

    **Arguments:**

    - `parts`: how the functions of both sides are assembled; `pairs.parts` of named functions.

    **Raises:** `ModelError` for an operator between other spaces.

    ```python
    pairs = Pairs({"a": a, "nu": nu}, {"u": u, "drag": drag})
    operator = Assembled(FNO(pairs.input_space, pairs.output_space, key=key), pairs.parts)
    riesz.fit(operator, pairs, key=key).model({"a": a, "nu": nu})["drag"]
    ```
    """

    normalised_inside: ClassVar[bool] = True
    inner: AbstractOperator
    parts: tuple[Assembly, Assembly]

    def __init__(self, inner: AbstractOperator, parts: tuple[Assembly, Assembly]):
        self.inner, self.parts = inner, parts

    def __check_init__(self):
        spaces = self.inner.input_space, self.inner.output_space
        if not all(s.accepts(part.space) for s, part in zip(spaces, self.parts, strict=True)):
            raise ModelError(
                "the operator is not between the spaces of the assembled functions",
                where="Assembled(inner, parts)",
                expected=f"{self.parts[0].space} to {self.parts[1].space}",
                found=f"{spaces[0]} to {spaces[1]}",
                repair="build it with pairs.input_space and pairs.output_space",
            )

    def __call__(
        self,
        a: Function | Mapping[str, Function],
        on: AbstractDiscretization | None = None,
    ) -> Any:
        """Named functions for named functions, or one function for one function."""
        inputs, outputs = self.parts
        if not isinstance(a, Mapping):
            return outputs.project(self.inner(a, on))
        return outputs.split(self.inner(inputs.join(a, on), on))


def parts_of(model: Any) -> tuple[Assembly, Assembly] | None:
    """How the named functions of a model are assembled; None for one of single functions."""
    while model is not None:
        if isinstance(model, Assembled):
            return model.parts
        model = getattr(model, "inner", getattr(model, "operator", None))
    return None
