"""Wide networks train by a fixed kernel: linearly in function space, along its eigenvectors."""

from typing import TYPE_CHECKING

import numpy as np

from riesz.papers._descent import descend
from riesz.papers._paper import Paper, scaled

if TYPE_CHECKING:
    import jax

WIDTHS = 64, 1024
STEPS, SEEN = 400, 8  # steps of gradient descent, and points to learn from


def run(scale: float = 1.0) -> dict[str, float]:
    """Networks of two widths in training, beside the limit of infinite width."""
    import jax
    import jax.numpy as jnp

    x = jax.random.normal(jax.random.key(0), (2 * SEEN, 3))
    # on the sphere of radius sqrt 3
    x = 3**0.5 * x / jnp.linalg.norm(x, axis=1, keepdims=True)
    y = jnp.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:]
    networks, steps = scaled(4, scale, 1), scaled(STEPS, scale, 4)
    errors = [_errors(width, x, y[:SEEN], networks, steps) for width in WIDTHS]
    measured = {}
    for name in ("kernel", "change", "function"):
        found = [error[name] for error in errors]
        measured |= {f"{name}_{width}": e for width, e in zip(WIDTHS, found, strict=True)}
        measured[f"{name}_rate"] = -float(np.polyfit(np.log(WIDTHS), np.log(found), 1)[0])
    return measured | {k: v for k, v in errors[-1].items() if k.startswith("decay")}


def _network(width: int):
    from riesz.networks import Dense, Erf

    hidden = Dense(width, w_std=1.5, b_std=0.1) >> Erf()
    return hidden >> hidden >> Dense(1, w_std=1.5)


def _errors(
    width: int, x: "jax.Array", y: "jax.Array", networks: int, steps: int
) -> dict[str, float]:
    """Relative differences from the limit: of kernels, of what is learned and of its speed."""
    import jax
    import jax.numpy as jnp

    from riesz.kernels import TangentKernel
    from riesz.processes import Values, WideNetwork

    network, limit = _network(width), _network(1)  # whose limit is that of every width
    seen, kernel = x[:SEEN], np.asarray(limit.kernel().ntk(x))
    speeds, directions = np.linalg.eigh(kernel[:SEEN, :SEEN])
    # rate times the largest eigenvalue = 0.2
    rate = 0.2 / float(speeds[-1])

    def train(key):
        start = network.init(3, key=key)
        end, outputs = descend(start, seen, y, rate, steps)
        both = jax.tree.map(lambda *p: jnp.stack(p), start, end)
        found = jax.lax.map(lambda model: (TangentKernel(model)(x), jax.vmap(model)(x)), both)
        return *found, outputs[..., 0]

    keys = jax.random.split(jax.random.key(width), networks)
    trained = jax.jit(lambda keys: jax.lax.map(train, keys))(keys)
    kernels, values, outputs = (np.asarray(array) for array in trained)
    # With the start subtracted from the values, the mean of the distribution is how far one
    # network goes.
    goals = [Values(seen, y - start[:SEEN]) for start in values[:, 0]]
    law = [WideNetwork(limit).train(goal, time=rate * steps).marginal(on=x) for goal in goals]
    moved = np.stack([np.asarray(marginal.mean) for marginal in law])
    gone = values[:, 1] - values[:, 0]
    # components of f - y along the eigenvectors, (networks, steps, seen)
    residuals = (outputs - np.asarray(y)[:, 0]) @ directions
    return {
        "kernel": _relative(kernels[:, 0] - kernel, kernel + 0 * kernels[:, 0]),
        "change": _relative(kernels[:, 1] - kernels[:, 0], kernels[:, 0]),
        "function": _relative((gone - moved)[:, SEEN:], moved[:, SEEN:]),
        **_decays(residuals, rate * speeds),
    }


def _decays(residuals: np.ndarray, speeds: np.ndarray) -> dict[str, float]:
    """Steps in which the four largest components fall to 1 / e, and rates over those foretold."""
    found = {}
    for i in range(1, 5):
        last = min(len(residuals[0]) - 1, round(1 / speeds[-i]))
        first, later = np.linalg.norm(residuals[:, [0, last], -i], axis=0)
        # |r_t| = (1 - speed)^t |r_0|, speed = rate eigenvalue
        found[f"decay_{i}"] = float(np.log(later / first) / last / np.log1p(-speeds[-i]))
        found[f"decay_{i}_time"] = float(-last / np.log(later / first))
    return found


def _relative(difference: np.ndarray, size: np.ndarray) -> float:
    return float(np.linalg.norm(difference) / np.linalg.norm(size))


NEURAL_TANGENT_KERNEL = Paper(
    name="neural-tangent-kernel",
    title="Neural Tangent Kernel: Convergence and Generalization in Neural Networks",
    claim="Tangent kernels of networks with two hidden layers approach the limit like width^-1/2 "
    "(64 and 1024; rates are exponents of errors) and change less and less in training; between "
    "the data, the trained function of width 1024 is within 6 % of the limit's (linear flow from "
    "the same start); the four largest components decay in the order of the eigenvalues, at "
    "rates (decay) within 10 % of them.",
    published="in the limit of infinite width the kernel converges to an explicit limit and stays "
    "constant in training; the function follows a linear differential equation, fastest along the "
    "largest kernel principal components (Jacot, Gabriel and Hongler 2018, arXiv 1806.07572, "
    "abstract)",
    run=run,
)
