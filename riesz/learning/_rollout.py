"""The objective of a one-step operator: its error along trajectories."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import PRNGKeyArray

from riesz.errors import DataError
from riesz.functions import Function, Pairs, take
from riesz.functions.internal import pieces
from riesz.learning._objective import AbstractObjective, Task, average
from riesz.learning._samples import Stream
from riesz.learning._supervised import Loss, scaled
from riesz.operators import (
    AbstractOperator,
    Affine,
    Normalised,
    ZeroDirichlet,
    training_scale,
)

_SCALED = 64  # trajectories, at most, from which the typical size of slopes is taken


class Rollout(AbstractObjective):
    """Mean over trajectories of (1/K) sum_{k=1}^K l(G^k(u_t), u_{t+k}), t being drawn at random.

    A trajectory is a function at T > K times: a batch of functions on one discretization. The data
    are trajectories with one more leading axis, values `(n, T, *shape, channels)`, such as
    `jax.vmap(lambda u: batch(u, grid))(values)`. The gradient goes through all K steps. An
    operator gets the mean and deviation of all states built in, unless it has some.

    **Arguments:**

    - `step_loss`: a function of prediction and target, such as `RelativeLoss()`.
    - `steps`: their number K.

    ```python
    fitted = riesz.fit(operator, trajectories, Rollout(RelativeLoss(), steps=4), key=key)
    ```
    """

    step_loss: Loss
    steps: int = eqx.field(static=True)

    def __call__(self, model: Any, batch: Function, key: PRNGKeyArray) -> Any:
        def one(trajectory: Function, key: PRNGKeyArray) -> Any:
            times = trajectory.values.shape[0]
            # t from 0 to T - K - 1, so that t + K is a time
            start = jax.random.randint(key, (), 0, times - self.steps)

            def step(u: Function, target: Function) -> tuple[Function, Any]:
                # u_k = G(u_{k-1}); l(u_k, u_{t+k})
                u = eqx.tree_at(lambda f: f.values, u, model(u).values)  # in the space of u
                return u, self.step_loss(u, target)

            # (T, ...) -> u_t, ..., u_{t+K}
            cut = jax.tree.map(
                lambda x: jax.lax.dynamic_slice_in_dim(x, start, self.steps + 1), trajectory
            )
            after = jax.tree.map(lambda x: x[1:], cut)
            return average(jax.lax.scan(step, take(cut, 0), after)[1])

        return average(jax.vmap(one)(batch, jax.random.split(key, batch.values.shape[0])))

    def check(self, model: Any, data: Any) -> None:
        if data is None:
            self._require(data)

    def prepare(self, task: Task, survey: Any) -> Task:
        known = task.held if isinstance(task.training, Stream) else task.training
        self._require(known[:1])
        states = Affine.of(_states(part) for part in pieces(known))
        if isinstance(task.model, AbstractOperator):
            task = task._replace(model=_normalised(task.model, states))
        some = _states(jax.tree.map(lambda x: x[:_SCALED], next(pieces(known))))
        loss = scaled(self.step_loss, states, Pairs(some, some))
        return task._replace(objective=Rollout(loss, self.steps))

    def _require(self, found: Any) -> None:
        """Raise for anything but a batch of trajectories of more than K steps."""
        shape = ""
        if isinstance(found, Function):
            shape = f", values of shape {found.values.shape}"
            extra = found.values.ndim - found.discretization.dimensions - 1
            if extra == 2 and found.values.shape[1] > self.steps:
                return
        raise DataError(
            "a rollout needs trajectories that are longer than it",
            where=f"riesz.fit(operator, data, Rollout(step_loss, steps={self.steps}))",
            expected=f"a Function with values (n, T, *shape, channels), T > {self.steps}",
            found=f"a {type(found).__name__}{shape}",
            repair="make trajectories by jax.vmap(lambda u: batch(u, grid))(values)",
        )


def _states(trajectories: Function) -> Function:
    """All states of a batch of trajectories, as one batch."""
    # (n, T, ...) -> (n T, ...)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), trajectories)


def _normalised(operator: AbstractOperator, states: Affine) -> AbstractOperator:
    if training_scale(operator) is not None:
        return operator
    if isinstance(operator, ZeroDirichlet):  # whose values on the boundary stay zero
        return ZeroDirichlet(_normalised(operator.inner, states))
    return Normalised.between(operator, states, states)
