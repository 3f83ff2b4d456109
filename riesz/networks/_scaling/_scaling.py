"""Initial variances, multipliers and learning rates of a network by one rule."""

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import PRNGKeyArray

from riesz.errors import ModelError
from riesz.networks._finite import FiniteNetwork, declare, initialise, one_shape
from riesz.networks._infinite_depth import InfiniteDepth
from riesz.networks._network import AbstractNetwork, Chain, Shape
from riesz.networks._scaling._base import base_parameters, count_blocks, is_block
from riesz.networks._scaling._rules import FAMILIES, RULES, ParameterScaling, scale, write_table


class Scaling(eqx.Module):
    """Initial variances, multipliers and learning rates of a network by one rule.

    Made by `network.scaling(rule, base)`. With m_in and m_out the ratios of fan_in and fan_out to
    those in the base, which are 1 for dimensions of inputs and outputs:

    | rule | initial variance | multiplier | SGD | Adam |
    |---|---|---|---|---|
    | `"standard"` | std^2 / fan_in | 1 | 1 | 1 |
    | `"ntk"` | 1 | std / sqrt(fan_in) | 1 | 1 |
    | `"mup"` | std^2 / fan_in, of outputs / m_in more | 1 | m_out / m_in | 1 / m_in |

    `"mup"` is the maximal update parametrisation (Yang et al. 2022, arXiv:2203.03466, table 3):
    learning rates found at the base are right at any width. `"mup-depth"` also multiplies each
    residual block by (blocks / blocks of the base)^(-1/2), and Adam's learning rate in it by the
    same; that of SGD stays (Yang et al. 2023, arXiv:2310.02244; derived for blocks with one layer
    of weights).

    Without a base the ratios are the fan sizes themselves, as if the base had all widths, and one
    block, equal to one. The rules `"standard"` and `"ntk"` do not depend on the base.

    `network` is the description with its residual blocks multiplied. Scores of
    `riesz.networks.Attention` are divided by the dimension in all rules, as muP asks.

    ```python
    def network(width):
        return Dense(width) >> Relu() >> Dense(width) >> Relu() >> Dense(1)

    scaling = network(1024).scaling("mup", base=network(64))
    model = scaling.init(3, key=jax.random.key(0))
    optimiser = optax.chain(optax.adam(1e-3), scaling.transform("adam"))
    print(scaling.table(3))
    ```
    """

    network: AbstractNetwork
    rule: str = eqx.field(static=True)
    base: AbstractNetwork | None
    depth: float = eqx.field(static=True)

    def init(self, shape: int | Shape, *, key: PRNGKeyArray) -> FiniteNetwork:
        """A finite network with random weights.

        **Arguments:**

        - `shape`: of one input, `(*space, channels)`; a number of features for short.
        - `key`: for the weights.
        """
        shape = one_shape(self.network, shape)
        rows = self.parameters(shape)
        stds, factors = [r.init_std for r in rows], [r.multiplier for r in rows]
        return initialise(self.network, shape, stds, factors, key=key)

    def parameters(self, shape: int | Shape) -> tuple[ParameterScaling, ...]:
        """The numbers of each trained array, in the order of the weights."""
        shape = one_shape(self.network, shape)
        own = jax.tree.leaves_with_path(declare(self.network, shape))
        base = base_parameters(self.network, self.base, shape)
        return tuple(
            scale(self.rule, self._layer(path), p, b, self.depth)
            for (path, p), b in zip(own, base, strict=True)
        )

    def table(self, shape: int | Shape) -> str:
        """The numbers of each trained array as a table in text."""
        return write_table(self.parameters(shape))

    def transform(self, family: str) -> optax.GradientTransformation:
        """Multiplies the update of each array by its learning rate. Chain it *after* an optimiser.

        **Arguments:**

        - `family`: `"adam"` for optimisers whose updates do not depend on the size of gradients,
          such as Adam, AdamW, RMSprop, Lion; `"sgd"` for those whose updates are linear in the
          gradients, such as SGD with momentum.

        **Raises:** `ModelError` when what is trained was not made by this scaling's `init`.

        The network may be a part of what is trained; updates of all else stay as they are.
        """
        if family not in FAMILIES:
            raise ModelError(
                "unknown family of optimisers",
                where="Scaling.transform(family)",
                expected=" or ".join(FAMILIES),
                found=repr(family),
            )

        def update(updates: Any, params: Any) -> Any:
            del params
            parts = jax.tree.leaves(updates, is_leaf=_is_finite)
            if not any(map(_is_finite, parts)):
                raise _foreign("no FiniteNetwork in what is trained")
            one = lambda part: self._scaled(part, family) if _is_finite(part) else part  # noqa: E731
            return jax.tree.map(one, updates, is_leaf=_is_finite)

        return optax.stateless(update)

    def _scaled(self, updates: FiniteNetwork, family: str) -> FiniteNetwork:
        if updates.network != self.network:
            raise _foreign(str(updates.network))
        rows = self.parameters(updates.shape)
        if updates.factors != tuple(r.multiplier for r in rows):
            raise _foreign("the same network initialised by another rule")
        leaves, tree = jax.tree.flatten(updates.weights)
        # rate_i times update_i
        scaled = [getattr(r, family) * u for r, u in zip(rows, leaves, strict=True)]
        return replace(updates, weights=jax.tree.unflatten(tree, scaled))

    def _layer(self, path: tuple[Any, ...]) -> str:
        if isinstance(self.network, Chain):
            return f"{path[0].idx} {self.network.links[path[0].idx]}"
        return str(self.network)


def make_scaling(network: AbstractNetwork, rule: str, base: AbstractNetwork | None) -> Scaling:
    """The scaling of a network, its residual blocks multiplied where the rule says so."""
    if rule not in RULES:
        raise ModelError(
            "unknown rule of scaling",
            where="network.scaling(rule)",
            expected=", ".join(RULES),
            found=repr(rule),
        )
    network = jax.tree.map(_number, network)
    if rule != "mup-depth":
        return Scaling(network, rule, base, 1.0)
    blocks = count_blocks(network)
    if blocks == 0:
        raise ModelError(
            "mup-depth scales residual blocks, and the network has none",
            where=f"({network}).scaling('mup-depth')",
            expected="at least one Residual(...)",
            repair="use mup, whose learning rates transfer over widths",
        )
    if any(map(_is_deep, jax.tree.leaves(network, is_leaf=_is_deep))):
        raise ModelError(
            "mup-depth scales residual blocks, and InfiniteDepth scales its own",
            where=f"({network}).scaling('mup-depth')",
            expected="a network of Residual blocks alone",
            repair="write the blocks of InfiniteDepth out, or use mup",
        )
    depth = blocks / max(1, 1 if base is None else count_blocks(base))

    def shrink(part: Any) -> Any:
        return replace(part, scale=part.scale * depth**-0.5) if is_block(part) else part

    return Scaling(jax.tree.map(shrink, network, is_leaf=is_block), rule, base, depth)


def _is_deep(part: Any) -> bool:
    return isinstance(part, InfiniteDepth)


def _is_finite(part: Any) -> bool:
    return isinstance(part, FiniteNetwork)


def _number(leaf: Any) -> Any:
    return float(leaf) if isinstance(leaf, jax.Array) and jnp.ndim(leaf) == 0 else leaf


def _foreign(found: str) -> ModelError:
    return ModelError(
        "the network in training was not made by this scaling",
        where="Scaling.transform(family)",
        expected="parameters of model = scaling.init(shape, key=key)",
        found=found,
        repair="initialise the network by the scaling whose transform trains it",
    )
