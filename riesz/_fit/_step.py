"""One optimisation step, compiled once: gradients by micro-batches, AdamW, a schedule."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.parameters import trainable
from riesz._fit._losses import RelativeLoss, headline
from riesz.domains._fixed import fixed, released
from riesz.functions import AbstractSymmetry, Function, Pairs, PairsLike, take
from riesz.functions._fixed import with_slopes
from riesz.operators import AbstractOperator, Affine, micro_batch, micro_map
from riesz.operators._apply import larger


class State(NamedTuple):
    """Everything that a step changes."""

    parameters: Any
    optimiser: optax.OptState


class Trainer(NamedTuple):
    """Compiled functions of one fit."""

    initial: State
    step: Callable[[State, Pairs, PRNGKeyArray, np.float32], tuple[State, Array]]
    validate: Callable[[Any, Pairs], Array]
    assemble: Callable[[Any], AbstractOperator]
    prepare: Callable[[PairsLike], PairsLike]  # what a step needs of the training data, once


def schedule(progress: Float[Array, ""], warm_up: float = 0.05) -> Float[Array, ""]:
    """Linear warm-up, then cosine decay to zero, as a function of the fraction done."""
    decay = 0.5 * (1 + jnp.cos(jnp.pi * jnp.clip((progress - warm_up) / (1 - warm_up), 0, 1)))
    return jnp.clip(progress / warm_up, 0.02, 1) * decay


@cache
def adamw(weight_decay: float) -> optax.GradientTransformation:
    """AdamW with clipped gradients and unit learning rate; the step multiplies by its rate."""
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.scale_by_adam(b2=0.99),
        optax.add_decayed_weights(weight_decay),
        optax.scale(-1.0),
    )


class Setting(NamedTuple):
    """Everything that a step reads and does not change; `rest` is the operator's constants.

    Fits whose settings and weights differ in the values of arrays only share one program.
    """

    rest: Any
    loss: Callable[[Function, Function], Array]
    optimiser: optax.GradientTransformation
    learning_rate: float
    symmetries: tuple[AbstractSymmetry, ...]
    after: Affine
    same: bool


def make_trainer(
    operator: AbstractOperator,
    loss: Callable[[Function, Function], Array],
    optimiser: optax.GradientTransformation,
    learning_rate: float,
    symmetries: tuple[AbstractSymmetry, ...],
    after: Affine,
    same: bool,
) -> Trainer:
    """The step and the validation of a fit (compiled on first use, once for each shape).

    The operator is evaluated at the points of the outputs, which are those of the inputs where
    `same` says so. Validation errors are relative to the deviations of `after`.
    """
    operator = fixed(operator)
    parameters, rest = eqx.partition(operator, trainable(operator))
    parameters = jax.tree.map(jnp.copy, parameters)  # the step overwrites its argument
    setting = Setting(rest, loss, optimiser, learning_rate, symmetries, after, same)
    sloped = isinstance(loss, RelativeLoss) and loss.h1 > 0
    return Trainer(
        State(parameters, optimiser.init(parameters)),
        lambda state, *batch: _step((setting, *batch), state),
        lambda parameters, pairs: _validate(setting, parameters, pairs),
        lambda parameters: released(eqx.combine(parameters, rest)),
        lambda pairs: with_slopes(pairs) if sloped and isinstance(pairs, Pairs) else pairs,
    )


@eqx.filter_jit(donate="all-except-first")
def _step(
    read: tuple[Setting, Pairs, PRNGKeyArray, Float[Array, ""]], state: State
) -> tuple[State, Array]:
    setting, pairs, key, progress = read

    def mean_loss(parameters, pairs: Pairs, key):
        move = _random_motion(setting.symmetries, key)
        network = eqx.combine(parameters, setting.rest)

        def one(a, u):
            a, u = move(a), move(u)
            return setting.loss(network(a, None if setting.same else u.discretization), u)

        if len(pairs) == 1:  # a batch axis of one would cost XLA its flat products
            return one(take(pairs.inputs, 0), take(pairs.outputs, 0))
        return jax.vmap(one)(pairs.inputs, pairs.outputs).mean()

    value, gradient = _accumulate(mean_loss, state.parameters, pairs, key)
    with jax.numpy_dtype_promotion("standard"):  # optax mixes counters with floats
        updates, moments = setting.optimiser.update(gradient, state.optimiser, state.parameters)
    rate = setting.learning_rate * schedule(progress)
    updates = jax.tree.map(lambda u: rate.astype(u.dtype) * u, updates)
    return State(optax.apply_updates(state.parameters, updates), moments), value


@eqx.filter_jit
def _validate(setting: Setting, parameters: Any, pairs: Pairs) -> Array:
    network = eqx.combine(parameters, setting.rest)

    def one(pair):
        a, u = pair
        answer = network(a, None if setting.same else u.discretization)
        return headline(answer, u, setting.after)

    return micro_map(one, (pairs.inputs, pairs.outputs), _points(pairs), len(pairs))


def _points(pairs: Pairs) -> tuple[int, ...]:
    """The shape of the larger side."""
    return larger(pairs.inputs.values.shape[1:-1], pairs.outputs.values.shape[1:-1])


def _accumulate(mean_loss, parameters, pairs: Pairs, key):
    batch = len(pairs)
    size = micro_batch(_points(pairs), batch, gradient=True)
    gradient = jax.value_and_grad(mean_loss)
    if size == batch:
        return gradient(parameters, pairs, key)
    count = batch // size
    parts = jax.tree.map(lambda x: x.reshape(count, size, *x.shape[1:]), pairs)

    def add(total, part):
        return jax.tree.map(jnp.add, total, gradient(parameters, *part)), None

    zero = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, parameters))
    total, _ = jax.lax.scan(add, zero, (parts, jax.random.split(key, count)))
    return jax.tree.map(lambda x: x / count, total)


def _random_motion(symmetries: tuple[AbstractSymmetry, ...], key: PRNGKeyArray):
    elements = [g.draw(jax.random.fold_in(key, number)) for number, g in enumerate(symmetries)]

    def move(f: Function) -> Function:
        for g, element in zip(symmetries, elements, strict=True):
            f = g.apply(f, element)
        return f

    return move
