"""Infinitely wide networks as processes, before and after training by gradient descent."""

from collections.abc import Sequence
from math import inf
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz._core.parameters import as_traced
from riesz._core.tracing import traced
from riesz.errors import DataError, SolverError
from riesz.functions import Function
from riesz.networks import AbstractNetwork
from riesz.processes._compiled import compiled
from riesz.processes._draws import draw_normal, square_root
from riesz.processes._fields import field_on, fields_on
from riesz.processes._gaussian_process import GaussianProcess
from riesz.processes._inputs import inputs_of, require_key
from riesz.processes._marginals import Normal
from riesz.processes._observations import Values, as_sequence
from riesz.processes._process import AbstractProcess, On, RandomKey, register


@register
class WideNetwork(AbstractProcess):
    """The distribution of an infinitely wide network.

    With random weights it is a Gaussian process with the kernel `nngp`. Gradient flow on
    1/2 sum (f(x_i) - y_i)^2 leaves it Gaussian at every time t (Lee et al. 2019,
    arXiv:1902.06720, equations 14 to 16): with Theta the tangent kernel of the data and
    M = Theta^-1 (1 - exp(-t Theta)), and A' = Theta(x', X) M,

        mean(x) = Theta(x, X) M y,
        cov(x, x') = K(x, x') + A K A'^T - A K(X, x') - K(x, X) A'^T,   A = Theta(x, X) M.

    **Arguments:**

    - `network`: a description with one output, such as `Dense(512) >> Relu() >> Dense(1)`.
    - `channels`: the number of outputs of the process, which are independent.

    ```python
    process = WideNetwork(Dense(512, b_std=0.3) >> Erf() >> Dense(1))
    trained = process.train(Values(x, y), time=10.0)
    trained.marginal(on=grid).standard_deviation
    ```
    """

    network: AbstractNetwork
    channels: int = eqx.field(static=True, default=1)

    @property
    def exact(self) -> bool:
        """False: `condition` trains networks, which is not Bayesian inference."""
        return False

    def sample(
        self, n: int, *, on: On, key: RandomKey
    ) -> Function | Float[Array, "n points channels"]:
        """Independent networks with random weights."""
        return self._prior().sample(n, on=on, key=key)

    def marginal(self, *, on: On, joint: bool = False) -> Normal:
        return self._prior().marginal(on=on, joint=joint)

    def log_density(self, observations: Any) -> Float[Array, ""]:
        """The log density of the values of networks with random weights."""
        return self._prior().log_density(observations)

    def condition(self, observations: Values | Sequence[Values]) -> "TrainedNetwork":
        """Trained to convergence on the values: `train` for infinite time."""
        return self.train(observations, time=inf)

    def train(self, observations: Values | Sequence[Values], *, time: Any) -> "TrainedNetwork":
        """The distribution after gradient flow.

        **Arguments:**

        - `observations`: exact values at points, on which the networks are trained.
        - `time`: from 0 to infinity: the learning rate times the number of small steps of
          gradient descent on 1/2 sum (f(x_i) - y_i)^2, a sum over data and channels.

        **Raises:** `DataError` for observations that are not exact values, or a negative time;
        `SolverError` for infinite time when the tangent kernel of the data is singular.
        """
        data = _exact_values(observations, self.channels)
        known = not traced(time)
        if known and not float(time) >= 0:
            raise DataError(
                "a time of training is not negative",
                where="WideNetwork.train(observations, time)",
                expected="time >= 0, or infinity",
                found=time,
            )
        dtype = data.values.dtype
        values, vectors, covariance = _decompose(as_traced(self, dtype), data.points)
        # eigenvalues above the rounding errors m eps max(w)
        rank = values > jnp.finfo(dtype).eps * len(values) * values[-1]
        if known and float(time) == inf and not traced(rank) and not bool(rank.all()):
            raise SolverError(
                "the tangent kernel of the data is singular, so that training does not converge",
                where="WideNetwork.train(observations, time=infinity)",
                expected="different inputs, and a network that can tell them apart",
                found=f"rank {int(rank.sum())} of {len(values)}",
                repair="remove repeated inputs, add a bias (b_std > 0), compute in float64 "
                "(jax.enable_x64), or train for a finite time",
            )
        gains = _gains(values, jnp.asarray(time, dtype))
        return TrainedNetwork(self, data, jnp.asarray(time, dtype), gains, vectors, covariance)

    def _prior(self) -> GaussianProcess:
        return GaussianProcess(self.network.kernel().nngp, channels=self.channels)


