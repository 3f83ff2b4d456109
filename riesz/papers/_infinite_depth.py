"""Residual networks of finite width and infinite depth are diffusions, not Gaussian."""

from typing import TYPE_CHECKING

from riesz.papers._paper import Paper, scaled

if TYPE_CHECKING:
    import jax

    from riesz.networks import AbstractActivation


def run(scale: float = 1.0) -> dict[str, float]:
    """Norms of activations of deep random networks: distributions, and growth from many starts."""
    import jax
    import jax.numpy as jnp

    from riesz.networks import Abs, Relu
    from riesz.theory import ResidualDiffusion

    count, depth = scaled(16384, scale, 16), scaled(64, scale, 2)
    measured = {}
    for activation, width in ((Relu(), 1), (Abs(), 4)) if scale == 1 else ((Abs(), 4),):
        start = jnp.ones(width)
        mean, variance = ResidualDiffusion(activation).log_norm_law(start)
        starts = jnp.broadcast_to(start, (count, width))
        found = jnp.log(_norms(activation, starts, depth))
        name = type(activation).__name__.lower()
        # in standard deviations of the limit
        measured[f"{name}_{width}_mean"] = float((jnp.mean(found) - mean) / jnp.sqrt(variance))
        measured[f"{name}_{width}_variance"] = float(jnp.var(found) / variance)
    for width in (2, 3, 4, 5) if scale == 1 else ():
        starts = jax.random.normal(jax.random.key(width), (2 * count, width))
        starts = starts[jnp.any(starts > 0, axis=1)][:count]
        before = jnp.linalg.norm(jax.nn.relu(starts), axis=1)
        # log |phi(X_1)| - log |phi(X_0)|
        growth = jnp.log(_norms(Relu(), starts, depth) / before)
        measured[f"growth_{width}"] = float(jnp.mean(growth))
        # standard error of the mean
        measured[f"growth_{width}_error"] = float(jnp.std(growth) / count**0.5)
        measured[f"drift_{width}"] = float(ResidualDiffusion(Relu()).random_start_drift(width))
    return measured


def _norms(activation: "AbstractActivation", starts: "jax.Array", depth: int) -> "jax.Array":
    """Norms of the activations behind independent networks, each begun at its own start."""
    import jax
    import jax.numpy as jnp

    from riesz.networks import Dense, InfiniteDepth

    width = starts.shape[1]
    network = InfiniteDepth(activation >> Dense(width), depth=depth)

    @jax.jit
    def ends(starts: jax.Array, keys: jax.Array) -> jax.Array:
        return jax.vmap(lambda x, key: network.init(width, key=key)(x))(starts, keys)

    found = ends(starts, jax.random.split(jax.random.key(0), len(starts)))
    return jnp.linalg.norm(activation(found), axis=1)


INFINITE_DEPTH = Paper(
    name="infinite-depth",
    title="On the infinite-depth limit of finite-width neural networks",
    claim="Behind 64 layers the logarithm of the norm of activations has the mean (to 0.05 "
    "standard deviations) and the variance (to 10%) of the Gaussian limit for a ReLU at width 1 "
    "and for the absolute value at width 4; for ReLU networks from random starts it falls on "
    "average at widths 2 and 3 and grows at 4 and 5, each by more than two standard errors.",
    published="the infinite-depth limit yields different distributions depending on the activation "
    "function, two of them in closed form, and the norms of post-activations change their regime "
    "when the width increases from 3 to 4 (Hayou 2023, arXiv 2210.00688, abstract)",
    run=run,
)
