"""Operators around operators: normalisation and exact boundary values."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.domains import AbstractDiscretization, AbstractDomain, Space
from riesz.errors import ModelError
from riesz.functions import Function, Pairs
from riesz.operators._layers import Constant
from riesz.operators._operator import AbstractOperator


class Affine(eqx.Module):
    """Mean and standard deviation of each channel, as integrals over the domain and the data."""

    mean: Constant
    deviation: Constant

    @classmethod
    def identity(cls, channels: int) -> "Affine":
        """Mean 0, deviation 1."""
        return cls(Constant(jnp.zeros(channels)), Constant(jnp.ones(channels)))

    @classmethod
    def of(cls, functions: Function) -> "Affine":
        """The statistics of a batch of functions."""
        volume = functions.domain.volume
        mean = jax.vmap(lambda f: f.integral())(functions).mean(0) / volume

        def spread(f):
            return ((f - mean) * (f - mean)).integral() / volume

        variance = jax.vmap(spread)(functions).mean(0)
        deviation = jnp.where(variance > 0, jnp.sqrt(variance), 1)
        return cls(Constant(mean), Constant(deviation))

    def forward(self, f: Function) -> Function:
        """(f - mean) / deviation."""
        return (f - self.mean.value) / self.deviation.value

    def inverse(self, f: Function) -> Function:
        """F * deviation + mean."""
        return f * self.deviation.value + self.mean.value


class Normalised(AbstractOperator):
    """An operator between normalised channels; the statistics belong to the model."""

    inner: AbstractOperator
    before: Affine
    after: Affine

    def __init__(self, inner: AbstractOperator, pairs: Pairs | None = None):
        """Statistics are those of `pairs`; without, they are the identity."""
        self.inner = inner
        if pairs is None:
            self.before = Affine.identity(inner.input_space.channels)
            self.after = Affine.identity(inner.output_space.channels)
        else:
            self.before, self.after = Affine.of(pairs.inputs), Affine.of(pairs.outputs)

    @property
    def input_space(self) -> Space:
        return self.inner.input_space

    @property
    def output_space(self) -> Space:
        return self.inner.output_space

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        return self.after.inverse(self.inner(self.before.forward(a), on))

    def describe(self) -> dict[str, Any]:
        return {"operator": "Normalised", "inner": self.inner.describe()}


class ZeroDirichlet(AbstractOperator):
    """phi(x) G(a)(x): exactly zero on the boundary, whatever the operator G.

    phi is the product over the axes with ends of sin(pi s), s in [0, 1] along the axis.
    """

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

    @property
    def input_space(self) -> Space:
        return self.inner.input_space

    @property
    def output_space(self) -> Space:
        return self.inner.output_space

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        u = self.inner(a, on)
        factor = envelope(u.domain, u.discretization.coordinates).astype(u.values.dtype)
        return Function(u.values * factor[..., None], u.discretization, u.space)

    def describe(self) -> dict[str, Any]:
        return {"operator": "ZeroDirichlet", "inner": self.inner.describe()}


def envelope(domain: AbstractDomain, coordinates: Float[Array, "*n d"]) -> Float[Array, "*n"]:
    """The product of sin(pi s) over the axes with ends; exactly 0 at both ends."""
    factor = jnp.ones_like(coordinates[..., 0])
    for axis, periodic in enumerate(domain.periodic):
        if not periodic:
            s = (coordinates[..., axis] - domain.lower[axis]) / domain.lengths[axis]
            # sin of the distance to the nearer end, which is exactly 0 at both
            factor = factor * jnp.sin(jnp.pi * jnp.minimum(s, 1 - s))
    return factor


def normalised(operator: AbstractOperator, pairs: Pairs) -> AbstractOperator:
    """The operator with the statistics of `pairs` built in, unless it has some already."""
    if isinstance(operator, Normalised):
        return operator
    if isinstance(operator, ZeroDirichlet):
        return ZeroDirichlet(normalised(operator.inner, pairs))
    return Normalised(operator, pairs)