@register
class TrainedNetwork(AbstractProcess):
    """A `WideNetwork` after training, made by `WideNetwork.train`."""

    prior: WideNetwork
    data: Values
    time: Float[Array, ""]
    gains: Float[Array, " m"]
    vectors: Float[Array, "m m"]
    covariance: Float[Array, "m m"]

    @property
    def exact(self) -> bool:
        """False: `condition` trains networks."""
        return False

    def condition(self, observations: Values | Sequence[Values]) -> "TrainedNetwork":
        """Trained for the same time on all data at once."""
        several = isinstance(observations, Sequence)
        more = list(observations) if several else [observations]
        return self.prior.train([self.data, *more], time=self.time)

    def marginal(self, *, on: On, joint: bool = False) -> Normal:
        x = inputs_of(on, self.data.values.dtype)
        mean, variance, covariance = _moments(as_traced(self, x.dtype), x, joint)
        return Normal(field_on(mean, on), field_on(variance, on), covariance)

    def sample(
        self, n: int, *, on: On, key: RandomKey
    ) -> Function | Float[Array, "n points channels"]:
        """Independently initialised and trained networks."""
        require_key(key, "TrainedNetwork.sample(n, on=..., key=...)")
        x = inputs_of(on, self.data.values.dtype)
        mean, _, covariance = _moments(as_traced(self, x.dtype), x, True)
        return fields_on(draw_normal(mean, square_root(covariance), n, key), on)


@compiled
def _decompose(process: WideNetwork, x: Any) -> tuple[Array, Array, Array]:
    """Eigenvalues and eigenvectors of the tangent kernel, and the prior covariance."""
    limits = process.network.kernel().both(x)
    # Theta(X, X) = V diag(w) V^T
    values, vectors = jnp.linalg.eigh(limits.ntk)
    return values, vectors, limits.nngp


def _gains(values: Float[Array, " m"], time: Float[Array, ""]) -> Float[Array, " m"]:
    """(1 - exp(-t w)) / w for eigenvalues w of the tangent kernel; t where w is zero."""
    positive = values > 0
    safe = jnp.where(positive, values, 1)
    steps = jnp.where(positive, safe * time, 0)  # no infinity times zero
    # expm1: 1 - exp(-t w) loses all digits for small t w
    return jnp.where(positive, -jnp.expm1(-steps) / safe, time)


@compiled
def _moments(process: TrainedNetwork, x: Any, joint: bool) -> tuple[Any, Any, Any]:
    kernel, data = process.prior.network.kernel(), process.data
    # Theta(x, X) and K(x, X): (n, m)
    cross = kernel.both(x, data.points)
    # A = Theta(x, X) V diag((1 - exp(-t w)) / w) V^T with Theta(X, X) = V diag(w) V^T
    gain = ((cross.ntk @ process.vectors) * process.gains) @ process.vectors.T
    mean = gain @ data.values
    # A K(X, X)
    moved = gain @ process.covariance
    own = kernel.nngp.diagonal(x)
    # K(x, x) + A K(X, X) A^T - 2 A K(X, x), of which the diagonal
    variance = own + jnp.sum(gain * (moved - 2 * cross.nngp), -1)
    spread = jnp.broadcast_to(jnp.maximum(variance, 0)[:, None], mean.shape)
    if not joint:
        return mean, spread, None
    # A K(X, x')
    mixed = gain @ cross.nngp.T
    return mean, spread, kernel.nngp(x) + moved @ gain.T - mixed - mixed.T


def _exact_values(observations: Any, channels: int) -> Values:
    listed = as_sequence(observations)
    noisy = any(not traced(o.noise) and bool(jnp.any(o.noise > 0)) for o in listed)
    columns = {o.values.shape[1] for o in listed}
    if not all(isinstance(o, Values) for o in listed) or noisy or columns != {channels}:
        raise DataError(
            "networks are trained on exact values at points",
            where="WideNetwork.train(observations)",
            expected=f"Values(points, values) without noise, {channels} columns of values",
            found="noise"
            if noisy
            else f"{', '.join(type(o).__name__ for o in listed)} with "
            f"{', '.join(map(str, sorted(columns)))} columns",
            repair="for noisy data stop early (a finite time), or use "
            "GaussianProcess(network.kernel().ntk)",
        )
    points = jnp.concatenate([o.points for o in listed])  # pyright: ignore[reportAttributeAccessIssue]
    return Values(points, jnp.concatenate([o.values for o in listed]))
