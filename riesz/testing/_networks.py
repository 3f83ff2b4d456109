"""The contract between two readings of a network: its limit is that of wide finite networks.

A new layer joins the check by one line in `NETWORK_INSTANCES`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.networks import (
    AbstractNetwork,
    Attention,
    AveragePool,
    BlockSparse,
    Concatenate,
    Conv,
    Dense,
    Erf,
    Flatten,
    GlobalAveragePool,
    GraphAggregate,
    Identity,
    LayerNorm,
    LowRank,
    Orthogonal,
    Product,
    Residual,
    SpectralConv,
    Sum,
)

_BATCH = 40  # networks drawn at a time
_BATCHES = 5000
_SHIFT = 0.5  # of 1 / width: how much width itself may change a kernel


class NetworkCase(NamedTuple):
    """A network with one output by the width of its layers, and the shape of an input.

    `visible` is the relative error of a kernel that is found in seconds.
    """

    build: Callable[[int], AbstractNetwork]
    shape: tuple[int, ...]
    width: int
    visible: float


class Agreement(NamedTuple):
    """How finite networks agree with the limit.

    The largest difference of each kernel, and the largest standard error of the mean of the
    finite ones, both relative to the largest entry; and how many networks were drawn.
    """

    nngp: float
    ntk: float
    standard_error: float
    networks: int


def check_network(
    network: AbstractNetwork,
    shape: int | tuple[int, ...],
    *,
    width: int,
    visible: float = 0.02,
    key: PRNGKeyArray | None = None,
) -> Agreement:
    """Compare `network.kernel()` with the mean over finite networks of the same description.

    Finite networks are drawn until a relative error of `visible` in either kernel would be found.

    **Arguments:**

    - `network`: with one output, and a `Dense(1)` at its end, whose gradient is the covariance.
    - `shape`: of one input, `(*space, channels)`.
    - `width`: of its narrowest layer; width itself changes a kernel by up to half of 1 / width.
    - `visible`: above 1 / width; the smallest error to be found.
    - `key`: for inputs and weights.

    **Raises:** `AssertionError` when they differ, or when even 200 000 networks leave too much to
    chance.
    """
    shape = (shape,) if isinstance(shape, int) else shape
    where, draws = jax.random.split(jax.random.key(1) if key is None else key)
    x = _inputs(shape, where)
    limits = np.stack([np.asarray(k) for k in network.kernel().both(x)])
    size = np.abs(limits).max((1, 2))
    total = squares = np.zeros_like(limits)
    shift = _SHIFT / width
    for batch in range(1, _BATCHES + 1):
        sampled = np.asarray(_draws(network, x, jax.random.fold_in(draws, batch)))
        total = total + sampled.sum(0)
        squares = squares + ((sampled - limits) ** 2).sum(0)
        count = batch * _BATCH
        mean = total / count
        # Var(k) = E[(k - limit)^2] - (E[k] - limit)^2
        variance = np.maximum(squares / count - (mean - limits) ** 2, 0)
        # standard errors of the means, relative to the largest entry
        errors = np.sqrt(variance / count).max((1, 2)) / size
        if (4 * errors + shift < visible).all():
            return _agreement(np.abs(mean - limits).max((1, 2)) / size, errors, width, count)
    raise AssertionError(f"{_BATCHES * _BATCH} networks leave too much to chance")


def _agreement(found: np.ndarray, errors: np.ndarray, width: int, count: int) -> Agreement:
    for name, difference, error in zip(("NNGP", "NTK"), found, errors, strict=True):
        assert difference < 4 * error + _SHIFT / width, (
            f"the {name} differs by {difference:.2g} from that of networks of width {width}, "
            f"whose standard error is {error:.2g}"
        )
    return Agreement(float(found[0]), float(found[1]), float(errors.max()), count)


def _inputs(shape: tuple[int, ...], key: PRNGKeyArray) -> Float[Array, "3 ..."]:
    """Three inputs of different sizes, two of them correlated."""
    sizes = jnp.array([0.9, 0.6, 1.0]).reshape(-1, *[1] * len(shape))
    x = sizes * jax.random.normal(key, (3, *shape))
    return x.at[1].add(0.5 * x[0])


@eqx.filter_jit
def _draws(network: AbstractNetwork, x: Array, key: PRNGKeyArray) -> Float[Array, "b 2 n n"]:
    """For each network: gradient products of the last weights, and of all."""

    def one(key: PRNGKeyArray) -> Any:
        model = network.init(x.shape[1:], key=key)
        weights, rest = eqx.partition(model, eqx.is_inexact_array)
        slope = jax.grad(lambda w, v: eqx.combine(w, rest)(v)[0])
        # df/dw at each input, leaves (n, *leaf)
        leaves = jax.tree.leaves(jax.vmap(slope, (None, 0))(weights, x))
        # (leaves, n, n): sums over the entries of a leaf
        products = jnp.stack([_outer(leaf.reshape(len(x), -1)) for leaf in leaves])
        last = 1 if leaves[-1].ndim > 2 else 2  # with a bias, (n, 1)
        # of the last layer: w_std^2 K + b_std^2; of all leaves: Theta
        return jnp.stack([products[-last:].sum(0), products.sum(0)])

    return jax.lax.map(one, jax.random.split(key, _BATCH))


def _outer(rows: Array) -> Array:
    return rows @ rows.T


_PHI = Erf()
_OUT = Dense(1, w_std=1.2, b_std=0.4)
_GRAPH = GraphAggregate([[0.5, 0.5, 0], [0.1, 0.3, 0.9]])


def _case(
    build: Callable[[int], AbstractNetwork], shape: tuple[int, ...], width: int, visible: float
) -> NetworkCase:
    return NetworkCase(lambda w: build(w) >> _OUT, shape, width, visible)


NETWORK_INSTANCES: dict[str, NetworkCase] = {
    "Dense": _case(lambda w: Dense(w, 1.3, 0.3) >> _PHI, (3,), 4096, 0.01),
    "Dense, two layers": _case(
        lambda w: Dense(w, 1.3, 0.3) >> _PHI >> Dense(w, 1.4, 0.2) >> _PHI, (3,), 128, 0.04
    ),
    "orthogonal": _case(
        lambda w: Dense(w, 1.3, 0.3, weights=Orthogonal()) >> _PHI, (3,), 1024, 0.02
    ),
    "low rank": _case(lambda w: Dense(w, 1.4, weights=LowRank(0.5)) >> _PHI, (256,), 1024, 0.05),
    "block sparse": _case(
        lambda w: Dense(w, 1.4, weights=BlockSparse(0.25)) >> _PHI, (256,), 1024, 0.02
    ),
    "Conv, same": _case(
        lambda w: Conv(w, (3, 2), 1.3, 0.3) >> _PHI >> Flatten(), (3, 4, 2), 1024, 0.01
    ),
    "Conv, valid": _case(
        lambda w: Conv(w, (2,), 1.3, 0.3, "valid") >> _PHI >> GlobalAveragePool(),
        (4, 2),
        2048,
        0.01,
    ),
    "Conv, circular": _case(
        lambda w: Conv(w, (3,), 1.3, 0.3, "circular") >> _PHI >> GlobalAveragePool(),
        (4, 2),
        2048,
        0.01,
    ),
    "AveragePool": _case(
        lambda w: (
            Conv(w, (2,)) >> _PHI >> AveragePool((2,)) >> Conv(w, (2,), 1.2, 0.3) >> Flatten()
        ),
        (5, 2),
        128,
        0.04,
    ),
    "Residual": _case(
        lambda w: Dense(w) >> Residual(_PHI >> Dense(w, 0.7, 0.2)) >> _PHI, (3,), 128, 0.04
    ),
    "Sum": _case(
        lambda w: Dense(w) >> Sum(_PHI >> Dense(w, 0.7), Dense(w, 0.5, 0.3)) >> _PHI,
        (3,),
        128,
        0.04,
    ),
    "Product": _case(lambda w: Product(Dense(w, 0.7, 0.2), Dense(w, 1.5)), (3,), 4096, 0.02),
    "Concatenate": _case(
        lambda w: Concatenate(Dense(w, 1.3) >> _PHI, Dense(3 * w, 0.5, 0.2)), (3,), 1024, 0.01
    ),
    "LayerNorm": _case(lambda w: Dense(w, 1.3, 0.3) >> LayerNorm() >> _PHI, (3,), 4096, 0.01),
    "GraphAggregate": _case(lambda w: Dense(w) >> _PHI >> _GRAPH >> Flatten(), (3, 2), 2048, 0.01),
    "Identity": _case(lambda w: Identity() >> Dense(w, 0.9) >> Identity(), (3,), 1024, 0.01),
    "SpectralConv": _case(
        lambda w: SpectralConv(w, (2,), 1.2, 0.2) >> _PHI >> GlobalAveragePool(),
        (5, 2),
        2048,
        0.01,
    ),
    # Scores depend on random weights twice, so that more is left to chance.
    "Attention, softmax": _case(
        lambda w: Dense(w) >> Attention(w, 1.2, 0.3, 1.5) >> Flatten(), (3, 2), 128, 0.1
    ),
    # With random inputs of width w it would differ by 12 / w: a product of six random weights.
    "Attention, linear": _case(
        lambda w: Attention(w, 1.2, 0.3, 0.8, "linear") >> GlobalAveragePool(), (3, 2), 1024, 0.05
    ),
}
