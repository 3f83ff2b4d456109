"""Parallel branches, joined."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import ModelError
from riesz.networks._covariances import Covariances, Needs
from riesz.networks._network import AbstractNetwork, Parameters, Shape
from riesz.networks._parameter import Place, Scalar


class Residual(AbstractNetwork):
    """The input plus `scale` times the output of the inner network: K -> K + scale^2 K_inner(K).

    The inner network ends with a layer with weights, so that the two are uncorrelated. A scale of
    1 / sqrt(depth) keeps the covariances of a stack of blocks finite as the depth grows (Hayou and
    Yang 2023, arXiv:2302.00453).
    """

    inner: AbstractNetwork
    scale: Scalar = 1.0

    def __check_init__(self):
        if isinstance(self.scale, int | float) and not abs(self.scale) < float("inf"):
            raise ModelError(
                "the scale of a branch is a finite number",
                where="Residual(inner, scale)",
                expected="a finite scale",
                found=self.scale,
            )

    def out_shape(self, shape: Shape) -> Shape:
        return _common_shape(f"{self}", [shape, self.inner.out_shape(shape)])

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        return (self.inner.parameters(shape, place._replace(branch=True)),)

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        return x + self.scale * self.inner.apply(weights[0], x, key)

    def needs(self, after: Needs) -> Needs:
        return after.also(self.inner.needs(after))

    def propagate(self, inputs: Covariances) -> Covariances:
        self.out_shape(inputs.shape)
        entry = replace(inputs, uncorrelated=False)
        squared = jnp.asarray(self.scale, inputs.nngp.dtype) ** 2
        # scale^2 K_inner
        branch = _scaled(self.inner.propagate(entry), squared)
        return _add(f"{self}", [entry, branch], inputs.uncorrelated)


class AbstractBranches(AbstractNetwork):
    """Networks of the same input, with independent weights, whose outputs are joined."""

    branches: eqx.AbstractVar[tuple[AbstractNetwork, ...]]

    def __check_init__(self):
        if not self.branches:
            name = type(self).__name__
            raise ModelError(
                "there are no branches to be joined",
                where=f"{name}()",
                expected="one branch or more",
                repair=f"{name}(Dense(8), Dense(8) >> Relu() >> Dense(8))",
            )

    @abstractmethod
    def join(self, outputs: list[Array]) -> Array:
        """One output of those of the branches."""

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        return tuple(b.parameters(shape, place) for b in self.branches)

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        keys = [None if key is None else jax.random.fold_in(key, i) for i in range(len(weights))]
        zipped = zip(self.branches, weights, keys, strict=True)
        return self.join([branch.apply(own, x, k) for branch, own, k in zipped])

    def needs(self, after: Needs) -> Needs:
        return reduce(Needs.also, (b.needs(after) for b in self.branches))


class Sum(AbstractBranches):
    """The sum of the outputs of independent branches: kernels add."""

    branches: tuple[AbstractNetwork, ...]

    def __init__(self, *branches: AbstractNetwork):
        self.branches = branches

    def out_shape(self, shape: Shape) -> Shape:
        return _common_shape(f"{self}", [b.out_shape(shape) for b in self.branches])

    def join(self, outputs: list[Array]) -> Array:
        return reduce(jnp.add, outputs)

    def propagate(self, inputs: Covariances) -> Covariances:
        self.out_shape(inputs.shape)
        return _add(f"{self}", _propagate_each(self.branches, inputs), inputs.uncorrelated)


class Product(AbstractBranches):
    """The product, entry by entry, of the outputs of independent branches.

    K -> prod_i K_i and Theta -> sum_i Theta_i prod_(j != i) K_j.
    """

    branches: tuple[AbstractNetwork, ...]

    def __init__(self, *branches: AbstractNetwork):
        self.branches = branches

    def out_shape(self, shape: Shape) -> Shape:
        return _common_shape(f"{self}", [b.out_shape(shape) for b in self.branches])

    def join(self, outputs: list[Array]) -> Array:
        return reduce(jnp.multiply, outputs)

    def propagate(self, inputs: Covariances) -> Covariances:
        self.out_shape(inputs.shape)
        parts = _propagate_each(self.branches, inputs)
        if sum(not p.uncorrelated for p in parts) > 1:
            raise _correlated_error("product", f"{self}")
        return replace(
            reduce(_times, _agree(parts)),
            gaussian=False,
            centred=any(p.centred for p in parts),
            uncorrelated=inputs.uncorrelated or all(p.uncorrelated for p in parts),
        )


class Concatenate(AbstractBranches):
    """The outputs of the branches side by side as channels: the mean of the kernels by channels."""

    branches: tuple[AbstractNetwork, ...]

    def __init__(self, *branches: AbstractNetwork):
        self.branches = branches

    def out_shape(self, shape: Shape) -> Shape:
        shapes = [b.out_shape(shape) for b in self.branches]
        return (*_common_shape(f"{self}", [s[:-1] for s in shapes]), sum(s[-1] for s in shapes))

    def join(self, outputs: list[Array]) -> Array:
        return jnp.concatenate(outputs, axis=-1)

    def propagate(self, inputs: Covariances) -> Covariances:
        shape = self.out_shape(inputs.shape)
        parts = _propagate_each(self.branches, inputs)
        uncorrelated = inputs.uncorrelated or all(p.uncorrelated for p in parts)
        # K = sum_i channels_i K_i / sum_i channels_i
        shares = [part.shape[-1] / shape[-1] for part in parts]
        weighed = [_scaled(p, share) for p, share in zip(_agree(parts), shares, strict=True)]
        # Channels of different branches are differently distributed: only their mean is known.
        return replace(
            reduce(_plus, weighed), shape=shape, gaussian=False, uncorrelated=uncorrelated
        )


def _agree(parts: list[Covariances]) -> list[Covariances]:
    """The parts at one level: the least that all of them hold."""
    levels = Needs(min(p.pair for p in parts), min(p.own for p in parts))
    return [p.reduce(levels) for p in parts]


def _propagate_each(branches: Sequence[AbstractNetwork], inputs: Covariances) -> list[Covariances]:
    """The covariances that each branch makes of its own weights."""
    entry = replace(inputs, uncorrelated=False)
    return [branch.propagate(entry) for branch in branches]


def _add(where: str, parts: list[Covariances], uncorrelated: bool) -> Covariances:
    """The covariances of a sum.

    **Raises:** `ModelError` where two parts may be correlated.
    """
    if max(sum(not p.uncorrelated for p in parts), sum(not p.centred for p in parts)) > 1:
        raise _correlated_error("sum", where)
    uncorrelated = uncorrelated or all(p.uncorrelated for p in parts)
    # K = sum_i K_i, Theta = sum_i Theta_i
    return replace(reduce(_plus, _agree(parts)), uncorrelated=uncorrelated)


def _correlated_error(join: str, where: str) -> ModelError:
    """The limit of branches that share their randomness is not known."""
    return ModelError(
        f"branches of a {join} must be uncorrelated for its limit to be known",
        where=f"kernel of {where}",
        expected="every branch but one ending with a layer with weights (Dense, Conv)",
        found="two branches that end with an activation or pass their input on",
        repair="end the branches with a Dense or Conv",
    )


def _scaled(part: Covariances, factor: Scalar) -> Covariances:
    """The covariances of sqrt(factor) times the values."""
    return part.linear(lambda k, full: factor * k)


def _plus(a: Covariances, b: Covariances) -> Covariances:
    """The covariances of a sum of two uncorrelated parts."""
    return replace(
        a,
        xx=a.xx + b.xx,
        yy=a.yy + b.yy,
        nngp=a.nngp + b.nngp,
        ntk=None if a.ntk is None or b.ntk is None else a.ntk + b.ntk,
        gaussian=a.gaussian and b.gaussian,
        centred=a.centred and b.centred,
    )


def _times(a: Covariances, b: Covariances) -> Covariances:
    """The covariances of a product of two independent parts."""
    tangent = None
    # Theta = Theta_a K_b + K_a Theta_b
    if a.ntk is not None and b.ntk is not None:
        tangent = a.ntk * b.nngp + a.nngp * b.ntk
    return replace(a, xx=a.xx * b.xx, yy=a.yy * b.yy, nngp=a.nngp * b.nngp, ntk=tangent)


def _common_shape(where: str, shapes: Sequence[Shape]) -> Shape:
    """The shape that all of them are."""
    if any(s != shapes[0] for s in shapes):
        raise ModelError(
            "branches of different shapes cannot be joined",
            where=where,
            expected=f"shape {shapes[0]} from every branch",
            found=", ".join(map(str, shapes)),
            repair="give the last layers of the branches as many features, and equal padding",
        )
    return shapes[0]
