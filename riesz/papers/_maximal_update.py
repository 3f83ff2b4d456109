"""Under muP the learning rate that is best for a narrow network is best for a wide one."""

from riesz.papers._paper import Paper, scaled


def run(scale: float = 1.0) -> dict[str, float]:
    """Best learning rates of Adam for ReLU networks of several widths."""
    import optax

    from riesz.networks import Dense, Relu
    from riesz.papers._transfer import data, transfer

    def network(width: int):
        return Dense(width, 1.4) >> Relu() >> Dense(width, 1.4) >> Relu() >> Dense(1)

    rules = {"mup": (2**-9, 1.0), "standard": (2**-12, 1.0)}
    return transfer(
        network,
        [32, 128, 512] if scale == 1 else [4, 8],
        rules if scale == 1 else {"mup": rules["mup"]},
        batch=data(),
        optimiser=optax.adam,
        family="adam",
        steps=20,
        networks=scaled(6, scale, 1),
    )


MAXIMAL_UPDATE = Paper(
    name="maximal-update",
    title="Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer",
    claim="From width 32 to 512 the best learning rate of Adam moves by width^p with |p| < 1/4 "
    "under muP and p < -1/2 under the standard parametrisation, where rates were tried in steps of "
    "2^(1/2); the rate that is best at 32 gives the widest network a training loss within 1.25 of "
    "its lowest under muP, and at least 4 times that under the standard one.",
    published="under muP many optimal hyperparameters remain stable even as model size changes "
    "(Yang et al. 2022, arXiv 2203.03466, abstract)",
    run=run,
)
