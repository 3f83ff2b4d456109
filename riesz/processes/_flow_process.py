"""Processes that a velocity transports noise to (Lipman et al. 2023, arXiv 2210.02747)."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.parameters import KIND, REAL, Frozen
from riesz.domains import AbstractDiscretization, Grid
from riesz.errors import ModelError
from riesz.functions import Function
from riesz.operators import AbstractOperator
from riesz.processes._bars import Draws
from riesz.processes._compiled import compiled
from riesz.processes._fields import Fields, fields_on
from riesz.processes._inputs import inputs_of, require_key
from riesz.processes._observations import AbstractObservation
from riesz.processes._process import AbstractProcess, On, RandomKey, register

_SEED = 0  # the key of the draws by which distributions are estimated


@register
class FlowProcess(AbstractProcess):
    """The functions u_1 of du/dt = v(u, t), where u_0 is drawn from a process of noise.

    The flow is solved on `grid` by `steps` steps of the Runge-Kutta method of order 4, and its
    functions are evaluated anywhere by the interpolation of the grid, so that distributions at
    different points agree with each other. `riesz.fit(process, functions)` trains v by flow
    matching; the noise stays as it is.

    Distributions are those of `draws` samples. `condition` approximates: it is exact for Gaussian
    processes as `draws` grows, see `FlowPosterior`.

    **Arguments:**

    - `noise`: a process with as many channels as u.
    - `velocity`: an operator from u, followed by t as one more channel, to du/dt.
    - `grid`: on which the flow is solved; `functions` of a fit are best given there, too.

    **Raises:** `ModelError` for a velocity between other spaces, or sizes that are not positive.

    ```python
    circle = Torus(0.0, 1.0)
    velocity = FNO(Space(circle, 2), Space(circle), modes=8, width=16, layers=2, key=key)
    process = FlowProcess(noise, velocity, Grid(circle, 32))
    fitted = riesz.fit(process, functions, key=key).model
    ```
    """

    start: Frozen
    velocity: AbstractOperator = eqx.field(metadata={KIND: REAL})
    grid: Grid
    steps: int = eqx.field(static=True)
    draws: int = eqx.field(static=True)

    def __init__(
        self,
        noise: AbstractProcess,
        velocity: AbstractOperator,
        grid: Grid,
        *,
        steps: int = 16,
        draws: int = 1024,
    ):
        self.start, self.velocity, self.grid = Frozen(noise), velocity, grid
        self.steps, self.draws = steps, draws
        source, target = velocity.input_space, velocity.output_space
        fits = source.channels == target.channels + 1
        fits = fits and source.domain == grid.domain and target.domain == grid.domain
        if not fits or steps < 1 or draws < 2:
            raise ModelError(
                "a velocity maps c + 1 channels, the last of which is time, to c channels",
                where="FlowProcess(noise, velocity, grid)",
                expected=f"an operator between spaces on {grid.domain}, steps >= 1, draws >= 2",
                found=f"{source.channels} channels on {source.domain} to {target.channels} on "
                f"{target.domain}, steps={steps}, draws={draws}",
                repair="FNO(Space(domain, c + 1), Space(domain, c), key=key)",
            )

    @property
    def noise(self) -> AbstractProcess:
        """The process of u_0."""
        return self.start.value

    @property
    def exact(self) -> bool:
        return False

    @property
    def pathwise(self) -> bool:
        return True

    def __call__(self, u: Function, t: Float[Array, ""]) -> Function:
        """The velocity v(u, t), at the points of u."""
        # (*shape, c) and t -> (*shape, c + 1)
        time = jnp.broadcast_to(t.astype(u.values.dtype), (*u.values.shape[:-1], 1))
        both = jnp.concatenate([u.values, time], -1)
        return self.velocity(Function(both, u.discretization, self.velocity.input_space))

    def transport(self, u: Function) -> Function:
        """u_1 for one function u_0."""
        on, space = u.discretization, self.velocity.output_space
        h = 1 / self.steps

        def v(values: Array, t: Array) -> Array:
            return self(Function(values, on, space), t).values

        def step(u: Array, t: Array) -> tuple[Array, None]:
            k1 = v(u, t)
            k2 = v(u + h / 2 * k1, t + h / 2)
            k3 = v(u + h / 2 * k2, t + h / 2)
            k4 = v(u + h * k3, t + h)
            return u + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

        times = jnp.arange(self.steps, dtype=u.values.dtype) * h
        return Function(jax.lax.scan(step, u.values, times)[0], on, space)

    def sample(self, n: int, *, on: On, key: RandomKey) -> Fields:
        require_key(key, "FlowProcess.sample(n, on=..., key=...)")
        return _at(self.grid, _latents(self, n, key), on)

    def marginal(self, *, on: On, joint: bool = False) -> Draws:
        """The distribution of `draws` samples, with their covariance between points."""
        return Draws(self.sample(self.draws, on=on, key=jax.random.key(_SEED)))

    def condition(
        self, observations: AbstractObservation | Sequence[AbstractObservation]
    ) -> "FlowPosterior":
        return FlowPosterior(self, _listed(observations))


@register
class FlowPosterior(AbstractProcess):
    """A flow process given observations y = H u + noise, by the ensemble Kalman update.

    With C the covariance of the prior's `draws`, each sample u of the prior becomes

        u + C H^T (H C H^T + R)^-1 (y + e - H u),  e ~ N(0, R),

    R being the variances of the noise (Evensen 1994, doi 10.1029/94JC00572). Samples meet exact
    observations; mean and covariance are those of the posterior where u is Gaussian, up to errors
    of order draws^(-1/2), and best linear ones where it is not.
    """

    prior: FlowProcess
    observations: tuple[AbstractObservation, ...]

    @property
    def exact(self) -> bool:
        return False

    @property
    def pathwise(self) -> bool:
        return True

    def sample(self, n: int, *, on: On, key: RandomKey) -> Fields:
        require_key(key, "FlowPosterior.sample(n, on=..., key=...)")
        return _at(self.prior.grid, _updated(self, n, key), on)

    def marginal(self, *, on: On, joint: bool = False) -> Draws:
        """The distribution of as many samples as the prior's."""
        return Draws(self.sample(self.prior.draws, on=on, key=jax.random.key(_SEED)))

    def condition(
        self, observations: AbstractObservation | Sequence[AbstractObservation]
    ) -> "FlowPosterior":
        return FlowPosterior(self.prior, (*self.observations, *_listed(observations)))


