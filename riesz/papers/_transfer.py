"""Best learning rates of small and large networks, which papers on their transfer compare."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from riesz.networks import AbstractNetwork
from riesz.theory import learning_rate_sweep


def data(n: int = 32, features: int = 8) -> tuple[Array, Array]:
    """One batch, of a function that is not linear."""
    x = jax.random.normal(jax.random.key(1), (n, features))
    return x, jnp.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3]


def transfer(
    network_of: Callable[[int], AbstractNetwork],
    sizes: Sequence[int],
    rules: dict[str, tuple[float, float]],
    *,
    batch: tuple[Array, Array],
    optimiser: Callable[[Array], optax.GradientTransformation],
    family: str,
    steps: int,
    networks: int,
) -> dict[str, float]:
    """How far best learning rates move from the smallest size, which is the base, to the largest.

    `rules` gives the range of rates, tried in steps of 2^(1/2). For each rule: `slope`, the
    exponent of the size in the best rate, and `regret`, the loss of the largest network at the
    rate that is best for the smallest, divided by its lowest loss, and 1e6 if training diverges.
    """
    measured = {}
    for rule, (low, high) in rules.items():
        # 2 log2(high / low) steps of 2^(1/2)
        rates = np.geomspace(low, high, 1 + round(2 * np.log2(high / low)))
        sweep = learning_rate_sweep(
            network_of,
            sizes,
            *batch,
            rates,
            rule=rule,
            optimiser=optimiser,
            family=family,
            base=sizes[0],
            steps=steps,
            networks=networks,
            key=jax.random.key(0),
        )
        name, (small, *_, large) = rule.replace("-", "_"), sweep.losses
        best = dict(zip(sizes, sweep.best(), strict=True))
        measured |= {f"{name}_{size}": float(rate) for size, rate in best.items()}
        measured[f"{name}_slope"] = sweep.slope()
        measured[f"{name}_regret"] = min(float(large[small.argmin()] / large.min()), 1e6)
    return measured
