"""Of the powers of the width, muP learns features and the standard ones follow a kernel."""

from typing import TYPE_CHECKING

import numpy as np

from riesz.papers._paper import Paper, scaled

if TYPE_CHECKING:
    import jax


def run(scale: float = 1.0) -> dict[str, float]:
    """Exponents of changes of features in finite networks, and their losses against the limit."""
    import jax

    from riesz.networks import Erf
    from riesz.papers._transfer import data
    from riesz.theory import ABC, classify, measure_exponents

    batch = data(8, 4)
    measured = {}
    for name in ("standard", "ntk", "mup") if scale == 1 else ():
        parametrisation = ABC.named(name, hidden_layers=2)
        found = measure_exponents(
            parametrisation,
            Erf(),
            [64, 256, 1024],
            *batch,
            learning_rate=0.05,
            networks=8,
            key=jax.random.key(0),
        )
        measured[f"{name}_r"], measured[f"{name}_output"] = found.r, found.output
        measured[f"{name}_r_predicted"] = classify(parametrisation).r
    return measured | _limit(scale, batch)


def _limit(scale: float, batch: "tuple[jax.Array, jax.Array]") -> dict[str, float]:
    """Distances of losses of linear networks after training from those of the limit of muP."""
    import jax
    import optax

    from riesz.networks import Dense
    from riesz.theory import deep_linear_limit, learning_rate_sweep

    def network(width: int):
        return Dense(width) >> Dense(width) >> Dense(1)

    # Well below those at which the narrowest diverge.
    rates, steps = np.asarray([0.005, 0.01, 0.02]), 8
    sizes = [32, 128, 512] if scale == 1 else [2, 4]
    sweep = learning_rate_sweep(
        network,
        sizes,
        *batch,
        rates,
        rule="mup",
        optimiser=optax.sgd,
        family="sgd",
        base=sizes[0],
        steps=steps,
        networks=scaled(64, scale, 1),
        key=jax.random.key(0),
    )
    scaling = network(sizes[0]).scaling("mup", network(sizes[0]))
    limit = [
        float(deep_linear_limit(scaling, *batch, learning_rate=rate, steps=steps).losses[-1])
        for rate in rates.tolist()
    ]
    # max over rates of |loss / limit - 1|
    errors = np.abs(sweep.losses / np.asarray(limit) - 1).max(axis=1)
    return {f"limit_{size}": float(error) for size, error in zip(sizes, errors, strict=True)}


FEATURE_LEARNING = Paper(
    name="feature-learning",
    title="Feature Learning in Infinite-Width Neural Networks",
    claim="In networks of widths 64 to 1024 with two hidden layers the last features change in "
    "training by width^-r with r = 1/2 in the standard and the tangent kernel parametrisation and "
    "r = 0 under muP, within 0.15; and losses of linear networks under muP tend to those computed "
    "for infinite width, from which they differ by less than 5% at width 512, and less than at 32.",
    published="the standard and tangent kernel parametrisations admit no infinite-width limits "
    "that learn features; simple modifications do, and finite networks approach their limits as "
    "width increases (Yang and Hu 2021, arXiv 2011.14522, abstract)",
    run=run,
)
