"""Errors of a one-step operator that is applied to its own answers."""

from dataclasses import asdict, dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz._core.text import nested_name
from riesz.errors import DataError
from riesz.evaluation._statistics import Statistic
from riesz.functions import Function, take

_TOGETHER = 32  # trajectories of one compiled program


@dataclass(frozen=True)
class RolloutReport:
    """Errors at each step of a rollout, beside that of standing still and of the mean state.

    Errors are |G^k(u_0) - u_k| in L2 over all channels, relative to the deviation of u_k over the
    trajectories from their mean, so that 1 is the error of the mean state at step k.
    `persistence` is the error of u_0.

    `lasts` is the number of steps before the error of the operator is first larger than 1.
    """

    model: str
    errors: tuple[Statistic, ...]
    persistence: tuple[Statistic, ...]

    @property
    def lasts(self) -> int:
        """Steps before the mean error is first larger than 1, or is not finite."""
        good = [bool(e.mean <= 1) for e in self.errors]
        return good.index(False) if False in good else len(good)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        steps = zip(self.errors, self.persistence, strict=True)
        records = [{"error": asdict(e), "persistence": asdict(p)} for e, p in steps]
        return {"model": self.model, "lasts": self.lasts, "steps": records}

    def __repr__(self) -> str:
        lines = [
            f"{self.model}, rollout of {len(self.errors)} steps; error of the mean state: 100%"
        ]
        lines.append(f"{'step':>4}  {'error (95%)':<26}  {'worst':>8}  {'persistence':>11}")
        for k, (e, p) in enumerate(zip(self.errors, self.persistence, strict=True), start=1):
            error = f"{e.mean:.2%} ({e.low:.2%} to {e.high:.2%})"
            lines.append(f"{k:>4}  {error:<26}  {e.worst:>8.2%}  {p.mean:>11.2%}")
        return "\n".join(lines)


def rollout(operator: Any, trajectories: Function) -> RolloutReport:
    """Apply an operator to its own answers along trajectories, and measure each step.

    **Arguments:**

    - `operator`: from a state to the next one.
    - `trajectories`: n of them at T times each: a function whose values have two leading axes,
      `(n, T, *shape, channels)`, as for `riesz.objectives.Rollout`. None that it was trained on.

    **Raises:** `DataError` for other functions, or fewer than two trajectories or times.

    ```python
    trajectories = jax.vmap(lambda u: batch(u, grid))(values)
    print(riesz.evaluation.rollout(fitted.model, trajectories))
    ```
    """
    _require(trajectories)
    mean = jnp.asarray(trajectories.values.mean(0))
    n, found = trajectories.values.shape[0], []
    for rows in np.array_split(np.arange(n), -(-n // _TOGETHER)):
        part = jax.tree.map(lambda x, rows=rows: x[rows], trajectories)
        found.append([np.asarray(x, float) for x in _errors(operator, part, mean)])
    own, still, deviation = (np.concatenate(x) for x in zip(*found, strict=True))
    # (mean over trajectories of |u_k - mean_k|^2)^(1/2) at each time k
    scale = np.sqrt((deviation**2).mean(0))  # (T - 1,)
    if not (scale > 0).all():
        raise DataError(
            "all trajectories are the same",
            where="rollout(operator, trajectories)",
            expected="states that differ, whose deviation is the unit of errors",
            found=f"no deviation at time {int(np.flatnonzero(scale == 0)[0]) + 1}",
            repair="give trajectories from different initial states",
        )
    own, still = (np.where(np.isfinite(x), x, np.inf) / scale for x in (own, still))
    return RolloutReport(
        nested_name(operator),
        tuple(map(_statistic, own.T)),
        tuple(map(_statistic, still.T)),
    )


def _statistic(errors: Float[np.ndarray, " n"]) -> Statistic:
    """The statistics of one step; all infinite where an answer is no longer finite."""
    if np.isfinite(errors).all():
        return Statistic.of(errors)
    return Statistic(np.inf, np.inf, np.inf, int(np.argmax(errors)), np.inf, np.inf)


@eqx.filter_jit
def _errors(
    operator: Any, trajectories: Function, mean: Float[Array, "T ..."]
) -> tuple[Float[Array, "n K"], Float[Array, "n K"], Float[Array, "n K"]]:
    """Distances of answers, of initial states and of mean states from the states, K = T - 1."""

    def one(trajectory: Function) -> tuple[Array, Array, Array]:
        first = take(trajectory, 0)

        def step(u: Function, pair: tuple[Function, Array]) -> tuple[Function, Any]:
            target, middle = pair
            # u_k = G(u_{k-1}); |u_k - target_k|, |u_0 - target_k|, |mean_k - target_k|
            u = eqx.tree_at(lambda f: f.values, u, operator(u).values)  # in the space of states
            return u, tuple((f - target).norm() for f in (u, first, target.map(lambda _: middle)))

        # states and means at the times 1, ..., T - 1
        after = jax.tree.map(lambda x: x[1:], (trajectory, mean))
        return jax.lax.scan(step, first, after)[1]

    return jax.vmap(one)(trajectories)


def _require(found: Function) -> None:
    extra = found.values.ndim - found.discretization.dimensions - 1
    if extra != 2 or min(found.values.shape[:2]) < 2:
        raise DataError(
            "a rollout is measured on trajectories",
            where="rollout(operator, trajectories)",
            expected="a Function with values (n, T, *shape, channels), n > 1 and T > 1",
            found=f"values of shape {found.values.shape}",
            repair="make trajectories by jax.vmap(lambda u: batch(u, grid))(values)",
        )
