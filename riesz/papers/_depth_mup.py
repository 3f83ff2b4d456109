"""Depth-muP: one learning rate of Adam for residual networks of any depth."""

from riesz.papers._paper import Paper, scaled


def run(scale: float = 1.0) -> dict[str, float]:
    """Best learning rates of Adam for residual networks of several depths."""
    import optax

    from riesz.networks import Abs, Dense, Residual
    from riesz.papers._transfer import data, transfer

    def network(blocks: int):
        chain = Dense(32)
        for _ in range(blocks):
            chain = chain >> Residual(Abs() >> Dense(32))
        return chain >> Dense(1)

    rules = {"mup-depth": (2**-13, 2**-2), "mup": (2**-16, 2**-2)}
    return transfer(
        network,
        [2, 4, 8, 16] if scale == 1 else [1, 2],
        rules if scale == 1 else {"mup-depth": rules["mup-depth"]},
        batch=data(),
        optimiser=optax.adam,
        family="adam",
        steps=20,
        networks=scaled(8, scale, 1),
    )


DEPTH_MUP = Paper(
    name="depth-mup",
    title="Tensor Programs VI: Feature Learning in Infinite-Depth Neural Networks",
    claim="From 2 to 16 blocks the best learning rate of Adam moves by depth^p with |p| < 1/4 "
    "under Depth-muP and p < -1/3 under muP, where rates were tried in steps of 2^(1/2); the rate "
    "that is best for 2 blocks gives the deepest network a training loss within 1.5 of its lowest "
    "under Depth-muP, and at least 3 times that under muP.",
    published="in residual networks whose blocks have one layer Depth-muP is the unique optimal "
    "parametrisation and admits depthwise hyperparameter transfer (Yang et al. 2023, arXiv "
    "2310.02244, abstract)",
    run=run,
)
