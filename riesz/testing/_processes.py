"""The contract of a process.

A new process joins every check by one line in `PROCESS_INSTANCES`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
import scipy.stats
from jaxtyping import Array, Float

from riesz.domains import Grid, Interval, Space
from riesz.functions import Function, take
from riesz.kernels import Matern, SquaredExponential
from riesz.networks import Dense, Erf, Relu
from riesz.operators import AbstractOperator
from riesz.processes import (
    AbstractProcess,
    DeepKernelMachine,
    FlowProcess,
    GaussianPosterior,
    GaussianProcess,
    Labels,
    Normal,
    NormalMixture,
    Rescaled,
    ScaleMixture,
    StudentT,
    StudentTProcess,
    Values,
    WideNetwork,
    random_field,
)
from riesz.testing._saving import comes_back

_DRAWS = 3000
_ROWS = np.array([1, 4, 6])  # of the points, where values are observed


class ProcessCase(NamedTuple):
    """A process with the points to try it on.

    `points`: inputs `(n, *features)`, at least 7. `interval`: also try it on a grid of this
    domain. `observable`: whether it can be conditioned on exact values; `noisy`: on values with
    noise as well.
    """

    process: AbstractProcess
    points: Float[np.ndarray, "n *features"]
    interval: Interval | None = None
    observable: bool = True
    noisy: bool = True


def check_process(case: ProcessCase | AbstractProcess, points: Any = None) -> None:
    """Check that a process keeps the contract of Riesz.

    Samples and marginals have the right shapes and types, on points and on grids; the distribution
    at some of the points is the marginal of that at all; means and covariances of samples agree
    with the distribution within Monte Carlo error, and so do its intervals and its own draws; the
    density of values, where the process has one, is that of the distribution; conditioning on
    exact values reproduces them, twice is the same as once, and where the process says that it is
    `exact` it is linear regression; jit and vmap change nothing; it is saved and loaded. Under
    `jax.enable_x64(True)` its tolerances are tighter.

    **Arguments:**

    - `case`: the process, or a `ProcessCase`.
    - `points`: inputs to try it on, for a bare process; by default 9 points of [0, 1].

    **Raises:** `AssertionError` with the name of the broken promise.
    """
    if isinstance(case, AbstractProcess):
        line = np.linspace(0.0, 1.0, 9)[:, None]
        case = ProcessCase(case, line if points is None else np.asarray(points))
    for name, check in PROCESS_CHECKS.items():
        try:
            check(case)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


class _Moments(NamedTuple):
    """A distribution in float64; the covariance is of all values, in the order of `mean`."""

    mean: np.ndarray
    variance: np.ndarray
    covariance: np.ndarray
    tolerance: float
    normal: bool


def _inputs(case: ProcessCase) -> np.ndarray:
    return case.points.astype(jnp.result_type(float))


def _moments_of(process: AbstractProcess, x: np.ndarray) -> _Moments:
    marginal = process.marginal(on=x, joint=True)
    tolerance = 1e-8 if marginal.mean.dtype == np.float64 else 1e-3
    covariance = np.asarray(marginal.covariance, float)
    if covariance.ndim == 2:
        # C kron I: channels are independent, values ordered by point, then channel
        covariance = np.kron(covariance, np.eye(marginal.mean.shape[1]))
    size = marginal.mean.size
    assert marginal.mean.shape == marginal.variance.shape, "a mean and a variance for each value"
    _close(marginal.standard_deviation**2, marginal.variance, tolerance)
    values = np.asarray(marginal.mean, float), np.asarray(marginal.variance, float)
    covariance = covariance.reshape(size, size)
    return _Moments(*values, covariance, tolerance, isinstance(marginal, Normal))


def _close(found: Any, expected: Any, tolerance: float) -> None:
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def _shapes(case: ProcessCase) -> None:
    """Functions on a discretization and arrays on an array of inputs."""
    process, x = case.process, _inputs(case)
    draws, marginal = process.sample(3, on=x, key=jax.random.key(0)), process.marginal(on=x)
    assert draws.shape == (3, *marginal.mean.shape), f"shape {draws.shape} of draws"
    assert len(marginal.mean) == len(x), f"shape {marginal.mean.shape} of the mean"
    if case.interval is None:
        return
    grid = Grid(case.interval, len(x))
    functions, marginal = (
        process.sample(3, on=grid, key=jax.random.key(0)),
        process.marginal(on=grid),
    )
    for function in (
        take(functions, 0),
        marginal.mean,
        marginal.variance,
        marginal.standard_deviation,
    ):
        assert isinstance(function, Function), "functions on a discretization"
        assert function.discretization == grid, "on the discretization asked for"
    at = _moments_of(process, np.asarray(grid.coordinates))
    _close(marginal.mean.values, at.mean, at.tolerance)
    _close(marginal.variance.values, at.variance, at.tolerance)


def _keys(case: ProcessCase) -> None:
    """Draws are determined by the key."""
    x = _inputs(case)
    draws = [np.asarray(case.process.sample(3, on=x, key=jax.random.key(k))) for k in (0, 0, 1)]
    assert (draws[0] == draws[1]).all(), "one key, one draw"
    assert not np.allclose(draws[0], draws[2]), "other keys, other draws"
    assert not np.allclose(draws[0][0], draws[0][1]), "draws differ from each other"


def _marginals(case: ProcessCase) -> None:
    """The distribution at some points is the marginal of the distribution at all."""
    x = _inputs(case)
    kept = np.arange(len(x)) % 3 > 0
    others = np.where(kept.reshape(-1, *[1] * (x.ndim - 1)), x, 0.9 * x)[::-1]
    for process in [
        case.process,
        *([_conditioned(case, 0.3 * case.noisy)[0]] if case.observable else []),
    ]:
        marginal, other = _moments_of(process, x), _moments_of(process, others)
        values = np.broadcast_to(kept[:, None], marginal.mean.shape).ravel()
        order = np.arange(marginal.mean.size).reshape(marginal.mean.shape)[::-1].ravel()
        back = other.covariance[np.ix_(order, order)]
        _close(other.mean[::-1][kept], marginal.mean[kept], marginal.tolerance)
        _close(other.variance[::-1][kept], marginal.variance[kept], marginal.tolerance)
        _close(np.diag(marginal.covariance), marginal.variance.ravel(), marginal.tolerance)
        both = np.ix_(values, values)
        _close(back[both], marginal.covariance[both], marginal.tolerance)
        least = np.linalg.eigvalsh(marginal.covariance)[0] / marginal.variance.max()
        assert least > -0.1 * marginal.tolerance, f"covariances are semidefinite, {least:.1e}"


def _moments(case: ProcessCase) -> None:
    """Means and covariances of samples are those of the distribution, within Monte Carlo error."""
    x = _inputs(case)
    draws = np.asarray(case.process.sample(_DRAWS, on=x, key=jax.random.key(2)), float)
    _agree(draws, _moments_of(case.process, x), "samples")


def _agree(draws: np.ndarray, marginal: "_Moments", what: str) -> None:
    # (draws, values)
    centred = (draws - marginal.mean).reshape(_DRAWS, -1)
    products = centred[:, :, None] * centred[:, None]
    for name, values, expected in (
        ("mean", centred, 0.0),
        ("covariance", products, marginal.covariance),
    ):
        error = np.abs(values.mean(0) - expected)
        # five standard errors of a mean over draws
        allowed = 5 * values.std(0) / np.sqrt(_DRAWS) + marginal.tolerance
        worst = (error / allowed).max()
        assert worst < 1, (
            f"{name} of {what} is {5 * worst:.1f} standard errors from the distribution's"
        )


def _intervals(case: ProcessCase) -> None:
    """Intervals hold as many samples as they say; the marginal draws and rescales as it says."""
    x, level = _inputs(case), 0.7
    alone, joint = (case.process.marginal(on=x, joint=j) for j in (False, True))
    draws = np.asarray(case.process.sample(_DRAWS, on=x, key=jax.random.key(4)), float)
    own = np.asarray(joint.sample(_DRAWS, key=jax.random.key(5)), float)
    assert own.shape == draws.shape, f"shape {own.shape} of draws of a distribution"
    # the share inside has variance level (1 - level) / draws
    allowed = 5 * np.sqrt(level * (1 - level) / _DRAWS)
    for marginal in (alone, joint):
        lower, upper = map(np.asarray, marginal.interval(level))
        assert lower.shape == marginal.mean.shape, f"shape {lower.shape} of the end of an interval"
        for values in (draws, own):
            error = np.abs(((lower <= values) & (values <= upper)).mean(0) - level).max()
            assert error < allowed, f"{error:.3f} is the error of intervals of {level:.0%}"
    _agree(own, _moments_of(case.process, x), "draws of the distribution")
    channels = alone.mean.shape[1]
    shift, scale = jnp.arange(1.0, channels + 1), 2 + jnp.arange(1.0, channels + 1)
    moved = joint.rescaled(shift, scale)
    for end, other in zip(joint.interval(level), moved.interval(level), strict=True):
        # quantiles of shift + scale f are shift + scale times those of f
        _close(other, shift + scale * end, 1e-4)
    wide = np.diagonal(np.asarray(moved.covariance).reshape(own[0].size, -1))
    _close(wide, np.asarray(moved.variance).ravel(), 1e-4)
    if case.interval is not None:
        ends = case.process.marginal(on=Grid(case.interval, len(x))).interval(level)
        assert all(isinstance(end, Function) for end in ends), "functions on a discretization"


def _densities(case: ProcessCase) -> None:
    """The density of observed values is that of the distribution."""
    stats: Any = scipy.stats
    density: Any = getattr(case.process, "log_density", None)
    if density is None:
        return
    x = _inputs(case)[_ROWS]
    y = np.asarray(case.process.sample(2, on=x, key=jax.random.key(6)))[1]
    marginal: Any = case.process.marginal(on=x, joint=True)
    mean, values = np.asarray(marginal.mean, float).ravel(), np.asarray(y, float).ravel()
    matrix = np.asarray(marginal.joint, float)
    if matrix.ndim == 2:
        matrix = np.kron(matrix, np.eye(y.shape[1]))
    matrix = matrix.reshape(mean.size, mean.size)
    if isinstance(marginal, StudentT):
        expected = stats.multivariate_t(mean, matrix, float(marginal.degrees)).logpdf(values)
    else:
        mixed = isinstance(marginal, NormalMixture)
        nodes, weights = (marginal.nodes, marginal.weights) if mixed else (np.ones(1), np.ones(1))
        # log N(y; m, v K) = log N(y; m, K) + (1 - 1 / v) q / 2 - d / 2 log v
        normal = stats.multivariate_normal(mean, matrix).logpdf(values)
        # (y - m)^T K^-1 (y - m)
        quadratic = (values - mean) @ np.linalg.solve(matrix, values - mean)
        v = np.asarray(nodes, float)
        each = (1 - 1 / v) * quadratic / 2 - mean.size / 2 * np.log(v)
        # log sum_i w_i N(y; m, v_i K)
        expected = normal + scipy.special.logsumexp(each, b=np.asarray(weights, float))
    _close(density(Values(x, y)), expected, 1e-6 if y.dtype == np.float64 else 1e-2)


def _conditioned(case: ProcessCase, noise: float) -> tuple[AbstractProcess, Values]:
    x = _inputs(case)
    y = np.asarray(case.process.sample(3, on=x, key=jax.random.key(3)))[0]
    values = Values(x[_ROWS], y[_ROWS], noise)
    return case.process.condition(values), values


def _conditions(case: ProcessCase) -> None:
    """Conditioning on exact values reproduces them; twice is the same as once."""
    if not case.observable:
        return
    x = _inputs(case)
    posterior, exact = _conditioned(case, 0.0)
    marginal = _moments_of(posterior, x)
    _close(marginal.mean[_ROWS], exact.values, marginal.tolerance)
    _close(marginal.variance[_ROWS], 0.0, marginal.tolerance)
    if case.process.exact:
        _regresses(_moments_of(case.process, x), marginal, np.asarray(exact.values, float))
    first = Values(exact.points, exact.values, 0.3 * case.noisy)
    second = Values(0.9 * exact.points, 0.5 * exact.values, 0.2 * case.noisy)
    once = _moments_of(case.process.condition([first, second]), x)
    twice = _moments_of(case.process.condition(first).condition(second), x)
    for a, b in zip(once[:3], twice[:3], strict=True):
        _close(a, b, marginal.tolerance)


def _regresses(prior: _Moments, marginal: _Moments, values: np.ndarray) -> None:
    """Mean m + C K^-1 (y - m) and covariance C - C K^-1 C^T, up to a factor for unknown scales."""
    count, channels = prior.mean.shape
    seen = np.arange(count * channels).reshape(count, channels)[_ROWS].ravel()
    cross, inside = prior.covariance[:, seen], prior.covariance[np.ix_(seen, seen)]
    # C K^-1
    gain = np.linalg.solve(inside, cross.T).T
    mean = prior.mean.ravel() + gain @ (values - prior.mean[_ROWS]).ravel()
    # C - C K^-1 C^T
    left = prior.covariance - gain @ cross.T
    factor = np.trace(marginal.covariance) / np.trace(left)
    tolerance = 100 * marginal.tolerance
    _close(marginal.mean.ravel(), mean, tolerance)
    _close(marginal.covariance, factor * left, tolerance)
    if marginal.normal:
        _close(factor, 1.0, tolerance)


def _compiles(case: ProcessCase) -> None:
    """`jit` and `vmap` change nothing, and values have the type of the inputs."""
    process, x = case.process, _inputs(case)

    def marginal(x):
        marginal = process.marginal(on=x)
        return marginal.mean, marginal.standard_deviation

    expected = _moments_of(process, x)
    mean, deviation = jax.jit(jax.vmap(marginal))(np.stack([0.9 * x, x]))
    _close(mean[1], expected.mean, expected.tolerance)
    _close(deviation[1] ** 2, expected.variance, expected.tolerance)
    assert mean.dtype == deviation.dtype == x.dtype, f"{mean.dtype} at inputs in {x.dtype}"


PROCESS_CHECKS: dict[str, Callable[[ProcessCase], None]] = {
    "shapes": _shapes,
    "keys": _keys,
    "marginals": _marginals,
    "moments": _moments,
    "intervals": _intervals,
    "densities": _densities,
    "conditioning": _conditions,
    "compilation": _compiles,
    "files": lambda case: comes_back(case.process),
}

_LINE = np.linspace(0.0, 1.0, 9)[:, None]
_UNIT = Interval(0.0, 1.0)


class _Rising(eqx.Module):
    """The mean (x, x + 1)."""

    def __call__(self, x: Array) -> Array:
        return x + jnp.asarray([0.0, 1.0], x.dtype)


class _LogNormal(eqx.Module):
    """The logarithm of a density of positive numbers, up to a constant."""

    def __call__(self, v: Array) -> Array:
        # log of N(log v; 0, 0.3^2) / v
        return -((jnp.log(v) / 0.3) ** 2) / 2 - jnp.log(v)


def _prior(**options: Any) -> GaussianProcess:
    return GaussianProcess(SquaredExponential(0.2, 2.0), **options)


def _posterior() -> GaussianPosterior:
    x = jnp.asarray([[0.1], [0.7]], float)
    return _prior(mean=0.5).condition(Values(x, jnp.asarray([[1.0], [-1.0]], float), 0.1))


def _classes(channels: int) -> AbstractProcess:
    x = jnp.asarray([[0.1], [0.4], [0.7], [0.9]], float)
    return _prior(channels=channels).condition(Labels(x, np.arange(4) % max(2, channels)))


def _heavy(process: GaussianProcess | GaussianPosterior) -> StudentTProcess:
    return StudentTProcess(process, shape=8.0, scale=7.0)


def _mixture(process: GaussianProcess) -> ScaleMixture:
    return ScaleMixture(process, _LogNormal())


def _network() -> WideNetwork:
    return WideNetwork(Dense(8, 1.5, 0.5) >> Erf() >> Dense(1, 1.0, 0.3))


def _trained() -> AbstractProcess:
    x = jnp.asarray([[0.15], [0.8]], float)
    return _network().train(Values(x, jnp.asarray([[1.0], [-1.0]], float)), time=jnp.inf)


def _machine() -> DeepKernelMachine:
    layers = Dense(1, 1.5, 0.5) >> Relu() >> Dense(1, 1.5, 0.5) >> Relu() >> Dense(1)
    return DeepKernelMachine(layers, nu=10.0)


def _learned() -> AbstractProcess:
    x = jnp.linspace(0.0, 1.0, 5, dtype=float)[:, None]
    return _machine().condition(Values(x, jnp.sin(5 * x), 0.3))


def _field() -> AbstractProcess:
    return random_field(Space(_UNIT), SquaredExponential(0.15), boundary="neumann", waves=8)


class _Growth(AbstractOperator):
    """du/dt = u / 2 for (u, t)."""

    input_space: Space = eqx.field(static=True, default=Space(_UNIT, 2))
    output_space: Space = eqx.field(static=True, default=Space(_UNIT))

    def __call__(self, a: Function, on: Any = None) -> Function:
        return Function(a.values[..., :1] / 2, a.discretization, self.output_space)


def _flow() -> FlowProcess:
    noise = GaussianProcess(SquaredExponential(0.5))
    return FlowProcess(noise, _Growth(), Grid(_UNIT, 13), steps=4, draws=8192)


PROCESS_INSTANCES: dict[str, Callable[[], ProcessCase]] = {
    "GaussianProcess": lambda: ProcessCase(_prior(), _LINE, _UNIT),
    "GaussianProcess, two channels": lambda: ProcessCase(
        GaussianProcess(
            Matern(smoothness=1.5, length_scale=0.3),
            mean=_Rising(),
            channels=2,
        ),
        _LINE,
        _UNIT,
    ),
    "GaussianPosterior": lambda: ProcessCase(_posterior(), _LINE, _UNIT),
    "DerivativeProcess": lambda: ProcessCase(_prior(mean=0.5).derivative(0), _LINE, _UNIT),
    "DerivativeProcess, conditioned": lambda: ProcessCase(_posterior().derivative(0), _LINE, _UNIT),
    "StudentTProcess": lambda: ProcessCase(_heavy(_prior()), _LINE, _UNIT),
    "StudentTProcess, conditioned": lambda: ProcessCase(
        _heavy(_prior()).condition(_posterior().observations), _LINE, _UNIT
    ),
    "ScaleMixture": lambda: ProcessCase(_mixture(_prior()), _LINE, _UNIT),
    "Rescaled": lambda: ProcessCase(Rescaled(_prior(), [3.0], [0.5]), _LINE, _UNIT),
    "Rescaled, two channels": lambda: ProcessCase(
        Rescaled(_prior(channels=2), [3.0, -1.0], [0.5, 2.0]), _LINE, _UNIT, noisy=False
    ),
    "FlowProcess": lambda: ProcessCase(_flow(), _LINE, _UNIT),
    "FlowPosterior": lambda: ProcessCase(
        _flow().condition(Values(np.array([[0.3]]), np.array([[0.5]]), 0.2)), _LINE, _UNIT
    ),
    "RandomField": lambda: ProcessCase(_field(), _LINE, _UNIT),
    "WideNetwork": lambda: ProcessCase(_network(), _LINE, _UNIT, noisy=False),
    "TrainedNetwork": lambda: ProcessCase(_trained(), _LINE, _UNIT, noisy=False),
    "DeepKernelMachine": lambda: ProcessCase(_machine(), _LINE, _UNIT, observable=False),
    "DeepKernelPosterior": lambda: ProcessCase(_learned(), _LINE, _UNIT, observable=False),
    "LaplacePosterior": lambda: ProcessCase(_classes(1), _LINE, _UNIT, observable=False),
    "LaplacePosterior, three classes": lambda: ProcessCase(
        _classes(3), _LINE, _UNIT, observable=False
    ),
}
