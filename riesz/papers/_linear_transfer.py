"""Under muP the best learning rate of linear networks tends to a constant with the width."""

import numpy as np

from riesz.papers._paper import Paper, scaled


def run(scale: float = 1.0) -> dict[str, float]:
    """Best learning rates of SGD for linear networks, and of the limit of infinite width."""
    import jax
    import jax.numpy as jnp
    import optax

    from riesz.networks import Dense
    from riesz.papers._transfer import data, transfer
    from riesz.theory import deep_linear_limit

    def network(width: int):
        return Dense(width) >> Dense(width) >> Dense(width) >> Dense(1)

    # A teacher that is linear, and a part that no linear network can learn.
    x, other = data(32, 4)
    batch = x, jnp.sum(x, axis=1, keepdims=True) / 2 + 0.3 * other
    sizes, steps = [32, 128, 512] if scale == 1 else [4, 8], 5
    rules = {"mup": (2**-6, 4.0), "standard": (2**-10, 4.0)}
    measured = transfer(
        network,
        sizes,
        rules if scale == 1 else {"mup": rules["mup"]},
        batch=batch,
        optimiser=optax.sgd,
        family="sgd",
        steps=steps,
        networks=scaled(16, scale, 1),
    )
    scaling = network(sizes[0]).scaling("mup", base=network(sizes[0]))
    rates = jnp.asarray(np.geomspace(2**-6, 4.0, 17), x.dtype)
    limit = jax.vmap(
        lambda rate: deep_linear_limit(scaling, *batch, learning_rate=rate, steps=steps).losses[-1]
    )(rates)
    return measured | {"mup_limit": float(rates[jnp.argmin(limit)])}


LINEAR_TRANSFER = Paper(
    name="linear-transfer",
    title="A Proof of Learning Rate Transfer under \N{GREEK SMALL LETTER MU}P",
    claim="From width 32 to 512 the best learning rate of SGD for linear networks with three "
    "hidden layers moves by width^p with |p| < 1/4 under muP, to within a factor of 2^(1/2), a "
    "step of the grid, of that of the limit of infinite width; under the standard "
    "parametrisation p < -1/2.",
    published="in linear networks under muP the optimal learning rate converges to a non-zero "
    "constant as the width goes to infinity, which fails under the standard parametrisation "
    "(Hayou 2025, arXiv 2511.01734, abstract)",
    run=run,
)
