"""What joining branches does to their covariances."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from riesz.errors import ModelError
from riesz.networks._covariances import Covariances, Needs
from riesz.networks._network import AbstractNetwork, Shape
from riesz.networks._parameter import Scalar


def both_needs(a: Needs, b: Needs) -> Needs:
    """What both of two networks of one input need."""
    own = [n for n in (a.own, b.own) if n is not None]
    return Needs(pair=a.pair or b.pair, own=any(own) if own else None)


def agree(parts: list[Covariances]) -> list[Covariances]:
    """The parts in one layout: the least that all of them hold."""
    pair, own = all(p.pair for p in parts), all(p.own for p in parts)
    return [p.reduce(pair, own) for p in parts]


def propagate_each(branches: Sequence[AbstractNetwork], inputs: Covariances) -> list[Covariances]:
    """The covariances that each branch makes of its own weights."""
    entry = replace(inputs, fresh=False)
    return [branch.propagate(entry) for branch in branches]


def add(where: str, parts: list[Covariances], fresh: bool) -> Covariances:
    """The covariances of a sum; refused where two parts may be correlated."""
    if max(sum(not p.fresh for p in parts), sum(not p.centred for p in parts)) > 1:
        raise correlated_error("sum", where)
    fresh = fresh or all(p.fresh for p in parts)
    return replace(reduce(plus, agree(parts)), fresh=fresh)


def correlated_error(join: str, where: str) -> ModelError:
    """The limit of branches that share their randomness is not known."""
    return ModelError(
        f"branches of a {join} must be uncorrelated for its limit to be known",
        where=f"kernel of {where}",
        expected="every branch but one ending with a layer with weights (Dense, Conv)",
        found="two branches that end with an activation or pass their input on",
        repair="end the branches with a Dense or Conv",
    )


def scaled(part: Covariances, factor: Scalar) -> Covariances:
    """The covariances of sqrt(factor) times the values."""
    return part.linear(lambda k, full: factor * k)


def plus(a: Covariances, b: Covariances) -> Covariances:
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


def times(a: Covariances, b: Covariances) -> Covariances:
    """The covariances of a product of two independent parts."""
    tangent = None
    if a.ntk is not None and b.ntk is not None:
        tangent = a.ntk * b.nngp + a.nngp * b.ntk
    return replace(a, xx=a.xx * b.xx, yy=a.yy * b.yy, nngp=a.nngp * b.nngp, ntk=tangent)


def common_shape(where: str, shapes: Sequence[Shape]) -> Shape:
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