def _listed(
    observations: AbstractObservation | Sequence[AbstractObservation],
) -> tuple[AbstractObservation, ...]:
    one = isinstance(observations, AbstractObservation)
    return (observations,) if one else tuple(observations)


@compiled
def _latents(process: FlowProcess, n: int, key: PRNGKeyArray) -> Float[Array, "n *shape c"]:
    """Samples on the grid of the process."""
    noise = process.noise.sample(n, on=process.grid, key=key)
    return jax.vmap(lambda u: process.transport(u).values)(noise)


@compiled
def _at(grid: Grid, latents: Float[Array, "n *shape c"], on: On) -> Fields:
    """Functions of the grid at other points."""
    # samples as channels: (n, *shape, c) -> (*shape, n c) -> (points, n c) -> (n, points, c)
    n, c = latents.shape[0], latents.shape[-1]
    points = inputs_of(on)
    if isinstance(on, AbstractDiscretization):
        relative = on.relative.reshape(-1, on.domain.dim)
    else:
        relative = points - jnp.asarray(grid.domain.origin, points.dtype)
    together = jnp.moveaxis(latents, 0, -2).reshape(*grid.shape, n * c).astype(points.dtype)
    values = grid.interpolate(together, relative).reshape(-1, n, c)
    return fields_on(jnp.moveaxis(values, 1, 0), on)


@compiled
def _updated(posterior: FlowPosterior, n: int, key: PRNGKeyArray) -> Float[Array, "n *shape c"]:
    """Samples of the prior, updated by the covariance of its draws."""
    prior = posterior.prior
    sample_key, noise_key = jax.random.split(key)
    ensemble = _latents(prior, prior.draws, jax.random.key(_SEED))
    samples = _latents(prior, n, sample_key)
    # H u: (draws, m) of the ensemble, (n, m) of the samples
    drawn, observed = _observed(posterior, ensemble), _observed(posterior, samples)
    values = [jnp.ravel(o.values) for o in posterior.observations]
    noise = [
        jnp.ravel(jnp.broadcast_to(jnp.reshape(o.noise, (-1, 1)), o.values.shape))
        for o in posterior.observations
    ]
    y, deviation = (jnp.concatenate(x).astype(drawn.dtype) for x in (values, noise))
    # C = F^T F / (draws - 1), F the centred draws: C itself, (points c)^2, is never made
    centred = drawn - drawn.mean(0)
    flat = (ensemble - ensemble.mean(0)).reshape(len(ensemble), -1)
    across = flat.T @ centred / (len(flat) - 1)  # C H^T
    inner = centred.T @ centred / (len(flat) - 1) + jnp.diag(deviation**2)  # H C H^T + R
    # y + e - H u: (n, m)
    wanted = y + deviation * jax.random.normal(noise_key, observed.shape, y.dtype) - observed
    # (H C H^T + R)^-1 (y + e - H u), then C H^T: (n, m) -> (n, points c)
    change = jnp.linalg.solve(inner, wanted.T).T @ across.T
    return samples + change.reshape(samples.shape)


def _observed(posterior: FlowPosterior, latents: Float[Array, "n *shape c"]) -> Float[Array, "n m"]:
    """What is observed of each function, H u."""
    grid, n = posterior.prior.grid, len(latents)

    def functions(x: Array) -> Array:  # (points, n, c)
        return jnp.moveaxis(_at(grid, latents, x), 0, 1)

    # (m, n, c) -> (n, m, c) -> (n, m c)
    parts = [jnp.moveaxis(o.apply(functions), 1, 0) for o in posterior.observations]
    return jnp.concatenate([p.reshape(n, -1) for p in parts], 1)
