"""A model as a map from parameters and an input to numbers."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from riesz._core.parameters import Frozen, trainable
from riesz.errors import ModelError
from riesz.functions import Function

Leaves = tuple[Array, ...]
Output = Callable[[Leaves, PyTree], Float[Array, " o"]]


def parameters(model: eqx.Module) -> tuple[Leaves, Any, PyTree]:
    """The trained parameters of a model, their structure, and the rest."""
    trained, rest = eqx.partition(model, trainable(model))
    leaves, structure = jax.tree.flatten(trained)
    if not leaves or any(jnp.iscomplexobj(leaf) for leaf in leaves):
        raise ModelError(
            "a tangent kernel needs a model with real parameters",
            where=type(model).__name__,
            expected="a pytree with floating point arrays, the trained parameters",
            found="complex parameters" if leaves else "no trained parameters",
            repair="hold complex numbers as two real arrays"
            if leaves
            else "give an equinox.Module with weights, not the function it computes",
        )
    return tuple(leaves), structure, rest


class Parametrised(eqx.Module):
    """A model as a function of its parameters, which themselves are data, not to be fitted."""

    held: Frozen
    rest: Frozen
    structure: Any = eqx.field(static=True)

    def __init__(self, model: eqx.Module):
        leaves, self.structure, rest = parameters(model)
        self.held, self.rest = Frozen(leaves), Frozen(rest)

    @property
    def leaves(self) -> Leaves:
        """The parameters, one array a leaf."""
        return self.held.value

    def model(self, leaves: Leaves) -> Any:
        """The model with these parameters."""
        return eqx.combine(jax.tree.unflatten(self.structure, leaves), self.rest.value)

    def values(self, leaves: Leaves, x: PyTree) -> Float[Array, "*out"]:
        """The numbers in the output at one input."""
        return values_of(self.model(leaves)(x))

    def vector(self, leaves: Leaves, x: PyTree) -> Float[Array, " o"]:
        """The output as a vector."""
        return self.values(leaves, x).reshape(-1)

    def averaged(self, leaves: Leaves, x: PyTree) -> Float[Array, " o"]:
        """The output as a vector whose squared length is the average of its squares.

        Over an array that is the mean of its entries; over a function the integral by the
        quadrature weights, divided by the volume and the number of channels.
        """
        output = self.model(leaves)(x)
        values = values_of(output)
        if not isinstance(output, Function):
            # |values / sqrt(size)|^2 is the mean of squares
            return values.reshape(-1) / values.size**0.5
        # |values sqrt(share)|^2 = sum_i w_i |f_i|^2 / (volume channels)
        weights = output.discretization.weights.astype(values.dtype)
        share = weights / (weights.sum() * values.shape[-1])
        return (values * jnp.sqrt(share)[..., None]).reshape(-1)


def values_of(output: Any) -> Float[Array, "*out"]:
    """The values of a function, or the array itself."""
    values = output.values if isinstance(output, Function) else output
    if not eqx.is_inexact_array(values) or jnp.iscomplexobj(values):
        raise ModelError(
            "a model returns one array of real numbers or one Function",
            where="model(x)",
            expected="a floating point array or a riesz.functions.Function",
            found=f"dtype {values.dtype}" if eqx.is_array(values) else type(values).__name__,
            repair="wrap the model in a module that returns the part to differentiate",
        )
    return values
