"""Covariances of residual networks have one limit, in whatever order width and depth grow."""

from riesz.papers._paper import Paper, scaled

# Width and depth: first the one, both, first the other.
SHAPES = {"wide": (256, 16), "square": (64, 64), "deep": (16, 64)}


def run(scale: float = 1.0) -> dict[str, float]:
    """Distances of the covariances of random networks from the limit, for two activations."""
    import jax
    import jax.numpy as jnp

    from riesz.networks import Dense, InfiniteDepth, Relu, Tanh
    from riesz.papers._random_networks import outputs

    x = jax.random.normal(jax.random.key(0), (3, 8))
    measured = {}
    tanh = Tanh()  # pyright: ignore[reportCallIssue]
    for activation in (Relu(), tanh) if scale == 1 else (tanh,):
        for name, (width, depth) in (SHAPES if scale == 1 else {"small": (8, 8)}).items():
            network = Dense(width) >> InfiniteDepth(activation >> Dense(width), depth=depth)
            limit, count = network.kernel().nngp(x), scaled(32768 // width, scale, 4)
            values = outputs(network, x, count, key=jax.random.key(1))
            # 1 / (count width) sum_iw f_i(x_a)_w f_i(x_b)_w
            found = jnp.einsum("iaw,ibw->ab", values, values) / (count * width)
            error = jnp.linalg.norm(found - limit) / jnp.linalg.norm(limit)
            measured[f"{type(activation).__name__.lower()}_{name}"] = float(error)
    return measured


COMMUTING_LIMITS = Paper(
    name="commuting-limits",
    title="Commutative Width and Depth Scaling in Deep Neural Networks",
    claim="Covariances of ReLU and tanh residual networks of width 256 and depth 16, of width and "
    "depth 64, and of width 16 and depth 64 all lie within 5% of the one limit, an equation in "
    "depth.",
    published="taking the width and depth to infinity in a network with skip connections and "
    "suitably scaled branches results in the same covariance structure no matter how that limit "
    "is taken (Hayou 2023, abstract)",
    run=run,
)
