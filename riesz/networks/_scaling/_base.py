"""Comparing a network with the one at which its learning rates were tuned."""

from itertools import groupby

import jax

from riesz.errors import ModelError
from riesz.networks._branches import Residual
from riesz.networks._finite import declare
from riesz.networks._network import AbstractNetwork, Chain, Shape
from riesz.networks._parameter import Parameter
from riesz.networks._scaling._rules import unit


def count_blocks(network: AbstractNetwork) -> int:
    """The number of residual blocks; blocks within blocks do not count."""
    return sum(is_block(b) for b in jax.tree.leaves(network, is_leaf=is_block))


def is_block(part: object) -> bool:
    """Whether a part of a description is a residual block."""
    return isinstance(part, Residual)


def base_parameters(
    network: AbstractNetwork, base: AbstractNetwork | None, shape: Shape
) -> list[Parameter]:
    """For each parameter of the network, the one in the base; without a base, at width one.

    Rows of residual blocks may be shorter in the base: its blocks are repeated in order.

    **Raises:** `ModelError` when the base has other layers than the network.
    """
    own = jax.tree.leaves(declare(network, shape))
    if base is None:
        return [unit(p) for p in own]
    base.out_shape(shape)
    like = jax.tree.leaves(declare(_deepen(base, network), shape))
    if [len(p.shape) for p in like] != [len(p.shape) for p in own]:
        raise _unlike(base, network)
    return like


def _deepen(base: AbstractNetwork, network: AbstractNetwork) -> AbstractNetwork:
    """The base with as many residual blocks in each row of blocks as the network has."""
    own, target = _rows(base), _rows(network)
    if [block for block, _ in own] != [block for block, _ in target]:
        raise _unlike(base, network)
    links: list[AbstractNetwork] = []
    for (block, row), (_, like) in zip(own, target, strict=True):
        links.extend(row[i % len(row)] for i in range(len(like))) if block else links.extend(row)
    return Chain(tuple(links))


def _rows(network: AbstractNetwork) -> list[tuple[bool, list[AbstractNetwork]]]:
    return [(block, list(row)) for block, row in groupby(network.layers, key=is_block)]


def _unlike(base: AbstractNetwork, network: AbstractNetwork) -> ModelError:
    return ModelError(
        "the base of a scaling has other layers than the network",
        where="network.scaling(rule, base)",
        expected=f"{network}\nwith other widths, or other numbers of residual blocks in a row",
        found=str(base),
        repair="make both by one function of width and depth",
    )
