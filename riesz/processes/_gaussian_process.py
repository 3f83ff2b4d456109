"""Gaussian processes, and conditioning on linear functionals of them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, overload

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz._core.parameters import KIND, REAL, as_traced
from riesz._core.tracing import traced
from riesz.errors import DataError, ModelError
from riesz.kernels import AbstractKernel
from riesz.processes._compiled import compiled
from riesz.processes._derivative import DerivativeProcess
from riesz.processes._draws import draw_normal, root_of
from riesz.processes._fields import Fields, field_on, fields_on
from riesz.processes._functionals import Inputs, functionals_at, gram_all
from riesz.processes._gaussian_posterior import GaussianPosterior
from riesz.processes._inputs import inputs_of, require_key
from riesz.processes._labels import Labels
from riesz.processes._laplace_posterior import (
    LaplacePosterior,
    laplace_evidence,
    laplace_posterior,
)
from riesz.processes._marginals import Normal
from riesz.processes._observations import AbstractObservation, Derivatives, as_sequence
from riesz.processes._process import AbstractProcess, On, RandomKey, register
from riesz.processes._smoothness import require_derivative
from riesz.processes._solvers import AbstractSolver, Cholesky
from riesz.processes._system import System

Observations = AbstractObservation | Sequence[Any]
if TYPE_CHECKING:
    Kernel = AbstractKernel
else:
    Kernel = Any  # checked by GaussianProcess, which says what to do
Mean = float | Float[Array, ""] | Callable[[Inputs], Float[Array, "n c"]]


@register
class GaussianProcess(AbstractProcess):
    """A Gaussian process: every finite set of values is jointly normal.

    Cov(f(x), f(y)) = k(x, y). Channels are independent and share mean and kernel, unless the
    mean is a function.

    **Arguments:**

    - `kernel`: the covariance k.
    - `mean`: a number, or a function of inputs `(n, *features)` with values `(n, channels)`.
    - `channels`: the number of outputs.

    ```python
    prior = GaussianProcess(2.0 * Matern(2.5, length_scale=0.3))
    posterior = prior.condition([Values(x, y, noise=0.1), Integrals(grid, grid.weights[None], m)])
    marginal = posterior.marginal(on=grid)
    marginal.mean, marginal.standard_deviation    # functions on the grid
    ```
    """

    kernel: AbstractKernel
    mean: Mean = eqx.field(metadata={KIND: REAL})
    channels: int = eqx.field(static=True)

    def __init__(self, kernel: Kernel, mean: Mean = 0.0, channels: int = 1):
        self.kernel = _as_kernel(kernel)
        absent = isinstance(mean, int | float) and mean == 0  # which is not tuned
        self.mean = 0.0 if absent else mean if callable(mean) else jnp.asarray(mean, float)
        self.channels = channels

    @property
    def exact(self) -> bool:
        """True: of values, derivatives and integrals. Given labels it is approximated."""
        return True

    def mean_at(self, x: Inputs) -> Float[Array, "n c"]:
        """The mean at inputs."""
        if not callable(self.mean):
            return jnp.full((x.shape[0], self.channels), jnp.asarray(self.mean, x.dtype))
        values = self.mean(x)
        if values.shape != (x.shape[0], self.channels):
            raise DataError(
                "the mean of a process gives one row of values per input, one column per channel",
                where="GaussianProcess(kernel, mean, channels)",
                expected=f"shape {(x.shape[0], self.channels)}",
                found=f"shape {values.shape}",
                repair="mean(x) takes all inputs (n, *features); set channels to its columns",
            )
        return values

    def sample(self, n: int, *, on: On, key: RandomKey) -> Fields:
        """Independent draws, by an eigendecomposition: O(points^3) work."""
        require_key(key, "GaussianProcess.sample(n, on=..., key=...)")
        x = inputs_of(on)
        mean, _, covariance = self.moments(x, None, True)
        return fields_on(draw_normal(mean, root_of(covariance), n, key), on)

    def marginal(self, *, on: On, joint: bool = False) -> Normal:
        x = inputs_of(on)
        mean, variance, covariance = self.moments(x, None, joint)
        return Normal(field_on(mean, on), field_on(variance, on), covariance)

    def moments(
        self, x: Inputs, axis: int | None, joint: bool
    ) -> tuple[Float[Array, "n c"], Float[Array, "n c"], Any]:
        """Means, variances and, if asked for, covariances of values or derivatives at inputs."""
        return _moments(as_traced(self, x.dtype), x, axis, joint)

    def derivative(self, axis: int = 0) -> DerivativeProcess:
        """The derivative of the process along an axis of its inputs, which is Gaussian too."""
        return DerivativeProcess(self, axis)

    @overload
    def condition(
        self, observations: Observations, solver: AbstractSolver | None = None
    ) -> GaussianPosterior: ...

    @overload
    def condition(self, observations: Labels | Sequence[Labels]) -> LaplacePosterior: ...

    def condition(
        self, observations: Any, solver: AbstractSolver | None = None
    ) -> GaussianPosterior | LaplacePosterior:
        """The process given observations.

        **Arguments:**

        - `observations`: `Values`, `Derivatives`, `Integrals`, or a sequence of them; or
          `Labels`, for which the posterior is Laplace's approximation.
        - `solver`: `Cholesky()` when absent; `ConjugateGradients()` or `InducingPoints(points)`.

        **Raises:** `DataError` for observations that do not fit the channels of the process and
        for derivatives that it does not have, and what the solver raises.
        """
        labels = as_labels(observations)
        if labels:
            return laplace_posterior(self, labels)
        listed = as_sequence(observations)
        solver = solver or Cholesky()
        return GaussianPosterior(self, listed, solver, solver.solve(self.system(listed)))

    def log_density(
        self, observations: Any, solver: AbstractSolver | None = None
    ) -> Float[Array, ""]:
        """The log density of the observed values, their evidence; or the log probability of labels.

        The latter is Laplace's approximation, and `InducingPoints` give a lower bound.
        Differentiable with respect to the leaves of the kernel and the noise, and NaN where the
        covariance is not positive definite.
        """
        labels = as_labels(observations)
        if labels:
            return laplace_evidence(self, labels)
        return (solver or Cholesky()).log_density(self.system(as_sequence(observations)))

    def system(self, observations: tuple[AbstractObservation, ...]) -> System:
        """The linear system of conditioning on these observations."""
        for o in observations:
            if o.values.shape[1] != self.channels:
                raise DataError(
                    "observations have another number of channels than the process",
                    where="GaussianProcess.condition(observations)",
                    expected=f"{self.channels} columns of values",
                    found=f"{o.values.shape[1]} in {type(o).__name__}",
                    repair=f"GaussianProcess(kernel, channels={o.values.shape[1]})",
                )
            if isinstance(o, Derivatives) and not traced(self, o):
                where = "condition(Derivatives(points, values, axis, noise))"
                require_derivative(self.kernel, o.points, o.axis, where)
        return System(self, observations)


def _as_kernel(kernel: Any) -> AbstractKernel:
    if isinstance(kernel, AbstractKernel):
        return kernel
    is_class = isinstance(kernel, type)
    name = kernel.__name__ if is_class else type(kernel).__name__
    pair = all(hasattr(kernel, part) for part in ("nngp", "ntk"))
    if is_class:
        repair = f"pass {name}(...), such as Matern(2.5, length_scale=0.3)"
    elif pair or hasattr(kernel, "kernel"):
        start = "kernel" if pair else "network.kernel()"
        repair = f"pass {start}.nngp, the covariance of a wide network"
    else:
        repair = "pass an object of riesz.kernels, such as Matern(2.5, length_scale=0.3)"
    raise ModelError(
        "the covariance of a Gaussian process is a kernel",
        where="GaussianProcess(kernel, mean, channels)",
        expected="an AbstractKernel",
        found=f"the class {name}" if is_class else f"{name}",
        repair=repair,
    )


def as_labels(observations: Any) -> tuple[Labels, ...]:
    """Labels, one or several, as a tuple; none where something else was observed."""
    several = isinstance(observations, Sequence)
    listed = tuple(observations) if several else (observations,)
    labels = tuple(o for o in listed if isinstance(o, Labels))
    if labels and len(labels) < len(listed):
        raise DataError(
            "labels and values are not observed of one process",
            where="GaussianProcess.condition(observations)",
            expected="either Labels, or Values, Derivatives and Integrals",
            found=", ".join(type(o).__name__ for o in listed),
        )
    return labels


@compiled
def _moments(process: GaussianProcess, x: Inputs, axis: int | None, joint: bool):
    at, kernel = functionals_at(x, axis), process.kernel
    mean = at.apply(process.mean_at)
    # k(x, x), or d^2 k(x, y) / dx_axis dy_axis at y = x
    variance = jnp.broadcast_to(at.variances(kernel)[:, None], mean.shape)
    return mean, variance, gram_all(kernel, (at,)) if joint else None
