"""Hyperparameters by the evidence."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import DataError, SolverError
from riesz.kernels import AbstractKernel
from riesz.processes._compiled import compiled
from riesz.processes._gaussian_process import as_labels, as_sequence
from riesz.processes._leaves import Logarithms
from riesz.processes._process import AbstractProcess
from riesz.processes._solvers import AbstractSolver, InducingPoints
from riesz.processes._system import cast

_MOST = 2000  # observations whose exact evidence is maximised
_REACH = 15.0  # of a logarithm, from its start: a factor of three million


class Tuned(NamedTuple):
    """What `tune` found.

    `process` and `observations` hold the tuned kernel and noise: condition one on the other.
    `evidence` is the log evidence of the `used` observations, `history` holds
    its values, one array of iterations for each start. `converged` and `status` are of the best.
    """

    process: Any
    observations: tuple[Any, ...]
    evidence: float
    used: int
    converged: bool
    status: str
    history: tuple[Float[np.ndarray, " iterations"], ...]

    @property
    def noise(self) -> tuple[Array | None, ...]:
        """The noise of each observation, None for one that has none."""
        return tuple(getattr(o, "noise", None) for o in self.observations)


def tune(
    process: AbstractProcess,
    observations: Any | Sequence[Any],
    *,
    key: PRNGKeyArray,
    solver: AbstractSolver | None = None,
    restarts: int = 1,
) -> Tuned:
    """Maximise the evidence over the hyperparameters of the kernel and the noise.

    The logarithms of all positive inexact leaves of the kernels in the process are free, and
    those of each noise given as one positive number; zeros, infinities and noise given point by
    point stay. L-BFGS-B with gradients by JAX starts at the given values, and then `restarts`
    times at random ones about them; each number stays within a factor of three million of its
    start. Computes in float64 under `jax.enable_x64(True)`, in float32 otherwise, where the
    last digits of the evidence are lost.

    **Arguments:**

    - `process`: with a kernel and `log_evidence`, such as `GaussianProcess`.
    - `observations`: one or several.
    - `key`: for the restarts, and for the part of the observations that is used: of more than
      2000 the exact evidence is that of a random 2000. With a `solver` `InducingPoints` its
      bound on the evidence of all is maximised instead.
    - `solver`: of the evidence; exact when absent.

    **Raises:** `DataError` when nothing is free; `SolverError` when the evidence is finite at no
    start. That an optimum was not reached is told by `converged` and `status`.

    ```python
    tuned = tune(GaussianProcess(Matern(2.5, 0.3)), Values(x, y, noise=0.1), key=key)
    posterior = tuned.process.condition(tuned.observations)
    ```

    Source: Rasmussen and Williams 2006, section 5.4.1.
    """
    listed = as_labels(observations) or as_sequence(observations)
    listed = [cast(o, jnp.result_type(float)) for o in listed]
    split, choose = jax.random.split(key)
    part = listed if isinstance(solver, InducingPoints) else _subset(listed, choose)
    model = _Model(process, tuple(part), solver)
    start = model.free.get()
    if not start.size:
        raise DataError(
            "nothing is free to be tuned",
            where="tune(process, observations)",
            expected="a kernel with positive hyperparameters, or noise given as one number",
            found=f"{type(process).__name__} without any",
        )
    shifts = np.asarray(jax.random.normal(split, (restarts, start.size)), float)
    runs = [_climb(model, start + shift) for shift in [0 * start, *shifts]]
    best, _ = max(runs, key=lambda run: -run[0].fun)
    if not np.isfinite(best.fun):
        raise SolverError(
            "the evidence is not finite at any start",
            where="tune(process, observations)",
            expected="a positive definite covariance of the observations at the given values",
            found=f"none in {restarts + 1} starts, in {jnp.result_type(float)}",
            repair="start from larger noise, or compute in float64 (jax.enable_x64)",
        )
    vector = jnp.asarray(best.x, float)
    tuned = _Model(process, tuple(listed), solver).at(vector)
    used = sum(map(len, part))
    history = tuple(evidences for _, evidences in runs)
    return Tuned(*tuned, -float(best.fun), used, bool(best.success), str(best.message), history)


class _Model(eqx.Module):
    """Process and observations as a function of the logarithms of what is free."""

    process: Any
    observations: tuple[Any, ...]
    solver: AbstractSolver | None
    free: Logarithms

    def __init__(self, process: Any, observations: tuple[Any, ...], solver: Any):
        self.process, self.observations, self.solver = process, observations, solver
        noises = [getattr(o, "noise", None) for o in observations]
        single = [n if n is not None and n.ndim == 0 else None for n in noises]
        self.free = Logarithms((_kernels(process), single))

    def at(self, vector: Float[Array, " p"]) -> tuple[Any, tuple[Any, ...]]:
        kernels, noises = self.free.put(vector)
        leaves, tree = jax.tree.flatten(self.process, is_leaf=_is_kernel)
        rest = iter(kernels)
        process = tree.unflatten([next(rest) if _is_kernel(leaf) else leaf for leaf in leaves])
        pairs = zip(self.observations, noises, strict=True)
        return process, tuple(o if n is None else _with_noise(o, n) for o, n in pairs)


@compiled
def _evidence(model: _Model, vector: Float[Array, " p"]) -> tuple[Array, Array]:
    """The log evidence and its gradient."""

    def value(vector: Array) -> Array:
        process, observations = model.at(vector)
        extra = () if model.solver is None else (model.solver,)
        return process.log_evidence(observations, *extra)

    return jax.value_and_grad(value)(vector)


def _climb(model: _Model, start: np.ndarray) -> tuple[Any, np.ndarray]:
    """One run of L-BFGS-B on minus the evidence, and the evidence after each iteration."""
    worst, history = np.inf, []

    def objective(vector: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal worst
        value, slope = _evidence(model, jnp.asarray(vector, float))
        if np.isfinite(value) and np.isfinite(slope).all():
            worst = max(-float(value), worst if np.isfinite(worst) else -np.inf)
            return -float(value), -np.asarray(slope, float)
        # too far: a wall that the line search turns back from
        return worst + abs(worst), np.zeros_like(vector)

    def note(intermediate_result: Any) -> None:
        history.append(-intermediate_result.fun)

    first, _ = objective(start)
    if not np.isfinite(first):
        failed = scipy.optimize.OptimizeResult(fun=np.inf, x=start, success=False, message="")
        return failed, np.zeros(0)
    found = scipy.optimize.minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(s - _REACH, s + _REACH) for s in start],
        callback=note,
    )
    return found, np.array([-first, *history])


def _subset(observations: list[Any], key: PRNGKeyArray) -> list[Any]:
    """A random part of all observations, when there are many."""
    counts = [len(o) for o in observations]
    if sum(counts) <= _MOST:
        return observations
    chosen = np.asarray(jax.random.permutation(key, sum(counts)))[:_MOST]
    ends = np.cumsum([0, *counts])
    parts = []
    for o, first, last in zip(observations, ends[:-1], ends[1:], strict=True):
        rows = np.sort(chosen[(chosen >= first) & (chosen < last)] - first)
        parts.append(o.rows(jnp.asarray(rows)))
    return parts


def _is_kernel(node: Any) -> bool:
    return isinstance(node, AbstractKernel)


def _kernels(process: Any) -> list[AbstractKernel]:
    return [k for k in jax.tree.leaves(process, is_leaf=_is_kernel) if _is_kernel(k)]


def _with_noise(observation: Any, noise: Array) -> Any:
    return eqx.tree_at(lambda o: o.noise, observation, noise)
