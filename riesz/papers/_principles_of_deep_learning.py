"""Networks are nearly Gaussian, and depth over width says how nearly."""

from typing import TYPE_CHECKING

from riesz.papers._paper import Paper, scaled

if TYPE_CHECKING:
    import jax

    from riesz.networks import AbstractActivation

SHAPES = ((2, 64), (4, 128), (4, 64), (8, 128))  # depth and width, two of each ratio


def run(scale: float = 1.0) -> dict[str, float]:
    """Excess kurtosis of the outputs of critical random networks, measured and predicted."""
    import jax

    from riesz.networks import Relu, Tanh

    measured = {}
    tanh = Tanh()  # pyright: ignore[reportCallIssue]
    for number, activation in enumerate((Relu(), tanh) if scale == 1 else (tanh,)):
        name, key = type(activation).__name__.lower(), jax.random.fold_in(jax.random.key(0), number)
        for depth, width in SHAPES if scale == 1 else SHAPES[:1]:
            found = _kurtosis(activation, depth, width, scaled(4096, scale, 8), key)
            measured |= {f"{name}_{depth}_{width}_{k}": v for k, v in found.items()}
    return measured


def _kurtosis(
    activation: "AbstractActivation", depth: int, width: int, count: int, key: "jax.Array"
) -> dict[str, float]:
    import jax.numpy as jnp

    from riesz.networks import Dense
    from riesz.papers._random_networks import outputs
    from riesz.theory import critical, finite_width

    # Tanh networks are critical at vanishing variance; 0.3 is small, and known to the prediction.
    x, w_std = 0.3 * jnp.ones((1, 4)), critical(activation).w_std
    hidden = Dense(width, w_std=w_std) >> activation
    for _ in range(depth - 1):
        hidden = hidden >> Dense(width, w_std=w_std) >> activation
    # Outputs are Gaussian given the mean square of the last activations: its moments are theirs.
    square = jnp.mean(outputs(hidden, x, count, key=key)[:, 0] ** 2, axis=1)
    first = Dense(1, w_std=w_std).kernel().nngp(x)
    law = finite_width(activation, first, [width] * depth, w_std=w_std)
    return {
        # fourth cumulant 3 Var(G), G the metric of the last layer
        "measured": float(3 * jnp.var(square) / jnp.mean(square) ** 2),
        "predicted": float(law.fourth_cumulant[0, 0, 0, 0] / law.covariance[0, 0] ** 2),
    }


PRINCIPLES_OF_DEEP_LEARNING = Paper(
    name="principles-of-deep-learning",
    title="The Principles of Deep Learning Theory",
    claim="The excess kurtosis of the outputs of critical random networks is that which the "
    "recursion from layer to layer predicts, within 20% (ReLU) and 15% (tanh), at depth / width = "
    "1/32 and 1/16; at twice the width and depth that of ReLU networks is the same within 15%, and "
    "at twice the depth alone it doubles within 30%.",
    published="predictions of networks are nearly Gaussian, the depth-to-width ratio controlling "
    "the deviations (Roberts, Yaida and Hanin 2022, arXiv 2106.10165, abstract)",
    run=run,
)
