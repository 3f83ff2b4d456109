"""Predictions for pairs."""

import equinox as eqx
import jax

from riesz.domains import AbstractDiscretization
from riesz.functions import Function, Pairs
from riesz.operators import AbstractOperator
from riesz.operators import apply as apply_operator


def predict(operator: AbstractOperator, pairs: Pairs) -> Function:
    """The operator's answer to each input, on the points of the true output."""
    on = pairs.outputs.discretization
    if not jax.tree.leaves(on):  # one grid for all members
        same = on == pairs.inputs.discretization
        return apply_operator(operator, pairs.inputs, None if same else on)
    return _on_own_points(operator, pairs.inputs, on)


@eqx.filter_jit
def _on_own_points(
    operator: AbstractOperator, inputs: Function, on: AbstractDiscretization
) -> Function:
    return jax.vmap(operator)(inputs, on)
