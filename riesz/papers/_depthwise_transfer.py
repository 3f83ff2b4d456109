"""With muP and scaled branches the best learning rate is the same for all widths and depths."""

from riesz.papers._paper import Paper, scaled


def run(scale: float = 1.0) -> dict[str, float]:
    """Best learning rates of SGD for residual networks that grow in width and depth together."""
    import optax

    from riesz.networks import Dense, Relu, Residual
    from riesz.papers._transfer import data, transfer

    def network(size: int):
        chain = Dense(32 * size)
        for _ in range(4 * size):
            chain = chain >> Residual(Relu() >> Dense(32 * size))
        return chain >> Dense(1)

    rules = {"mup-depth": (2**-11, 1.0), "mup": (2**-18, 1.0)}
    return transfer(
        network,
        [1, 2, 4] if scale == 1 else [1, 2],
        rules if scale == 1 else {"mup-depth": rules["mup-depth"]},
        batch=data(),
        optimiser=optax.sgd,
        family="sgd",
        steps=20,
        networks=scaled(6, scale, 1),
    )


DEPTHWISE_TRANSFER = Paper(
    name="depthwise-transfer",
    title="Depthwise Hyperparameter Transfer in Residual Networks: Dynamics and Scaling Limit",
    claim="When residual networks grow from width 32 and 4 blocks to width 128 and 16 blocks the "
    "best learning rate of SGD moves by at most a factor of 2 under muP with scaled branches, and "
    "falls by more than 50 under muP alone, where rates were tried in steps of 2^(1/2); with "
    "scaled branches the rate that is best for the smallest gives the largest network a training "
    "loss within 1.25 of its lowest.",
    published="residual architectures with branches scaled by 1/sqrt(depth) and muP exhibit "
    "transfer of optimal hyperparameters across width and depth; under muP alone they do not "
    "transfer across depths (Bordelon et al. 2024, arXiv 2309.16620, abstract)",
    run=run,
)
