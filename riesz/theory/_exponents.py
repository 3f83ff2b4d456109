"""The exponents of changes in training, measured in finite networks."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import RunError
from riesz.networks import AbstractActivation, AbstractNetwork, Dense, FiniteNetwork
from riesz.theory._abc import ABC
from riesz.theory._training import require_sizes, train


class Exponents(NamedTuple):
    """Least-squares exponents p of changes of order n^(-p), to compare with `Classification`.

    `r`: of the last hidden features. `output`: of the outputs. `changes` are the root mean squares
    that were fitted, shape (widths, 2).
    """

    r: float
    output: float
    changes: Float[np.ndarray, "widths 2"]


def measure_exponents(
    parametrisation: ABC,
    activation: AbstractActivation,
    widths: Sequence[int],
    x: Float[Array, "n features"],
    y: Float[Array, "n outputs"],
    *,
    learning_rate: float,
    steps: int = 3,
    networks: int = 4,
    key: PRNGKeyArray,
) -> Exponents:
    """How much features and outputs change in training, as a power of the width.

    **Arguments:**

    - `parametrisation`: see `riesz.theory.ABC`.
    - `activation`: after each hidden layer.
    - `widths`: in increasing order.
    - `x`, `y`: one batch, on which steps of SGD on half the mean squared error are made.
    - `learning_rate`: eta, before the factor n^(-c).
    - `steps`: two at least: only the second depends on the change of the output weights.
    - `networks`: over how many networks of each width mean squares are taken.
    - `key`: for the weights.

    **Raises:** `RunError` when a training diverges.
    """
    require_sizes("measure_exponents(widths)", list(widths))
    changes = []
    for width in widths:
        network = _perceptron(width, activation, parametrisation.hidden_layers, y.shape[1])
        # n^(-a) w with the rate n^(-c) is a weight of its own with the rate n^(-c - 2 a).
        n, a, b = float(width), np.asarray(parametrisation.a), np.asarray(parametrisation.b)
        # w_l ~ N(0, n^(-2 (a_l + b_l))), rate eta n^(-c - 2 a_l)
        stds, rates = n ** -(a + b), learning_rate * n ** -(parametrisation.c + 2 * a)
        numbers = (jnp.asarray(v, x.dtype) for v in (stds, rates))
        keys = jax.random.split(key, networks)
        changes.append(np.asarray(_changes(network, steps, *numbers, x, y, keys)))
    changes = np.stack(changes)
    if not np.isfinite(changes).all() or (changes == 0).any():
        raise RunError(
            "the changes in training are not finite or vanish",
            where="measure_exponents(parametrisation)",
            found=changes.tolist(),
            repair="use a smaller learning rate or fewer steps; a larger one if changes vanish",
        )
    # log change = -p log n + constant
    slopes = np.polyfit(np.log(widths), np.log(changes), 1)[0]
    return Exponents(float(-slopes[0]), float(-slopes[1]), changes)


@partial(jax.jit, static_argnums=(0, 1))
def _changes(
    network: AbstractNetwork,
    steps: int,
    stds: Float[Array, " layers"],
    rates: Float[Array, " layers"],
    x: Float[Array, "n features"],
    y: Float[Array, "n outputs"],
    keys: Array,
) -> Float[Array, "2"]:
    """Root mean squares over networks, inputs and coordinates."""
    *head, last = network.layers

    def record(model: FiniteNetwork) -> tuple[Array, Array]:
        features = jax.vmap(partial(_apply, head, model.weights[:-1]))(x)
        return features, jax.vmap(lambda h: last.apply(model.weights[-1], h, None))(features)

    def update(gradients: Any, params: Any) -> Any:
        del params
        leaves, tree = jax.tree.flatten(gradients)
        # w_l <- w_l - rate_l dL/dw_l
        return jax.tree.unflatten(tree, [-r * g for r, g in zip(rates, leaves, strict=True)])

    def one(key: PRNGKeyArray) -> Float[Array, "2"]:
        # In the tangent kernel parametrisation all weights are standard normal.
        model = network.init(x.shape[1:], key=key)
        leaves, tree = jax.tree.flatten(model.weights)
        weights = jax.tree.unflatten(tree, [s * w for s, w in zip(stds, leaves, strict=True)])
        model = replace(model, weights=weights, factors=(1.0,) * len(leaves))
        records = train(model, optax.stateless(update), x, y, steps, record)
        # 1/n sum_i (v_i(end) - v_i(start))^2, over inputs and coordinates
        return jnp.stack([jnp.mean((v[-1] - v[0]) ** 2) for v in records])

    return jnp.sqrt(jnp.mean(jax.lax.map(one, keys), axis=0))


def _apply(links: Sequence[AbstractNetwork], weights: Any, x: Array) -> Array:
    for link, own in zip(links, weights, strict=True):
        x = link.apply(own, x, None)
    return x


def _perceptron(
    width: int, activation: AbstractActivation, hidden_layers: int, outputs: int
) -> AbstractNetwork:
    network = Dense(width) >> activation
    for _ in range(hidden_layers - 1):
        network = network >> Dense(width) >> activation
    return network >> Dense(outputs)
