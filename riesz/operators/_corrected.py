"""Operators that add what is learned to an answer that is there already."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from riesz._core.parameters import Frozen, trainable
from riesz.domains import AbstractDiscretization
from riesz.errors import ModelError
from riesz.functions import Function
from riesz.operators._operator import AbstractOperator
from riesz.operators._registry import register
from riesz.operators._wrappers import AbstractWrapper


@register
class Corrected(AbstractWrapper):
    """G(a) = base(a) + size * inner(a): the inner operator learns what the base leaves.

    The base is not trained. `size` has one entry per output channel, the typical size of what the
    base leaves. `Corrected.starting_at(base, inner)` gives an inner operator whose last layer is
    zero, so that G starts as the base.

    **Raises:** `ModelError` for operators between different spaces.
    """

    inner: AbstractOperator
    base: AbstractOperator
    size: Frozen

    def __init__(self, inner: AbstractOperator, base: AbstractOperator, size: Any = None):
        self.inner, self.base = inner, base
        ones = jnp.ones(inner.output_space.channels)
        self.size = Frozen(ones if size is None else jnp.asarray(size, float))

    def __check_init__(self):
        spaces = [(o.input_space, o.output_space) for o in (self.base, self.inner)]
        if not all(a.accepts(b) for a, b in zip(*spaces, strict=True)):
            raise ModelError(
                "the base and the learned operator are between different spaces",
                where="Corrected(inner, base)",
                expected=f"{spaces[0][0].domain} to {spaces[0][1].domain}, same channels",
                found=f"{spaces[1][0].domain} to {spaces[1][1].domain}",
                repair="build both with the spaces of the data",
            )

    @classmethod
    def starting_at(
        cls, base: AbstractOperator, inner: AbstractOperator, size: Any = None
    ) -> "Corrected":
        """The operator that equals the base before it is trained."""
        return cls(zero_output(inner), frozen(base), size)

    @classmethod
    def beside(cls, base: AbstractOperator, inner: AbstractOperator) -> "Corrected":
        """The inner operator on its own, in the structure of one on top of this baseline.

        A program that is compiled for the one serves for the other. The baseline's constants are
        zero, with which its answer is.
        """

        def zero(leaf):
            return jax.tree.map(jnp.zeros_like, leaf) if isinstance(leaf, Frozen) else leaf

        return cls(inner, jax.tree.map(zero, frozen(base), is_leaf=lambda x: isinstance(x, Frozen)))

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        learned = self.inner(a, on)
        known = self.base(a, learned.discretization if on is not None else None)
        values = known.values + self.size.value.astype(known.values.dtype) * learned.values
        return Function(values, learned.discretization, self.output_space)


def starts_as_base(operator: Any) -> bool:
    """Whether an operator, or one inside it, is a base and what is learned on top."""
    while operator is not None and not isinstance(operator, Corrected):
        operator = getattr(operator, "inner", None)
    return operator is not None


def frozen(operator: AbstractOperator) -> AbstractOperator:
    """An operator without parameters, or an error: baselines hold constants only."""
    if jax.tree.leaves(eqx.filter(operator, trainable(operator))):
        raise ModelError(
            "the base of a residual operator has parameters of its own",
            where="Corrected",
            expected="a baseline, such as PCARidge or Persistence",
            found=type(operator).__name__,
            repair="take the base from riesz.baselines(training, key=key)",
        )
    return operator


def zero_output(operator: AbstractOperator) -> AbstractOperator:
    """The operator with a last layer of zeros: its output is zero, its gradient is not."""
    if isinstance(operator, AbstractWrapper):
        return eqx.tree_at(lambda o: o.inner, operator, zero_output(operator.inner))
    if operator.output_weights():
        return eqx.tree_at(lambda o: o.output_weights(), operator, replace_fn=jnp.zeros_like)
    raise ModelError(
        "the last layer of this operator is not known",
        where="Corrected.starting_at(base, inner)",
        expected="an operator with output_weights(), such as an FNO, or a wrapper of one",
        found=type(operator).__name__,
        repair="build Corrected(inner, base) with an operator that starts at zero",
    )
