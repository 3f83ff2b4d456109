"""Infinitely wide and deep networks are one of three well-known classifiers."""

from typing import TYPE_CHECKING

from riesz.papers._paper import Paper, scaled

if TYPE_CHECKING:
    import jax

    from riesz.networks import AbstractActivation


def run(scale: float = 1.0) -> dict[str, float]:
    """How often kernels of shallow and deep networks decide as simple rules and limits do."""
    import jax
    import jax.numpy as jnp

    from riesz.networks import Erf, Hermite, Monomial, Relu
    from riesz.theory import depth_classifier

    cases = {
        "majority": (Relu(), 20_000),
        "nearest": (Hermite(3), 8),
        "singular_erf": (Erf(), 1000),
        "singular_cubic": (Monomial(3), 500),
    }
    with jax.enable_x64(True):
        points = jax.random.normal(jax.random.key(0), (2, scaled(150, scale, 8), 3))
        # uniform on the unit sphere
        x, new = points / jnp.linalg.norm(points, axis=-1, keepdims=True)
        flipped = jax.random.bernoulli(jax.random.key(1), 0.2, (len(x),))
        # the sign of x_1 + 1/2, wrong with probability 0.2
        labels = jnp.where(x[:, 0] > -0.5, 1.0, -1.0) * jnp.where(flipped, -1.0, 1.0)
        c = new @ x.T
        # This activation is odd: an opposite point is as near, and its label changes sign.
        nearest = jnp.take_along_axis(jnp.sign(c) * labels, jnp.abs(c).argmax(1)[:, None], 1)[:, 0]
        rules = {"majority": jnp.full(len(new), labels.sum()), "nearest": nearest}
        measured = {}
        for name in cases if scale == 1 else ("nearest",):
            activation, depth = cases[name]
            limit = depth_classifier(activation).votes(c) @ labels
            for layers, size in ((1, "shallow"), (depth, "deep")):
                found = _regression(activation, layers, x, labels, new)
                measured[f"{name}_{size}"] = float(jnp.mean(found * limit > 0))
            if name in rules:
                measured[f"{name}_rule"] = float(jnp.mean(found * rules[name] > 0))
    return measured


def _regression(
    activation: "AbstractActivation",
    layers: int,
    x: "jax.Array",
    labels: "jax.Array",
    new: "jax.Array",
) -> "jax.Array":
    """Regression of labels on the sphere with the tangent kernel of equal layers.

    Layers are repeated by a scan, since a description with thousands would compile for hours.
    """
    import jax
    import jax.numpy as jnp

    one = jnp.ones(())
    square = activation.duals(one, one, one)[0]  # divided out, so that variances stay

    @jax.jit
    def tangent(c: "jax.Array") -> "jax.Array":
        def layer(state: tuple["jax.Array", "jax.Array"], _: None):
            # E[phi(u) phi(v)], E[phi'(u) phi'(v)] at correlation K
            value, slope = activation.duals(one, jnp.clip(state[0], -1, 1), one)
            # K <- E[phi phi] / E[phi^2], Theta <- K + E[phi' phi'] / E[phi^2] Theta
            return (value / square, (value + slope * state[1]) / square), None

        return jax.lax.scan(layer, (c, c), length=layers)[0][1]

    own = jnp.fill_diagonal(x @ x.T, 1.0, inplace=False)
    # Theta(new, x) Theta(x, x)^-1 labels
    return tangent(new @ x.T) @ jnp.linalg.solve(tangent(own), labels)


DEEP_CLASSIFIERS = Paper(
    name="deep-classifiers",
    title="Wide and Deep Neural Networks Achieve Optimality for Classification",
    claim="On the sphere, regression with the tangent kernel of many equal layers decides as one "
    "of three classifiers that follow from the activation: 150 noisy labels decide 150 new ones "
    "as their majority does (ReLU) or as the nearest point does (a cubic Hermite polynomial) for "
    "at least 98 %, and as a singular kernel does (erf, cubic; approached like 1 / depth) for at "
    "least 90 %; kernels of one layer agree for less than 75 %.",
    published="infinitely wide and deep networks implement one of three well-known classifiers "
    "depending on the activation function: nearest neighbour, majority vote or singular kernel "
    "classifiers (Radhakrishnan, Belkin and Uhler 2023, arXiv 2204.14126, abstract)",
    run=run,
)
