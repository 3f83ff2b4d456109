"""Training of networks of several sizes by one scaling rule, for checks and sweeps."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from riesz.errors import DataError, ModelError
from riesz.networks import AbstractNetwork, FiniteNetwork, Scaling

NetworkOf = Callable[[int], AbstractNetwork]


def scaled(network_of: NetworkOf, size: int, rule: str, base: int | None) -> Scaling:
    """The scaling of the network of one size; the base is the network of another size."""
    return network_of(size).scaling(rule, None if base is None else network_of(base))


def half_mean_square(
    model: FiniteNetwork, x: Float[Array, "n *shape"], y: Float[Array, "n outputs"]
) -> Float[Array, ""]:
    """Half the mean over samples and outputs of squared differences."""
    return jnp.mean((jax.vmap(model)(x) - y) ** 2) / 2


def train(
    model: FiniteNetwork,
    optimiser: optax.GradientTransformation,
    x: Float[Array, "n *shape"],
    y: Float[Array, "n outputs"],
    steps: int,
    record: Callable[[FiniteNetwork], Any],
) -> Any:
    """Full-batch steps on `half_mean_square`; what `record` gives before each step and at last."""
    start: Any = model

    def step(carry: tuple, _: None) -> tuple[tuple, Any]:
        model, state = carry
        gradient = eqx.filter_grad(half_mean_square)(model, x, y)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes counters with floats
            updates, next_state = optimiser.update(gradient, state, model)
        return (eqx.apply_updates(model, updates), next_state), record(model)

    (model, _), records = jax.lax.scan(step, (start, optimiser.init(start)), length=steps)
    # (steps + 1, ...)
    return jax.tree.map(lambda r, last: jnp.concatenate([r, last[None]]), records, record(model))


def require_targets(
    where: str, x: Float[Array, "n *shape"], y: Float[Array, "m outputs"], scaling: Scaling
) -> None:
    """Raise for data that the network cannot be trained on."""
    outputs = scaling.network.out_shape(x.shape[1:])
    if y.shape != (len(x), *outputs):
        raise DataError(
            "the targets do not fit the outputs of the network",
            where=where,
            expected=f"y of shape {(len(x), *outputs)}",
            found=f"shape {y.shape}",
        )


def require_sizes(where: str, sizes: list[int]) -> None:
    """Raise for sizes over which no trend can be seen."""
    if len(sizes) < 2 or sizes != sorted(set(sizes)):
        raise ModelError(
            "several sizes are compared, in increasing order",
            where=where,
            expected="at least two, such as [64, 128, 256]",
            found=sizes,
        )
