"""Gradient descent as papers on wide networks use it: all data at once, no momentum."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jax


def descend(
    model: Any, x: "jax.Array", y: "jax.Array", rate: "float | jax.Array", steps: int
) -> "tuple[Any, jax.Array]":
    """The trained model, and the outputs at x before each step, on 1/2 sum (f(x_i) - y_i)^2."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    from riesz._core.parameters import trainable

    trained, rest = eqx.partition(model, trainable(model))

    def loss(trained):
        outputs = jax.vmap(eqx.combine(trained, rest))(x)
        return jnp.sum((outputs - y) ** 2) / 2, outputs

    def step(trained, _):
        gradient, outputs = jax.grad(loss, has_aux=True)(trained)
        return jax.tree.map(lambda p, g: p - rate * g, trained, gradient), outputs

    trained, outputs = jax.lax.scan(step, trained, length=steps)
    return eqx.combine(trained, rest), outputs
