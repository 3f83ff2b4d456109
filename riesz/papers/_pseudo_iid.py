"""Networks with orthogonal, low-rank or sparse weights have the limit of independent ones."""

from typing import TYPE_CHECKING

from riesz.papers._paper import Paper, scaled

if TYPE_CHECKING:
    import jax

    from riesz.networks import AbstractWeights

WIDTHS = (32, 128)


def run(scale: float = 1.0) -> dict[str, float]:
    """Distances of outputs from the limit, for four distributions of the weights and two widths."""
    import jax

    from riesz.networks import IID, BlockSparse, LowRank, Orthogonal

    laws = (IID(), Orthogonal(), LowRank(0.25), BlockSparse(0.25))
    measured = {}
    for number, law in enumerate(laws if scale == 1 else laws[1:3]):
        key, name = jax.random.fold_in(jax.random.key(0), number), type(law).__name__
        for width in WIDTHS if scale == 1 else WIDTHS[:1]:
            found = _distances(law, width, scaled(32768 // width, scale, 4), key)
            measured |= {f"{name}_{width}_{k}": v for k, v in found.items()}
    return measured


def _distances(
    law: "AbstractWeights", width: int, count: int, key: "jax.Array"
) -> dict[str, float]:
    import jax
    import jax.numpy as jnp

    from riesz.networks import Dense, Relu
    from riesz.papers._random_networks import outputs

    # The weights that meet the inputs are independent in the paper, too.
    network = Dense(width, w_std=1.2, b_std=0.3) >> Relu()
    for _ in range(2):
        network = network >> Dense(width, w_std=1.2, b_std=0.3, weights=law) >> Relu()
    network = network >> Dense(width, w_std=1.2, b_std=0.3, weights=law)
    x = jax.random.normal(jax.random.key(1), (4, 8))
    values = outputs(network, x, count, key=key)
    limit = network.kernel().nngp(x)
    # 1 / (count width) sum_iw f_i(x_a)_w f_i(x_b)_w
    found = jnp.einsum("iaw,ibw->ab", values, values) / (count * width)
    # E[f^4] / E[f^2]^2 at each input
    fourth = jnp.mean(values**4, axis=(0, 2)) / jnp.mean(values**2, axis=(0, 2)) ** 2
    return {
        "covariance": float(jnp.linalg.norm(found - limit) / jnp.linalg.norm(limit)),
        "kurtosis": float(jnp.mean(fourth) - 3),
    }


PSEUDO_IID = Paper(
    name="pseudo-iid",
    title="Beyond IID weights: sparse and low-rank deep Neural Networks are also Gaussian "
    "Processes",
    claim="At width 128 covariances of the outputs of networks whose weights are independent, "
    "orthogonal, of rank 1/4 of the width, or a quarter of the blocks, differ by less than 5% from "
    "the limit, which is one for all; the excess kurtosis of outputs falls by a factor of at least "
    "2 from width 32 to 128 (1 / width: 4).",
    published="networks with pseudo-iid weights (independent, orthogonal, of low rank, sparse in "
    "structured blocks) are all effectively equivalent up to their variance (Nait Saada, Naderi "
    "and Tanner 2024, arXiv 2310.16597, abstract)",
    run=run,
)
