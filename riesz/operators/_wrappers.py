"""Operators around operators: normalisation and exact boundary values."""

from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.domains import AbstractDiscretization, AbstractDomain, Space
from riesz.errors import ModelError
from riesz.functions import Function, PairsLike
from riesz.functions._pairs import pieces
from riesz.operators._layers import Constant
from riesz.operators._operator import AbstractOperator


class AbstractWrapper(AbstractOperator):
    """An operator around another one, between the same spaces."""

    inner: eqx.AbstractVar[AbstractOperator]

    @property
    def input_space(self) -> Space:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.inner.input_space

    @property
    def output_space(self) -> Space:
        return self.inner.output_space


class Affine(eqx.Module):
    """Mean and standard deviation of each channel, as integrals over the domain and the data."""

    mean: Constant
    deviation: Constant

    @classmethod
    def identity(cls, channels: int) -> "Affine":
        """Mean 0, deviation 1."""
        return cls(Constant(jnp.zeros(channels)), Constant(jnp.ones(channels)))

    @classmethod
    def of(cls, batches: Iterable[Function]) -> "Affine":
        """The statistics of all functions of some batches."""
        count, mean, square = 0, 0.0, 0.0  # merged as in Chan, Golub and LeVeque 1983
        for functions in batches:
            size = functions.values.shape[0]
            here, spread = _moments(functions)
            total = count + size
            square = square + spread * size + (here - mean) ** 2 * (count * size / total)
            mean, count = mean + (here - mean) * (size / total), total
        variance = jnp.asarray(square) / count
        return cls(
            Constant(jnp.asarray(mean)), Constant(jnp.where(variance > 0, jnp.sqrt(variance), 1))
        )

    def forward(self, f: Function) -> Function:
        """(f - mean) / deviation."""
        return (f - self.mean.value) / self.deviation.value

    def inverse(self, f: Function) -> Function:
        """F * deviation + mean."""
        return f * self.deviation.value + self.mean.value


@jax.jit
def _moments(functions: Function) -> tuple[Float[Array, " c"], Float[Array, " c"]]:
    volume = functions.domain.volume
    mean = jax.vmap(lambda f: f.integral())(functions).mean(0) / volume
    spread = jax.vmap(lambda f: ((f - mean) * (f - mean)).integral() / volume)(functions)
    return mean, spread.mean(0)


class Normalised(AbstractWrapper):
    """An operator between normalised channels; the statistics belong to the model."""

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

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        return self.after.inverse(self.inner(self.before.forward(a), on))

    def describe(self) -> dict[str, Any]:
        return {"operator": "Normalised", "inner": self.inner.describe()}


class ZeroDirichlet(AbstractWrapper):
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


def normalised(operator: AbstractOperator, pairs: PairsLike) -> AbstractOperator:
    """The operator with the statistics of `pairs` built in, unless it has some already."""
    if isinstance(operator, Normalised):
        return operator
    if isinstance(operator, ZeroDirichlet):
        return ZeroDirichlet(normalised(operator.inner, pairs))
    return Normalised(operator, pairs)
