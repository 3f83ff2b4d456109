"""Parallel branches, joined."""

from abc import abstractmethod
from dataclasses import replace
from functools import reduce
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import ModelError
from riesz.networks._covariances import Covariances, Needs
from riesz.networks._joins import (
    add,
    agree,
    both_needs,
    common_shape,
    correlated_error,
    plus,
    propagate_each,
    scaled,
    times,
)
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
        return common_shape(f"{self}", [shape, self.inner.out_shape(shape)])

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        return (self.inner.parameters(shape, place._replace(branch=True)),)

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        return x + self.scale * self.inner.apply(weights[0], x, key)

    def needs(self, after: Needs) -> Needs:
        return both_needs(after, self.inner.needs(after))

    def propagate(self, inputs: Covariances) -> Covariances:
        self.out_shape(inputs.shape)
        entry = replace(inputs, fresh=False)
        squared = jnp.asarray(self.scale, inputs.nngp.dtype) ** 2
        branch = scaled(self.inner.propagate(entry), squared)
        return add(f"{self}", [entry, branch], inputs.fresh)


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
        return reduce(both_needs, (b.needs(after) for b in self.branches))


class Sum(AbstractBranches):
    """The sum of the outputs of independent branches: kernels add."""

    branches: tuple[AbstractNetwork, ...]

    def __init__(self, *branches: AbstractNetwork):
        self.branches = branches

    def out_shape(self, shape: Shape) -> Shape:
        return common_shape(f"{self}", [b.out_shape(shape) for b in self.branches])

    def join(self, outputs: list[Array]) -> Array:
        return reduce(jnp.add, outputs)

    def propagate(self, inputs: Covariances) -> Covariances:
        self.out_shape(inputs.shape)
        return add(f"{self}", propagate_each(self.branches, inputs), inputs.fresh)


class Product(AbstractBranches):
    """The product, entry by entry, of the outputs of independent branches.

    K -> prod_i K_i and Theta -> sum_i Theta_i prod_(j != i) K_j.
    """

    branches: tuple[AbstractNetwork, ...]

    def __init__(self, *branches: AbstractNetwork):
        self.branches = branches

    def out_shape(self, shape: Shape) -> Shape:
        return common_shape(f"{self}", [b.out_shape(shape) for b in self.branches])

    def join(self, outputs: list[Array]) -> Array:
        return reduce(jnp.multiply, outputs)

    def propagate(self, inputs: Covariances) -> Covariances:
        self.out_shape(inputs.shape)
        parts = propagate_each(self.branches, inputs)
        if sum(not p.fresh for p in parts) > 1:
            raise correlated_error("product", f"{self}")
        return replace(
            reduce(times, agree(parts)),
            gaussian=False,
            centred=any(p.centred for p in parts),
            fresh=inputs.fresh or all(p.fresh for p in parts),
        )


class Concatenate(AbstractBranches):
    """The outputs of the branches side by side as channels: the mean of the kernels by channels."""

    branches: tuple[AbstractNetwork, ...]

    def __init__(self, *branches: AbstractNetwork):
        self.branches = branches

    def out_shape(self, shape: Shape) -> Shape:
        shapes = [b.out_shape(shape) for b in self.branches]
        return (*common_shape(f"{self}", [s[:-1] for s in shapes]), sum(s[-1] for s in shapes))

    def join(self, outputs: list[Array]) -> Array:
        return jnp.concatenate(outputs, axis=-1)

    def propagate(self, inputs: Covariances) -> Covariances:
        shape = self.out_shape(inputs.shape)
        parts = propagate_each(self.branches, inputs)
        fresh = inputs.fresh or all(p.fresh for p in parts)
        shares = [part.shape[-1] / shape[-1] for part in parts]
        weighed = [scaled(p, share) for p, share in zip(agree(parts), shares, strict=True)]
        # Channels of different branches are differently distributed: only their mean is known.
        return replace(reduce(plus, weighed), shape=shape, gaussian=False, fresh=fresh)
