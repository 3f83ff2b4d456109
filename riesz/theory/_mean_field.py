"""One hidden layer at infinite width under muP: particles that follow their distribution."""

from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from riesz._core.sobol import normal_points
from riesz.errors import ModelError
from riesz.networks import IID, AbstractActivation, Chain, Dense, FiniteNetwork, Scaling


class MeanFieldLimit(NamedTuple):
    """The limit as a network whose neurons are the nodes of a quadrature over their distribution.

    Trained by any optax optimiser that acts entry by entry, followed by
    `scaling.transform(family)`, its function follows that of infinitely wide networks.
    """

    model: FiniteNetwork
    scaling: Scaling


def mean_field_limit(
    scaling: Scaling, shape: int | tuple[int, ...], *, particles: int = 4096
) -> MeanFieldLimit:
    """The limit of infinite width of a network with one hidden layer under muP.

    There f(x) = E[a phi(w.x + b)] over a distribution of neurons (a, w, b), which gradient descent
    transports: each neuron moves by the gradient of its own contribution (Mei, Montanari and
    Nguyen 2018, arXiv:1804.06561; Yang and Hu 2021, arXiv:2011.14522, section 6). A finite network
    is a sample of n neurons from that distribution, with an error of order n^(-1/2). Here the
    neurons are Sobol points turned into normal variables, in pairs of opposite output weights, so
    that f_0 = 0 as in the limit.

    **Arguments:**

    - `scaling`: of `Dense(n) >> activation >> Dense(outputs)` by the rule `"mup"`; n does not
      matter. The output has no bias: its random start would not vanish at infinite width.
    - `shape`: of one input.
    - `particles`: the number of neurons, a power of two. The error falls somewhat faster than
      particles^(-1/2), from a start five times below that of random neurons.

    ```python
    scaling = (Dense(64) >> Erf() >> Dense(1)).scaling("mup")
    limit = mean_field_limit(scaling, 3)
    optimiser = optax.chain(optax.sgd(0.1), limit.scaling.transform("sgd"))
    ```
    """
    hidden, *activations, output = scaling.network.layers
    _require(scaling, hidden, activations, output, particles)
    hidden = replace(hidden, features=particles)
    scaling = Chain((hidden, *activations, output)).scaling("mup", scaling.base)
    # A neuron (w, b, a) is one column of the incoming weights and bias, one row of the outgoing.
    rows = scaling.parameters(shape)
    # numbers of each array per neuron: fan_in of w, 1 of b, outputs of a
    sizes = [prod(row.shape) // particles for row in rows]
    # (numbers, particles) of each array
    normal = np.split(_particles(sum(sizes), sizes[-1], particles), np.cumsum(sizes)[:-1])
    weights = []
    for row, z in zip(rows, normal, strict=True):
        z = z.T if row.kind == "output" else z
        # (fan_in, particles), (particles,), (particles, outputs)
        weights.append(row.init_std * jnp.asarray(z.reshape(row.shape), jnp.result_type(float)))
    model = scaling.init(shape, key=jax.random.key(0))
    model = replace(model, weights=jax.tree.unflatten(jax.tree.structure(model.weights), weights))
    return MeanFieldLimit(model, scaling)


def _particles(dimension: int, outputs: int, count: int) -> Float[np.ndarray, "dimension count"]:
    """Normal variables in pairs that differ by the sign of the last `outputs` ones."""
    half = count // 2
    normal = normal_points(half, dimension).T
    mirrored = normal.copy()
    mirrored[-outputs:] *= -1
    # (w, b, a) and (w, b, -a)
    return np.concatenate([normal, mirrored], axis=1)


def _require(
    scaling: Scaling, hidden: Any, activations: list[Any], output: Any, particles: int
) -> None:
    """Raise for what has no such limit."""
    dense = isinstance(hidden, Dense) and isinstance(output, Dense)
    if (
        not dense
        or not all(isinstance(a, AbstractActivation) for a in activations)
        or output.b_std != 0
        or hidden.weights != IID()
        or output.weights != IID()
        or scaling.rule != "mup"
    ):
        raise ModelError(
            "the mean-field limit is that of one hidden layer under muP",
            where="mean_field_limit(scaling)",
            expected="(Dense(n) >> activation >> Dense(outputs)).scaling('mup'), independent "
            "weights and no bias of the output",
            found=f"({scaling.network}).scaling({scaling.rule!r})",
            repair="deep_linear_limit takes deeper linear networks; for others train a wide one",
        )
    if particles < 2 or particles & (particles - 1):
        raise ModelError(
            "the number of particles is a power of two",
            where="mean_field_limit(particles)",
            expected="such as 1024",
            found=particles,
        )
