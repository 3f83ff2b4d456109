"""Does the best learning rate of a small network stay the best of a large one?"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import ModelError, RunError
from riesz.networks import Scaling
from riesz.theory._training import (
    NetworkOf,
    half_mean_square,
    require_sizes,
    require_targets,
    scaled,
    train,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class LearningRateSweep(NamedTuple):
    """Losses after training of networks of several sizes with several learning rates.

    `losses` has shape (sizes, rates); a diverged training has loss inf.
    """

    losses: Float[np.ndarray, "sizes rates"]
    sizes: tuple[int, ...]
    rates: Float[np.ndarray, " rates"]

    def best(self) -> Float[np.ndarray, " sizes"]:
        """The learning rate of the lowest loss of each size, out of those tried.

        **Raises:** `RunError` when it is the smallest or the largest.
        """
        lowest = np.argmin(self.losses, axis=1)
        for i, low in enumerate(lowest):
            if low in (0, len(self.rates) - 1):
                raise RunError(
                    "the best learning rate is at an end of those that were tried",
                    where=f"LearningRateSweep.best() for size {self.sizes[i]}",
                    expected="a lowest loss inside the range of rates",
                    found=f"the lowest loss at {self.rates[low]:.4g}",
                    repair="try rates further " + ("down" if low == 0 else "up"),
                )
        return self.rates[lowest]

    def slope(self) -> float:
        """The exponent p of the least-squares fit of size^p to the best learning rates."""
        # log rate = p log size + constant
        return float(np.polyfit(np.log(self.sizes), np.log(self.best()), 1)[0])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Losses over learning rates, a line for each size, the best rates marked."""
        import matplotlib.pyplot as plt

        if ax is None:
            ax = plt.subplots(layout="constrained")[1]
        for size, losses, best in zip(self.sizes, self.losses, self.best(), strict=True):
            (line,) = ax.plot(self.rates, losses, marker=".", label=str(size))
            ax.axvline(best, color=line.get_color(), linestyle=":")
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set(xlabel="learning rate", ylabel="loss")
        ax.legend()
        return ax


def learning_rate_sweep(
    network_of: NetworkOf,
    sizes: Sequence[int],
    x: Float[Array, "n *shape"],
    y: Float[Array, "n outputs"],
    rates: Sequence[float] | Float[np.ndarray, " rates"],
    *,
    rule: str,
    optimiser: Callable[[Array], optax.GradientTransformation],
    family: str,
    base: int | None = None,
    steps: int,
    networks: int = 4,
    key: PRNGKeyArray,
) -> LearningRateSweep:
    """Train networks of several widths or depths with each of several learning rates.

    Under muP the best rate is the same at all widths (Yang et al. 2022, arXiv:2203.03466; proved
    for linear networks by Hayou 2025, arXiv:2511.01734), under depth-muP at all depths of
    residual networks (Yang et al. 2023, arXiv:2310.02244; Bordelon et al. 2024,
    arXiv:2309.16620).

    **Arguments:**

    - `network_of`: the description of a network, by its width or depth.
    - `sizes`: widths or depths, in increasing order.
    - `x`, `y`: one batch, shapes `(n, *space, channels)` and `(n, outputs)`. The loss is half the
      mean squared error.
    - `rates`: learning rates, in increasing order.
    - `rule`, `base`: the scaling, see `riesz.networks.Scaling`; the base is a size.
    - `optimiser`, `family`: an optimiser by its learning rate, such as `optax.adam`, and how it
      reacts to the size of gradients, see `Scaling.transform`.
    - `steps`: of training.
    - `networks`: over how many random networks of each size losses are averaged.
    - `key`: for the weights.
    """
    sizes, rates = [int(size) for size in sizes], np.asarray(rates, float)
    require_sizes("learning_rate_sweep(sizes)", sizes)
    if len(rates) < 3 or not (rates > 0).all() or not (np.diff(rates) > 0).all():
        raise ModelError(
            "learning rates are positive and in increasing order",
            where="learning_rate_sweep(rates)",
            expected="at least three, such as numpy.geomspace(1e-4, 1, 13)",
            found=rates,
        )
    losses = []
    for size in sizes:
        scaling = scaled(network_of, size, rule, base)
        require_targets("learning_rate_sweep(x, y)", x, y, scaling)
        keys = jax.random.split(key, networks)
        final = _final(scaling, optimiser, family, x, y, steps, jnp.asarray(rates, x.dtype), keys)
        losses.append(np.where(np.isfinite(final), final, np.inf))
    return LearningRateSweep(np.stack(losses), tuple(sizes), rates)


def _final(
    scaling: Scaling,
    optimiser: Callable[[Array], optax.GradientTransformation],
    family: str,
    x: Array,
    y: Array,
    steps: int,
    rates: Float[Array, " rates"],
    keys: Array,
) -> Float[np.ndarray, " rates"]:
    """The mean over networks of the loss after training, for each learning rate."""

    @jax.jit
    def one_by_one(x: Array, y: Array, rates: Array, keys: Array) -> Array:
        def one(key: PRNGKeyArray) -> Array:
            model = scaling.init(x.shape[1:], key=key)

            def at(rate: Array) -> Array:
                chained = optax.chain(optimiser(rate), scaling.transform(family))
                return train(model, chained, x, y, steps, lambda m: half_mean_square(m, x, y))[-1]

            return jax.lax.map(at, rates)

        return jnp.mean(jax.lax.map(one, keys), axis=0)

    return np.asarray(one_by_one(x, y, rates, keys))
