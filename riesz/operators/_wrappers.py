"""Operators around operators: normalisation and exact boundary values."""

from typing import Any, ClassVar

import equinox as eqx

from riesz.domains import AbstractDiscretization, Space, envelope
from riesz.errors import ModelError
from riesz.functions import Function, PairsLike
from riesz.functions.internal import pieces
from riesz.operators._operator import AbstractOperator
from riesz.operators._registry import register
from riesz.operators._statistics import Affine


class AbstractWrapper(AbstractOperator):
    """An operator around another one, between the same spaces."""

    inner: eqx.AbstractVar[AbstractOperator]
    # Whether the operator inside is the one between normalised channels.
    normalised_inside: ClassVar[bool] = False

    @property
    def input_space(self) -> Space:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.inner.input_space

    @property
    def output_space(self) -> Space:
        return self.inner.output_space


@register
class Normalised(AbstractWrapper):
    """s_u G((a - m_a) / s_a) + m_u: an operator between normalised channels.

    `before` and `after` hold means m and deviations s of each channel of the training inputs and
    outputs; they belong to the model. An output channel that was constant in training stays so.
    """

    inner: AbstractOperator
    before: Affine
    after: Affine

    def __init__(self, inner: AbstractOperator, pairs: PairsLike | None = None):
        """Statistics are those of `pairs`; without, they are the identity."""
        self.inner = inner
        if pairs is None:
            self.before = Affine.identity(inner.input_space.channels)
            self.after = Affine.identity(inner.output_space.channels)
        else:
            self.before = Affine.of(part.inputs for part in pieces(pairs))
            self.after = Affine.of(part.outputs for part in pieces(pairs))

    @classmethod
    def between(cls, inner: AbstractOperator, before: Affine, after: Affine) -> "Normalised":
        """The operator between channels of these statistics."""
        return eqx.tree_at(lambda o: (o.before, o.after), cls(inner), (before, after))

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        return self.after.inverse(self.inner(self.before.forward(a), on))


@register
class ZeroDirichlet(AbstractWrapper):
    """phi(x) G(a)(x): exactly zero on the boundary, whatever the operator G.

    phi is the product over the axes with ends of sin(pi s), s in [0, 1] along the axis.
    """

    normalised_inside: ClassVar[bool] = True
    inner: AbstractOperator

    def __init__(self, inner: AbstractOperator):
        self.inner = inner

    def __check_init__(self):
        if all(self.inner.output_space.domain.periodic):
            raise ModelError(
                "a torus has no boundary on which an output could vanish",
                where="ZeroDirichlet",
                found=str(self.inner.output_space.domain),
                repair="use the operator without this wrapper",
            )

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        u = self.inner(a, on)
        factor = envelope(u.domain, u.discretization.relative)  # pyright: ignore[reportArgumentType]
        factor = factor.astype(u.values.dtype)
        # u_c(x_i) phi(x_i), (*shape, c) x (*shape, 1)
        return Function(u.values * factor[..., None], u.discretization, u.space)


def normalised(operator: AbstractOperator, pairs: PairsLike) -> AbstractOperator:
    """The operator with the statistics of `pairs` built in, unless it has some already."""
    if isinstance(operator, Normalised):
        return operator
    if isinstance(operator, AbstractWrapper) and operator.normalised_inside:
        return eqx.tree_at(lambda o: o.inner, operator, normalised(operator.inner, pairs))
    return Normalised(operator, pairs)


def training_scale(operator: Any) -> Affine | None:
    """Means and deviations of the training outputs that a model holds, where it holds any."""
    while operator is not None:
        if isinstance(operator, Normalised):
            return operator.after
        operator = getattr(operator, "inner", None)
    return None
