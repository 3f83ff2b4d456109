"""Do activations keep their size in training as a network becomes wider?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import RunError
from riesz.networks import FiniteNetwork, Scaling
from riesz.theory._training import (
    NetworkOf,
    require_sizes,
    require_targets,
    scaled,
    train,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class CoordinateCheck(NamedTuple):
    """Mean absolute activations over steps of training, widths and layers.

    `sizes` has shape (steps + 1, widths, layers); the first is before training.
    """

    sizes: Float[np.ndarray, "steps widths layers"]
    widths: tuple[int, ...]
    layers: tuple[str, ...]

    def slopes(self) -> Float[np.ndarray, "steps layers"]:
        """The exponents p of the least-squares fits of width^p, at each step for each layer."""
        logs = np.log(self.sizes) - np.log(self.sizes).mean(1, keepdims=True)
        widths = np.log(self.widths) - np.log(self.widths).mean()
        # p = sum_w log(width) log(size) / sum_w log(width)^2, both centred
        return np.einsum("w,swl->sl", widths, logs) / (widths @ widths)

    def plot(self) -> "Figure":
        """Sizes over widths, a line for each layer, in panels for up to six of the steps."""
        import matplotlib.pyplot as plt

        shown = sorted(set(np.linspace(0, len(self.sizes) - 1, 6).astype(int).tolist()))
        shape = {"figsize": (2.4 * len(shown) + 1.6, 3.2), "layout": "constrained", "sharey": True}
        figure, panels = plt.subplots(1, len(shown), squeeze=False, **shape)
        for step, panel in zip(shown, panels[0], strict=True):
            for layer, sizes in zip(self.layers, self.sizes[step].T, strict=True):
                panel.plot(self.widths, sizes, marker=".", label=layer)
            panel.set_xscale("log", base=2)
            panel.set_yscale("log")
            panel.set(title=f"step {step}", xlabel="width")
        panels[0, 0].set_ylabel("mean |activation|")
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside right center")
        return figure


def coordinate_check(
    network_of: NetworkOf,
    widths: Sequence[int],
    x: Float[Array, "n *shape"],
    y: Float[Array, "n outputs"],
    *,
    rule: str,
    optimiser: optax.GradientTransformation,
    family: str,
    base: int | None = None,
    steps: int = 4,
    networks: int = 4,
    key: PRNGKeyArray,
) -> CoordinateCheck:
    """Train networks of several widths for a few steps and record the sizes of activations.

    Under muP the sizes of all layers become independent of width after the first steps; where
    they grow with the width, one learning rate cannot be right for all widths (Yang et al. 2022,
    arXiv:2203.03466, appendix D.1). An output that starts small under muP is as it should be.

    **Arguments:**

    - `network_of`: the description of a network, by its width.
    - `widths`: in increasing order.
    - `x`, `y`: one batch, shapes `(n, *space, channels)` and `(n, outputs)`. The loss is half the
      mean squared error.
    - `rule`, `base`: the scaling, see `riesz.networks.Scaling`; the base is a width.
    - `optimiser`, `family`: an optimiser and how it reacts to the size of gradients, see
      `Scaling.transform`.
    - `steps`: of training.
    - `networks`: over how many random networks of each width sizes are averaged.
    - `key`: for the weights.

    **Raises:** `RunError` when the training diverges.

    ```python
    check = coordinate_check(
        lambda n: Dense(n) >> Relu() >> Dense(n) >> Relu() >> Dense(1),
        [64, 128, 256, 512],
        x, y,
        rule="mup", base=64, optimiser=optax.adam(1e-2), family="adam", key=jax.random.key(0),
    )
    print(check.slopes()[-1])
    check.plot().savefig("check.png")
    ```
    """
    widths = [int(width) for width in widths]
    require_sizes("coordinate_check(widths)", widths)
    sizes = []
    for width in widths:
        scaling = scaled(network_of, width, rule, base)
        require_targets("coordinate_check(x, y)", x, y, scaling)
        chained = optax.chain(optimiser, scaling.transform(family))
        sizes.append(_sizes(scaling, chained, x, y, steps, jax.random.split(key, networks)))
    layers = tuple(
        f"{i} {type(link).__name__}" for i, link in enumerate(network_of(widths[0]).layers)
    )
    # (steps + 1, widths, layers)
    check = CoordinateCheck(np.stack(sizes, axis=1), tuple(widths), layers)
    if not np.isfinite(check.sizes).all():
        step, width, _ = np.argwhere(~np.isfinite(check.sizes))[0]
        raise RunError(
            "activations are not finite: the training diverges",
            where=f"coordinate_check(rule={rule!r}) at step {step} and width {widths[width]}",
            repair="use a smaller learning rate or fewer steps",
        )
    return check


def _sizes(
    scaling: Scaling,
    optimiser: optax.GradientTransformation,
    x: Array,
    y: Array,
    steps: int,
    keys: Array,
) -> Float[np.ndarray, "steps layers"]:
    """The mean over networks of mean absolute activations, before and after each step."""

    def record(model: FiniteNetwork) -> Float[Array, " layers"]:
        return jnp.stack(
            [jnp.mean(jnp.abs(a)) for a in jax.vmap(_activations, (None, 0))(model, x)]
        )

    @jax.jit
    def one_by_one(x: Array, y: Array, keys: Array) -> Array:
        def one(key: PRNGKeyArray) -> Array:
            return train(scaling.init(x.shape[1:], key=key), optimiser, x, y, steps, record)

        return jnp.mean(jax.lax.map(one, keys), axis=0)

    return np.asarray(one_by_one(x, y, keys))


def _activations(model: FiniteNetwork, x: Float[Array, "..."]) -> list[Array]:
    """The outputs of each layer of a chain at one input."""
    links, weights = model.network.layers, model.acting()
    weights = weights if len(links) > 1 else (weights,)
    out = []
    for link, own in zip(links, weights, strict=True):
        x = link.apply(own, x, None)
        out.append(x)
    return out
