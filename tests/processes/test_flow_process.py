"""Flow processes against Gaussian fields, whose velocity is known."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz._core.parameters import trainable
from riesz.domains import Grid, Interval, Space, Torus
from riesz.errors import ModelError
from riesz.functions import Function
from riesz.kernels import Matern
from riesz.operators import FNO, AbstractOperator
from riesz.processes import FlowPosterior, FlowProcess, GaussianProcess, Values, random_field
from riesz.testing._saving import comes_back

KEY = jax.random.key(0)
CIRCLE = Torus(0.0, 1.0)
SPACE, GRID = Space(CIRCLE), Grid(CIRCLE, 16)
FIELD = random_field(SPACE, Matern(smoothness=2.5, length_scale=0.2), waves=7)
NOISE = random_field(SPACE, Matern(smoothness=0.5, length_scale=0.2), waves=7)


def spectrum(process):
    """Eigenvalues of the covariance on the grid, which is circulant."""
    covariance = process.marginal(on=GRID, joint=True).covariance
    return jnp.fft.rfft(covariance[0]).real


class Exact(AbstractOperator):
    """v(u, t) = s'(t) / s(t) u per mode, s^2 = (1 - t)^2 a + t^2 b."""

    input_space: Space = eqx.field(static=True, default=Space(CIRCLE, 2))
    output_space: Space = eqx.field(static=True, default=SPACE)

    def __call__(self, a, on=None):
        start, end = spectrum(NOISE)[:8], spectrum(FIELD)[:8]
        t = a.values[0, 1]
        rate = (t * end - (1 - t) * start) / ((1 - t) ** 2 * start + t**2 * end)
        modes = jnp.fft.rfft(a.values[:, 0])
        moved = jnp.zeros_like(modes).at[:8].set(modes[:8] * rate.astype(modes.dtype))
        return Function(jnp.fft.irfft(moved, 16)[:, None], a.discretization, SPACE)


def flow(**options):
    velocity = FNO(Space(CIRCLE, 2), SPACE, modes=3, width=4, layers=1, key=KEY)
    return FlowProcess(NOISE, velocity, GRID, **options)


def test_the_known_velocity_takes_each_mode_of_the_noise_to_that_of_the_field(x64):
    process = FlowProcess(NOISE, Exact(), GRID, steps=64)
    noise = NOISE.draw(GRID, key=KEY)
    end = process.transport(noise).values[:, 0]
    expected = jnp.sqrt(spectrum(FIELD)[:8] / spectrum(NOISE)[:8])
    modes = jnp.fft.rfft(noise.values[:, 0])[:8] * expected.astype(complex)
    np.testing.assert_allclose(jnp.fft.rfft(end)[:8], modes, rtol=2e-3, atol=1e-6)


def test_a_posterior_is_that_of_the_gaussian_process_as_draws_grow(x64):
    process = FlowProcess(NOISE, Exact(), GRID, draws=20_000)
    values = Values(np.array([[0.1], [0.5]]), np.array([[1.0], [-0.5]]), noise=0.2)
    posterior = process.condition(values)
    assert isinstance(posterior, FlowPosterior) and not posterior.exact
    found, exact = (p.marginal(on=GRID) for p in (posterior, FIELD.condition(values)))
    np.testing.assert_allclose(found.mean.values, exact.mean.values, atol=0.03)
    deviations = (law.standard_deviation.values for law in (found, exact))
    np.testing.assert_allclose(*deviations, atol=0.03)


def test_a_fit_trains_the_velocity_only_and_is_saved():
    functions = FIELD.sample(32, on=GRID, key=KEY)
    start = flow(draws=16)
    kinds = jax.tree.leaves(trainable(start.velocity))
    assert sum(jax.tree.leaves(trainable(start))) == sum(kinds) > 0
    fitted = riesz.fit(start, functions, steps=100, validation=functions, key=KEY).model
    assert eqx.tree_equal(fitted.noise, start.noise)
    assert not eqx.tree_equal(fitted.velocity, start.velocity)
    comes_back(fitted)


def test_samples_are_functions_of_the_grid_wherever_they_are_asked_for(x64):
    process, x = flow(), np.array([[0.03], [0.71]])
    on_grid = process.sample(2, on=GRID, key=KEY)
    at = process.sample(2, on=x, key=KEY)
    expected = jax.vmap(lambda u: u.discretization.interpolate(u.values, jnp.asarray(x)))(on_grid)
    np.testing.assert_allclose(at, expected, atol=1e-12)


def test_a_velocity_between_other_spaces_is_named():
    noise = GaussianProcess(Matern(smoothness=1.5, length_scale=0.2))
    velocity = FNO(SPACE, SPACE, modes=2, width=4, layers=1, key=KEY)
    with pytest.raises(ModelError, match="the last of which is time"):
        FlowProcess(noise, velocity, GRID)
    with pytest.raises(ModelError, match=r"spaces on \[0, 1\]"):
        FlowProcess(noise, flow().velocity, Grid(Interval(0.0, 1.0), 8))
