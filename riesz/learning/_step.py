"""One optimisation step, compiled once: gradients by micro-batches, AdamW, a schedule."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key, PRNGKeyArray

from riesz._core.blocks import length
from riesz._core.parameters import POSITIVE, kinds, trainable
from riesz.domains.internal import fixed, released
from riesz.learning._objective import AbstractObjective, Parts, value_and_parts
from riesz.learning._samples import points
from riesz.operators import micro_batch

Value = tuple[Float[Array, ""], Parts]


class State(NamedTuple):
    """Everything that a step changes."""

    parameters: Any
    optimiser: optax.OptState


class Trainer(NamedTuple):
    """Compiled functions of one fit."""

    initial: State
    step: Callable[[State, Any, PRNGKeyArray, np.float32], tuple[State, Value]]
    validate: Callable[[Any, Any, Key[Array, " n"]], Array]
    assemble: Callable[[Any], Any]


class Logarithm(eqx.Module):
    """A positive parameter, stepped by its logarithm."""

    value: Float[Array, "..."]


def schedule(progress: Float[Array, ""], warm_up: float = 0.05) -> Float[Array, ""]:
    """Linear warm-up, then cosine decay to zero, as a function of the fraction done."""
    # 1/2 (1 + cos(pi s)), s from 0 at the end of the warm-up to 1 at the end
    decay = 0.5 * (1 + jnp.cos(jnp.pi * jnp.clip((progress - warm_up) / (1 - warm_up), 0, 1)))
    # min(progress / warm_up, 1), at least 0.02
    return jnp.clip(progress / warm_up, 0.02, 1) * decay


@cache
def adamw(weight_decay: float) -> optax.GradientTransformation:
    """AdamW with clipped gradients and unit learning rate; the step multiplies by its rate.

    Logarithms do not decay: zero is no special value of theirs.
    """
    return optax.chain(
        # g / max(1, |g|)
        optax.clip_by_global_norm(1.0),
        # m_hat / (v_hat^(1/2) + eps), beta_1 = 0.9, beta_2 = 0.99 (Kingma and Ba 2015)
        optax.scale_by_adam(b2=0.99),
        # + lambda theta, decoupled (Loshchilov and Hutter 2019); the rate multiplies both
        optax.add_decayed_weights(weight_decay, _decays),
        optax.scale(-1.0),
    )


def _decays(parameters: Any) -> Any:
    return jax.tree.map(lambda x: not _is_logarithm(x), parameters, is_leaf=_is_logarithm)


class Setting(NamedTuple):
    """Everything that a step reads and does not change; `rest` is the model's constants.

    Fits whose settings and weights differ in the values of arrays only share one program.
    """

    rest: Any
    objective: AbstractObjective
    optimiser: optax.GradientTransformation
    learning_rate: float


def make_trainer(
    model: Any,
    objective: AbstractObjective,
    optimiser: optax.GradientTransformation,
    learning_rate: float,
) -> Trainer:
    """The step and the validation of a fit (compiled on first use, once for each shape)."""
    model = fixed(model)
    parameters, rest = eqx.partition(model, _free(model))
    # the step overwrites its argument
    parameters = jax.tree.map(jnp.copy, _taken(parameters))
    setting = Setting(rest, objective, optimiser, learning_rate)
    return Trainer(
        State(parameters, optimiser.init(parameters)),
        lambda state, *batch: _step((setting, *batch), state),
        lambda parameters, *batch: _validate(setting, parameters, *batch),
        lambda parameters: released(_model(parameters, rest)),
    )


def _free(model: Any) -> Any:
    """Which leaves are trained; positive ones that are zero or infinite are switched off."""
    leaves, structure = jax.tree.flatten(model)
    kind, free = kinds(model), jax.tree.leaves(trainable(model))
    # log of 0 or infinity has no gradient that moves it
    there = [
        f and (k != POSITIVE or bool(np.all((np.asarray(x) > 0) & np.isfinite(x))))
        for x, k, f in zip(leaves, kind, free, strict=True)
    ]
    return jax.tree.unflatten(structure, there)


def _taken(parameters: Any) -> Any:
    """The parameters with positive ones as logarithms."""
    leaves, structure = jax.tree.flatten(parameters)
    pairs = zip(leaves, kinds(parameters), strict=True)
    # eta = log theta
    taken = [Logarithm(jnp.log(x)) if kind == POSITIVE else x for x, kind in pairs]
    return jax.tree.unflatten(structure, taken)


def _model(parameters: Any, rest: Any) -> Any:
    """The model with these parameters."""
    # theta = exp(eta), d / d eta = theta d / d theta
    free = jax.tree.map(
        lambda x: jnp.exp(x.value) if _is_logarithm(x) else x, parameters, is_leaf=_is_logarithm
    )
    return eqx.combine(free, rest)


def _is_logarithm(x: Any) -> bool:
    return isinstance(x, Logarithm)


@eqx.filter_jit(donate="all-except-first")
def _step(
    read: tuple[Setting, Any, PRNGKeyArray, Float[Array, ""]], state: State
) -> tuple[State, Value]:
    setting, batch, key, progress = read

    def value(parameters: Any, batch: Any, key: PRNGKeyArray) -> Value:
        return value_and_parts(setting.objective(_model(parameters, setting.rest), batch, key))

    found, gradient = _accumulate(value, state.parameters, batch, key)
    with jax.numpy_dtype_promotion("standard"):  # optax mixes counters with floats
        updates, moments = setting.optimiser.update(gradient, state.optimiser, state.parameters)
    # theta <- theta + rate(progress) update, the update being the descent direction
    rate = setting.learning_rate * schedule(progress)
    updates = jax.tree.map(lambda u: rate.astype(u.dtype) * u, updates)
    return State(optax.apply_updates(state.parameters, updates), moments), found


@eqx.filter_jit
def _validate(setting: Setting, parameters: Any, batch: Any, keys: Key[Array, " n"]) -> Array:
    return setting.objective.errors(_model(parameters, setting.rest), batch, keys)


def _accumulate(value, parameters, batch, key):
    """The value with its parts, and the gradient: means over micro-batches."""

    def one(batch, key):
        return jax.value_and_grad(value, has_aux=True)(parameters, batch, key)

    n = 1 if batch is None else length(batch)
    size = 1 if batch is None else micro_batch(points(batch), n, gradient=True)
    if size == n:
        return one(batch, key)
    count = n // size
    # (n, ...) -> (count, size, ...); n is a multiple of size
    pieces = jax.tree.map(lambda x: x.reshape(count, size, *x.shape[1:]), batch)
    keys = jax.random.split(key, count)
    first = jax.tree.map(lambda x: x[0], (pieces, keys))

    def add(total, piece):
        return jax.tree.map(jnp.add, total, one(*piece)), None

    shapes = jax.eval_shape(one, *first)
    zero = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    total, _ = jax.lax.scan(add, zero, (pieces, keys))
    # means of equally large parts are the mean of all
    return jax.tree.map(lambda x: x / count, total)
