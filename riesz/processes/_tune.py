"""Hyperparameters by the evidence."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.parameters import POSITIVE, cast
from riesz._core.progress import Progress
from riesz._core.text import write
from riesz.errors import DataError, ModelError, SolverError
from riesz.processes._compiled import compiled
from riesz.processes._gaussian_posterior import GaussianPosterior
from riesz.processes._gaussian_process import as_labels
from riesz.processes._hyperparameters import Hyperparameters, hyperparameters
from riesz.processes._inputs import require_key
from riesz.processes._observations import as_sequence
from riesz.processes._process import AbstractProcess, RandomKey
from riesz.processes._solvers import AbstractSolver, InducingPoints
from riesz.processes._starts import choose_rows, draw_starts

_MOST = 2000  # observations whose exact evidence is maximised
_SCREENED = 512  # observations whose evidence ranks the starts
_STARTS = 64  # that are screened
_CLIMBS = 2  # on the screened observations, for each on all of them
_REACH = 15.0  # of a logarithm, from its start: a factor of three million
_HOPELESS = 0.05  # nats per observation below the best: not climbed on all of them
_SAME = 0.1  # nats: evidence of one optimum
_FLAT = 0.1  # nats per unit of a logarithm: the gradient at an optimum


class Tuned(NamedTuple):
    """What `tune` found.

    `process` and `observations` hold the tuned numbers: condition one on the other. `evidence` is
    the log evidence of the `used` observations and `gradient` its largest slope in the logarithm
    of a number; `history` holds its values, one array of iterations for each climb on the `used`
    observations. `converged` says whether the gradient vanishes, and `status` how many of the
    starts that were followed reached this optimum.
    """

    process: Any
    observations: tuple[Any, ...]
    evidence: float
    used: int
    converged: bool
    status: str
    gradient: float
    history: tuple[Float[np.ndarray, " iterations"], ...]

    @property
    def noise(self) -> tuple[Array | None, ...]:
        """The noise of each observation, None for one that has none."""
        return tuple(getattr(o, "noise", None) for o in self.observations)

    def __repr__(self) -> str:
        name, noises = type(self.process).__name__, [n for n in self.noise if n is not None]
        kernel = getattr(self.process, "kernel", self.process)
        single = ", ".join(f"{float(n):.6g}" for n in noises if n.ndim == 0)
        return (
            f"{name} with log evidence {self.evidence:.6g} of {self.used} observations\n"
            f"{self.status}\nkernel: {write(kernel, digits=6)}"
            + (f"\nnoise: {single}" if single else "")
        )


class _Run(NamedTuple):
    """The end of one climb, and the evidence after each iteration."""

    vector: np.ndarray
    evidence: float
    gradient: float
    stopped: str
    history: np.ndarray


def tune(
    process: AbstractProcess,
    observations: Any | Sequence[Any],
    *,
    key: RandomKey,
    solver: AbstractSolver | None = None,
    restarts: int = 2,
    fixed: Callable[..., Any] | None = None,
    progress: bool = False,
) -> Tuned:
    """Maximise the evidence over the hyperparameters of the kernel, the mean and the noise.

    Free are the positive inexact leaves of the kernels in the process and each noise given as
    one positive number, by their logarithms, and as they are the arrays of functions that a
    kernel holds and of the mean, if that is a module, and a mean that is a number. Numbers that
    are zero or infinite and noise given point by point stay.

    The evidence has several maxima. With `restarts` it is screened on at most 512 observations
    at 64 starts: length scales between the median gap of the inputs and their range, several
    amplitudes and noises. L-BFGS-B with gradients by JAX climbs from the best of them and from
    the given values, first there, then from at most `restarts` + 1 of the ends on all. With
    `restarts=0` it climbs from the given values only. Computes in float64 under
    `jax.enable_x64(True)`, in float32 otherwise, where the last digits of the evidence are lost.

    **Arguments:**

    - `process`: with a kernel and `log_density`, such as `GaussianProcess`.
    - `observations`: one or several.
    - `key`: for the starts, and for the part of the observations that is used: of more than
      2000 the exact evidence is that of a random 2000. With a `solver` `InducingPoints` its
      bound on the evidence of all is maximised instead.
    - `solver`: of the evidence; exact when absent.
    - `fixed`: a function of `(process, observations)` that returns the numbers which stay.
    - `progress`: after two seconds show a bar on a terminal, elsewhere a line each ten seconds.

    **Raises:** `ModelError` for a process without evidence, `DataError` when nothing is free;
    `SolverError` when the evidence is finite at no start. That an optimum was not reached is
    told by `converged` and `status`.

    ```python
    prior = GaussianProcess(Matern(2.5, 0.3) * Periodic(1.0))
    year = lambda prior, values: prior.kernel.right.period
    tuned = tune(prior, Values(x, y, noise=0.1), key=key, fixed=year)
    posterior = tuned.process.condition(tuned.observations)
    ```

    Source: Rasmussen and Williams 2006, section 5.4.1.
    """
    require_key(key, "tune(process, observations, key=...)")
    _require_evidence(process)
    single = not isinstance(observations, Sequence)
    listed = as_labels(observations) or as_sequence(observations)
    listed = tuple(cast(o, jnp.result_type(float)) for o in listed)
    free = hyperparameters(process, listed, fixed, single)
    start = free.get()
    if not start.size:
        raise DataError(
            "nothing is free to be tuned",
            where="tune(process, observations)",
            expected="a kernel with positive hyperparameters, or noise given as one number",
            found=f"{type(process).__name__} without any",
            repair="zeros and infinities stay: start from positive numbers, or name fewer `fixed`",
        )
    split, choose, rows = jax.random.split(key, 3)
    used = listed if isinstance(solver, InducingPoints) else _subset(listed, _MOST, choose)
    whole = _Model(free, used, solver)
    steps = _STARTS + 1 + (_CLIMBS + 1) * (restarts + 1) if restarts else 1
    with Progress(progress, "tune", steps, "steps") as shown:
        if restarts:
            part = _Model(free, _subset(used, _SCREENED, rows, clustered=True), solver)
            starts = np.concatenate([start[None], draw_starts(whole.free_used(), _STARTS, split)])
            followed = _follow(part, starts, _CLIMBS * (restarts + 1), shown)
            screened = sum(map(len, part.used))
            promising = _distinct(followed, screened)[: restarts + 1]
            again = screened < sum(map(len, used))
            runs = [_climb(whole, r.vector, shown) for r in promising] if again else followed
            agreement = _agreement(followed, screened)
        else:
            runs = [_climb(whole, start, shown)]
            agreement = "one start: whether there are higher maxima is unknown, see restarts"
    best = max(runs, key=lambda run: run.evidence)
    if not np.isfinite(best.evidence):
        raise SolverError(
            "the evidence is not finite at any start",
            where="tune(process, observations)",
            expected="a positive definite covariance of the observations at the given values",
            found=f"none in {_STARTS + 1 if restarts else 1} starts, in {jnp.result_type(float)}",
            repair="start from larger noise, or compute in float64 (jax.enable_x64)",
        )
    count = sum(map(len, used))
    flat = _FLAT + count * float(jnp.finfo(float).eps) ** 0.5  # of float32: 0.03 at 100
    converged = best.gradient <= flat
    ending = f"largest gradient {best.gradient:.2g}" + ("" if converged else f", {best.stopped}")
    status = f"{'' if converged else 'not '}converged, {ending}; {agreement}"
    tuned, seen = free.put(jnp.asarray(best.vector, float))
    history = tuple(run.history for run in runs)
    return Tuned(tuned, seen, best.evidence, count, converged, status, best.gradient, history)


def _agreement(followed: list[_Run], count: int) -> str:
    """How many of the starts reached the best optimum of as many observations."""
    top = max(run.evidence for run in followed)
    same = sum(run.evidence > top - _SAME for run in followed)
    text = f"{same} of {len(followed)} starts reached the best optimum of {count} observations"
    return text if same > 1 else text + ", more restarts may find a higher one"


class _Model(eqx.Module):
    """The evidence of some of the observations as a function of what is free."""

    free: Hyperparameters
    used: tuple[Any, ...]
    solver: AbstractSolver | None

    def free_used(self) -> Hyperparameters:
        """What is free, with the observations that are used."""
        return Hyperparameters((self.free.tree[0], self.used), self.free.kinds)

    def evidence(self, vector: Float[Array, " p"]) -> Float[Array, ""]:
        # log p(y | theta), theta = exp(vector) where it is positive
        process, observations = self.free_used().put(vector)
        extra = () if self.solver is None else (self.solver,)
        return process.log_density(observations, *extra)


@compiled
def _evidence(model: _Model, vector: Float[Array, " p"]) -> tuple[Array, Array]:
    """The log evidence and its gradient."""
    return jax.value_and_grad(model.evidence)(vector)


@compiled
def _value(model: _Model, vector: Float[Array, " p"]) -> Float[Array, ""]:
    return model.evidence(vector)


def _follow(model: _Model, starts: np.ndarray, count: int, shown: Progress) -> list[_Run]:
    """Climbs from the given start and the best of the others, by evidence."""
    values = []
    for start in starts:
        value = float(_value(model, jnp.asarray(start, float)))
        values.append(value if np.isfinite(value) else -np.inf)
        shown.advance()
    order = np.argsort(-np.asarray(values[1:]), kind="stable")[: count - 1] + 1
    chosen = [0, *(i for i in order if np.isfinite(values[i]))]
    runs = [_climb(model, starts[i], shown) for i in chosen]
    return sorted(runs, key=lambda run: -run.evidence)


def _distinct(runs: list[_Run], count: int) -> list[_Run]:
    """Different optima, from the best down to those that are hopeless."""
    out: list[_Run] = []
    for run in runs:
        if run.evidence < runs[0].evidence - _HOPELESS * count:
            break
        if all(other.evidence - run.evidence > _SAME for other in out):
            out.append(run)
    return out


def _climb(model: _Model, start: np.ndarray, shown: Progress) -> _Run:
    """One run of L-BFGS-B on minus the evidence."""
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
        shown.tell(f"log evidence {history[-1]:.6g}")

    first, _ = objective(start)
    if not np.isfinite(first):
        return _Run(start, -np.inf, np.inf, "the evidence is not finite", np.zeros(0))
    kinds, slices = model.free.kinds, model.free.slices()
    reach = np.full(start.size, np.inf)
    for leaf, where in slices.items():
        reach[where] = _REACH if kinds[leaf] == POSITIVE else np.inf
    found = scipy.optimize.minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=np.stack([start - reach, start + reach], 1),
        callback=note,
    )
    shown.advance()
    slope = np.asarray(_evidence(model, jnp.asarray(found.x, float))[1], float)
    slope = float(np.abs(slope).max())
    return _Run(found.x, -float(found.fun), slope, str(found.message), np.array([-first, *history]))


def _subset(
    observations: tuple[Any, ...], most: int, key: PRNGKeyArray, clustered: bool = False
) -> tuple[Any, ...]:
    """A part of all observations, when there are more: at random, or half of it in clusters."""
    counts = [len(o) for o in observations]
    if sum(counts) <= most:
        return observations
    chosen = np.asarray(jax.random.permutation(key, sum(counts)))[:most]
    if clustered and all(len(getattr(o, "points", ())) == len(o) for o in observations):
        chosen = choose_rows([np.asarray(o.points) for o in observations], most, key)
    ends = np.cumsum([0, *counts])
    parts = []
    for o, first, last in zip(observations, ends[:-1], ends[1:], strict=True):
        rows = np.sort(chosen[(chosen >= first) & (chosen < last)] - first)
        parts.append(o.rows(jnp.asarray(rows)))
    return tuple(parts)


def _require_evidence(process: Any) -> None:
    inner = getattr(process, "process", process)
    conditioned = isinstance(inner, GaussianPosterior)
    if conditioned or not hasattr(process, "log_density"):
        raise ModelError(
            "the process has no evidence whose maximum could be sought",
            where="tune(process, observations)",
            expected="a process with log_density that was not conditioned, such as "
            "GaussianProcess, StudentTProcess or ScaleMixture",
            found=type(process).__name__,
            repair="tune GaussianProcess(kernel) before it is conditioned; a deep kernel machine "
            "learns in condition(observations)",
        )
