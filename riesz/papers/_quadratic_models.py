"""Quadratic models show the catapult phase of large learning rates; linear models cannot."""

from typing import TYPE_CHECKING, Any

import numpy as np

from riesz.papers._descent import descend
from riesz.papers._paper import Paper, scaled

if TYPE_CHECKING:
    import jax

SEEN = 32  # points to learn from; the others are new


def run(scale: float = 1.0) -> dict[str, float]:
    """ReLU networks, their quadratic and their linear models at small and large learning rates."""
    import jax
    import jax.numpy as jnp

    from riesz.kernels import TangentKernel, taylor
    from riesz.networks import Dense, Relu

    network = Dense(scaled(1024, scale, 32), w_std=2**0.5) >> Relu() >> Dense(1)
    steps = scaled(1000, scale, 40)
    x = jax.random.normal(jax.random.key(1), (SEEN + 512, 4))
    y = jnp.sin(x[:, :1]) + x[:, :1] * x[:, 1:2]

    def sharpness(model: Any) -> "jax.Array":
        """The largest eigenvalue of the tangent kernel: rates up to 2 over it are stable."""
        return jnp.linalg.eigvalsh(TangentKernel(model)(x[:SEEN]))[-1]

    def trained(key: "jax.Array", order: int) -> Any:
        """For both rates: losses, the end's sharpness over the start's, the error on new data."""
        start = network.init(4, key=key)
        model = taylor(start, order) if order else start
        first = sharpness(start)

        def at(rate):
            # the stable rates are those below 2 / first
            end, outputs = descend(model, x[:SEEN], y[:SEEN], rate / first, steps)
            new = jnp.mean((jax.vmap(end)(x[SEEN:]) - y[SEEN:]) ** 2)
            return jnp.mean((outputs - y[:SEEN]) ** 2, (1, 2)), sharpness(end) / first, new

        return jax.lax.map(at, jnp.asarray([1.0, 3.0]))

    keys = jax.random.split(jax.random.key(0), scaled(4, scale, 1))
    measured = {}
    for order, name in enumerate(("network", "linear", "quadratic")):
        run = jax.jit(lambda keys, order=order: jax.lax.map(lambda k: trained(k, order), keys))
        for key, value in _figures(*map(np.asarray, run(keys))).items():
            measured[f"{name}_{key}"] = value
    return measured


def _figures(losses: np.ndarray, sharper: np.ndarray, new: np.ndarray) -> dict[str, float]:
    """Of the worst of the networks, and for new data the mean."""
    found = {}
    for i, rate in enumerate(("small", "large")):
        # the largest loss of the first 20 steps over the first
        found[f"{rate}_peak"] = float(np.min(losses[:, i, :20].max(1) / losses[:, i, 0]))
        if np.isfinite(losses[:, i]).all():  # it did not diverge
            found[f"{rate}_loss"] = float(losses[:, i, -1].max())
            found[f"{rate}_sharpness"] = float(sharper[:, i].max())
            found[f"{rate}_new"] = float(new[:, i].mean())
    return found


QUADRATIC_MODELS = Paper(
    name="quadratic-models",
    title="Quadratic models for understanding neural network dynamics",
    claim="At a learning rate of 3 over the largest eigenvalue of the tangent kernel, the loss of "
    "ReLU networks (1024 wide) and of their quadratic models first grows more than 5 times (peak), "
    "then falls below 0.002, while that eigenvalue falls below 2/3 of its start (sharpness), where "
    "the rate is stable; linear models diverge. On new data the errors of networks and quadratic "
    "models are within 10 % of each other, and lower than after training at a rate of 1.",
    published="quadratic models show the catapult phase of training with large learning rates, "
    "and parallel networks in generalisation, especially there (Zhu, Liu, Radhakrishnan and "
    "Belkin 2022, arXiv 2205.11787, abstract)",
    run=run,
)
