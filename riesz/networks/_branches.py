"""Parallel branches, joined."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

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
        after = self.inner.out_shape(shape)
        _require_equal(f"{self}", (shape, after))
        return shape

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        return (self.inner.parameters(shape, place._replace(branch=True)),)

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        return x + self.scale * self.inner.apply(weights[0], x, key)

    def needs(self, after: Needs) -> Needs:
        return _both(after, self.inner.needs(after))

    def propagate(self, inputs: Covariances) -> Covariances:
        self.out_shape(inputs.shape)
        entry = replace(inputs, fresh=False)
        squared = jnp.asarray(self.scale, inputs.nngp.dtype) ** 2
        branch = _scale(self.inner.propagate(entry), squared)
        return _add(f"{self}", [entry, branch], inputs.fresh)


class Sum(AbstractNetwork):
    """The sum of the outputs of independent branches: kernels add."""

    branches: tuple[AbstractNetwork, ...]

    def __init__(self, *branches: AbstractNetwork):
        self.branches = branches

    def out_shape(self, shape: Shape) -> Shape:
        shapes = [b.out_shape(shape) for b in self.branches]
        _require_equal(f"{self}", shapes)
        return shapes[0]

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        return tuple(b.parameters(shape, place) for b in self.branches)

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        return reduce(jnp.add, _each(self.branches, weights, x, key))

    def needs(self, after: Needs) -> Needs:
        return reduce(_both, (b.needs(after) for b in self.branches))

    def propagate(self, inputs: Covariances) -> Covariances:
        self.out_shape(inputs.shape)
        return _add(f"{self}", _outputs(self.branches, inputs), inputs.fresh)


class Product(AbstractNetwork):
    """The product, entry by entry, of the outputs of independent branches.

    K -> prod_i K_i and Theta -> sum_i Theta_i prod_(j != i) K_j.
    """

    branches: tuple[AbstractNetwork, ...]

    def __init__(self, *branches: AbstractNetwork):
        self.branches = branches

    def out_shape(self, shape: Shape) -> Shape:
        shapes = [b.out_shape(shape) for b in self.branches]
        _require_equal(f"{self}", shapes)
        return shapes[0]

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        return tuple(b.parameters(shape, place) for b in self.branches)

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        return reduce(jnp.multiply, _each(self.branches, weights, x, key))

    def needs(self, after: Needs) -> Needs:
        return reduce(_both, (b.needs(after) for b in self.branches))

    def propagate(self, inputs: Covariances) -> Covariances:
        self.out_shape(inputs.shape)
        parts = _outputs(self.branches, inputs)
        if sum(not p.fresh for p in parts) > 1:
            raise _correlated("product", f"{self}")
        return replace(
            reduce(_times, _agree(parts)),
            gaussian=False,
            centred=any(p.centred for p in parts),
            fresh=inputs.fresh or all(p.fresh for p in parts),
        )


class Concatenate(AbstractNetwork):
    """The outputs of the branches side by side as channels: the mean of the kernels by channels."""

    branches: tuple[AbstractNetwork, ...]

    def __init__(self, *branches: AbstractNetwork):
        self.branches = branches

    def out_shape(self, shape: Shape) -> Shape:
        shapes = [b.out_shape(shape) for b in self.branches]
        _require_equal(f"{self}", [s[:-1] for s in shapes])
        return (*shapes[0][:-1], sum(s[-1] for s in shapes))

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        return tuple(b.parameters(shape, place) for b in self.branches)

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        return jnp.concatenate(_each(self.branches, weights, x, key), axis=-1)

    def needs(self, after: Needs) -> Needs:
        return reduce(_both, (b.needs(after) for b in self.branches))

    def propagate(self, inputs: Covariances) -> Covariances:
        shape = self.out_shape(inputs.shape)
        parts = _outputs(self.branches, inputs)
        fresh = inputs.fresh or all(p.fresh for p in parts)
        shares = [part.shape[-1] / shape[-1] for part in parts]
        weighed = [_scale(p, share) for p, share in zip(_agree(parts), shares, strict=True)]
        # Channels of different branches are differently distributed: only their mean is known.
        return replace(reduce(_plus, weighed), shape=shape, gaussian=False, fresh=fresh)


def _each(branches: Sequence[AbstractNetwork], weights: Any, x: Array, key: Any) -> list[Array]:
    keys = [None if key is None else jax.random.fold_in(key, i) for i in range(len(branches))]
    zipped = zip(branches, weights, keys, strict=True)
    return [branch.apply(own, x, k) for branch, own, k in zipped]


def _both(a: Needs, b: Needs) -> Needs:
    own = [n for n in (a.own, b.own) if n is not None]
    return Needs(pair=a.pair or b.pair, own=any(own) if own else None)


def _agree(parts: list[Covariances]) -> list[Covariances]:
    """The parts in one layout: the least that all of them hold."""
    pair, own = all(p.pair for p in parts), all(p.own for p in parts)
    return [p.reduce(pair, own) for p in parts]


def _outputs(branches: Sequence[AbstractNetwork], inputs: Covariances) -> list[Covariances]:
    entry = replace(inputs, fresh=False)
    return [branch.propagate(entry) for branch in branches]


def _add(where: str, parts: list[Covariances], fresh: bool) -> Covariances:
    if max(sum(not p.fresh for p in parts), sum(not p.centred for p in parts)) > 1:
        raise _correlated("sum", where)
    fresh = fresh or all(p.fresh for p in parts)
    return replace(reduce(_plus, _agree(parts)), fresh=fresh)


def _correlated(join: str, where: str) -> ModelError:
    return ModelError(
        f"branches of a {join} must be uncorrelated for its limit to be known",
        where=f"kernel of {where}",
        expected="every branch but one ending with a layer with weights (Dense, Conv)",
        found="two branches that end with an activation or pass their input on",
        repair="end the branches with a Dense or Conv",
    )


def _scale(part: Covariances, factor: Scalar) -> Covariances:
    return part.linear(lambda k, full: factor * k)


def _plus(a: Covariances, b: Covariances) -> Covariances:
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
    tangent = None
    if a.ntk is not None and b.ntk is not None:
        tangent = a.ntk * b.nngp + a.nngp * b.ntk
    return replace(a, xx=a.xx * b.xx, yy=a.yy * b.yy, nngp=a.nngp * b.nngp, ntk=tangent)


def _require_equal(where: str, shapes: Sequence[Shape]) -> None:
    if any(s != shapes[0] for s in shapes):
        raise ModelError(
            "branches of different shapes cannot be joined",
            where=where,
            expected=f"shape {shapes[0]} from every branch",
            found=", ".join(map(str, shapes)),
            repair="give the last layers of the branches as many features, and equal padding",
        )
